"""Batches: the bits of a loop of `backward` that sets nothing to zero, and one update by the mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt.compiler import functions
from microgpt.compiler.errors import ProofError
from microgpt.data.corpus import Corpus
from microgpt.model import adam, gpt
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Backend, EagerBackend, PythonBackend, State
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs import c_source, model_loops
from microgpt.runtime.programs.c_source import model_source
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.checkpoint import load_checkpoint, save_checkpoint
from microgpt.runtime.training.divergence import find_cause
from microgpt.runtime.training.training import NotFiniteError, ResumeError, Training
from microgpt.runtime.value import Value

SHAPE = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 3}
CORPUS = Corpus("small", ("ab", "bcab", "c", "aabbcc", "ba", "cab", "a"), "hash")
STEPS, BATCH = 6, 3  # 18 documents of 7


def begin(batch_size: int = BATCH, steps: int = STEPS, learning_rate: float = 0.01) -> Training:
    return Training(CORPUS, 5, steps, AdamConfig(learning_rate), 0.0, False, batch_size, **SHAPE)


def plain_loop(training: Training) -> Iterator[float]:
    """What a user would write: the loss of each step. `training.state` is changed."""
    state, config, optimizer = training.state, training.config, training.optimizer
    for step in range(training.steps):
        parameters = [Value(number) for number in state.parameters]
        total = 0.0
        for place in range(step * BATCH, (step + 1) * BATCH):
            loss = gpt.loss(config, functions, gpt.weights_of(config, parameters), *training.document(place))
            loss.backward()
            total += loss.data
        gradient = [parameter.grad / BATCH for parameter in parameters]
        constants = adam.step_constants(optimizer, step, training.steps)
        columns = zip(state.parameters, gradient, state.first_moment, state.second_moment, strict=True)
        updated = zip(*(adam.update(optimizer, *column, *constants) for column in columns), strict=True)
        state.parameters, state.first_moment, state.second_moment = map(list, updated)
        yield total / BATCH


def numbers_of(state: State) -> list[list[float]]:
    return [state.parameters, state.first_moment, state.second_moment]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


def backend_of(name: str, training: Training, cache: Cache) -> Backend:
    what = training.config, training.optimizer
    if name == "eager":
        return EagerBackend(*what, training.batch_size)
    if name == "python":
        return PythonBackend(*what, Library(cache, 1), training.batch_size)
    skip_without_compiler(name)
    return CBackend(*what, cache, batch_size=training.batch_size)


@pytest.fixture(scope="module")
def expected() -> tuple[list[float], list[list[float]]]:
    training = begin()
    return list(plain_loop(training)), numbers_of(training.state)


@pytest.mark.parametrize("name", ["eager", "python", "c"])
def test_a_batch_has_the_bits_of_a_loop_of_backward(
    name: str, cache: Cache, expected: tuple[list[float], list[list[float]]]
) -> None:
    training = begin()
    losses = [step.loss for step in training.run(backend_of(name, training, cache))]
    assert (losses, numbers_of(training.state)) == expected


def test_gradients_of_single_documents_add_up_to_other_bits(cache: Cache) -> None:
    training = begin()
    batch, parameters = training.batch(0), training.state.parameters
    backend = EagerBackend(training.config, training.optimizer, BATCH)
    apart = [backend.loss_and_gradient(parameters, document)[1] for document in batch]
    together = backend.batch_loss_and_gradient(parameters, batch)[1]
    assert together != [(a + b + c) / BATCH for a, b, c in zip(*apart, strict=True)]


@pytest.mark.parametrize("name", ["python", "c"])
def test_a_document_alone_has_its_own_gradient_whatever_came_before(name: str, cache: Cache) -> None:
    training = begin()
    backend, parameters = backend_of(name, training, cache), training.state.parameters
    for document in training.batch(0) * 2:
        wanted = EagerBackend(training.config, training.optimizer).loss_and_gradient(parameters, document)
        assert backend.loss_and_gradient(parameters, document) == wanted


def test_a_run_goes_on_bit_for_bit_on_another_backend(
    cache: Cache, tmp_path: Path, expected: tuple[list[float], list[list[float]]]
) -> None:
    training = begin()
    steps = training.run(backend_of("python", training, cache), 2)
    losses = [next(steps).loss, next(steps).loss]
    save_checkpoint(tmp_path / "a", training.checkpoint())
    steps.close()
    again = begin()
    again.restore(load_checkpoint(tmp_path / "a"))
    losses += [step.loss for step in again.run(backend_of("c", again, cache))]
    assert (losses, numbers_of(again.state)) == expected
    with pytest.raises(ResumeError, match="batch_size was 3, not 1"):
        begin(1).restore(load_checkpoint(tmp_path / "a"))
    with pytest.raises(ResumeError, match="batch_size was 1, not 3"):
        begin().restore(begin(1).checkpoint())


def test_the_cause_of_what_is_not_finite_is_found_in_any_document(cache: Cache) -> None:
    training = begin(learning_rate=1e300)
    with pytest.raises(NotFiniteError) as raised:
        list(training.run(backend_of("python", training, cache)))
    cause = find_cause(training, raised.value)
    assert cause is not None
    assert cause.text in map(training.text, training.batch(raised.value.before.step))
    assert "gpt.py" in cause.operation


def test_the_witness_notices_a_gradient_that_is_not_set_to_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unchanged = c_source.c_text

    def changed(package: str, name: str, **holes: Any) -> str:
        text = unchanged(package, name, **holes)
        return text.replace("(left == batch) memset", "(0) memset")

    monkeypatch.setattr(c_source, "c_text", changed)
    training = begin()
    with pytest.raises(ProofError, match="the program of the optimizer"):
        backend_of("c", training, Cache.open(tmp_path)).prepare((), 0, lambda *what: None)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_bits_do_not_depend_on_the_number_of_threads(
    threads: int, cache: Cache, expected: tuple[list[float], list[list[float]]]
) -> None:
    skip_without_compiler()
    training = begin()
    backend = CBackend(training.config, training.optimizer, cache, batch_size=BATCH, threads=threads)
    found = [step.loss for step in training.run(backend)], numbers_of(training.state)
    assert found == expected
    assert len(backend._others) == min(threads, BATCH) - 1


def test_one_thread_does_all_where_no_other_can_be_started(
    monkeypatch: pytest.MonkeyPatch, cache: Cache, expected: tuple[list[float], list[list[float]]]
) -> None:
    skip_without_compiler()

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    training, said = begin(), list[str]()
    backend = CBackend(training.config, training.optimizer, cache, said.append, BATCH, 3)
    assert ([step.loss for step in training.run(backend)], numbers_of(training.state)) == expected
    assert said == ["no threads can be started (can't start new thread), so one computes all documents"]


def test_a_part_of_the_gradient_is_proved_with_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program without one of its parts is not its graph."""
    skip_without_compiler()
    monkeypatch.setattr(model_loops, "gradient_spans", lambda config: [range(8)])
    training = begin()
    with pytest.raises(ProofError, match="gradient"):
        model_source(training.config, training.optimizer, kind="accumulation").prove()


def test_a_run_from_python_keeps_its_batch_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    what: dict[str, Any] = {"steps": 4, "batch_size": 2, "backend": "eager", "out": tmp_path / "run", **SHAPE}
    model = microgpt.train(CORPUS.documents, **what)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["batch_size"] == 2
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in log] == model.losses
    assert model.checkpoint.progress is not None
    assert model.checkpoint.progress.batch_size == 2
    with pytest.raises(ValueError, match="batch_size was 2, not 3"):
        microgpt.train(CORPUS.documents, **{**what, "batch_size": 3}, resume=True)
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 1000000, not 1000001"):
        microgpt.train(CORPUS.documents, **{**what, "batch_size": 1_000_001})
    with pytest.raises(ValueError, match=r"batch_size must be a whole number .*, not 0"):
        microgpt.train(CORPUS.documents, batch_size=0)


def test_documents_go_on_around_the_corpus() -> None:
    training = begin()
    taken = [document for step in range(STEPS) for document in training.batch(step)]
    first = taken[: len(CORPUS.documents)]
    assert sorted(map(training.text, first)) == sorted(text[: SHAPE["block_size"]] for text in CORPUS.documents)
    assert taken == [first[number % len(first)] for number in range(STEPS * BATCH)]
