"""``microgpt cache``: what is in the cache of compiled programs, and removing it."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ...runtime.storage.cache import UnusableCacheError, usable_folder
from ...runtime.storage.cache_upkeep import (
    LIMIT_VARIABLE,
    Entry,
    list_entries,
    read_limit,
    remove_entries,
    remove_leftovers,
    surplus,
)
from ...runtime.storage.sizes import size_text
from ..options import shared as options
from ..terminal import console
from ..terminal.failures import BAD_INPUT, ENVIRONMENT, CommandError

__all__ = ["cache"]

# By the first word of a key: what the entry is.
_KINDS = {
    "model": "C library",
    "function": "C",
    "fit": "C, fit",
    "rows": "C, sums over rows",
    "sized": "C, from loops over sizes",
    "family": "Function over sizes",
    "python": "Python",
    "training": "Python, length",
    "inference": "Python, position",
    "optimizer": "Python",
    "sizes": "Programs over sizes, layers",
    "compiler": "Verdict: a C compiler keeps every bit",
}
_KEY = re.compile(r"([a-z]+)(\d*)-")
_HEADING = re.compile(rb"Made (?:for|from) (.{1,500}?) by microgpt\.", re.DOTALL)
_MODEL = re.compile(r"GPTConfig\(vocab_size=(\d+), n_layer=(\d+), n_embd=(\d+), n_head=(\d+), block_size=(\d+)\)")
# Where a heading is, in bytes from the beginning of a source.
_HEAD = 1000

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if not found:
        raise click.BadParameter(f"{text!r} is not an age; write for example 30d, 12h or 90m")
    return float(found[1]) * _UNITS[found[2]]


@click.group("cache", invoke_without_command=True)
@click.pass_context
def cache(context: click.Context, /) -> None:
    """List and remove compiled programs.

    What has been compiled is kept in your cache folder (or MICROGPT_CACHE_DIR)
    and found again by later runs. Beyond 1 GiB (or MICROGPT_CACHE_LIMIT, such as
    500M, 5G or none), the programs that have not been used for longest go by
    themselves, but for those of the last ten minutes.

    \b
    Examples:
      microgpt cache list
      microgpt cache clean --older-than 30d
      microgpt cache clean --all
      du -sh "$(microgpt cache dir)"
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cache.command("dir")
def print_folder() -> None:
    """Print the folder of the cache.

    \b
    Examples:
      microgpt cache dir
    """
    click.echo(_folder())


@cache.command("list")
@options.json_option
def list_programs(as_json: bool) -> None:
    """List compiled programs, those used last first.

    \b
    Examples:
      microgpt cache list
      microgpt cache list --json | jq '.entries[] | select(.bytes > 1e6).key'
    """
    folder, limit = _folder(), _limit()
    entries = sorted(list_entries(folder), key=lambda entry: (-entry.used, entry.key))
    total = sum(entry.size for entry in entries)
    if as_json:
        data = {"folder": str(folder), "limit": limit if math.isfinite(limit) else None, "bytes": total}
        console.print_json("cache.list", {**data, "entries": [_row(entry) for entry in entries]})
        return
    if entries:
        rows = [(_describe(entry), size_text(entry.size), _passed(_age_of(entry))) for entry in entries]
        console.print_table(None, ("program", "size", "last used"), rows, left=1)
    bound = f"of at most {size_text(limit)}" if math.isfinite(limit) else "without a limit"
    console.say(f"{_counted(entries)}, {size_text(total)} {bound}, in {folder}")


