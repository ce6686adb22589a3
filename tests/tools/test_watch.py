"""The live curve on terminals of any size: it fits, and what it drew it can take away again."""

import io
import re
import sys

import pytest
from rich.console import Console

from microgpt.runtime import reporting
from microgpt.tools.terminal import console
from microgpt.tools.training import watch

UP = "\x1b[1A\x1b[2K"


def watched(width: int, height: int, monkeypatch: pytest.MonkeyPatch, steps: int = 1000) -> str:
    """What is written while a thousand steps are taken, a drawing after each hundred."""
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, height=height, color_system=None)
    curve = watch._LiveCurve(terminal, screen, steps, 0)
    for step in range(1, steps + 1):
        if step % 100 == 0:
            now[0] += 1.0
        curve.add(step, 3.3 - step / steps, f"step {step}")
    curve.close()
    return screen.getvalue()


@pytest.mark.parametrize("width", [20, 29, 30, 31, 40, 59, 60, 80, 200])
@pytest.mark.parametrize("height", [2, 5, 7, 8, 9, 10, 12, 24])
def test_it_fits_and_is_erased(width: int, height: int, monkeypatch: pytest.MonkeyPatch):
    written = watched(width, height, monkeypatch)
    drawings = re.split(r"(?<=\n)(?=step|\x1b)", written)
    drawn = 0
    for part in drawings:
        ups = part.count(UP)
        assert ups in (0, drawn), "as many lines go as there were"
        drawn -= ups
        lines = part.replace(UP, "").splitlines()
        below = [line for line in lines if not line.startswith("step ")]
        drawn += len(below)
        assert max(map(len, below), default=0) < width
        assert drawn < max(height, 2)
    shown = "┤" in written
    assert shown == (width > 30 and height >= 8)
    assert "loss 2.3" in written
    assert [line for line in written.replace(UP, "").splitlines() if line.startswith("step ")] == [
        f"step {step}" for step in range(1, 1001)
    ]


def test_the_words_say_as_much_as_fits(monkeypatch: pytest.MonkeyPatch):
    last = {width: watched(width, 24, monkeypatch).replace(UP, "").splitlines()[-1] for width in (80, 50, 30, 20, 10)}
    assert re.fullmatch(r"mean loss 2\.\d{4} \| 1,000 of 1,000 steps, 100 a second", last[80])
    assert re.fullmatch(r"mean loss 2\.\d{4} \| 1,000 of 1,000", last[50])
    assert re.fullmatch(r"loss 2\.\d{4} \| 1,000 of 1,000", last[30])
    assert re.fullmatch(r"loss 2\.\d{4}", last[20])
    assert re.fullmatch(r"loss 2\.\d{2}", last[10])


@pytest.mark.parametrize("width", [25, 30, 43, 44, 57, 58, 71, 72, 75, 76, 80, 120])
def test_bars_leave_out_what_has_no_room(width: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", str(width))
    words = "step   12 / 3000 | loss 3.2138"
    progress = console._progress_bar(rate=True)
    progress.add_task(words, total=3000, completed=12)
    screen = io.StringIO()
    Console(file=screen, width=width).print(progress.get_renderable())
    (line,) = screen.getvalue().splitlines()
    assert "…" not in line
    assert line.startswith(words[:width])
    assert ("left" in line, "12/3000" in line) == (width >= 44, width >= 58)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80])
@pytest.mark.parametrize("total", [1, 20])
def test_the_bar_of_compiling_fits(width: int, total: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", str(width))
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    bar = reporting._Bar("")
    bar.begin("compiling 20 programs: tracing length 3", 7, total, 0.0)
    bar.end()
    Console(file=screen, width=width).print(bar._progress.get_renderable())
    (line,) = filter(str.strip, screen.getvalue().splitlines())
    assert "…" not in line
    assert len(line.rstrip()) <= width
    assert re.search(r"\d:\d\d:\d\d$", line.rstrip()), "the seconds are always there"
    assert ("tracing length 3" in line) == (width >= (30 if total == 1 else 40))
