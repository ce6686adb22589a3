"""The gallery: each program prints what docs/gallery.md says, and every statement of the page holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers import DOCS, docs_script, skip_without_compiler

import microgpt

SCRIPT = docs_script("gallery")
PAGE = (DOCS / "gallery.md").read_text("utf-8")
TIMES = json.loads((DOCS / "gallery.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path))


def module(name: str, by_hand: bool = False) -> Any:
    (program,) = (program for program in SCRIPT.PROGRAMS if program.name == name)
    return SCRIPT.module_of(program, by_hand)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SCRIPT.PROGRAMS)), ids=[program.name for program in SCRIPT.PROGRAMS])
def test_a_program_is_what_the_page_says(number: int) -> None:
    skip_without_compiler()
    pytest.importorskip("scipy")
    assert SCRIPT.section(number + 1, SCRIPT.PROGRAMS[number], TIMES) in PAGE


def test_nothing_else_stands_on_the_page() -> None:
    assert PAGE.startswith(SCRIPT.HEAD)
    assert PAGE.count("\n## ") == len(SCRIPT.PROGRAMS)
    assert {path.stem for path in SCRIPT.FOLDER.glob("*.py")} == {program.name for program in SCRIPT.PROGRAMS}
    assert TIMES.keys() == {program.name for program in SCRIPT.PROGRAMS if program.by_hand}


def test_far_out_of_the_money_every_digit_is_right() -> None:
    """Against the C library's erfc, which keeps its digits in the tail."""
    here = module("black_scholes")

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    price = microgpt.compile(here.price, *here.price_example, target="python")
    for strike in (60.0, 105.0, 150.0, 200.0, 400.0, 800.0):
        spread = 0.25 * math.sqrt(0.5)
        d = (math.log(100.0 / strike) + (0.02 + 0.5 * 0.25**2) * 0.5) / spread
        delta = normal(d)
        expected = 100.0 * delta - strike * math.exp(-0.01) * normal(d - spread)
        value, gradient = price(100.0, strike, 0.5, 0.02, 0.25)
        assert math.isclose(value, expected, rel_tol=1e-9)
        assert math.isclose(gradient[0], delta, rel_tol=1e-9)


def test_a_confident_loss_keeps_its_digits() -> None:
    here = module("logistic")
    loss = microgpt.compile(here.loss, *here.loss_example, target="python")
    value, (d_weights, _, _) = loss([0.0] * 5 + [40.0], [0.0] * 5, 1.0)
    assert math.isclose(value, math.exp(-40), rel_tol=1e-15)
    assert math.isclose(d_weights[-1], -math.exp(-40), rel_tol=1e-15)
    assert loss([0.0] * 5 + [800.0], [0.0] * 5, -1.0)[0] == 800.0


def test_the_convolution_is_the_same_as_by_hand_where_nothing_overflows() -> None:
    here, hand = module("convolution"), module("convolution", by_hand=True)
    arguments = (*here.parameters, here.image, 3)
    losses = [
        microgpt.compile(each.loss, *here.loss_example, target="python", gradient=False)(*arguments)
        for each in (here, hand)
    ]
    assert math.isclose(*losses, rel_tol=1e-14)
