"""What the tests of the explorer share: small pages with their chains, and a browser without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import GPTConfig
from microgpt.model.gpt import initial_parameters
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.training.checkpoint import Checkpoint
from microgpt.tools.explore.make import make_page
from microgpt.tools.explore.values import documents
from microgpt.tools.provenance.chain import Chain
from microgpt.tools.subject.model import ModelSubject

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# The panes of the page, by the names of the chain's.
PANES = {"source": "gpt.py", "ir": "dce", "python": "python", "c": "c", "assembly": "assembly"}


def small_model(documents: tuple[str, ...] = ("anna", "eve"), **shape: int) -> Checkpoint:
    """An untrained model, small enough to be compiled in a second."""
    tokenizer = Tokenizer.of(documents)
    sizes = {"n_layer": 2, "n_embd": 4, "n_head": 2, "block_size": 4} | shape
    config = GPTConfig(vocab_size=tokenizer.vocab_size, **sizes)
    return Checkpoint(config, tokenizer, 1, 0, initial_parameters(config, Random(1)))


@dataclass(frozen=True)
class Written:
    """A page in a file, and what it was made from."""

    path: Path
    chain: Chain
    model: Checkpoint
    texts: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.path.as_uri()

    def lines(self, pane: str, nodes: list[int]) -> list[int]:
        """The lines of one of the page's panes that belong to nodes; of the IR, the nodes."""
        return sorted(nodes) if pane == "ir" else self.chain.lines_of(PANES[pane], nodes)

    def nodes(self, pane: str, line: int) -> list[int]:
        """The other way round."""
        return [line] if pane == "ir" else self.chain.nodes_at(PANES[pane], line)


def write_page(path: Path, model: Checkpoint, texts: tuple[str, ...], length: int) -> Written:
    """Makes a page."""
    subject = ModelSubject(Recipe("training", length, model.config))
    path.write_text(
        make_page(subject, partial(documents, checkpoint=model, texts=texts, length=length)), encoding="utf-8"
    )
    return Written(path, Chain(subject), model, texts)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium. Skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium or google-chrome on this machine: the page cannot be opened")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'"
    )
    # Chromium refuses to run as root with its sandbox.
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        running.close()


class Tab:
    """A tab of the browser with the network off, which notes whatever goes wrong."""

    def __init__(self, running: Any, **settings: Any) -> None:
        settings = {"viewport": {"width": 1280, "height": 800}} | settings
        self.context = running.new_context(offline=True, **settings)
        self.context.set_default_timeout(120_000)  # machines are busy where tests run
        self.page = self.context.new_page()
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.troubles.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.troubles.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address: str) -> Any:
        """Opens an address and waits until everything is there."""
        self.page.goto("about:blank")
        self.requests.clear()
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def lit(self, pane: str) -> list[int]:
        """What is lit in a pane, whether in view or not."""
        return list(self.page.evaluate("pane => window.explorer.lit(pane)", pane))

    def row(self, pane: str, line: int) -> Any:
        """The row of a line, counted from 1 (in the IR, of an operation), scrolled into view."""
        place = line if pane == "ir" else line - 1
        self.page.evaluate("([pane, place]) => window.explorer.listings[pane].reveal(place)", [pane, place])
        row = self.page.locator(f"#{pane}-{place + 1}")
        row.wait_for()
        return row

    def close(self) -> None:
        self.context.close()


def sample(written: Written, pane: str, count: int) -> list[int]:
    """Some lines of a pane that belong to operations."""
    size = len(written.chain.graph) if pane == "ir" else len(written.chain.pane(PANES[pane]).lines)
    order = list(range(pane != "ir", size))
    Random(pane).shuffle(order)
    return sorted(islice((line for line in order if written.nodes(pane, line)), count))


def check_clicks(tab: Tab, written: Written, pane: str, count: int) -> None:
    """Clicks on some lines of a pane, and compares what is lit in all panes with what the chain says."""
    tab.open(written.address)
    for line in sample(written, pane, count):
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
