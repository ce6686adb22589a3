"""Schedule: puts statements in the order in which generated code carries them out.

In: `Statements`. Out: a `Schedule`: the blocks of the coarse graph in a topological order, and within each block the
statements that read the same inputs next to each other, so that a row of weights is read once for all that use it.
The order depends on nothing but the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .coarse import Block, CoarseGraph, coarse_graph, ordered_blocks
from .form_statements import Statements

__all__ = ["Schedule", "schedule"]


@dataclass(frozen=True)
class Schedule:
    """An order of all statements.

    Attributes:
        statements: what is ordered.
        blocks: in order.
        order: for each block its statements in order.
        coarse: the graph of blocks.
    """

    statements: Statements
    blocks: Sequence[Block]
    order: Sequence[Sequence[int]]
    coarse: CoarseGraph


def schedule(statements: Statements) -> Schedule:
    """Orders the blocks by level, and within each block by the first output element or input concerned."""
    coarse = coarse_graph(statements)
    blocks = ordered_blocks(coarse)
    element_of = _output_elements(statements)

    def place(statement: int) -> tuple[int, int, int, int]:
        """Results by element, then what reads inputs by the first one read, then the rest."""
        element = element_of.get(statements.roots[statement])
        if element is not None:
            return 0, *element, statement
        first = statements.first_input[statement]
        return (1, first, 0, statement) if first >= 0 else (2, 0, 0, statement)

    return Schedule(statements, blocks, [sorted(block.statements, key=place) for block in blocks], coarse)


def _output_elements(statements: Statements) -> dict[int, tuple[int, int]]:
    """For each node that is an element of an output: which output and which element (the first, if several)."""
    found: dict[int, tuple[int, int]] = {}
    for number, output in enumerate(statements.graph.outputs):
        for element, node in enumerate(output.nodes):
            if node >= 0:
                found.setdefault(node, (number, element))
    return found
