"""Pointing and clicking in any pane lights in all others what the chain, in Python, says belongs to it."""

from __future__ import annotations

from random import Random

import pytest
from explorer.pages import PANES, Tab, Written

from microgpt.compiler.ir.ops import CONST, INDEX, INPUT
from microgpt.tools.explore.blocks import blocks

SAMPLES = 6


def sample(written: Written, pane: str) -> list[int]:
    """Some lines of a pane that belong to operations."""
    size = len(written.chain.graph) if pane == "ir" else len(written.chain.pane(PANES[pane]).lines)
    every = [line for line in range(pane != "ir", size) if written.nodes(pane, line)]
    return sorted(Random(pane).sample(every, min(SAMPLES, len(every))))


@pytest.mark.parametrize("pane", PANES)
def test_a_click_lights_the_same_lines_as_the_chain(tab: Tab, written: Written, pane: str) -> None:
    tab.open(written.address)
    for line in sample(written, pane):
        tab.row(pane, line).click(position={"x": 30, "y": 9})
        nodes = written.nodes(pane, line)
        assert tab.lit("ir") == sorted(nodes)
        for other in PANES:
            expected = written.lines(other, nodes)
            assert tab.lit(other) == expected, f"{pane} {line} in {other}"
            check_view(tab, other, expected)


def check_view(tab: Tab, pane: str, expected: list[int]) -> None:
    """Rows in the document are lit as they should be, and one of them is where it can be seen."""
    shown = tab.page.evaluate(
        """async pane => {
            for (let frames = 0; frames < 2; frames++) await new Promise(requestAnimationFrame);
            const box = document.querySelector(`[data-pane="${pane}"] .lines`);
            const frame = box.getBoundingClientRect();
            return [...box.querySelectorAll(".row")].map((row) => {
                const place = row.getBoundingClientRect();
                return [Number(row.dataset.line), row.classList.contains("lit"), row.getAttribute("aria-selected"),
                    place.top >= frame.top - 1 && place.bottom <= frame.bottom + 1];
            });
        }""",
        pane,
    )
    wanted = {line - (pane != "ir") for line in expected}
    for line, is_lit, selected, _ in shown:
        assert is_lit == (line in wanted)
        assert selected == ("true" if is_lit else "false")
    assert not wanted or any(is_lit and in_view for _, is_lit, _, in_view in shown), f"nothing lit in view in {pane}"


def test_pointing_lights_and_leaving_darkens(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    (line, *_) = sample(written, "python")
    tab.row("python", line).hover(position={"x": 30, "y": 9})
    nodes = written.nodes("python", line)
    assert tab.lit("c") == written.lines("c", nodes)
    assert "#" not in page.url
    page.mouse.move(640, 10)
    page.wait_for_function("() => !window.explorer.lit('c').length")


def test_what_is_pinned_stays_when_pointing_elsewhere(tab: Tab, written: Written) -> None:
    tab.open(written.address)
    line, other, *_ = sample(written, "python")
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
        line = sample(written, pane)[-1]
        tab.row(pane, line).click(position={"x": 30, "y": 9})
        address = page.url
        assert address.endswith(f"#{'op' if pane == 'ir' else pane}={line}")
        before = {other: tab.lit(other) for other in PANES}
        tab.open(address)
        assert {other: tab.lit(other) for other in PANES} == before
        assert before["ir"] == sorted(written.nodes(pane, line))


def test_back_and_forward_walk_through_selections(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    first, second, *_ = sample(written, "ir")
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
