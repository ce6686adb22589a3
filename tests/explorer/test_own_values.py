"""The page of an own function says what every operation is worth at the example, or at other arguments."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from explorer.pages import Tab
from explorer.test_values import bits, page_values

import microgpt
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes, interpret
from microgpt.compiler.ir.ops import OPS, Op
from microgpt.tools.explore.values import GIVEN

pytestmark = pytest.mark.slow


def everything(x: Any, y: Any, place: Any) -> Any:
    """Every operation that a function can have."""
    calls = ["abs", "atan", "cos", "cosh", "erf", "exp", "expm1", "log", "log1p", "relu", "sigmoid", "sin", "sinh"]
    calls += ["softplus", "sqrt"]
    total = sum(getattr(x * 0.5 + 0.1, name)() for name in calls) + x.tanh() / y + x**y + x**3
    total = total + microgpt.maximum(x, y, 1.0) * microgpt.minimum(x, y) + microgpt.constant_maximum([x, y])
    near = (x < y) & ~(x == 2.0) | (y <= 0.0)
    total = total + microgpt.where(near, x * y, x / y) + microgpt.select([x * 2.0, y * 3.0, x * 4.0], place)
    return total * microgpt.choose([x * 3.0, y * 2.0, x * y], place)


@pytest.mark.parametrize("values", [None, (0.25, 0.5, 0), (3.0, 0.75, 2)])
def test_values_are_those_of_the_program(tab: Tab, tmp_path: Path, values: Any) -> None:
    compiled = microgpt.compile(everything, 1.5, 2.5, microgpt.index(3), target="python")
    page = tab.open(compiled.explore(tmp_path / "page.html", values=values).as_uri())
    graph = compiled.ir
    assert {"less", "branch", "select", "erf", "power"} <= {row.name for row in rows_of(graph)}
    shown = page.evaluate("() => window.explorer.meta.texts[0]")
    assert shown["name"] == ("the example" if values is None else "these arguments")
    *floats, place = values or (1.5, 2.5, *shown["indices"])
    arguments, indices = {"parameters": floats}, {"index0": [place]}
    found = page_values(page)
    assert bits([float(number) for number in found["value"]]) == bits(
        [float(value) for value in evaluate_nodes(graph, arguments, indices)]
    )
    expected = interpret(graph, arguments, indices)["gradient"]
    for mine, right in zip(found["inputGradient"], expected, strict=True):
        assert math.isclose(float(mine), right, rel_tol=1e-12)
    value = compiled(*floats, place)[0]
    assert page.locator("#texts output").text_content().startswith(f"value {value:.4f}"[:9])


def rows_of(graph: Graph) -> list[Op]:
    return [OPS[op] for op in graph.op]


def test_details_say_why_a_gradient_is_so(tab: Tab, tmp_path: Path) -> None:
    compiled = microgpt.compile(lambda x, y: microgpt.tanh(x) * y, 0.5, 3.0, target="python")
    (tanh,) = (node for node, row in enumerate(rows_of(compiled.ir)) if row.name == "tanh")
    page = tab.open(f"{compiled.explore(tmp_path / 'page.html').as_uri()}#op={tanh}")
    text = page.locator(".details-body").text_content()
    assert "value 0.462117" in text
    assert "gradient 3" in text
    assert "One operation uses it" in text


def test_what_is_not_finite_is_shown(tab: Tab, tmp_path: Path) -> None:
    compiled = microgpt.compile(lambda x: microgpt.log(x) * 0.0, 0.0, target="python")
    page = tab.open(compiled.explore(tmp_path / "page.html").as_uri())
    assert page.locator("#texts output").text_content() == "value NaN"


def test_several_results_have_values_and_no_gradient(tab: Tab, tmp_path: Path) -> None:
    compiled = microgpt.jacobian(lambda x: [microgpt.exp(x), x * x], 2.0, target="python")
    (exp,) = (node for node, row in enumerate(rows_of(compiled.ir)) if row.name == "exp")
    assert compiled.ir.op[exp] in GIVEN
    page = tab.open(f"{compiled.explore(tmp_path / 'page.html').as_uri()}#op={exp}")
    text = page.locator(".details-body").text_content()
    assert "value 7.38906" in text
    assert "gradient" not in text


def test_arguments_that_do_not_fit(tmp_path: Path) -> None:
    compiled = microgpt.compile(lambda x: x * x, 2.0, target="python")
    with pytest.raises(TypeError, match="x"):
        compiled.explore(tmp_path / "page.html", values=("no number",))
    assert not (tmp_path / "page.html").exists()
