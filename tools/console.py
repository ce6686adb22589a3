"""What commands say and how: lines for results on stdout, messages and progress on stderr, tables for both.

rich is imported only where there is a terminal to be pretty on. In a pipe everything is plain text, at most 80 columns.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from ..runtime.estimate import Estimate

__all__ = [
    "NORMAL",
    "QUIET",
    "VERBOSE",
    "Lines",
    "bar",
    "compile_progress",
    "count_progress",
    "detail",
    "escaped",
    "is_quiet",
    "print_json",
    "print_table",
    "printable",
    "say",
    "set_verbosity",
    "shows_progress",
    "step_progress",
    "styled",
    "warn",
    "with_schema",
    "without_infinities",
]

# Seconds. Nobody sees more, and a flush at each step would cost more than a compiled step does.
FLUSH_INTERVAL = 0.05

# Of all schemas of --json; raised when a field changes its meaning or goes away. New fields do not raise it.
JSON_VERSION = 1

QUIET, NORMAL, VERBOSE = -1, 0, 1


class _Verbosity:
    """How much is said on stderr, in all of this process."""

    level = NORMAL


def set_verbosity(level: int) -> None:
    """Says nothing but warnings and errors from now on (`QUIET`), or also details (`VERBOSE`)."""
    _Verbosity.level = level


def is_quiet() -> bool:
    """Whether nothing but results, warnings and errors is to be written."""
    return _Verbosity.level <= QUIET


def shows_progress() -> bool:
    """Whether there is somebody to show progress to: stderr is a terminal, and not to be quiet."""
    return not is_quiet() and sys.stderr.isatty()


def say(message: str) -> None:
    """A line on stderr, unless we are to be quiet."""
    if _Verbosity.level > QUIET:
        _write(message)


def detail(message: str) -> None:
    """A line on stderr for those who want to know more."""
    if _Verbosity.level >= VERBOSE:
        _write(message)


def warn(message: str) -> None:
    """A warning on stderr."""
    _write(f"warning: {message}")


def _write(message: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(f"microgpt: {escaped(message)}", err=True)


def print_json(schema: str, data: Mapping[str, Any]) -> None:
    """What ``--json`` prints: one object that says which schema it follows, described in docs/json.md.

    Args:
        schema: the name of the command, or of what the command tells.
        data: plain objects; a number that is not finite is an error, since JSON has none.
    """
    click.echo(json.dumps(with_schema(schema, data), indent=1, allow_nan=False))


def with_schema(schema: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, and before it what it is and of which version."""
    return {"schema": f"microgpt.{schema}", "version": JSON_VERSION, **data}


def without_infinities(data: Any) -> Any:
    """A copy of plain data with None for every number that JSON does not have."""
    match data:
        case float():
            return data if math.isfinite(data) else None
        case dict():
            return {name: without_infinities(value) for name, value in data.items()}
        case list() | tuple():
            return [without_infinities(value) for value in data]
    return data


def printable(text: str) -> str:
    """`text` for stdout: on a terminal, characters that would control it are shown as escapes."""
    return escaped(text) if sys.stdout.isatty() else text


def escaped(text: str) -> str:
    """`text` in one line, with escapes for what cannot be seen, controls a terminal or the direction of writing, or has
    no place in XML: files and their names may hold anything.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def styled(text: str, colour: str | None = None, bold: bool = False) -> str:
    """`text` in a colour, where stdout is a terminal and nobody has set NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None)


def bar(share: float, width: int) -> str:
    """A bar for a share of 1, at most `width` columns long; what is not nothing has a column at least."""
    length = min(width, max(round(share * width), int(share > 0)))
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return ("█" if encoding == "utf8" else "#") * length


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
def compile_progress(what: str = "program", estimate: Estimate | None = None) -> Iterator[Callable[[float, int], None]]:
    """Gives what a backend tells of its compiling: how many programs of how many. Silent if nothing is compiled.

    Args:
        estimate: what it will take; told before it begins if that is long.
    """
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        shown: list[Any] = []

        def report(done: float, total: int) -> None:
            many = f"{total} {what}{'s' * (total != 1)}"
            if done == 0 and estimate and estimate.is_long:
                say(f"compiling {estimate}")
            if shows_progress():
                if not shown:
                    shown.append(stack.enter_context(_progress_bar()))
                    shown[0].add_task(f"compiling {many}", total=total)
                shown[0].update(shown[0].task_ids[0], completed=done)
            elif done == 0:
                say(f"compiling {many}; later runs will find {'them' if total > 1 else 'it'} in the cache")
            if done == total:
                stack.close()
                say(f"compiled {many} in {time.monotonic() - start:.1f} s")

        yield report


@contextlib.contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what is to be told how many of how many are done. A bar on a terminal, nothing elsewhere."""
    if not shows_progress():
        yield lambda done, total: None
        return
    with _progress_bar() as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def step_progress(total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
    """Gives what is to be called after each of `total` steps, with a few words. A bar, if nothing else shows steps."""
    if sys.stdout.isatty() or not shows_progress():
        yield lambda words: None
        return
    with _progress_bar(rate=True) as progress:
        task = progress.add_task("training", total=total, completed=done)
        yield lambda words: progress.update(task, advance=1, description=words)


def _progress_bar(rate: bool = False) -> Any:
    """A bar with the time that is left; with `rate`, also how many a second."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.{0 if speed >= 10 else 1}f} a second" if speed else "")

    columns = [TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn()]
    columns += [RateColumn()] if rate else []
    columns += [TimeRemainingColumn(compact=True), TextColumn("left")]
    return Progress(*columns, console=Console(stderr=True), transient=True)


def print_table(
    title: str | None, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0, bars: bool = False
) -> None:
    """A table of numbers on stdout. Headings are broken at ``_``, at spaces, and in the middle of long words.

    Args:
        left: how many columns, of the first, hold words: they begin where their heading begins.
        bars: whether the last column holds bars, which begin there too.
    """
    broken = [[heading] if place < left else _break(heading) for place, heading in enumerate(headings)]
    words = {*range(left), *([len(headings) - 1] if bars else [])}
    rows = [[escaped(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
        for place, parts in enumerate(broken):
            justify: Any = "left" if place in words else "right"
            table.add_column("\n".join(parts), justify=justify, no_wrap=True, vertical="bottom")
        for row in rows:
            table.add_row(*row)
        terminal = Console()
        if title is not None:
            # Not the table's own title, which is broken into lines as narrow as the table.
            terminal.print(title, style="bold", markup=False, highlight=False)
        terminal.print(table)
        return
    height = max(map(len, broken))
    heads = [[""] * (height - len(parts)) + parts for parts in broken]
    widths = [max(map(len, (*head, *(row[place] for row in rows)))) for place, head in enumerate(heads)]
    if title is not None:
        click.echo(title)
    for line in (*zip(*heads, strict=True), ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo(" ".join(cells).rstrip())


def _break(heading: str) -> list[str]:
    parts: list[str] = []
    for word in heading.replace("_", "_ ").split():
        # Words that stay short together share a line; long ones are cut, which happens to hyphenate ours well.
        cut = [word] if len(word) <= 9 else [word[:-5] + "-", word[-5:]]
        if parts and parts[-1].endswith("_") and len(parts[-1]) + len(cut[0]) <= 7:
            parts[-1] += cut.pop(0)
        parts += cut
    return parts
