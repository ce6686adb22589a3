"""Nothing in a corpus can become markup or a script; the page asks nobody for anything, and does with less."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import pytest
from explorer.conftest import HOSTILE
from explorer.pages import Tab, Written, small_model

from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.explore.make import make_page
from microgpt.tools.subject import c_program
from microgpt.tools.subject.model import ModelSubject

pytestmark = pytest.mark.slow


def test_texts_with_markup_stay_text(tab: Tab, hostile: Written) -> None:
    page = tab.open(hostile.address)
    shown = page.evaluate(
        "() => [...document.querySelectorAll('#texts-choice option')].map((each) => each.textContent)"
    )
    assert shown == [f"{text} (its first 3 positions)" for text in HOSTILE]
    for place in range(len(HOSTILE)):
        page.locator("#texts-choice").select_option(str(place))
    page.locator("#search-words").fill("<script>")
    page.keyboard.press("Enter")
    assert page.evaluate("() => window.harm") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_the_file_holds_no_text_of_the_corpus(hostile: Written) -> None:
    text = hostile.path.read_text("utf-8")
    assert "window.harm" not in text
    assert text.count("<script>") == 1  # ours


def test_scripts_that_somebody_puts_in_do_not_run(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.harm = 1";
            document.body.append(script);
            const markup = "<img src=x onerror='window.harm = 2'><b onclick='window.harm = 3'>x</b>";
            document.body.insertAdjacentHTML("beforeend", markup);
            document.querySelector("b").click();
        }"""
    )
    page.wait_for_timeout(50)
    assert page.evaluate("() => window.harm") is None
    assert any("Content Security Policy" in trouble for trouble in tab.troubles)
    tab.troubles.clear()
    tab.requests = [url for url in tab.requests if not url.endswith("/x")]


def test_hashes_with_markup_stay_text(tab: Tab, written: Written) -> None:
    page = tab.open(f"{written.address}#block=<img src=x onerror=alert(1)>&scope=</script>")
    assert page.locator("img").count() == 0
    assert tab.lit("ir") == []


def test_the_page_is_one_file(tab: Tab, written: Written) -> None:
    page = tab.open(written.address)
    assert page.evaluate("() => performance.getEntriesByType('resource').length") == 0
    assert [url for url in tab.requests if not url.startswith("about:")] == [written.address]


def test_without_a_c_compiler_the_page_has_no_assembly_and_says_so(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_compiler() -> NoReturn:
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr(c_program, "find_toolchain", no_compiler)
    said: list[str] = []
    model = small_model()
    path = tmp_path / "page.html"
    path.write_text(make_page(ModelSubject(Recipe("training", 2, model.config)), warn=said.append), encoding="utf-8")
    assert said == ["the page has no assembly: there is no C compiler"]
    page = tab.open(path.as_uri())
    assert "no C compiler" in page.locator("[data-pane=assembly] .lines").text_content()
    tab.row("c", tab.page.evaluate("() => explorer.listings.c.source.count") - 1).click(position={"x": 30, "y": 9})
    for key in "123456":
        page.keyboard.press(key)
    page.locator("#theme").click()
    assert page.locator("#texts").is_hidden()
