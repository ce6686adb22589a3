"""Progress of compiling: when it is shown, where, what it says, and how it is switched off."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from microgpt.runtime import reporting
from microgpt.runtime.reporting import compile_progress, silent


class Timer:
    """Fires when the test says so."""

    made: ClassVar[list["Timer"]] = []

    def __init__(self, delay: float, action: Callable[[], None]) -> None:
        self.delay, self.action = delay, action
        self.daemon = self.started = self.cancelled = False
        Timer.made.append(self)

    def start(self) -> None:
        self.started = True

    def cancel(self) -> None:
        self.cancelled = True


class Display:
    """Notes what it is to show."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def begin(self, *state: Any) -> None:
        self.shown.append(("begin", *state[:3]))

    def update(self, *state: Any) -> None:
        self.shown.append(state)

    def end(self) -> None:
        self.shown.append("end")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Display:
    made = Display()
    Timer.made.clear()
    monkeypatch.setattr(reporting.threading, "Timer", Timer)
    monkeypatch.setattr(reporting, "_Bar", lambda announcement: made)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("MICROGPT_PROGRESS", raising=False)
    return made


def test_what_is_soon_over_shows_nothing(display: Display):
    with compile_progress() as report:
        (timer,) = Timer.made
        assert not timer.started, "nothing is compiled yet"
        report(0, 1)
        assert timer.started
        assert timer.delay == 1.0
        report(1, 1)
    assert timer.cancelled
    timer.action()  # had it fired at this very moment
    assert display.shown == []


def test_what_takes_longer_is_shown_as_its_stages_pass(display: Display):
    with compile_progress(what="library") as report:
        report(0, 1, "tracing length 1")
        Timer.made[0].action()
        report(0, 1, "C compiler")
        report(1, 1)
        report(1, 1, "too late")
    assert display.shown == [
        ("begin", "compiling the library: tracing length 1", 0, 1),
        ("compiling the library: C compiler", 0, 1),
        ("compiling the library", 1, 1),
        "end",
    ]


def test_what_is_announced_stays(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(reporting.threading, "Timer", Timer)
    monkeypatch.delenv("MICROGPT_PROGRESS", raising=False)
    Timer.made.clear()
    told = "compiling 4.1 million operations: about 200 s and 2.4 GB"
    with compile_progress(announcement=told) as report:
        report(0, 1)
        Timer.made[0].action()
        report(1, 1)
    assert capsys.readouterr().err.splitlines()[0] == told


def test_an_error_ends_what_is_shown(display: Display):
    def interrupted() -> None:
        with compile_progress() as report:
            report(0, 3)
            Timer.made[0].action()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert display.shown == [("begin", "compiling 3 programs", 0, 3), "end"]


@pytest.mark.parametrize("value", ["0", "off", "False", " no "])
def test_switched_off_by_the_environment(display: Display, monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("MICROGPT_PROGRESS", value)
    with compile_progress() as report:
        assert report is silent


def test_switched_off_where_nobody_looks(display: Display, monkeypatch: pytest.MonkeyPatch):
    with compile_progress(wanted=False) as report:
        assert report is silent
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    with compile_progress() as report:
        assert report is silent


def test_in_a_notebook(monkeypatch: pytest.MonkeyPatch):
    """A kernel's IPython, as far as this asks it: one line is displayed, kept up to date, and emptied at the end."""
    shown: list[str] = []
    ticked = threading.Event()

    class Handle:
        def update(self, bundle: dict[str, str], raw: bool) -> None:
            assert raw
            shown.append(bundle["text/plain"])
            ticked.set()

    def show(bundle: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        shown.append(bundle["text/plain"])
        ticked.set()
        return Handle()

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display = show
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    monkeypatch.setattr(reporting, "INTERVAL", 0.01)
    with compile_progress(delay=0, announcement="compiling 4.1 million operations") as report:
        report(0, 2)
        assert ticked.wait(30)
        report(1, 2, "length 7")
        while "length 7" not in shown[-1]:
            ticked.clear()
            assert ticked.wait(30)
        report(2, 2)
    assert shown[0].startswith("compiling 4.1 million operations\ncompiling 2 programs, 0 of 2 (")
    assert "compiling 2 programs: length 7, 1 of 2 (" in "\n".join(shown)
    assert shown[-1] == "compiling 4.1 million operations"


SCRIPT = """
import functools, microgpt, microgpt.api
microgpt.api.compile_progress = functools.partial(microgpt.api.compile_progress, delay=0.0)
microgpt.train(["ab"], steps=1, n_embd=4, n_head=2, block_size=4, backend="python", progress={progress})
"""


@pytest.mark.parametrize(
    ("progress", "variable", "shown"), [(True, "1", True), (False, "1", False), (True, "0", False)]
)
def test_training_from_python_on_a_terminal(tmp_path: Path, progress: bool, variable: str, shown: bool):
    pty = pytest.importorskip("pty")  # Windows has none
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(progress=progress)],
        env={
            **os.environ,
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            "MICROGPT_CACHE_DIR": str(tmp_path),
            "MICROGPT_PROGRESS": variable,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=follower,
    )
    os.close(follower)
    written = b""
    try:
        while part := os.read(leader, 65536):
            written += part
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(leader)
    assert process.communicate()[0] == b"", "stdout is the user's"
    assert process.returncode == 0, written
    assert (b"compiling 2 programs" in written) == shown
    if not shown:
        assert written == b""
