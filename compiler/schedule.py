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
from .graph import A_IS_NODE, B_IS_NODE
from .ops import INPUT

__all__ = ["Schedule", "schedule"]


@dataclass(frozen=True)
class Schedule:
    """An order of all statements.

    Attributes:
        statements: what is ordered.
        operands: for each statement the nodes of other statements that it uses.
        blocks: in order.
        order: for each block its statements in order.
        coarse: the graph of blocks.
    """

    statements: Statements
    operands: Sequence[Sequence[int]]
    blocks: Sequence[Block]
    order: Sequence[Sequence[int]]
    coarse: CoarseGraph


def schedule(statements: Statements) -> Schedule:
    """Orders the blocks by level, and within each block by the first input or output element concerned."""
    operands = [statements.operands(statement) for statement in range(len(statements.roots))]
    coarse = coarse_graph(statements, operands)
    blocks = ordered_blocks(coarse)
    element_of = _output_elements(statements)
    order = [
        sorted(block.statements, key=lambda statement: (*_place(statements, element_of, statement), statement))
        for block in blocks
    ]
    return Schedule(statements, operands, blocks, order, coarse)


def _output_elements(statements: Statements) -> dict[int, tuple[int, int]]:
    """For each node that is an element of an output: which output and which element (the first, if several)."""
    found: dict[int, tuple[int, int]] = {}
    for number, output in enumerate(statements.graph.outputs):
        for element, node in enumerate(output.nodes):
            if node >= 0:
                found.setdefault(node, (number, element))
    return found


def _place(statements: Statements, element_of: dict[int, tuple[int, int]], statement: int) -> tuple[int, int, int]:
    """Results by element, then statements that read inputs by the first one read, then the rest."""
    root = statements.roots[statement]
    if root in element_of:
        return (0, *element_of[root])
    graph = statements.graph
    first = len(graph)
    for node in statements.bodies[statement]:
        op = graph.op[node]
        for is_node, operand in ((A_IS_NODE[op], graph.a[node]), (B_IS_NODE[op], graph.b[node])):
            if is_node and graph.op[operand] == INPUT and graph.a[operand] < first:
                first = graph.a[operand]
    return (1, first, 0) if first < len(graph) else (2, 0, 0)
