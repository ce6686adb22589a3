"""A short run in portable numerics: the figures are those of the eager autograd, and no libm decides them.

    python -m pytest tests/golden/test_portable.py --renew-golden

There is one set of figures for every machine, C compiler and version of Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Backend, EagerBackend, PythonBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample

FIGURES = Path(__file__).parent / "portable_small.json"
DOCUMENTS = ("emma", "olivia", "ava", "isabella", "sophia", "mia", "zoe")


def run(make: Callable[[Training], Backend]) -> dict[str, Any]:
    """What a run gives, all of it in portable numerics."""
    with numerics("portable"):
        task = Training(
            Corpus("small", DOCUMENTS, ""), 3, 12, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=7
        )
        begin = digest(task.state.parameters)
        backend = make(task)
        backend.prepare(task.lengths(), task.config.block_size, lambda done, total, what="": None)
        losses = [step.loss.hex() for step in task.run(backend)]
        samples = [
            sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, temperature=0.5)
            for _ in range(4)
        ]
    return {"begin_sha256": begin, "losses": losses, "end_sha256": digest(task.state.parameters), "samples": samples}


def digest(parameters: list[float]) -> str:
    return hashlib.sha256("\n".join(map(float.hex, parameters)).encode()).hexdigest()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("programs"))


def figures() -> dict[str, Any]:
    return dict(json.loads(FIGURES.read_text("utf-8")))


@pytest.mark.slow
def test_the_eager_autograd_gives_the_figures(request: pytest.FixtureRequest):
    found = run(lambda task: EagerBackend(task.config, task.optimizer))
    if request.config.getoption("--renew-golden"):
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    assert found == figures()


@pytest.mark.slow
def test_generated_python_gives_the_figures(cache: Cache):
    assert run(lambda task: PythonBackend(task.config, task.optimizer, Library(cache))) == figures()


@pytest.mark.slow
def test_c_gives_the_figures(cache: Cache):
    assert run(lambda task: CBackend(task.config, task.optimizer, cache)) == figures()


@pytest.mark.slow
def test_the_figures_are_not_those_of_libm():
    """Or the tests above would not tell the two apart."""
    task = Training(Corpus("small", DOCUMENTS, ""), 3, 12, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=7)
    list(task.run(EagerBackend(task.config, task.optimizer)))
    assert digest(task.state.parameters) != figures()["end_sha256"]
