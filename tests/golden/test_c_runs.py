"""Whole runs in C, and by an exported library: every loss, parameter and sample is the one that microgpt.py gives."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
from golden.test_runs import DOCUMENTS, SHAPES, figures, training

from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Backend, EagerBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs.export import export_library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample

DEEP = SHAPES[3]
RUNS = ("names_seed42", "makemore_seed42", "makemore_seed42_layer2")


@pytest.fixture(scope="module")
def cache(toolchain: Toolchain) -> Cache:
    """The one that all tests share: others use the same models."""
    return Cache.open()


@pytest.mark.parametrize("run", [*RUNS[:2], pytest.param(RUNS[2], marks=pytest.mark.slow)])
def test_training_and_sampling(run: str, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
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
    one_by_one = [sample(backend, session.config, tokenizer, parameters, session.rng, 0.5) for _ in expected["samples"]]
    assert one_by_one == expected["samples"]
    assert session.rng.getstate() == after
    session.rng.setstate(stream)
    monkeypatch.setattr("microgpt.runtime.backends.c_backend._DOCUMENTS", 3)
    monkeypatch.setattr("microgpt.runtime.backends.c_backend._NUMBERS", 5)
    assert backend.sample_many(parameters, session.rng, 0.5, tokenizer.bos, len(drawn)) == drawn
    assert session.rng.getstate() == after
    assert backend.sample_many(parameters, session.rng, 0.5, tokenizer.bos, 0) == []
    assert session.rng.getstate() == after


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model as a library, with the documents of its run."""
    corpus, expected = figures("names_seed42")
    session = training(corpus, expected)
    characters = [session.tokenizer.decode([token]) for token in range(session.tokenizer.bos)]
    folder = tmp_path_factory.mktemp("exported")
    export_library(folder, session.config, AdamConfig(), characters, session.state.parameters)
    (folder / "names.txt").write_text("\n".join(corpus.documents) + "\n")
    return folder


# A command each: what no flag and no language may change. Each compiler has all three sets of flags.
BUILDS = [
    f"{compiler} {flags}"
    for compiler, chosen in (
        ("gcc -std=c99", ("-O0", "-O3 -march=native")),
        ("g++ -std=c++14 -x c++", ("-O2",)),
        ("clang -std=c99", ("-O2",)),
        ("clang++ -std=c++14 -x c++", ("-O0", "-O3 -march=native")),
    )
    for flags in chosen
]


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_an_exported_library_trains_and_samples(build: str, exported: Path, tmp_path: Path) -> None:
    command = build.split()
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    program, (_, expected) = tmp_path / "program", figures("names_seed42")
    made = subprocess.run(
        [*command, "main.c", "microgpt.c", "-o", program, "-lm"],
        cwd=exported,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    result = subprocess.run(
        [program, "train", exported / "names.txt", "1000"], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [float.fromhex(line[3]).hex() for line in lines if line[0] == "step"] == expected["losses"]
    assert [line[1] for line in lines if line[0] == "sample"] == expected["samples"]


@pytest.mark.parametrize(
    "shape",
    [shape if shape in (SHAPES[0], DEEP) else pytest.param(shape, marks=pytest.mark.slow) for shape in SHAPES],
    ids=lambda shape: "-".join(map(str, shape.values())),
)
def test_other_shapes_agree_with_the_eager_autograd(shape: dict[str, int], cache: Cache) -> None:
    corpus = Corpus("small", tuple(DOCUMENTS), "")
    runs = []
    for kind in ("eager", "c"):
        task = Training(corpus, 1, 6, AdamConfig(learning_rate=0.05), **shape)
        if kind == "eager":
            backend: Backend = EagerBackend(task.config, task.optimizer)
        else:
            backend = CBackend(task.config, task.optimizer, cache)
        losses = [step.loss.hex() for step in task.run(backend)]
        parameters = [parameter.hex() for parameter in task.state.parameters]
        documents = [
            sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, 0.5) for _ in range(4)
        ]
        runs.append((losses, parameters, documents))
    assert runs[0] == runs[1]


def test_a_gradient_is_the_eager_one(cache: Cache) -> None:
    task = Training(Corpus("small", tuple(DOCUMENTS), ""), 1, 6, AdamConfig(learning_rate=0.05), **DEEP)
    backend, eager = CBackend(task.config, task.optimizer, cache), EagerBackend(task.config, task.optimizer)
    for step in range(6):
        document = task.document(step)
        assert backend.loss_and_gradient(task.state.parameters, document) == eager.loss_and_gradient(
            task.state.parameters, document
        )


def test_a_broken_or_foreign_library_is_made_again(cache: Cache) -> None:
    task = Training(Corpus("small", ("ab", "ba"), ""), 1, 2, AdamConfig(), n_layer=1, n_embd=2, n_head=1, block_size=2)
    path = CBackend(task.config, AdamConfig(), cache).library.path
    library = path.parent / "model.so"
    library.unlink()  # written in place, the change would reach the code that is loaded
    library.write_bytes(b"not a library")
    backend = CBackend(task.config, AdamConfig(), cache)
    assert len(backend.advance(task.state, [task.document(0)], 2)) == 1


@pytest.mark.slow
def test_an_exported_library_is_clean_under_sanitizers(tmp_path: Path, cache: Cache) -> None:
    if not shutil.which("make"):
        pytest.skip("there is no make")
    task = Training(
        Corpus("small", tuple(DOCUMENTS), ""), 1, 9, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=4
    )
    characters = [task.tokenizer.decode([token]) for token in range(task.tokenizer.bos)]
    weights = task.state.parameters
    export_library(tmp_path, task.config, AdamConfig(), characters, weights)
    built = subprocess.run(["make", "sanitized"], cwd=tmp_path, capture_output=True, text=True, check=False)
    if "libasan" in built.stderr or "libubsan" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stdout + built.stderr
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(DOCUMENTS) + "\n", "utf-8")
    result = subprocess.run(
        [tmp_path / "sanitized", "train", corpus, "9", "1"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    losses = [float.fromhex(line.split()[3]) for line in result.stdout.splitlines() if line.startswith("step")]
    assert losses == [step.loss for step in task.run(EagerBackend(task.config, AdamConfig()))]
    drawn = subprocess.run([tmp_path / "sanitized", "sample", "12", "7"], capture_output=True, text=True, check=False)
    assert drawn.returncode == 0, drawn.stderr
    backend = CBackend(task.config, AdamConfig(), cache)
    # The weights that were exported are those before training.
    fresh = Training(
        Corpus("small", tuple(DOCUMENTS), ""), 1, 9, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=4
    )
    documents = backend.sample_many(fresh.state.parameters, Random(7), 0.5, task.tokenizer.bos, 12)
    expected = [f"sample {fresh.tokenizer.decode(document)}".rstrip() for document in documents]
    assert [line.rstrip() for line in drawn.stdout.splitlines()] == expected
