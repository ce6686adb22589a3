"""What commands say and how: lines for results on stdout, messages and progress on stderr, tables for both.

rich is imported only where progress is shown. In a pipe everything is plain text, at most 80 columns.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from ...runtime import reporting
from ...runtime.reporting import Report
from ..text.document import BAR, Code, Document, Paragraph, Table, wrapped
from ..text.escape import escaped
from ..text.schema import with_schema
from ..text.table import table_lines

if TYPE_CHECKING:
    from ...runtime.executable.estimate import Estimate

__all__ = [
    "NORMAL",
    "QUIET",
    "VERBOSE",
    "Lines",
    "compile_progress",
    "count_progress",
    "detail",
    "echo_wrapped",
    "is_quiet",
    "print_document",
    "print_json",
    "print_table",
    "printable",
    "say",
    "seconds_text",
    "set_verbosity",
    "shows_progress",
    "step_progress",
    "styled",
    "terminal_width",
    "warn",
    "write_message",
]

# Seconds. Nobody sees more, and a flush at each step would cost more than a compiled step does.
FLUSH_INTERVAL = 0.05

# Seconds before the progress of compiling is shown: what is over before that would only flicker.
PAUSE = 0.2

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
    """Whether there is somebody to show progress to: stderr is a terminal, not to be quiet, and progress not off."""
    return not is_quiet() and sys.stderr.isatty() and not reporting.is_switched_off()


def say(message: str) -> None:
    """A line on stderr, unless we are to be quiet."""
    if _Verbosity.level > QUIET:
        write_message(message)


def detail(message: str) -> None:
    """A line on stderr for those who want to know more."""
    if _Verbosity.level >= VERBOSE:
        write_message(message)


def warn(message: str) -> None:
    """A warning on stderr."""
    write_message(f"warning: {message}")


def write_message(message: str) -> None:
    """A message on stderr: one line, or on a terminal as many as it takes to break it between words."""
    text = f"microgpt: {escaped(message)}"
    lines = [text]
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.stderr.fileno()).columns
            if columns > 20:
                lines = textwrap.wrap(
                    text, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
                )
    with contextlib.suppress(OSError):
        for line in lines:
            click.echo(line, err=True)


def print_json(schema: str, data: Mapping[str, Any]) -> None:
    """What ``--json`` prints: one object that says which schema it follows, described in docs/json.md.

    Args:
        schema: the name of the command, or of what it prints.
        data: plain objects; a number that is not finite is an error, since JSON has none.
    """
    click.echo(json.dumps(with_schema(schema, data), indent=1, allow_nan=False))


def printable(text: str) -> str:
    """`text` for stdout: on a terminal, characters that would control it are shown as escapes."""
    return escaped(text) if sys.stdout.isatty() else text


def styled(text: str, colour: str | None = None, bold: bool = False) -> str:
    """`text` in a colour, where stdout is a terminal and nobody has set NO_COLOR."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return click.style(text, fg=colour, bold=bold or None)


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
def compile_progress(what: str = "program", estimate: Estimate | None = None) -> Iterator[Report]:
    """Gives the progress of a compiling backend: how many programs of how many, and the stage. Silent if nothing is
    compiled. On a terminal, the stage and the seconds are shown; with -v, a line for each stage.

    Args:
        estimate: what it will take; announced if that is long.
    """
    start = time.monotonic()
    began, last = False, ""
    verbose = _Verbosity.level >= VERBOSE
    with reporting.compile_progress(shows_progress() and not verbose, what, PAUSE) as shown:

        def report(done: float, total: int, stage: str = "", /) -> None:
            nonlocal began, last
            many = f"{total} {what}{'s' * (total != 1)}"
            if not began and estimate and estimate.announcement:
                say(estimate.announcement)
            elif not began and (verbose or not shows_progress()):
                say(f"compiling {many}")
            began = True
            if stage and stage != last:
                detail(f"{time.monotonic() - start:.1f} s: {stage}")
            last = stage
            shown(done, total, stage)
            if done == total:
                say(f"compiled {many} in {seconds_text(time.monotonic() - start)}")

        yield report


def seconds_text(seconds: float) -> str:
    """A time for people: ``22 ms``, ``6.5 s``, ``2 min 5 s``; never one that looks like nothing."""
    if seconds < 0.0995:
        return f"{max(1e3 * seconds, 0.1):.{0 if seconds >= 0.00995 else 1}f} ms"
    if seconds < 59.95:
        return f"{seconds:.{1 if seconds >= 0.995 else 2}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@contextlib.contextmanager
def count_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to report to how many of how many are done. A bar on a terminal, nothing elsewhere."""
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
    from rich.table import Column
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.{0 if speed >= 10 else 1}f} a second" if speed else "")

    console = Console(stderr=True)
    # With a rate goes a description of some 30 columns. What there is no room for is left out; rich would squeeze all.
    room = console.width if rate else 80
    description = Column(no_wrap=True, overflow="crop")
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False, table_column=description)]
    columns += [BarColumn(20)] if room >= 76 else []
    columns += [MofNCompleteColumn()] if room >= 58 else []
    columns += [RateColumn()] if rate and room >= 72 else []
    columns += [TimeRemainingColumn(compact=True), TextColumn("left")] if room >= 44 else []
    return Progress(*columns, console=console, transient=True)


def print_document(document: Document) -> None:
    """A document on stdout, for the width and the colours of a terminal; its notes on stderr."""
    for part in document.parts:
        match part:
            case Paragraph():
                _print_paragraph(part)
            case Table():
                _print_table(part)
            case Code():
                from .code import print_code  # imports rich on a terminal

                print_code(part)
    for note in document.notes:
        say(note)


def _print_paragraph(part: Paragraph) -> None:
    bold, colour = "bold" in part.style, part.style.replace("bold", "").replace("dim", "").strip() or None
    widths = [part.width] if part.width else []
    if sys.stdout.isatty():
        widths.append(terminal_width())
    for line in wrapped(part.text, min(widths, default=None)):
        click.echo(styled(line, colour, bold) if line else line)


def _print_table(table: Table) -> None:
    width = terminal_width() if sys.stdout.isatty() else None
    bars = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    for line, is_heading in table_lines(table.headings, table.rows, table.left, table.bars, width):
        shown = line if bars else line.replace(BAR, "#")
        click.echo(styled(shown, bold=True) if is_heading and shown else shown)


def print_table(
    title: str | None, headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0, bars: bool = False
) -> None:
    """A table of numbers on stdout; on a terminal, one that fits.

    Args:
        left, bars: as for `table_lines`.
    """
    document = Document()
    if title is not None:
        document.say(title, style="bold")
    document.table(headings, rows, left, bars)
    print_document(document)


def terminal_width() -> int:
    """Of the terminal that stdout is, in columns."""
    return shutil.get_terminal_size().columns


def echo_wrapped(text: str, width: int | None = None, bold: bool = False, indent: str = "") -> None:
    """A sentence on stdout, broken between words into lines that fit the terminal.

    Args:
        width: the most columns of a line, on a terminal and elsewhere.
        indent: what lines begin with, but for the first.
    """
    widths = [width] if width else []
    if sys.stdout.isatty():
        widths.append(terminal_width())
    for line in wrapped(text, min(widths, default=None), indent):
        click.echo(styled(line, bold=bold))