@cache.command()
@click.option("--older-than", type=_age, metavar="AGE", help="What has not been used for so long: 30d, 12h, 90m.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@click.option("--dry-run", is_flag=True, help="Remove nothing; list what would be removed.")
@options.json_option
def clean(older_than: float | None, everything: bool, dry_run: bool, as_json: bool) -> None:
    """Remove compiled programs. Later runs compile them again.

    Without an option, what is beyond the limit goes, as it does by itself; and
    always what killed processes have left more than a day ago. Programs that
    another process is just compiling stay, and so does whatever else is in the
    folder.

    \b
    Examples:
      microgpt cache clean
      microgpt cache clean --older-than 30d --dry-run
      microgpt cache clean --all
    """
    if everything and older_than is not None:
        raise click.UsageError("--all and --older-than exclude each other")
    folder, limit = _folder(), _limit()
    entries = list_entries(folder)
    if everything:
        chosen = entries
    elif older_than is not None:
        chosen = [entry for entry in entries if _age_of(entry) > older_than]
    else:
        chosen = surplus(entries, limit)
    rows = {entry.key: _row(entry) for entry in chosen}  # read from their files, while these are there
    removed = chosen if dry_run else remove_entries(chosen)
    leftovers = remove_leftovers(folder, dry_run)
    size = sum(entry.size for entry in removed)
    if as_json:
        data = {"folder": str(folder), "dry_run": dry_run, "bytes": size, "kept": len(chosen) - len(removed)}
        gone = {"removed": [rows[entry.key] for entry in removed], "leftovers": [path.name for path in leftovers]}
        console.print_json("cache.clean", {**data, **gone})
        return
    for entry in removed:
        console.detail(f"{entry.key}: {rows[entry.key]['program']}, {size_text(entry.size)}")
    if len(removed) < len(chosen):
        console.warn(f"{_count(len(chosen) - len(removed), 'program')} could not be removed, or is being compiled")
    more = f" and {_count(len(leftovers), 'leftover')}" if leftovers else ""
    would = "would remove" if dry_run else "removed"
    click.echo(f"{would} {_counted(removed)}{more}, {size_text(size)}")


def _folder() -> Path:
    try:
        return usable_folder()
    except UnusableCacheError as error:
        problem = f"the cache folder {error.folder} {error}; mend it, or set MICROGPT_CACHE_DIR"
        raise CommandError(problem, ENVIRONMENT) from None


def _limit() -> float:
    try:
        return read_limit()
    except ValueError as error:
        raise CommandError(f"{LIMIT_VARIABLE}: {error}", BAD_INPUT) from None


def _row(entry: Entry) -> dict[str, Any]:
    return {"key": entry.key, "program": _describe(entry), "bytes": entry.size, "age": _age_of(entry)}


def _age_of(entry: Entry) -> float:
    return max(0.0, time.time() - entry.used)


def _describe(entry: Entry) -> str:
    """What an entry is: from its key, and from how its source begins."""
    found = _KEY.match(entry.key)
    kind = _KINDS.get(found[1], found[1]) if found else entry.key
    if found and kind.endswith(("length", "position", "layers")):
        kind = f"{kind} {found[2]}"
    heading = _heading(entry)
    model = _MODEL.fullmatch(heading)
    if model:
        vocabulary, layers, width, heads, block = model.groups()
        heading = f"{layers} x {width}, {heads} heads, block {block}, {vocabulary} tokens"
    elif heading.startswith("AdamConfig("):
        heading = "Adam"
    return f"{kind}: {heading}" if heading else kind


def _heading(entry: Entry) -> str:
    with contextlib.suppress(OSError):  # another process may just be removing it
        for path in sorted(entry.path.iterdir()):
            if path.suffix in (".c", ".py"):
                with path.open("rb") as file:
                    found = _HEADING.search(file.read(_HEAD))
                return found[1].decode("utf-8", "replace") if found else ""
    return ""


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _counted(entries: Sequence[Entry]) -> str:
    """How many programs there are and, if there are any, how many verdicts on C compilers."""
    verdicts = sum(entry.key.startswith("compiler-") for entry in entries)
    programs = _count(len(entries) - verdicts, "program")
    return f"{programs} and {_count(verdicts, 'verdict')}" if verdicts else programs


def _passed(seconds: float) -> str:
    for unit, length in reversed(_UNITS.items()):
        if seconds >= length and unit != "w":
            return f"{seconds / length:.0f} {unit}"
    return "0 s"
