"""Compile loops: one graph to a program of loop nests over a memory of its own.

In: a clean graph. Out: a `LoopedGraph`. For graphs that share a memory see `compile_family`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..ir.graph import Graph
from .form_loops import form_loops
from .layout import Layout
from .loop_ir import LoopProgram
from .name_arrays import name_arrays
from .place import Addressing, address, place
from .prove_loops import prove_loops
from .stored_nodes import stored_nodes
from .transpose import Transposer

__all__ = ["LoopedGraph", "compile_loops"]


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


def compile_loops(
    graph: Graph, tell: Callable[[str, Any], None] = lambda name, product: None, transposed: bool = True
) -> LoopedGraph:
    """Finds the loops of a graph without equal or dead nodes.

    Args:
        transposed: whether matrices are copied for loops that walk down their columns.
        tell: is told the name of each stage as it ends, and what it made: a `Layout`, statements, parts of groups,
            nests, a `LoopProgram`.
    """
    layout = Layout()
    stored = stored_nodes(graph)
    place(layout, "graph", {0: (graph, stored)})
    where = address(layout, "graph", graph, stored)
    tell("place", layout)
    program = form_loops(graph, stored, layout, where, tell, own_constants=True)
    program = name_arrays(program, layout)
    tell("name_arrays", program)
    if transposed:
        program = Transposer(layout).transpose(program)
        tell("transpose", program)
    return LoopedGraph(graph, program, layout, where)
