"""Pointing and clicking in any pane lights in all others what the chain, in Python, says belongs to it."""

from __future__ import annotations

import pytest
from explorer.pages import PANES, Tab, Written, check_clicks, sample

from microgpt.compiler.ir.ops import CONST, INDEX, INPUT
from microgpt.compiler.ir.text import format_node
from microgpt.tools.explore.blocks import blocks

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pane", PANES)
def test_a_click_lights_the_same_lines_as_the_chain(tab: Tab, written: Written, pane: str) -> None:
    check_clicks(tab, written, pane, 6)


def test_pointing_lights_and_leaving_darkens(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    (line, *_) = sample(written, "python", 6)
    tab.row("python", line).hover(position={"x": 30, "y": 9})
    nodes = written.nodes("python", line)
    assert tab.lit("c") == written.lines("c", nodes)
    assert "#" not in page.url
    page.mouse.move(640, 10)
    page.wait_for_function("() => !window.explorer.lit('c').length")


def test_what_is_pinned_stays_when_pointing_elsewhere(tab: Tab, written: Written) -> None:
    tab.open(written.address)
    line, other, *_ = sample(written, "python", 6)
    tab.row("python", line).click(position={"x": 30, "y": 9})
    tab.row("python", other).hover(position={"x": 30, "y": 9})
    assert tab.lit("python") == written.lines("python", written.nodes("python", line))


def test_a_click_on_a_block_lights_its_operations_and_opens_it(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    names, block_of_traced = blocks(written.chain.graphs["trace"])
    graph = written.chain.graph
    page.locator(".node", has_text="head.scores").first.click()
    wanted = names.index("layer0.head.scores")
    nodes = [
        node
        for node, source in enumerate(graph.source)
        if source >= 0 and graph.op[node] not in (CONST, INPUT, INDEX) and block_of_traced[source] == wanted
    ]
    assert tab.lit("ir") == nodes
    for pane in PANES:
        assert tab.lit(pane) == written.lines(pane, nodes)
    assert page.locator(".crumbs [aria-current]").text_content() == "layer0.head.scores"


@pytest.mark.parametrize("pane", PANES)
def test_a_line_lights_the_blocks_of_its_operations(tab: Tab, written: Written, pane: str) -> None:
    page = tab.open(written.address)
    names, block_of_traced = blocks(written.chain.graphs["trace"])
    graph = written.chain.graph
    for line in sample(written, pane, 6):
        tab.row(pane, line).hover(position={"x": 30, "y": 9})
        expected = {
            (names[block_of_traced[max(graph.source[node], ~graph.source[node])]], graph.is_backward(node))
            for node in written.nodes(pane, line)
            if graph.op[node] not in (CONST, INPUT, INDEX)
        }
        lit = page.evaluate(
            """() => {
                const { drawing } = window.explorer;
                return drawing.litNodes.map((number) => drawing.picture.nodes[number].select);
            }"""
        )
        assert {(select["block"], select["way"] == "backward") for select in lit} == expected
        assert page.locator(".node.lit").count() == len(expected)


def test_the_ir_is_the_text_form_of_the_graph(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    graph = written.chain.graph
    shown = page.evaluate("() => Array.from({ length: explorer.graph.size }, (_, node) => explorer.graph.text(node))")
    assert shown == [format_node(graph, node).partition(";")[0].rstrip() for node in range(len(graph))]


def test_names_are_those_of_the_generated_python(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    names = page.evaluate("() => [...explorer.graph.statementName].filter(([, name]) => name)")
    assert [node for node, _ in names] == list(written.chain.statements.roots)
    for node, name in names[::50]:
        lines = [written.chain.pane("python").lines[line - 1] for line in written.lines("python", [node])]
        # A result that goes straight into an output needs no name.
        assert any(name in line for line in lines) or any("gradient[" in line or "loss[" in line for line in lines)


def test_levels_lead_from_the_model_to_a_scalar_and_back(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    for text in ("mlp_up", "position2", "mul", "p2_l0_mlp_up"):
        assert page.locator(".node").count() <= 150
        page.locator(".node:not(.near)", has_text=text).first.click()
    assert page.locator(".node.centre").count() == 1
    assert "op=" in page.url
    titles = page.locator(".crumbs button").all_text_contents()
    assert titles[:3] == ["model", "layer0.mlp_up", "position2.layer0.mlp_up"]
    for button in (3, 2, 1):
        page.locator(".crumbs button").nth(button - 1).click()
        assert page.locator(".crumbs button").count() == button
    assert tab.lit("ir") == []


def test_the_address_keeps_the_selection(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    for pane in PANES:
        line = sample(written, pane, 6)[-1]
        tab.row(pane, line).click(position={"x": 30, "y": 9})
        address = page.url
        assert address.endswith(f"#{'op' if pane == 'ir' else pane}={line}")
        before = {other: tab.lit(other) for other in PANES}
        tab.open(address)
        assert {other: tab.lit(other) for other in PANES} == before
        assert before["ir"] == sorted(written.nodes(pane, line))


def test_back_and_forward_walk_through_selections(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    first, second, *_ = sample(written, "ir", 6)
    for node in (first, second):
        tab.row("ir", node).click(position={"x": 30, "y": 9})
    page.go_back()
    page.wait_for_function("node => window.explorer.lit('ir')[0] === node", arg=first)
    page.go_forward()
    page.wait_for_function("node => window.explorer.lit('ir')[0] === node", arg=second)


@pytest.mark.parametrize(
    "hash_", ["op=99999999", "op=-1", "source=0", "block=nothing", "python=1e9", "x", "%", "op=1%00"]
)
def test_an_address_that_names_nothing_selects_nothing(tab: Tab, written: Written, hash_: str) -> None:
    tab.open(f"{written.address}#{hash_}")
    assert tab.lit("ir") == []
