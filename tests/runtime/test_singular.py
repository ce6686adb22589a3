"""The first NaN or infinity of own functions; docs/singular.md, of which every formula is run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from helpers import DOCS, docs_script

import microgpt

SCRIPT = docs_script("singular")
PAGE = (DOCS / "singular.md").read_text("utf-8")

pytestmark = pytest.mark.usefixtures("python_alone")


@pytest.mark.parametrize("number", range(len(SCRIPT.TRAPS)), ids=[trap.title for trap in SCRIPT.TRAPS])
def test_a_trap_and_its_cure_are_what_the_page_says(number: int, tmp_path: Path) -> None:
    trap = SCRIPT.TRAPS[number]
    wrong, right = (SCRIPT.run(text, trap.point, tmp_path) for text in (trap.wrong, trap.right))
    assert SCRIPT.section(number + 1, trap, wrong, right) in PAGE
    finite = all(map(math.isfinite, (wrong.value, *wrong.gradient)))
    assert bool(wrong.first_nan) is not finite
    assert (wrong.value, wrong.gradient) != (trap.value, trap.gradient)
    assert (right.value, right.gradient, right.first_nan) == (trap.value, trap.gradient, "")


def test_nothing_else_stands_on_the_page() -> None:
    assert PAGE.startswith(SCRIPT.HEAD)
    assert PAGE.count("\n## ") == len(SCRIPT.TRAPS)


def model(xs: Any, scale: Any, place: Any) -> Any:
    chosen = microgpt.select(xs, place)
    inverse = 1.0 / (chosen * scale)
    return microgpt.sqrt(chosen) + inverse


def test_the_first_operation_is_named_with_its_operands_and_line() -> None:
    compiled = microgpt.compile(model, [1.0, 2.0], 1.0, microgpt.index(2))
    assert compiled.first_nan([1.0, 2.0], 1.0, 0) is None
    assert compiled.first_nan([0.0, 2.0], 1.0, 1) is None  # what is not chosen may be anything
    first = model.__code__.co_firstlineno
    found = compiled.first_nan([0.0, 2.0], 3.0, 0)
    assert found is not None
    assert (found.value, found.phase, found.operation) == (math.inf, "forward", "pow(0, -1)")
    assert found.line == f"test_singular.py:{first + 2}  [inverse = 1.0 / (chosen * scale)]"
    assert found.results[0] == "the value"
    assert str(found) == (
        f"forward: pow(0, -1) is inf at {found.line}; not finite are the value, the gradient in xs[0], "
        "the gradient in scale"
    )


def test_a_derivative_names_the_line_that_is_differentiated() -> None:
    def norm(xs: Any) -> Any:
        return microgpt.sqrt(xs[0] * xs[0] + xs[1] * xs[1]) + xs[2]

    compiled = microgpt.compile(norm, [1.0, 1.0, 1.0])
    found = compiled.first_nan([0.0, 0.0, 1.0])
    assert found is not None
    assert (found.phase, found.results) == ("backward", ("the gradient in xs[0]", "the gradient in xs[1]"))
    assert f" in the derivative of test_singular.py:{norm.__code__.co_firstlineno + 1}  [return" in str(found)
    rows = microgpt.jacobian(lambda xs: [xs[1], norm(xs)], [1.0, 1.0, 1.0]).first_nan([0.0, 0.0, 1.0])
    assert rows is not None
    assert rows.results == ("row 1 of the jacobian in xs[0]", "row 1 of the jacobian in xs[1]")


def test_an_argument_may_be_the_first() -> None:
    compiled = microgpt.compile(lambda x, y: x * y, 1.0, 1.0, wrt="x")
    found = compiled.first_nan(1.0, math.nan)
    assert found is not None
    assert str(found) == "forward: the argument y is nan; not finite are the value, the gradient in x"
    assert found.line == ""
    with pytest.raises(TypeError, match="y must be a number"):
        compiled.first_nan(1.0, "y")


def test_an_infinity_that_no_result_shows_is_none() -> None:
    compiled = microgpt.compile(lambda x: 1.0 / microgpt.exp(x), 1.0, gradient=False)
    assert compiled(1000.0) == 0.0
    assert compiled.first_nan(1000.0) is None
