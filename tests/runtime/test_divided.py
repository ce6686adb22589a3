"""Threads that divide a document give the bits of one thread, whatever their order, and however many they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import skip_without_compiler

from microgpt.compiler import pipeline
from microgpt.compiler.kernels.kernel_ir import KernelProgram
from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends import c_backend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs import c_source, estimate
from microgpt.runtime.programs.estimate import least_divided
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import NotFiniteError, Training

SHAPE = {"n_layer": 2, "n_embd": 12, "n_head": 2, "block_size": 9}
CORPUS = Corpus("small", ("ab", "bcab", "c", "aabbcc", "ba", "cabacbaccabba", "abcabcab"), "hash")
STEPS = 12


@pytest.fixture(autouse=True)
def divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every document is long enough, and there seem to be enough cores."""
    skip_without_compiler()
    monkeypatch.setattr(estimate, "_DIVIDED", 1)
    monkeypatch.setattr(c_backend, "processors", lambda: 8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


def trained(cache: Cache, threads: int, batch_size: int = 1, said: list[str] | None = None) -> list[list[float]]:
    """Losses, parameters and moments."""
    training = Training(CORPUS, 5, STEPS, AdamConfig(), 0.0, False, batch_size, **SHAPE)
    warn = print if said is None else said.append
    backend = CBackend(training.config, training.optimizer, cache, warn, batch_size, threads)
    losses = [step.loss for step in training.run(backend)]
    state = training.state
    return [losses, *map(list, (state.parameters, state.first_moment, state.second_moment))]


@pytest.mark.parametrize(
    ("chosen", "batch_sizes"),
    [("exact", (1, 2)), *(pytest.param(each, (1,), marks=pytest.mark.slow) for each in ("portable", "fast"))],
)
def test_the_bits_do_not_depend_on_the_number_of_threads(
    chosen: str, batch_sizes: tuple[int, ...], cache: Cache
) -> None:
    with numerics(chosen):
        for batch_size in batch_sizes:
            expected = trained(cache, 1, batch_size)
            for threads in (2, 3, 5)[batch_size - 1 :]:
                assert trained(cache, threads, batch_size) == expected, (batch_size, threads)


def test_where_no_other_thread_can_be_started_one_does_all(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    expected, said = trained(cache, 1), list[str]()
    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    assert trained(cache, 3, said=said) == expected
    assert said == ["no threads can be started (can't start new thread), so one computes all documents"]


def one_by_one(monkeypatch: pytest.MonkeyPatch, turn: str) -> None:
    """Between two meetings, threads carry out their parts one after another; and all steps are divided."""
    team, c_text, wait = c_source.team, c_source.c_text, "    wait_for(t->arrived, t->met);\n"
    # Who waits in vain goes on: after the last meeting there is no other.
    going = f"__atomic_load_n(t->arrived, __ATOMIC_ACQUIRE) < t->met + {turn}"
    serial = f"    for (int i = 0; i < 100 && {going}; i++) sched_yield();\n"
    monkeypatch.setattr(c_source, "team", lambda number: team(number).replace(wait, wait + serial))

    def changed(package: str, name: str, **holes: Any) -> str:
        return c_text(package, name, **holes).replace("trial < TRIED ? trial >= TRIED / 2 :", "1 ||")

    monkeypatch.setattr(c_source, "c_text", changed)


@pytest.fixture(params=["t->number", "(t->count - 1 - t->number)"])
def order(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one(monkeypatch, request.param)


@pytest.mark.usefixtures("order")
def test_threads_wait_for_all_that_they_need(cache: Cache, tmp_path: Path) -> None:
    assert trained(Cache.open(tmp_path), 3) == trained(cache, 1)


def test_threads_that_do_not_wait_are_noticed(monkeypatch: pytest.MonkeyPatch, cache: Cache, tmp_path: Path) -> None:
    one_by_one(monkeypatch, "(t->count - 1 - t->number)")

    def never(compiled: KernelProgram, *_: Any) -> KernelProgram:
        return replace(compiled, divided=True)

    monkeypatch.setattr(pipeline, "meet", never)
    expected = trained(cache, 1)
    with suppress(NotFiniteError):
        assert trained(Cache.open(tmp_path), 3) != expected


def test_the_text_does_not_depend_on_the_number_of_threads() -> None:
    config = GPTConfig(5, 2, 12, 2, 9)
    texts = {c_source.model_source(config, AdamConfig(), kind="accumulation", divided=True).text for _ in range(2)}
    assert len(texts) == 1
    (text,) = texts
    assert "meet(t); kernel" in text
    assert "meet(t)" not in c_source.model_source(config, AdamConfig(), kind="accumulation").text


def test_short_documents_are_left_to_one_thread(monkeypatch: pytest.MonkeyPatch, cache: Cache) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(c_backend, "processors", lambda: 3)
    assert least_divided(GPTConfig(27, 1, 16, 4, 16)) == 0
    assert least_divided(GPTConfig(27, 2, 64, 4, 64)) == 16
    assert least_divided(GPTConfig(27, 4, 128, 4, 256)) == 3
    for batch_size, threads, expected in ((1, 3, 1), (2, 3, 2), (5, 3, 3)):
        backend = CBackend(GPTConfig(27, 1, 16, 4, 16), AdamConfig(), cache, batch_size=batch_size, threads=threads)
        assert (backend._threads, backend._divided) == (expected, False)
    for batch_size, threads, expected in ((1, 3, True), (2, 3, True), (3, 3, False)):
        backend = CBackend(GPTConfig(27, 2, 64, 4, 64), AdamConfig(), cache, batch_size=batch_size, threads=threads)
        assert (backend._threads, backend._divided) == (3, expected)
    monkeypatch.setattr(c_backend, "processors", lambda: 2)
    for batch_size, threads, divided in ((2, 3, False), (1, 5, True)):
        backend = CBackend(GPTConfig(27, 2, 64, 4, 64), AdamConfig(), cache, batch_size=batch_size, threads=threads)
        assert (backend._threads, backend._divided) == (2, divided)
