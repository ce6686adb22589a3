"""What a C library must give comes from another process, or from this one, with the same bits."""

from __future__ import annotations

import gc
import subprocess

import pytest

from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs import expected as module
from microgpt.runtime.programs.expected import Expected, expecting
from microgpt.runtime.storage.cache import Cache

CONFIG = GPTConfig(vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=2)


def bits(expected: Expected) -> str:
    return repr(
        ([(loss, list(gradient)) for loss, gradient in expected.losses], expected.probabilities, expected.cache)
    )


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
    """Also where nobody makes the library, since there is no compiler."""
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    backend = CBackend(GPTConfig(), AdamConfig(), Cache.open(tmp_path))
    backend.begin()
    begun = backend._begun
    processes = [begun.learner._process, begun.pending.child._process]
    assert [process.returncode for process in processes] == [None, None]
    del backend, begun
    gc.collect()
    assert None not in [process.returncode for process in processes]
