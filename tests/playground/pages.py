"""What the tests of the playground share: a small page, a tab that it is opened in, and the same training in Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import explorer.pages
import pytest

from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import Corpus
from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample
from microgpt.tools.playground.make import make_page

NAMES = ("emma", "olivia", "ava", "isabella", "sophia", "mia", "zoe")
SHAPE = {"n_embd": 8, "n_head": 2, "block_size": 7}
SEED = 3


@dataclass(frozen=True)
class Small:
    """A page in a file, and the model in it."""

    path: Path
    config: GPTConfig

    @property
    def address(self) -> str:
        return self.path.as_uri()


def corpus(documents: tuple[str, ...]) -> Corpus:
    return Corpus("small", documents, "")


def write_page(folder: Path, corpus: Corpus, config: GPTConfig, seed: int) -> Path:
    """Makes a page; skips the test where nothing can make WebAssembly."""
    try:
        page = make_page(corpus, [config], seed, Cache.open(folder / "cache"))
    except ToolchainError as error:
        pytest.skip(f"no compiler makes WebAssembly: {error}")
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    return path


def small_page(folder: Path) -> Small:
    """A model of width 8 over seven names."""
    config = GPTConfig(vocab_size=Tokenizer.of(NAMES).vocab_size, **SHAPE)
    return Small(write_page(folder, corpus(NAMES), config, SEED), config)


class Tab(explorer.pages.Tab):
    """A tab with a playground in it."""

    def open(self, address: str) -> Any:
        """Opens a page and waits until its model is there."""
        self.page.goto("about:blank")
        self.requests.clear()
        self.page.goto(address)
        self.wait(0)
        return self.page

    def wait(self, step: int) -> None:
        """Waits until a step is shown, or a later one."""
        self.page.wait_for_function(
            "step => window.playground?.isReady && Number(document.documentElement.dataset.step) >= step", arg=step
        )

    def losses(self) -> list[str]:
        """All that are shown, as ``float.hex()`` writes them."""
        return [loss.hex() for loss in self.page.evaluate("() => Array.from(window.playground.losses)")]

    @property
    def step(self) -> int:
        return int(self.page.locator("#at").inner_text().replace(",", ""))

    def choose(self, slider: str, place: int) -> None:
        """Moves a slider."""
        self.page.evaluate(
            """([id, place]) => {
                const input = document.getElementById(id);
                input.value = place;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            [slider, place],
        )

    def finish(self) -> None:
        """Trains to the end at full speed."""
        self.page.locator("label", has_text="full speed").click()
        self.page.locator("#run").click()
        self.page.wait_for_function("() => window.playground.finished")


def trained(
    documents: tuple[str, ...], alphabet: tuple[str, ...], steps: int, count: int
) -> tuple[list[str], list[str]]:
    """The first losses of a training by the eager autograd in portable numerics; and, at its end, twenty names.

    Args:
        count: of losses.
        alphabet: documents whose alphabet the model has.
    """
    with numerics("portable"):
        training = Training(corpus(documents), SEED, steps, AdamConfig(), **SHAPE)
        assert Tokenizer.of(documents) == Tokenizer.of(alphabet)
        backend = EagerBackend(training.config, training.optimizer)
        losses = []
        for step in training.run(backend):
            losses.append(step.loss.hex())
            if len(losses) == count:
                break
        names = []
        if count == steps:
            given = training.config, training.tokenizer, training.state.parameters, training.rng
            names = [sample(backend, *given, temperature=0.5) for _ in range(20)]
    return losses, names
