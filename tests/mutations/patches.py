"""How mutations get into the compiler: a function of a stage is replaced by one that changes what it gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from microgpt.compiler import pipeline
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.rewrite import Rewritten
from microgpt.compiler.python import allocate
from microgpt.runtime.programs import graphs

Patch = Callable[[pytest.MonkeyPatch], None]


def once(change: Callable[[Any], Any], wanted: Callable[[Any], bool] = lambda value: True) -> Callable[[Any], Any]:
    """Changes the first value that is wanted."""
    done: list[bool] = []

    def maybe(value: Any) -> Any:
        if done or not wanted(value):
            return value
        done.append(True)
        return change(value)

    return maybe


def results_of(module: Any, name: str, change: Callable[[Any], Any]) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        function = getattr(module, name)

        @wraps(function)
        def mutated(*arguments: Any, **named: Any) -> Any:
            return change(function(*arguments, **named))

        patch.setattr(module, name, mutated)

    return apply


def after_stage(name: str, change: Callable[[Graph], Graph]) -> Patch:
    """A pass whose graph is changed."""

    def apply(patch: pytest.MonkeyPatch) -> None:
        stage = getattr(pipeline, name)

        def mutated(graph: Graph, *further: Any) -> Rewritten:
            rewritten = stage(graph, *further)
            return Rewritten(change(rewritten.graph), rewritten.ids)

        mutated.__name__ = name
        patch.setattr(pipeline, name, mutated)
        stages = tuple(mutated if known is stage else known for known in pipeline.GRAPH_STAGES)
        patch.setattr(pipeline, "GRAPH_STAGES", stages)

    return apply


def after_python_stage(name: str, change: Callable[[Any], Any]) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        stage = getattr(pipeline, name)

        def mutated(*arguments: Any) -> Any:
            return change(stage(*arguments))

        mutated.__name__ = name
        patch.setattr(pipeline, name, mutated)
        stages = tuple(mutated if known is stage else known for known in pipeline.PYTHON_STAGES)
        patch.setattr(pipeline, "PYTHON_STAGES", stages)

    return apply


def after_trace(change: Callable[[Graph], Graph]) -> Patch:
    def apply(patch: pytest.MonkeyPatch) -> None:
        traced = graphs.training_graph
        patch.setattr(graphs, "training_graph", lambda *which: change(traced(*which)))

    return apply


def tight(apply: Patch) -> Patch:
    """Small programs have one function; these get several."""

    def both(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(allocate, "MOST_VALUES", 7)
        apply(patch)

    return both
