"""Form loops: the loop program of a graph that shares its memory with others.

In: a graph, laid out. Out: a `LoopProgram` over `MEMORY` whose nests carry out every operation of the graph, each after
those it needs.
"""

from __future__ import annotations

from ..ir.graph import Graph
from .form_reductions import form_reductions
from .layout import Layout
from .loop_ir import LoopProgram
from .place import Addressing
from .reroll import reroll
from .schedule import schedule

__all__ = ["form_loops"]


def form_loops(
    graph: Graph, stored: bytearray, layout: Layout, where: Addressing, own_constants: bool = False
) -> LoopProgram:
    """The program of a graph whose values are at the addresses `where`.

    Args:
        own_constants: see `form_reductions`.
    """
    grouped = form_reductions(graph, stored, layout, where, own_constants)
    return reroll(grouped, schedule(grouped.groups, layout.size), where)
