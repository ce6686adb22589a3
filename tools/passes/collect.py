"""Runs every stage of a program and counts what each of them did.

In: a subject. Out: a `Passes`: the graphs, with the maps between them, and figures of what was made of the last one,
in Python and in C.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from ...compiler.c.emit_c import CText, emit_c
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import OPS
from ...compiler.loops.compile_loops import compile_loops
from ...compiler.loops.coverage import coverage
from ...compiler.loops.layout import Layout as Memory
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.pipeline import Stage, compile_python, without_collection
from ...compiler.python.allocate import Layout
from ...compiler.python.form_statements import Statements
from ...compiler.python.schedule import Schedule
from ..subject.subject import Subject
from .changes import Changes, count_changes

__all__ = ["LaterStage", "Passes", "collect", "operations_by_kind"]


@dataclass(frozen=True)
class LaterStage:
    """What a stage behind the graph made.

    Attributes:
        name: of its function.
        seconds: how long it took.
        figures: what can be counted, by name.
    """

    name: str
    seconds: float
    figures: dict[str, int]


@dataclass
class Passes:
    """What the stages of one program did.

    Attributes:
        graphs: the stages that make a graph, ``trace`` first.
        python, c: the stages behind them, for each backend; empty for the optimiser, which has loops over lanes only.
    """

    graphs: list[Stage] = field(default_factory=list)
    python: list[LaterStage] = field(default_factory=list)
    c: list[LaterStage] = field(default_factory=list)

    def changes(self) -> Iterator[tuple[Stage, Changes]]:
        """Each pass with what it changed."""
        for before, stage in zip(self.graphs, self.graphs[1:], strict=False):
            yield stage, count_changes(before.product, stage.product, stage.ids)


def operations_by_kind(graph: Graph) -> dict[str, int]:
    """How many operations of each kind there are, in the order of the table of operations."""
    counts = Counter(graph.op)
    return {OPS[code].name: counts[code] for code in range(len(OPS)) if counts[code]}


def collect(subject: Subject) -> Passes:
    """Runs every stage.

    Raises:
        CompileError: if the model cannot be compiled.
    """
    passes = Passes()
    import_module("networkx")  # which takes longer than any stage of a small program, and is none of them
    graph = subject.compile(passes.graphs.append)
    if subject.mapped:
        return passes
    compile_python(graph, lambda stage: passes.python.append(_python_stage(stage)))
    with without_collection():
        watch = _Stopwatch(passes.c)
        looped = compile_loops(graph, watch)
        watch.pause()
        watch("emit_c", emit_c([looped.program], [graph.name], looped.layout))
    return passes


def _python_stage(stage: Stage) -> LaterStage:
    return LaterStage(stage.name, stage.seconds, _python_figures(stage.product))


def _python_figures(product: Any) -> dict[str, int]:
    if isinstance(product, Statements):
        return {
            "operations": sum(map(len, product.bodies)),
            "statements": len(product.roots),
            "longest": max(map(len, product.bodies), default=0),
        }
    if isinstance(product, Schedule):
        return {"blocks": len(product.blocks), "edges": product.coarse.number_of_edges()}
    if isinstance(product, Layout):
        return {"functions": len(product.functions), "passed_on": len(product.slots), "slots": product.memory}
    assert isinstance(product, str)
    return {"lines": product.count("\n"), "bytes": len(product.encode())}


class _Stopwatch:
    """Told of each stage of the loops; its own counting is not timed."""

    def __init__(self, stages: list[LaterStage]) -> None:
        self.stages = stages
        self.start = time.perf_counter()

    def __call__(self, name: str, product: Any) -> None:
        seconds = time.perf_counter() - self.start
        self.stages.append(LaterStage(name, seconds, _loop_figures(name, product)))
        self.pause()

    def pause(self) -> None:
        """What took until now counts for no stage."""
        self.start = time.perf_counter()


def _loop_figures(name: str, product: Any) -> dict[str, int]:
    if name == "form_reductions":
        folds = sum(bool(statement.form.fold) for statement in product)
        return {"statements": len(product), "folds": folds}
    if name == "schedule":
        return {"blocks": len(product), "statements": sum(map(len, product))}
    if name == "reroll":
        return {"nests": len(product), "loops": sum(len(nest.loops) for nest in product)}
    if isinstance(product, Memory):
        return {"arrays": len(product.placed), "doubles": product.size}
    if isinstance(product, LoopProgram):
        in_loops, operations = coverage(product)
        return {"nests": len(product.nests), "operations": operations, "in_loops": in_loops}
    assert isinstance(product, CText)
    size = len(product.text.encode())
    return {"kernels": len(product.kernels), "lines": product.text.count("\n"), "bytes": size}
