"""Runs every stage of a program and counts what each of them did.

In: a subject. Out: a `Passes`: the graphs, with the maps between them, and figures of what was made of the last one,
in Python and in C.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from time import perf_counter
from typing import Any

from ...compiler.c.emit_c import CText
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import OPS
from ...compiler.kernels.kernel_ir import KernelProgram
from ...compiler.loops.coverage import coverage
from ...compiler.loops.form_reductions import Grouped
from ...compiler.loops.layout import Layout as Memory
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.pipeline import Observer, Stage, compile_c, compile_loops, compile_python, without_collection
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
        small: of a program that is too large for a graph, and so for Python, the small one that the graphs are of.
    """

    graphs: list[Stage] = field(default_factory=list)
    python: list[LaterStage] = field(default_factory=list)
    c: list[LaterStage] = field(default_factory=list)
    small: Subject | None = None

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
    if subject.is_large:
        return _collect_large(subject)
    passes = Passes()
    import_module("networkx")  # which takes longer than any stage of a small program, and is none of them
    graph = subject.compile(passes.graphs.append)
    if subject.mapped:
        return passes
    compile_python(graph, lambda stage: passes.python.append(_later(stage, _python_figures)))
    watch: Observer = lambda stage: passes.c.append(_later(stage, _c_figures))  # noqa: E731
    with without_collection():
        looped = compile_loops(graph, watch)
        compile_c([looped.program], [graph.name], looped.layout, observe=watch)
    return passes


def _collect_large(subject: Subject) -> Passes:
    """The stages of graphs of a small program, and what is made of the loops at the sizes of the subject."""
    small = subject.small_one()
    passes = Passes(small=small)
    small.compile(passes.graphs.append)
    with without_collection():
        start = perf_counter()
        program, layout = subject.loops_alone()
        passes.c.append(LaterStage("instantiate", perf_counter() - start, _c_figures(program)))
        compile_c([program], [program.name], layout, observe=lambda stage: passes.c.append(_later(stage, _c_figures)))
    return passes


def _later(stage: Stage, figures: Callable[[Any], dict[str, int]]) -> LaterStage:
    return LaterStage(stage.name, stage.seconds, figures(stage.product))


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


def _c_figures(product: Any) -> dict[str, int]:
    match product:
        case Memory():
            return {"arrays": len(product.placed), "doubles": product.size}
        case Grouped():
            statements = [statement for group in product.groups for statement in group]
            return {"statements": len(statements), "folds": sum(bool(each.form.fold) for each in statements)}
        case list():
            parts = [part for together in product for part in together]
            return {"blocks": len(parts), "statements": sum(map(len, parts))}
        case LoopProgram():
            in_loops, operations = coverage(product)
            loops = sum(len(nest.loops) for nest in product.nests)
            return {"nests": len(product.nests), "loops": loops, "operations": operations, "in_loops": in_loops}
        case KernelProgram():
            return {"kernels": len(product.kernels), "calls": sum(map(len, product.calls))}
        case tuple():
            return {"kernels": len(product), "statements": sum(map(_statements, product))}
    assert isinstance(product, CText)
    return {
        "kernels": len(product.kernels),
        "lines": product.text.count("\n"),
        "bytes": len(product.text.encode()),
    }


def _statements(part: Any) -> int:
    """How many statements a kernel has, or a statement and those inside it."""
    return sum(1 + _statements(each) for each in getattr(part, "body", ()))
