"""Progress, while somebody waits for the compiler: a bar on a terminal, a line in a notebook, nothing anywhere else.

What compiles is given a `Report`, and calls it as its stages pass. Whoever waits gets one from `compile_progress`;
`silent` is the one that shows nothing. What is over within a second shows nothing either.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

__all__ = [
    "DELAY",
    "VARIABLE",
    "Report",
    "compile_progress",
    "in_notebook",
    "is_switched_off",
    "silent",
    "step_progress",
]

VARIABLE = "MICROGPT_PROGRESS"
# Seconds before anything is shown, and between two updates of a line in a notebook.
DELAY, INTERVAL = 1.0, 0.5


class Report(Protocol):
    """How far compiling has come: so many programs of so many are made, and `stage` is what is being done.

    Of a program that takes long, parts count too.
    """

    def __call__(self, done: float, total: int, stage: str = "", /) -> None:
        """Takes the news."""


def silent(done: float, total: int, stage: str = "", /) -> None:
    """The `Report` that nobody reads."""


def is_switched_off() -> bool:
    """Whether the user has switched progress off, by ``MICROGPT_PROGRESS=0``."""
    return os.environ.get(VARIABLE, "").strip().lower() in {"0", "false", "no", "off"}


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    # What has not been imported is not running.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def compile_progress(
    wanted: bool = True, what: str = "program", delay: float = DELAY, announcement: str = ""
) -> Iterator[Report]:
    """Gives the `Report` for a compilation: shown on stderr if that is a terminal, or in the cell of a notebook.

    Args:
        wanted: whether to show anything.
        what: the noun for what is compiled.
        delay: seconds before anything is shown.
        announcement: a line to show above, such as what a long compilation will take.
    """

    def words(done: float, total: int, stage: str) -> str:
        compiling = f"compiling {total} {what}s" if total > 1 else f"compiling the {what}"
        part = f" {done:.0%}" if total == 1 and 0 < done < 1 else ""
        return f"{compiling}{part}: {stage}" if stage else f"{compiling}{part}"

    with _shown(wanted, words, delay, announcement) as report:
        yield report


@contextlib.contextmanager
def step_progress(wanted: bool = True, delay: float = DELAY) -> Iterator[Report]:
    """Gives the `Report` for training: of so many steps so many are done, and `stage` is how it goes."""
    with _shown(wanted, lambda done, total, stage: stage, delay, "") as report:
        yield report


@contextlib.contextmanager
def _shown(wanted: bool, words: _Words, delay: float, announcement: str) -> Iterator[Report]:
    if not wanted or is_switched_off() or not (in_notebook() or sys.stderr.isatty()):
        yield silent
        return
    waiting = _Waiting(_Cell(announcement) if in_notebook() else _Bar(announcement), words, delay)
    try:
        yield waiting.report
    finally:
        waiting.close()


# From what a `Report` is told to what is shown.
_Words = Callable[[float, int, str], str]


class _Display(Protocol):
    def begin(self, words: str, done: float, total: int, since: float) -> None: ...
    def update(self, words: str, done: float, total: int) -> None: ...
    def end(self) -> None: ...


class _Waiting:
    """Shows progress after a while, from a thread of its own: whoever compiles has no time for it."""

    def __init__(self, display: _Display, words: _Words, delay: float) -> None:
        self._display, self._words = display, words
        self._lock = threading.Lock()
        self._timer = threading.Timer(delay, self._begin)
        self._timer.daemon = True
        self._state: tuple[str, float, int] = ("", 0, 0)
        self._since = 0.0
        self._started = self._shown = self._over = False

    def report(self, done: float, total: int, stage: str = "", /) -> None:
        words = self._words(done, total, stage)
        with self._lock:
            if self._over:
                return
            self._state = words, done, total
            if self._shown:
                self._display.update(*self._state)
            elif not self._started:
                self._started, self._since = True, time.monotonic()
                self._timer.start()
        if done == total:
            self.close()

    def close(self) -> None:
        with self._lock:
            self._over = True
            if self._started:
                self._timer.cancel()
            if self._shown:
                self._shown = False
                self._display.end()

    def _begin(self) -> None:
        with self._lock:
            if not self._over:
                self._shown = True
                self._display.begin(*self._state, self._since)


class _Bar:
    """A line of rich, which goes when it has done its work. What is announced stays."""

    def __init__(self, announcement: str) -> None:
        self._announcement = announcement

    def begin(self, words: str, done: float, total: int, since: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if self._announcement:
            console.print(self._announcement, markup=False, highlight=False)
        columns: list[Any] = [SpinnerColumn("line"), TextColumn("{task.description}", markup=False)]
        self._room = console.width - 12  # beside the seconds
        if total > 1:
            wide = console.width >= 60
            columns += [*([BarColumn(20)] if wide else []), MofNCompleteColumn()]
            self._room -= 28 if wide else 7
        # Not redirecting: this is not the thread that owns sys.stdout.
        self._progress = Progress(
            *columns,
            TimeElapsedColumn(),
            console=console,
            transient=True,
            get_time=time.monotonic,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(self._fit(words), total=total)
        self._progress.update(self._task, completed=done)
        self._progress.tasks[0].start_time = since
        self._progress.start()

    def update(self, words: str, done: float, total: int) -> None:
        self._progress.update(self._task, description=self._fit(words), completed=done, total=total)

    def end(self) -> None:
        self._progress.stop()

    def _fit(self, words: str) -> str:
        """As much as there is room for; what is being done says more than what comes of it."""
        if len(words) > self._room:
            words = words.rpartition(": ")[2]
        return words[: max(self._room, 0)]


class _Cell:
    """A line in the output of a notebook's cell, kept up to date by a thread, below what is announced."""

    def __init__(self, announcement: str) -> None:
        self._head = f"{announcement}\n" if announcement else ""

    def begin(self, words: str, done: float, total: int, since: float) -> None:
        self._state, self._since = (words, done, total), since
        # A notebook has it; it is no dependency of ours.
        display = import_module("IPython.display").display
        self._handle = display(self._bundle(), raw=True, display_id=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    def update(self, words: str, done: float, total: int) -> None:
        self._state = words, done, total

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._handle.update({"text/plain": self._head.rstrip()}, raw=True)

    def _tick(self) -> None:
        while not self._ended.wait(INTERVAL):
            self._handle.update(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        words, done, total = self._state
        count = f", {done} of {total}" if total > 1 else ""
        return {"text/plain": f"{self._head}{words}{count} ({time.monotonic() - self._since:.0f} s)"}
