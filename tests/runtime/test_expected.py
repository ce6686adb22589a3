"""What a C library must give comes from another process, or from this one, with the same bits."""

from __future__ import annotations

import contextlib
import gc
import math
import operator
import subprocess
from dataclasses import replace

import pytest

from microgpt.compiler.errors import ProofError
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends import c_backend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs import c_library, eager, shapes
from microgpt.runtime.programs import expected as module
from microgpt.runtime.programs.c_library import load_model_library
from microgpt.runtime.programs.expected import Expected, expecting, some_direction, some_parameters, some_tokens
from microgpt.runtime.storage.cache import Cache

CONFIG = GPTConfig(vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=2)


def bits(expected: Expected) -> str:
    return repr(vars(expected))


def fail(*arguments: object, **options: object) -> None:
    raise OSError("no more processes")


def test_another_process_gives_the_same_bits(monkeypatch):
    here = Expected.of(CONFIG, AdamConfig())
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    with expecting(CONFIG, AdamConfig()) as pending:
        assert pending.child.stop() is None  # ends it: the results come from here all the same
        assert bits(pending.result()) == bits(here)
    with expecting(CONFIG, AdamConfig()) as pending:
        monkeypatch.setattr(Expected, "of", None)  # nothing is computed here
        assert bits(pending.result()) == bits(here)


@pytest.mark.parametrize(("name", "value"), [("cpu_count", lambda: 1), ("Popen", fail)])
def test_without_another_process_it_is_done_here(monkeypatch, name, value):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(subprocess if name == "Popen" else module.os, name, value)
    with expecting(CONFIG, AdamConfig()) as pending:
        assert bits(pending.result()) == bits(Expected.of(CONFIG, AdamConfig()))


def test_the_other_process_ends_with_what_it_is_for(monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    begun = []

    def interrupted() -> None:
        with expecting(CONFIG, AdamConfig()) as pending:
            begun.append(pending.child._process)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert begun[0].returncode is not None


def test_what_is_begun_ends_with_its_backend(monkeypatch, tmp_path):
    """Also where nobody makes the library, since no compiler can be used."""
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(c_backend, "first_candidate", lambda: "a compiler")
    monkeypatch.setattr(c_library, "first_candidate", lambda: None)
    backend = CBackend(GPTConfig(), AdamConfig(), Cache.open(tmp_path))
    backend.begin()
    begun = backend._begun
    processes = [begun.learner._process, begun.pending.child._process]
    assert [process.returncode for process in processes] == [None, None]
    del backend, begun
    gc.collect()
    assert None not in [process.returncode for process in processes]


def test_nothing_is_begun_without_a_compiler(monkeypatch, tmp_path):
    monkeypatch.setattr(c_backend, "first_candidate", lambda: None)
    backend = CBackend(GPTConfig(), AdamConfig(), Cache.open(tmp_path))
    backend.begin()
    assert backend._begun is None


def test_a_large_model_has_slopes_in_place_of_gradients(monkeypatch):
    walked = Expected.of(CONFIG, AdamConfig())
    monkeypatch.setattr(shapes, "_WALKED", 0)
    found = Expected.of(CONFIG, AdamConfig())
    assert (found.losses, found.probabilities, found.cache) == (walked.losses, walked.probabilities, walked.cache)
    for gradient, slope in zip(walked.gradients, found.slopes, strict=True):
        assert slope == pytest.approx(math.fsum(map(operator.mul, gradient, some_direction(CONFIG))), rel=1e-12)


@pytest.mark.parametrize("kind", ["training", "accumulation"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, ""),
        ({"losses": 1 + 1e-15}, "the program of length 1 gives .* for loss"),
        ({"slopes": 1 + 1e-3}, "the program of length 1 gives a derivative of .* along a direction"),
        ({"probabilities": 1 + 1e-15}, "the program of position 0 gives .* for probabilities"),
        ({"update": 1 + 1e-15}, "the program of the optimizer gives .* for parameter"),
    ],
)
def test_what_the_library_of_a_large_model_errs_in_is_found(tmp_path, monkeypatch, toolchain, kind, wrong, message):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(shapes, "_WALKED", 0)
    right, update = Expected.of(CONFIG, AdamConfig(), kind), eager.update

    def scaled(numbers, factor):
        return [scaled(each, factor) if isinstance(each, list) else each * factor for each in numbers]

    factor = wrong.get("update", 1.0)
    monkeypatch.setattr(eager, "update", lambda *arguments: scaled([*map(list, update(*arguments))], factor))
    changed = {name: scaled(getattr(right, name), other) for name, other in wrong.items() if name != "update"}
    monkeypatch.setattr(Expected, "of", lambda *arguments: replace(right, **changed))
    with pytest.raises(ProofError, match=message) if message else contextlib.nullcontext():
        load_model_library(Cache.open(tmp_path), CONFIG, AdamConfig(), kind=kind)


@pytest.mark.parametrize("n_embd", [16, 128])
def test_no_probability_is_too_small_for_single_precision(n_embd: int):
    config = GPTConfig(vocab_size=27, n_layer=2, n_embd=n_embd, n_head=4, block_size=8)
    document = some_tokens(config, 1), some_tokens(config, 1, 1)
    loss, _ = eager.loss_along(config, some_parameters(config), some_direction(config), *document)
    assert math.exp(-loss) > 2.0**-100
