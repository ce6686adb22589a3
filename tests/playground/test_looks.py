"""How the page looks: contrast in both themes, a phone's width, keys, and nothing that moves other things."""

from __future__ import annotations

from typing import Any

import pytest
from explorer.test_looks import AA, CONTRASTS
from playground.pages import Small, Tab

pytestmark = pytest.mark.slow

# Where everything is that must not move.
PLACES = """() => [...document.querySelectorAll("h2, canvas, button, input, output, footer, #names li, #source")]
    .map((element) => [element.id || element.textContent, element.getBoundingClientRect().top + scrollY])"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_aa(chromium: Any, small: Small, scheme: str) -> None:
    tab = Tab(chromium, color_scheme=scheme)
    page = tab.open(small.address)
    page.keyboard.press("s")
    tab.wait(1)
    page.keyboard.press("i")
    page.locator(".own summary").click()
    page.locator(".numbers summary").first.click()
    found = page.evaluate(CONTRASTS)
    assert len(found) > 100
    # What is disabled need not be read.
    assert [entry for entry in found if entry[0] < AA] == []
    print(f"\n{scheme}: least contrast {min(entry[0] for entry in found):.2f}")
    tab.close()
    assert tab.troubles == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_moves_while_it_learns(chromium: Any, small: Small, width: int) -> None:
    tab = Tab(chromium, viewport={"width": width, "height": 844})
    page = tab.open(small.address)
    page.evaluate("() => document.fonts.ready")
    page.wait_for_timeout(100)
    before = page.evaluate(PLACES)
    tab.choose("steps", 0)
    page.locator("label", has_text="full speed").click()
    page.keyboard.press(" ")
    page.wait_for_function("() => window.playground.finished")
    page.wait_for_timeout(100)
    after = page.evaluate(PLACES)
    # Words on buttons change; places do not.
    assert [place for _, place in after] == [place for _, place in before]
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    tab.close()
    assert tab.troubles == []


def test_a_tap_on_a_line_shows_its_values(chromium: Any, small: Small) -> None:
    tab = Tab(chromium, viewport={"width": 390, "height": 844}, has_touch=True, device_scale_factor=2)
    page = tab.open(small.address)
    page.locator("#source .live", has_text="query = _linear").tap()
    assert page.locator("#line").inner_text().startswith("query = _linear(")
    assert page.locator(".card code").all_inner_texts() == ["query", "layer0.attn_wq"]
    canvas = page.locator(".card canvas").first
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(100)
    assert canvas.evaluate("canvas => canvas.width === Math.round(2 * canvas.getBoundingClientRect().width)")
    canvas.tap(position={"x": 12, "y": 16})
    assert page.locator(".readout").first.inner_text().startswith("position 1 (e), unit 0: value ")
    tab.close()
    assert tab.troubles == []


def test_lines_by_pointer_and_by_keys(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    line = page.locator("#line")
    assert line.inner_text() == "attention = _softmax(ops, scores)"
    page.locator("#source .live", has_text="scores = [_dot").hover()
    assert line.inner_text().startswith("scores = [_dot")
    page.mouse.move(2, 2)
    assert line.inner_text() == "attention = _softmax(ops, scores)"
    page.locator("#source").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert line.inner_text().startswith("scores = [_dot")
    active = page.locator("#source").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Home")
    assert page.locator("[aria-selected=true]").count() == 1
    # From number to number within a heat map.
    page.locator("#source .live", has_text="query = _linear").click()
    page.locator(".card canvas").first.focus()
    for key, name in (("ArrowRight", "unit 0"), ("ArrowRight", "unit 1"), ("ArrowDown", "position 1 (e), unit 1")):
        page.keyboard.press(key)
        assert name in page.locator(".readout").first.inner_text()
    shown = page.locator(".readout").first.inner_text()
    page.keyboard.press("s")
    tab.wait(1)
    page.wait_for_function("before => document.querySelector('.readout').textContent !== before", arg=shown)


def test_themes_change_what_is_drawn(chromium: Any, small: Small) -> None:
    tab = Tab(chromium, color_scheme="dark")
    page = tab.open(small.address)
    colours = "() => [getComputedStyle(document.body).backgroundColor, window.playground.palette.accent]"
    dark = page.evaluate(colours)
    page.keyboard.press("t")
    light = page.evaluate(colours)
    assert light[0] != dark[0]
    assert light[1] != dark[1]
    page.locator("#theme").click()
    assert page.evaluate(colours) == dark
    tab.close()


def test_scripts_that_somebody_puts_in_do_not_run(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.harm = 1";
            document.body.append(script);
            return fetch("https://example.com/").catch(() => 0);
        }"""
    )
    assert page.evaluate("() => window.harm") is None
    assert all("Content Security Policy" in trouble for trouble in tab.troubles)
    assert len(tab.troubles) >= 2
    tab.troubles.clear()
