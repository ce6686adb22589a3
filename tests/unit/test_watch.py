"""The live curve on terminals of any size: it fits, and what it drew it can take away again."""

import io
import re

import pytest
from rich.console import Console

from microgpt.tools import watch

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
