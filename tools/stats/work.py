"""Work: what is counted: a program, the graph it comes from and the loops that run."""

from __future__ import annotations

from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.loops.loop_program import LoopProgram
from ..subject.subject import Subject

__all__ = ["Work", "work_of"]


@dataclass(frozen=True)
class Work:
    """A program's operations.

    Attributes:
        graph: its operations; the optimiser's, for one parameter.
        lanes: how many times the graph is carried out: once, or for every parameter.
        loops: what runs in C.
        memory: how many doubles the C works on.
    """

    graph: Graph
    lanes: int
    loops: LoopProgram
    memory: int


def work_of(subject: Subject) -> Work:
    """Compiles a program, but for the C compiler.

    Raises:
        CompileError: if it cannot be compiled.
    """
    graph = subject.compile()
    found = subject.c_program(graph)
    return Work(graph, subject.lanes, found.program, found.memory)
