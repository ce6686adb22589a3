"""What a function's program must give comes from another process, or from this one, with the same bits."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pytest
from differential.programs import random_program

from microgpt.compiler.errors import CompileError
from microgpt.compiler.ir.graph import Tensor
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.trace import trace
from microgpt.runtime.executable import eager_child
from microgpt.runtime.executable.eager_child import EagerWitnesses, read, written
from microgpt.runtime.machine import child


def pending() -> EagerWitnesses:
    def norm(inputs, indices):
        x, y = inputs["parameters"]
        return {"value": [(x.log() * y + x * x) ** 0.5]}

    traced = trace(norm, "norm", [Tensor("x", "parameters", 0, (2,))])
    return EagerWitnesses(traced, "parameters", {"parameters": [1.5, -0.25]}, "gradient")


def fail(*arguments: object, **options: object) -> None:
    raise OSError("no more processes")


@pytest.fixture(autouse=True)
def _always(monkeypatch):
    monkeypatch.setattr(eager_child, "_WORTHWHILE", 0)
    monkeypatch.setattr(child.os, "cpu_count", lambda: 2)


def test_another_process_gives_the_same_bits(monkeypatch):
    here = repr(pending()())
    assert "nan" in here, "there is no logarithm of some of the numbers"
    found = pending()
    with found.beside():
        monkeypatch.setattr(eager_child, "eager_witnesses", None)  # nothing is computed here
        assert repr(found()) == here


@pytest.mark.parametrize(("name", "value"), [("cpu_count", lambda: 1), ("Popen", fail)])
def test_without_another_process_it_is_done_here(monkeypatch, name, value):
    monkeypatch.setattr(subprocess if name == "Popen" else child.os, name, value)
    found = pending()
    with found.beside():
        assert repr(found()) == repr(pending()())


def test_the_other_process_ends_with_what_it_is_for():
    found = pending()
    begun = []

    def interrupted() -> None:
        with found.beside():
            begun.append(found._child._process)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert begun[0].returncode is not None
    assert repr(found()) == repr(pending()()), "and what it did is done here"


@pytest.mark.parametrize("seed", range(40))
def test_graphs_are_read_as_they_were_written(seed):
    """With every kind of operand: tables, indices, scatters, constants that are not finite."""
    program = random_program(seed)
    graphs = [program.trace()]
    with contextlib.suppress(CompileError):  # some have no gradient
        graphs.append(compile_graph(program.trace, program.argument, derivative=program.derivative))
    for graph in graphs:
        assert read(json.loads(json.dumps(written(graph)))) == graph


def test_a_small_function_needs_no_other_process(monkeypatch):
    monkeypatch.setattr(eager_child, "_WORTHWHILE", 20_000)
    monkeypatch.setattr(subprocess, "Popen", fail)
    found = pending()
    with found.beside():
        assert len(found()) == 96
