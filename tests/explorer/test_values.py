"""The page carries the graph out by itself: with the bits of the interpreter, and the gradient of the program."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from explorer.pages import Tab, Written

from microgpt.compiler.ir.interpret import evaluate_nodes, interpret

pytestmark = pytest.mark.slow


def bits(numbers: list[float]) -> list[str]:
    return [struct.pack(">d", number).hex() for number in numbers]


def indices(written: Written, text: str) -> dict[str, list[int]]:
    tokens = written.model.tokenizer.encode(text)
    length = written.chain.subject.recipe.number
    return {"tokens": tokens[:length], "targets": tokens[1 : length + 1]}


def page_values(page: Any) -> dict[str, Any]:
    """Of the text that is chosen. Doubles travel as text, lest they are rounded on the way."""
    return dict(
        page.evaluate(
            """() => {
                const { value, gradient, reached, inputGradient } = window.explorer.details.values;
                const texts = (column) => [...column].map((number) => (Object.is(number, -0) ? "-0" : String(number)));
                return { value: texts(value), gradient: texts(gradient), reached: [...reached],
                    inputGradient: texts(inputGradient) };
            }"""
        )
    )


@pytest.mark.parametrize("place", [0, 1])
def test_values_have_the_bits_of_the_interpreter(tab: Tab, written: Written, place: int) -> None:
    page = tab.open(written.address)
    page.locator("#texts-choice").select_option(str(place))
    text = written.texts[place]
    expected = evaluate_nodes(written.chain.graph, {"parameters": written.model.parameters}, indices(written, text))
    found = [float(number) for number in page_values(page)["value"]]
    assert bits(found) == bits([float(value) for value in expected])


def test_the_gradient_of_every_parameter_is_that_of_the_program(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    parameters = {"parameters": written.model.parameters}
    expected = interpret(written.chain.graph, parameters, indices(written, written.texts[0]))["gradient"]
    found = [float(number) for number in page_values(page)["inputGradient"]]
    # The page adds contributions up in another order, so the last bits may differ.
    for number, (mine, right) in enumerate(zip(found, expected, strict=True)):
        assert math.isclose(mine, right, rel_tol=1e-9, abs_tol=1e-15), number


def test_contributions_add_up_to_the_gradient(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    wrong = page.evaluate(
        """() => {
            const { values, atlas } = window.explorer.details;
            const wrong = [];
            for (let node = 0; node < atlas.graph.size; node++) {
                if (!values.reached[node] || atlas.graph.isBackward(node)) continue;
                const rows = values.contributions(node);
                if (!rows.length) continue;  // the loss itself
                const sum = rows.reduce((sum, row) => sum + row.value, 0);
                const size = rows.reduce((sum, row) => sum + Math.abs(row.value), 0);
                if (Math.abs(sum - values.gradient[node]) > 1e-12 * size) wrong.push(node);
            }
            return wrong;
        }"""
    )
    assert wrong == []


def test_why_leads_from_operation_to_operation(tab: Tab, written: Written) -> None:
    values = page_values(tab.open(written.address))
    graph = written.chain.graph
    uses: dict[int, list[int]] = {}
    for node in range(len(graph)):
        for operand in dict.fromkeys(graph.operands(node)):
            if graph.source[node] >= 0 and values["reached"][node]:
                uses.setdefault(operand, []).append(node)
    start = next(node for node, users in uses.items() if len(users) > 2 and graph.operands(node))
    page = tab.open(f"{written.address}#op={start}")
    rows = page.locator(".why tr")
    assert rows.count() == 1 + len(uses[start])
    assert f"{len(uses[start])} operations use it" in page.locator(".details-body").text_content()
    rows.nth(1).locator("button").click()
    assert tab.lit("ir")[0] in uses[start]


def test_the_text_that_is_shown_can_be_changed(tab: Tab, written: Written) -> None:
    page = tab.open(f"{written.address}#op=100")
    before = page.locator("#texts output").text_content()
    page.locator("#texts-choice").select_option("1")
    assert page.locator("#texts output").text_content() != before
    assert "text=1" in page.url
    tab.open(page.url)
    assert page.locator("#texts-choice").input_value() == "1"
