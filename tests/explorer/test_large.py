"""The page of a model whose graph is not made: its operations are the places in its loops."""

from __future__ import annotations

import pytest
from explorer.pages import Tab, check_view

from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.explore.make import make_page
from microgpt.tools.explore.places import Places, places_of
from microgpt.tools.loops.known import know
from microgpt.tools.subject.model import ModelSubject

pytestmark = pytest.mark.slow

PANES = ("source", "ir", "loops", "c", "assembly")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Places]:
    """The address of a page, and what it shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgpt.tools.subject.model.LARGE", 0)
        subject = ModelSubject(Recipe("training", 6, GPTConfig(27, 2, 12, 3, 9)))
        path = tmp_path_factory.mktemp("large") / "page.html"
        path.write_text(make_page(subject), encoding="utf-8")
        return path.as_uri(), places_of(know(subject), subject)


def test_a_line_of_the_loops_lights_its_places(tab: Tab, large: tuple[str, Places]) -> None:
    address, places = large
    page = tab.open(address)
    lines = page.evaluate(
        "[...Array(explorer.listings.loops.source.count).keys()].map(explorer.listings.loops.source.text)"
    )
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("    layer0_query[position][i] ="))
    tab.row("loops", line).click(position={"x": 30, "y": 9})
    nest = next(number for number, (formula, _) in enumerate(places.statements) if formula.startswith("query[t,i]"))
    nodes = list(places.nodes_of_nest[nest])
    assert tab.lit("ir") == nodes
    assert tab.lit("source") == [148]
    assert tab.lit("loops") == list(range(line - 3, line + 1))
    for pane in PANES:
        assert tab.lit(pane)
        check_view(tab, pane, tab.lit(pane))
    details = page.locator(".details-body")
    total = sum(places.times[node] for node in nodes)
    assert f"{total:,} operations at {len(nodes)} places" in details.inner_text()
    assert places.statements[nest][0] in details.inner_text()


def test_a_place_has_the_formula_of_its_loop(tab: Tab, large: tuple[str, Places]) -> None:
    address, places = large
    page = tab.open(address)
    node = next(node for node, times in enumerate(places.times) if times > 1000)
    tab.row("ir", node).click(position={"x": 30, "y": 9})
    text = page.locator(".details-body").inner_text()
    assert f"{places.times[node]:,} times" in text
    assert places.statements[places.statement_of[node]][0] in text
    assert f"{places.times[node]:,} ×" in tab.row("ir", node).inner_text()


def test_blocks_count_what_is_carried_out(tab: Tab, large: tuple[str, Places]) -> None:
    address, places = large
    page = tab.open(address)
    block = places.block_names.index("layer1.query")
    count = sum(
        times
        for node, times in enumerate(places.times)
        if places.graph.source[node] >= 0 and places.block_of_traced[places.graph.source[node]] == block
    )
    names = page.locator(".node.forward", has_text="query").all_text_contents()
    assert any(f"{count:,} ops" in name for name in names)
    page.locator(".node.forward", has_text="query").nth(1).click()
    assert page.locator(".crumbs [aria-current]").text_content() == "layer1.query"
