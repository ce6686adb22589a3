"""Work: what is counted: a program, the graph it comes from and the loops that run."""

from __future__ import annotations

from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ..subject.subject import Subject

__all__ = ["Work", "work_of"]


@dataclass(frozen=True)
class Work:
    """A program's operations.

    Attributes:
        graph: its operations; the optimiser's, for one parameter. None if it is too large to be made.
        lanes: how many times the graph is carried out: once, or for every parameter.
        loops: what runs in C.
        layout: of the memory that the C works on.
    """

    graph: Graph | None
    lanes: int
    loops: LoopProgram
    layout: Layout


def work_of(subject: Subject) -> Work:
    """Compiles a program, but for the C compiler.

    Raises:
        CompileError: if it cannot be compiled.
    """
    if subject.is_large:
        return Work(None, subject.lanes, *subject.loops_alone())
    graph = subject.compile()
    return Work(graph, subject.lanes, *subject.loops(graph))
