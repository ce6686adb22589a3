"""Watching a training: the line of every step on stdout and, on a terminal, a curve of the loss that grows below them.

Compiled steps take some hundredths of a millisecond. A step only puts a number in a column; text is written, and the
curve drawn, ten times a second.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from ..terminal import console

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["watch_steps"]

# Seconds between two drawings, and how long a run takes before it is worth one.
INTERVAL = 0.1
# Of the curve, at most and at least. Below it stands a line of words, above it at least a step.
WIDTH, HEIGHT = 79, 9
LEAST_WIDTH, LEAST_HEIGHT = 30, 5
LINES_BESIDE = 3

# Called after each step, with its number, its loss and its line.
StepShown = Callable[[int, float, str], None]


@contextlib.contextmanager
def watch_steps(total: int, done: int = 0, shown: bool = True) -> Iterator[StepShown]:
    """Gives what is to be called after each of `total` steps, `done` of which were taken before.

    Args:
        shown: whether stdout is for that; else there is no more than a bar on stderr.
    """
    if not shown:
        with console.step_progress(total, done) as progress:
            yield lambda number, loss, line: progress(line)
        return
    terminal = _terminal()
    if terminal is None:
        lines = console.Lines(sys.stdout)
        yield lambda number, loss, line: lines.write(line)
        lines.flush()
        return
    # stdout may be a file or a pipe, with the terminal on stderr.
    curve = _LiveCurve(terminal, sys.stdout, total, done)
    try:
        yield curve.add
    finally:
        curve.close()


def _terminal() -> Console | None:
    """The terminal to draw on: that of stdout, or else of stderr, if it can show a curve."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty() and not console.is_quiet():
            from rich.console import Console

            terminal = Console(file=stream, highlight=False)
            # A dumb terminal cannot go up, and the dots are no ASCII.
            usable = terminal.is_terminal and not terminal.is_dumb_terminal and not terminal.options.ascii_only
            return terminal if usable else None
    return None


class _LiveCurve:
    """The curve, with the lines of the steps above it.

    Args:
        terminal: where to draw.
        out: where lines go; the terminal's stream or another.
        total, done: steps in all, and before.
    """

    def __init__(self, terminal: Console, out: TextIO, total: int, done: int) -> None:
        from ..pictures.smoothing import ExponentialMean, horizon_of
        from ..pictures.terminal_curve import TerminalCurve

        self._terminal, self._out, self._total, self._done = terminal, out, total, done
        self._mean = ExponentialMean(horizon_of(total - done))
        self._curve = TerminalCurve(done + 1, total, max(LEAST_WIDTH, min(WIDTH, terminal.width - 1)), HEIGHT)
        self._lines: list[str] = []
        self._drawn = 0
        self._began = self._last = time.monotonic()
        self._now = (done, 0.0)

    def add(self, number: int, loss: float, line: str) -> None:
        """Takes a step."""
        mean = self._mean.add(loss)
        self._curve.add(number, mean)
        self._lines.append(line)
        self._now = (number, mean)
        now = time.monotonic()
        if now - self._last > INTERVAL:
            self._draw()
            self._last = time.monotonic()

    def close(self) -> None:
        """Writes what is left. The curve stays where the lines are; below a pipe it has done its work, and goes."""
        self._draw()
        if self._out is not self._terminal.file:
            self._erase()

    def _draw(self) -> None:
        self._erase()
        if self._lines:
            self._out.write("\n".join(self._lines) + "\n")
            self._lines.clear()
        self._out.flush()
        number, mean = self._now
        if number == self._done:
            return
        from rich.text import Text

        # Anew each time: a terminal may be given another size.
        width, height = self._terminal.size
        self._curve.height = min(HEIGHT, height - LINES_BESIDE)
        shown = self._curve.height >= LEAST_HEIGHT and width > self._curve.width
        lines = self._curve.lines() if shown else []
        drawn = Text("".join(f"{line}\n" for line in lines), "cyan", no_wrap=True, overflow="crop")
        drawn.append(self._words(number, mean, width - 1), "bold")
        self._terminal.print(drawn, soft_wrap=False)
        self._drawn = len(lines) + 1

    def _erase(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        if self._drawn:
            up: list[tuple[ControlType, int]] = [(ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)]
            self._terminal.control(Control(*up * self._drawn))
            self._terminal.file.flush()
            self._drawn = 0

    def _words(self, number: int, mean: float, width: int) -> str:
        """As much as fits in one line: a second one could not be erased."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = (number - self._done) / seconds
        left = (self._total - number) / rate
        later = f" | {_clock(left)} left" if number < self._total else ""
        steps = f"{number:,} of {self._total:,}"
        choice = (
            f"mean loss {mean:.4f} | {steps} steps, {rate:,.0f} a second{later}",
            f"mean loss {mean:.4f} | {steps}{later}",
            f"loss {mean:.4f} | {steps}",
            f"loss {mean:.4f}"[:width],
        )
        return next((words for words in choice if len(words) <= width), choice[-1])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
