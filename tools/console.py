"""What commands say and how: lines for results on stdout, messages and progress on stderr, tables for both.

rich is imported only where there is a terminal to be pretty on. In a pipe everything is plain text, at most 80 columns.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import click

__all__ = [
    "Lines",
    "compile_progress",
    "count_progress",
    "print_json",
    "print_table",
    "printable",
    "say",
    "step_progress",
    "warn",
]

# Seconds. Nobody sees more, and a flush at each step would cost more than a compiled step does.
FLUSH_INTERVAL = 0.05

# Of all schemas of --json; raised when a field changes its meaning or goes away. New fields do not raise it.
JSON_VERSION = 1


def say(message: str) -> None:
    """A line on stderr."""
    with contextlib.suppress(OSError):
        click.echo(f"microgpt: {message}", err=True)


def warn(message: str) -> None:
    """A warning on stderr."""
    say(f"warning: {message}")


def print_json(schema: str, data: Mapping[str, Any]) -> None:
    """What ``--json`` prints: one object that says which schema it follows, described in docs/json.md.

    Args:
        schema: the name of the command, or of what the command tells.
        data: plain objects; a number that is not finite is an error, since JSON has none.
    """
    head = {"schema": f"microgpt.{schema}", "version": JSON_VERSION}
    click.echo(json.dumps({**head, **data}, indent=1, allow_nan=False))


def printable(text: str) -> str:
    """`text` for stdout: on a terminal, characters that would control it are shown as escapes."""
    if text.isprintable() or not sys.stdout.isatty():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class Lines:
    """Writes lines to a stream that somebody may be watching, however fast they come."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._flushed = 0.0

    def write(self, line: str) -> None:
        """Writes `line` and a newline."""
        self._stream.write(line + "\n")
        now = time.monotonic()
        if now - self._flushed > FLUSH_INTERVAL:
            self._stream.flush()
            self._flushed = now

    def flush(self) -> None:
        """Makes everything visible that has been written."""
        self._stream.flush()


@contextlib.contextmanager
def compile_progress(what: str = "program") -> Iterator[Callable[[int, int], None]]:
    """Gives what a backend tells of its compiling: how many programs of how many. Silent if nothing is compiled."""
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        bar: list[Any] = []

        def report(done: int, total: int) -> None:
            many = f"{total} {what}{'s' * (total != 1)}"
            if sys.stderr.isatty():
                if not bar:
                    bar.append(stack.enter_context(_progress_bar()))
                    bar[0].add_task(f"compiling {many}", total=total)
                bar[0].update(bar[0].task_ids[0], completed=done)
            elif done == 0:
                say(f"compiling {many}; later runs will find {'them' if total > 1 else 'it'} in the cache")
            if done == total:
                stack.close()
                say(f"compiled {many} in {time.monotonic() - start:.1f} s")

        yield report


@contextlib.contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be told how many of how many are done. A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    with _progress_bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def step_progress(total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
    """Gives what is to be called after each of `total` steps, with a few words. A bar, if nothing else shows steps."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield lambda words: None
        return
    with _progress_bar() as bar:
        task = bar.add_task("training", total=total, completed=done)
        yield lambda words: bar.update(task, advance=1, description=words)


def _progress_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of numbers on stdout. Headings are broken at ``_``, at spaces, and in the middle of long words."""
    broken = [_break(heading) for heading in headings]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(
            title=title,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            title_style="bold",
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        for parts in broken:
            table.add_column("\n".join(parts), justify="right", no_wrap=True, vertical="bottom")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
        return
    height = max(map(len, broken))
    heads = [[""] * (height - len(parts)) + parts for parts in broken]
    widths = [max(map(len, (*head, *(row[place] for row in rows)))) for place, head in enumerate(heads)]
    click.echo(title)
    for line in (*zip(*heads, strict=True), ["-" * width for width in widths], *rows):
        click.echo(" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _break(heading: str) -> list[str]:
    parts: list[str] = []
    for word in heading.replace("_", "_ ").split():
        # Words that stay short together share a line; long ones are cut, which happens to hyphenate ours well.
        cut = [word] if len(word) <= 9 else [word[:-5] + "-", word[-5:]]
        if parts and parts[-1].endswith("_") and len(parts[-1]) + len(cut[0]) <= 7:
            parts[-1] += cut.pop(0)
        parts += cut
    return parts
