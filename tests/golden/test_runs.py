"""Whole runs: every loss, parameter and sample is the one that microgpt.py gives on CPython, to the last bit.

The figures stand beside this file. Those of the names of makemore are checked where that corpus is: it is not shipped.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from microgpt.data.corpus import Corpus, load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Backend, EagerBackend, PythonBackend
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample

HERE = Path(__file__).parent
BESIDE = HERE.parents[2] / "shared"

MAKEMORE_SHA256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"
HOW_TO_GET_MAKEMORE = (
    "set MICROGPT_MAKEMORE to the names.txt of github.com/karpathy/makemore (commit 988aa59) to check it as well"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(Cache.open(tmp_path_factory.mktemp("programs")))


def figures(run: str) -> tuple[Corpus, dict[str, Any]]:
    """The corpus and the expected figures of a run; skips the test if the corpus is not here."""
    source: str | Path = "names"
    if run.startswith("makemore"):
        source = Path(os.environ.get("MICROGPT_MAKEMORE") or BESIDE / "data" / "makemore_names.txt")
        if not source.is_file():
            pytest.skip(f"not checked: the run {run}, whose corpus is not shipped; {HOW_TO_GET_MAKEMORE}")
    corpus = load_corpus(source)
    expected = json.loads((HERE / f"{run}.json").read_text("utf-8"))
    if source != "names":
        assert corpus.sha256 == MAKEMORE_SHA256, f"{source} is another corpus; {HOW_TO_GET_MAKEMORE}"
    else:
        assert corpus.sha256 == expected["data_sha256"], "the shipped corpus is not the one of the figures"
    return corpus, expected


def training(corpus: Corpus, expected: dict[str, Any]) -> Training:
    shape = {name: expected[name] for name in ("n_layer", "n_embd", "n_head", "block_size")}
    return Training(corpus, expected["seed"], expected["steps"], AdamConfig(), **shape)


# Of two layers, these programs take minutes to compile; `test_other_shapes_agree...` and runs in C have more layers.
@pytest.mark.slow
@pytest.mark.parametrize("run", ["names_seed42", "makemore_seed42"])
def test_python_backend_gives_every_bit(run: str, library: Library) -> None:
    corpus, expected = figures(run)
    task = training(corpus, expected)
    backend = PythonBackend(task.config, task.optimizer, library)
    backend.prepare(task.lengths(), task.config.block_size, lambda done, total: None)
    losses = [step.loss.hex() for step in task.run(backend)]
    for step, (loss, right) in enumerate(zip(losses, expected["losses"], strict=True), 1):
        assert loss == right, f"the loss of step {step} is {loss}, not {right}"

    parameters = [parameter.hex() for parameter in task.state.parameters]
    assert parameters[:8] == expected["params_first8"]
    assert parameters[-8:] == expected["params_last8"]
    assert hashlib.sha256("\n".join(parameters).encode()).hexdigest() == expected["params_sha256"]
    assert samples(task, backend, len(expected["samples"])) == expected["samples"]


@pytest.mark.parametrize(("run", "steps"), [("names_seed42", 5), ("makemore_seed42", 5)])
def test_eager_backend_gives_the_first_losses(run: str, steps: int) -> None:
    corpus, expected = figures(run)
    check_eager(corpus, expected, steps)


@pytest.mark.slow
@pytest.mark.parametrize(("run", "steps"), [("names_seed42", 20), ("makemore_seed42_layer2", 5)])
def test_eager_backend_gives_more_losses(run: str, steps: int) -> None:
    check_eager(*figures(run), steps)


def check_eager(corpus: Corpus, expected: dict[str, Any], steps: int) -> None:
    task = training(corpus, expected)
    losses = [step.loss.hex() for step in islice(task.run(EagerBackend(task.config, task.optimizer)), steps)]
    assert losses == expected["losses"][:steps]


def samples(task: Training, backend: Backend, count: int) -> list[str]:
    return [
        sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, temperature=0.5)
        for _ in range(count)
    ]


# Shapes that differ in each respect from the default, and from each other; the least possible sizes among them.
SHAPES = [
    {"n_layer": 1, "n_embd": 1, "n_head": 1, "block_size": 1},
    {"n_layer": 1, "n_embd": 2, "n_head": 1, "block_size": 2},
    {"n_layer": 1, "n_embd": 4, "n_head": 4, "block_size": 5},
    {"n_layer": 2, "n_embd": 6, "n_head": 3, "block_size": 4},
    {"n_layer": 3, "n_embd": 4, "n_head": 2, "block_size": 3},
    {"n_layer": 1, "n_embd": 12, "n_head": 2, "block_size": 9},
]
DOCUMENTS = ["abba", "a", "ca", "bacca", "cab", "aaaaaaaa", "b", "éa", "abc"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_other_shapes_agree_with_the_eager_autograd(shape: dict[str, int], seed: int, library: Library) -> None:
    # Vocabularies of different sizes: with seed 0, a single letter and the token that ends a document.
    documents = ("aa", "a", "aaaa") if seed == 0 else tuple(DOCUMENTS[: 4 + seed % 7])
    corpus = Corpus("small", documents, "")
    runs = []
    for kind in ("eager", "python"):
        task = Training(corpus, seed, 5, AdamConfig(learning_rate=0.05), **shape)
        if kind == "eager":
            backend: Backend = EagerBackend(task.config, task.optimizer)
        else:
            backend = PythonBackend(task.config, task.optimizer, library)
        losses = [step.loss.hex() for step in task.run(backend)]
        parameters = [parameter.hex() for parameter in task.state.parameters]
        runs.append((losses, parameters, samples(task, backend, 4)))
    assert runs[0] == runs[1]
