"""Everything can be done without a pointer, and what has the focus can be seen."""

from __future__ import annotations

from typing import Any

import pytest
from explorer.pages import PANES, Tab, Written

pytestmark = pytest.mark.slow


def focused(page: Any) -> str:
    return str(page.evaluate("() => document.activeElement.closest('[data-pane]')?.dataset.pane ?? ''"))


def test_tab_goes_from_pane_to_pane(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        pane = focused(page)
        if pane and pane not in seen:
            seen.append(pane)
    assert seen == ["source", "graph", "details", "ir", "python", "c", "assembly"]


def test_numbers_go_to_panes(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    for key, pane in enumerate(("source", "graph", "ir", "python", "c", "assembly"), 1):
        page.keyboard.press(str(key))
        assert focused(page) == pane


def test_arrows_light_enter_keeps_escape_lets_go(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.keyboard.press("4")
    page.keyboard.press("Home")
    line = next(line for line in range(2, 200) if written.nodes("python", line))
    for _ in range(line - 1):
        page.keyboard.press("ArrowDown")
    nodes = written.nodes("python", line)
    for pane in PANES:
        assert tab.lit(pane) == written.lines(pane, nodes)
    active = page.locator("[data-pane=python] .lines").get_attribute("aria-activedescendant")
    assert active == f"python-{line}"
    assert "#" not in page.url
    page.keyboard.press("Enter")
    assert page.url.endswith(f"#python={line}")
    page.keyboard.press("Escape")
    assert "#" not in page.url
    assert tab.lit("c") == []


def test_n_and_p_step_through_lit_lines(tab: Tab, written: Written) -> None:
    line = next(line for line in range(1, 200) if len(written.nodes("source", line)) > 20)
    page = tab.open(f"{written.address}#source={line}")
    lit = tab.lit("python")
    page.keyboard.press("4")
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    page.evaluate("hash => { location.hash = hash; }", f"source={line}")
    page.wait_for_function("count => window.explorer.lit('python').length === count", arg=len(lit))
    current = "() => window.explorer.listings.python.current + 1"
    page.evaluate("() => { window.explorer.listings.python.current = 0; }")
    page.keyboard.press("n")
    first = page.evaluate(current)
    assert first == lit[0]


def test_the_graph_by_keys(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.keyboard.press("2")
    names = []
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        names.append(page.locator(".node.current").get_attribute("aria-label"))
        assert tab.lit("ir")
    assert len(set(names[:3])) == 3
    assert names[3] == names[0]
    page.keyboard.press("Enter")
    assert "block=" in page.url
    page.keyboard.press("Backspace")
    assert page.locator(".crumbs button").count() == 1


def test_search_finds_lines_and_operations(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.keyboard.press("/")
    page.keyboard.type("total = sum(powers")
    page.keyboard.press("Enter")
    lines = written.chain.pane("gpt.py").lines
    found = next(number for number, line in enumerate(lines, 1) if "total = sum(powers" in line)
    assert page.url.endswith(f"#source={found}")
    assert "1 of 1" in page.locator("#search output").text_content()
    page.locator("#search-words").fill("%123")
    page.keyboard.press("Enter")
    assert tab.lit("ir") == [123]
    page.locator("#search-words").fill("nothing like this")
    page.keyboard.press("Enter")
    assert page.locator("#search output").text_content() == "nothing found"


def test_help_opens_and_closes(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_panes_close_grow_and_borders_move(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.locator("[data-toggles=c]").click()
    assert not page.locator("[data-pane=c]").is_visible()
    page.locator("[data-toggles=c]").click()
    page.locator("[data-pane=python] .grow").click()
    assert page.locator("[data-pane=python]").bounding_box()["width"] > 1200
    page.keyboard.press("Escape")
    width = page.locator("#left").bounding_box()["width"]
    assert width < 1200
    page.locator("[aria-label='width of the model']").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#left").bounding_box()["width"] > width
    box = page.locator("[aria-label='width of the graph']").bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 84, box["y"] + 40)
    page.mouse.up()
    assert page.locator("[aria-label='width of the graph']").bounding_box()["x"] > box["x"] + 40


def test_every_border_moves_and_comes_back(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    borders = page.locator(".border").all()
    assert len(borders) == 6
    for border in borders:
        before = border.bounding_box()
        border.focus()
        for _ in range(4):
            page.keyboard.press("ArrowUp")
        moved = border.bounding_box()
        assert (moved["x"], moved["y"]) != (before["x"], before["y"])
        border.dblclick()
        assert border.bounding_box() == before
    # What is left fills the room of what is closed.
    height = page.locator("[data-pane=python]").bounding_box()["height"]
    page.locator("[data-toggles=c]").click()
    page.locator("[data-toggles=assembly]").click()
    assert page.locator("[data-pane=python]").bounding_box()["height"] > 1.7 * height


def test_the_focus_can_be_seen(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    for _ in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                return [document.activeElement.className, style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        assert style[1] != "none", style
        assert style[2] >= 2, style
