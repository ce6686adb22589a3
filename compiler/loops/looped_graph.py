"""A graph as loops over a memory of its own, and the proof that they are the graph."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Graph
from .layout import Layout
from .loop_ir import LoopProgram
from .place import Addressing
from .prove_loops import prove_loops

__all__ = ["LoopedGraph"]


@dataclass(frozen=True)
class LoopedGraph:
    """A graph as loops.

    Attributes:
        graph: what was compiled.
        program: its nests.
        layout, where: of its memory.
    """

    graph: Graph
    program: LoopProgram
    layout: Layout
    where: Addressing

    def prove(self) -> None:
        """Checks that the loops, unrolled, are the graph.

        Raises:
            ProofError: if they are not.
        """
        prove_loops(self.program, self.graph, self.layout, self.where.inputs, self.where.outputs)
