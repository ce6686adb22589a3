"""Unroll: which operations of a graph each nest of a program carries out, point by point.

In: a program and the graph that it is. Out: `Unrolled`, as columns. It is found as `prove_loops` finds that the program
is the graph: by carrying it out on node numbers. So nothing is said here that has not been checked, and it can be asked
of every program, also of those that were continued and never had a graph.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.graph import Graph
from ..ir.ops import MUL
from .layout import Layout
from .loop_ir import LoopProgram, blocks
from .prove_loops import NodeDomain
from .run_loops import carry_out

__all__ = ["Unrolled", "unroll"]


@dataclass(frozen=True)
class Unrolled:
    """What the nests of a program carry out. A row for each point of each nest, nest by nest, in the order in
    which they run; only that the nests of a recurrence take turns.

    Attributes:
        first_point: for each nest, its first row; one entry more for the end.
        values: for each row, the node whose value is stored, copied, or added to an output; -1 for none.
        first_node: for each row, its first entry of `nodes`; one more for the end.
        nodes: what is computed, each after what it needs. What is only read from memory is not among it.
    """

    first_point: array[int]
    values: array[int]
    first_node: array[int]
    nodes: array[int]

    def nodes_of(self, nest: int) -> array[int]:
        """All that a nest computes, in order."""
        return self.nodes[self.first_node[self.first_point[nest]] : self.first_node[self.first_point[nest + 1]]]

    def values_of(self, nest: int) -> array[int]:
        """What a nest stores, copies or adds, in order."""
        return self.values[self.first_point[nest] : self.first_point[nest + 1]]


class _Recorder(NodeDomain):
    """Notes every operation that is carried out."""

    def __init__(self, graph: Graph, program: LoopProgram, layout: Layout, inputs: Sequence[int]) -> None:
        super().__init__(graph, program, layout, inputs)
        self.noted = array("i")

    def taken(self) -> array[int]:
        """What has been noted since it was asked last."""
        noted, self.noted = self.noted, array("i")
        return noted

    def _note(self, node: int) -> int:
        self.noted.append(node)
        return node

    def row(self, base: int, stride: int, index: int) -> int:
        return self._note(super().row(base, stride, index))

    def pick(self, start: int, index: int) -> int:
        return self._note(super().pick(start, index))

    def const(self, text: str) -> int:
        return self._note(super().const(text))

    def equal(self, index: int, number: int) -> int:
        return self._note(super().equal(index, number))

    def apply(self, op: int, operands: list[int]) -> int:
        return self._note(super().apply(op, operands))

    def add_products(
        self, op: int, total: int | None, a: int, a_step: int, b: int, b_step: int, count: int
    ) -> int | None:
        for turn in range(count):
            value = self.apply(MUL, [self.memory[a + turn * a_step], self.memory[b + turn * b_step]])
            total = value if total is None else self.apply(op, [total, value])
        return total


def unroll(
    program: LoopProgram, graph: Graph, layout: Layout, inputs: Sequence[int], before: LoopProgram | None = None
) -> Unrolled:
    """Carries out `program` on the nodes of `graph`.

    Args:
        inputs: of each input number, its address.
        before: a program that has run before, such as one that makes copies of arguments.

    Raises:
        ProofError: if the program computes what the graph does not.
    """
    domain = _Recorder(graph, program, layout, inputs)
    for block in blocks(before.nests if before else ()):
        for _ in carry_out(block, domain):
            domain.taken()
    domain.clear(program.zeros)
    first_point, values, first_node = array("i", [0]), array("i"), array("i", [0])
    nodes = array("i")
    for block in blocks(program.nests):
        rows: list[list[tuple[int, array[int]]]] = [[] for _ in block]
        for place, value in carry_out(block, domain):
            rows[place].append((value if value < domain.unset else -1, domain.taken()))
        for own in rows:
            for value, computed in own:
                values.append(value)
                nodes += computed
                first_node.append(len(nodes))
            first_point.append(len(values))
    return Unrolled(first_point, values, first_node, nodes)
