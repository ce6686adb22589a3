"""The model that the page trains is the model: its losses and names, as bits; and it does what the buttons say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import skip_without_compiler
from playground.pages import NAMES, Small, Tab, trained, write_page

from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import load_corpus
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden" / "names_seed42.json"
FIFTY = 0  # the place of 50 on the slider of steps


def test_a_thousand_steps_of_the_default_model_are_those_of_portable_c(
    tab: Tab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    skip_without_compiler()
    path = write_page(tmp_path_factory.mktemp("default"), load_corpus("names"), GPTConfig(), 42)
    print(f"\n{path.stat().st_size:,} bytes")
    page = tab.open(path.as_uri())
    page.locator("label", has_text="full speed").click()
    page.locator("#run").click()
    page.wait_for_function("() => window.playground.finished")
    with numerics("portable"):
        shape = {"n_layer": 1, "n_embd": 16, "n_head": 4, "block_size": 16}
        training = Training(load_corpus("names"), 42, 1000, AdamConfig(), **shape)
        backend = CBackend(training.config, training.optimizer, Cache.open())
        backend.prepare((), 0, lambda done, total, what="": None)
        losses = [step.loss.hex() for step in training.run(backend)]
    assert tab.losses() == losses
    assert page.locator("#bits").inner_text() == losses[-1]
    # In exact numerics the last bits differ, and the names do not.
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert page.locator("#final .name").all_inner_texts() == golden["samples"]
    assert [f"{float.fromhex(loss):.4f}" for loss in losses] == [f"{float.fromhex(x):.4f}" for x in golden["losses"]]
    print(f"{page.locator('#rate-now').inner_text()} steps a second, {page.locator('#micros').inner_text()} a step")


def test_losses_and_names_are_those_of_the_eager_autograd(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    tab.choose("steps", FIFTY)
    tab.finish()
    losses, names = trained(NAMES, NAMES, 50, 50)
    assert tab.losses() == losses
    assert page.locator("#final .name").all_inner_texts() == [name or "(empty)" for name in names]
    assert page.locator("#names .name").count() == 12
    assert page.locator("#step").is_disabled()
    # And again, from the beginning; at full speed, the end would come before the beginning is seen.
    page.locator("label", has_text="steady").click()
    page.locator("#run").click()
    page.wait_for_function("() => !window.playground.finished")
    page.wait_for_function("() => window.playground.finished")
    assert tab.losses() == losses


def test_pause_stops_and_one_step_is_one_step(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    page.locator("#run").click()
    tab.wait(5)
    page.locator("#run").click()
    page.wait_for_function("() => !window.playground.running")
    at = tab.step
    page.wait_for_timeout(300)
    assert tab.step == at >= 5
    for more in (1, 2, 3):
        page.locator("#step").click()
        tab.wait(at + more)
        assert tab.step == at + more == len(tab.losses())
    page.locator("#reset").click()
    page.wait_for_function("() => window.playground.isReady && document.documentElement.dataset.step === '0'")
    assert tab.losses() == []


def test_keys(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    for count, key in enumerate("s.s", 1):
        page.keyboard.press(key)
        tab.wait(count)
        assert tab.step == count
    page.keyboard.press(" ")
    tab.wait(8)
    page.keyboard.press(" ")
    page.wait_for_function("() => !window.playground.running")
    page.keyboard.press("i")
    page.wait_for_function("() => document.querySelectorAll('#final .name').length === 20")
    page.keyboard.press("r")
    page.wait_for_function("() => document.documentElement.dataset.step === '0'")
    # In a text, letters are letters.
    page.locator("#text").fill("")
    page.locator("#text").press_sequentially("mias")
    assert page.locator("#text").input_value() == "mias"
    assert tab.step == 0


def test_own_names_are_the_corpus(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    tab.choose("steps", FIFTY)
    own = ("ZOÉ", "  evaohm  ", "o'bl", "", "slipbam", "<b>z</b>")
    page.locator(".own summary").click()
    page.locator("#own").fill("\n".join(own))
    page.locator("#use").click()
    page.wait_for_function("() => document.querySelector('#corpus').textContent.includes('3 of your own')")
    assert page.locator("#corpus").inner_text() == (
        "Trains on 3 of your own names. Left out: “o'bl” and 1 more, since the model has no “'”."
    )
    tab.finish()
    losses, _ = trained(("zoe", "evaohm", "slipbam"), NAMES, 50, 20)
    assert tab.losses()[:20] == losses
    page.locator("#own").fill("??\n!!")
    page.locator("#use").click()
    page.wait_for_function("() => document.querySelector('#corpus').textContent.startsWith('None of these')")


def test_sliders_take_effect(tab: Tab, small: Small) -> None:
    page = tab.open(small.address)
    tab.choose("steps", FIFTY)
    page.keyboard.press("s")
    tab.wait(1)
    first = tab.losses()
    tab.choose("seed", 4)
    page.wait_for_function("() => window.playground.isReady && document.documentElement.dataset.step === '0'")
    page.keyboard.press("s")
    tab.wait(1)
    assert tab.losses() != first
    tab.choose("rate", 0)
    tab.choose("seed", 3)
    page.wait_for_function("() => window.playground.isReady && document.documentElement.dataset.step === '0'")
    tab.finish()
    losses, _ = trained(NAMES, NAMES, 50, 2)
    assert tab.losses()[0] == first[0] == losses[0]
    assert tab.losses()[-1] != losses[-1]
    assert page.locator("output[for=rate]").inner_text() == "0.0003"
