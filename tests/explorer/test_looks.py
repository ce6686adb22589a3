"""Contrast in both themes, themes by the system and by the button, less motion, narrow and wide windows."""

from __future__ import annotations

from typing import Any

import pytest
from explorer.pages import Tab, Written

pytestmark = pytest.mark.slow

AA = 4.5

# For every element with text of its own in the window: the contrast of its colour to what lies behind it.
CONTRASTS = """() => {
    const parse = (text) => text.match(/[\\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue].map((part) => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            if (each.matches?.("g.node")) return parse(getComputedStyle(each.querySelector("rect")).fill);
            const colour = getComputedStyle(each).backgroundColor;
            const parts = parse(colour);
            if (parts.length === 3 || parts[3] > 0.99) return parts;
        }
        return [255, 255, 255];
    };
    const found = [];
    const shown = document.querySelector("dialog[open]") ?? document.body;
    for (const element of shown.querySelectorAll("*")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.checkVisibility() || element.closest("script, style, noscript")) continue;
        const style = getComputedStyle(element);
        const text = parse(element.namespaceURI.endsWith("svg") ? style.fill : style.color);
        // Behind the figure of a heat cell lies its bar, at most.
        const bar = element.matches(".heat") && style.backgroundImage.match(/rgb[^)]*\\)/);
        const ground = bar ? parse(bar[0]) : behind(element);
        const [light, dark] = [luminance(text), luminance(ground)].sort((one, other) => other - one);
        const name = element.className.baseVal ?? element.className;
        found.push([(light + 0.05) / (dark + 0.05), `${name} ${element.textContent.slice(0, 30)}`]);
    }
    return found;
}"""


def least_contrast(page: Any) -> float:
    found = page.evaluate(CONTRASTS)
    assert len(found) > 40
    low = [entry for entry in found if entry[0] < AA]
    assert low == []
    return float(min(entry[0] for entry in found))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_aa(chromium: Any, written: Written, scheme: str) -> None:
    tab = Tab(chromium, color_scheme=scheme)
    source = next(line for line in range(1, 200) if len(written.nodes("source", line)) > 20)
    views = [
        "",
        f"source={source}",
        "op=600",
        "block=layer0.head.scores",
        "block=loss&scope=position1.loss&way=backward",
    ]
    least = []
    for view in views:
        page = tab.open(f"{written.address}#{view}")
        page.wait_for_timeout(150)  # transitions
        least.append(least_contrast(page))
    page.keyboard.press("?")
    page.wait_for_timeout(50)
    least.append(min(entry[0] for entry in page.evaluate(CONTRASTS)))
    assert least[-1] >= AA
    print(f"\n{scheme}: least contrast {min(least):.2f}")
    tab.close()


def test_the_theme_follows_the_system_and_the_button(chromium: Any, written: Written) -> None:
    tab = Tab(chromium, color_scheme="dark")
    page = tab.open(written.address)
    paper = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.locator("#theme").click()
    light = page.evaluate(paper)
    assert light != dark
    page.locator("#theme").click()
    assert page.evaluate(paper) == dark
    tab.close()


def test_reduced_motion_is_respected(chromium: Any, written: Written) -> None:
    durations = []
    for choice in ("no-preference", "reduce"):
        tab = Tab(chromium, reduced_motion=choice)
        page = tab.open(written.address)
        durations.append(
            page.evaluate("() => getComputedStyle(document.querySelector('.node rect')).transitionDuration")
        )
        tab.close()
    assert durations[0] != durations[1]
    assert set(durations[1].split(", ")) == {"0s"}


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (1024, 700)])
def test_all_panes_can_be_seen(chromium: Any, written: Written, size: tuple[int, int]) -> None:
    tab = Tab(chromium, viewport={"width": size[0], "height": size[1]})
    page = tab.open(written.address)
    for pane in page.locator(".pane").all():
        box = pane.bounding_box()
        assert box["width"] > 150
        assert box["height"] > 80
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        assert box["y"] + box["height"] <= size[1]
    tab.close()


def test_lines_of_the_model_are_whole_at_1400_pixels(chromium: Any, written: Written) -> None:
    tab = Tab(chromium, viewport={"width": 1400, "height": 900})
    page = tab.open(written.address)
    room = page.evaluate(
        """() => {
            const box = document.querySelector("#source-lines").getBoundingClientRect();
            return [...document.querySelectorAll("#source-lines .code")].map(
                (code) => box.right - code.getBoundingClientRect().right);
        }"""
    )
    assert len(room) > 15
    longest = max(map(len, written.chain.pane("gpt.py").lines))
    assert longest > 100
    letters = page.evaluate("() => window.explorer.listings.source.letterWidth()")
    assert page.locator("#source-lines").bounding_box()["width"] > letters * longest
    assert min(room) >= 0
    tab.close()


def test_on_a_phone_there_is_one_pane_at_a_time(chromium: Any, written: Written) -> None:
    tab = Tab(chromium, viewport={"width": 390, "height": 844})
    page = tab.open(written.address)
    tabs = page.locator("[role=tab]").all()
    assert len(tabs) == 7
    for button in tabs:
        button.click()
        shown = [pane for pane in page.locator(".pane").all() if pane.is_visible()]
        assert [pane.get_attribute("data-pane") for pane in shown] == [button.get_attribute("data-toggles")]
        assert shown[0].bounding_box()["width"] == 390
        assert button.get_attribute("aria-selected") == "true"
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    source = next(line for line in range(1, 200) if len(written.nodes("source", line)) > 20)
    page.locator("[data-toggles=source]").click()
    tab.row("source", source).click(position={"x": 30, "y": 9})
    lit = len(tab.lit("python"))
    assert page.locator("[data-toggles=python] .lit-count").inner_text() == f"{lit:,}"
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.locator("[role=tab]").count() == 0
    assert page.locator(".pane:visible").count() == 7
    tab.close()
