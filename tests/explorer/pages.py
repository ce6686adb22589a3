"""What the tests of the explorer share: small pages with their chains, and a browser without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import GPTConfig
from microgpt.model.gpt import initial_parameters
from microgpt.runtime.checkpoint import Checkpoint
from microgpt.runtime.recipe import Recipe
from microgpt.tools.explore.make import make_page
from microgpt.tools.provenance.chain import Chain

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# The panes of the page, by the names of the chain's.
PANES = {"source": "gpt.py", "ir": "remove_dead_nodes", "python": "python", "c": "c", "assembly": "assembly"}


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
    recipe = Recipe("training", length, model.config)
    path.write_text(make_page(recipe, model, texts), encoding="utf-8")
    return Written(path, Chain(recipe), model, texts)


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
