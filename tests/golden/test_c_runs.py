"""Whole runs in C: every loss, parameter and sample is the one that microgpt.py gives; so are those of an exported library."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from golden.test_runs import figures, training

from microgpt.model.config import AdamConfig
from microgpt.runtime.c_backend import CBackend
from microgpt.runtime.cache import Cache
from microgpt.runtime.export import export_library
from microgpt.runtime.toolchain import ToolchainError, find_toolchain
from microgpt.runtime.training import sample

RUNS = ("names_seed42", "makemore_seed42", "makemore_seed42_layer2")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    try:
        find_toolchain()
    except ToolchainError as error:
        pytest.skip(str(error))
    return Cache.open(tmp_path_factory.mktemp("libraries"))


@pytest.mark.parametrize("run", RUNS)
def test_training_and_sampling(run: str, cache: Cache) -> None:
    corpus, expected = figures(run)
    session = training(corpus, expected)
    backend = CBackend(session.config, AdamConfig(), cache)
    losses = [step.loss.hex() for step in session.run(backend)]
    assert losses == expected["losses"]
    text = "\n".join(parameter.hex() for parameter in session.state.parameters)
    assert hashlib.sha256(text.encode()).hexdigest() == expected["params_sha256"]
    stream = session.rng.getstate()
    tokenizer, parameters = session.tokenizer, session.state.parameters
    drawn = backend.sample_many(parameters, session.rng, 0.5, tokenizer.bos, len(expected["samples"]))
    assert [tokenizer.decode(document) for document in drawn] == expected["samples"]
    after = session.rng.getstate()
    session.rng.setstate(stream)
    one_by_one = [
        sample(backend, session.config, tokenizer, parameters, session.rng, 0.5) for _ in expected["samples"]
    ]
    assert one_by_one == expected["samples"]
    assert session.rng.getstate() == after


def test_an_exported_library_trains_and_samples(cache: Cache, tmp_path: Path) -> None:
    if not shutil.which("make"):
        pytest.skip("there is no make")
    corpus, expected = figures("names_seed42")
    session = training(corpus, expected)
    characters = [session.tokenizer.decode([token]) for token in range(session.tokenizer.bos)]
    folder = tmp_path / "library"
    export_library(folder, session.config, AdamConfig(), characters, session.state.parameters)
    built = subprocess.run(["make", "microgpt"], cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    names = tmp_path / "names.txt"
    names.write_text("\n".join(corpus.documents) + "\n")
    result = subprocess.run([folder / "microgpt", "train", names, "1000"], capture_output=True, text=True, check=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [float.fromhex(line[3]).hex() for line in lines if line[0] == "step"] == expected["losses"]
    assert [line[1] for line in lines if line[0] == "sample"] == expected["samples"]
