"""Count operations: of which kind, in which part of the model, forward and backward.

In: a graph. Out: counts, by single scans. A flop is an operation that rounds: an addition, a multiplication, a
division, or a function of the C library, which counts as one however long it takes; as LINPACK counts a division
(Dongarra, Luszczek, Petitet, 2003). Choices between numbers, and what is read, count for nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import OPS, READ

__all__ = ["FUNCTIONS", "ROUNDING", "Count", "by_kind", "by_scope", "flops", "function_calls"]

# Functions of the C library.
FUNCTIONS = frozenset(code for code, row in enumerate(OPS) if row.libm)
ROUNDING = frozenset(code for code, row in enumerate(OPS) if row.rounds)


@dataclass(frozen=True)
class Count:
    """How many operations, in the two directions."""

    forward: int
    backward: int

    @property
    def all(self) -> int:
        """In both."""
        return self.forward + self.backward


def by_kind(graph: Graph) -> dict[str, Count]:
    """Operations by name, in the order of the table of operations; leaves too."""
    counts = Counter((code, source < 0) for code, source in zip(graph.op, graph.source, strict=True))
    kinds = sorted({code for code, _ in counts})
    return {OPS[code].name: Count(counts[code, False], counts[code, True]) for code in kinds}


def by_scope(graph: Graph) -> dict[str, Count]:
    """Operations that compute something, by the role of their scope, in the order in which the model enters them."""
    roles = [origin.role or origin.function for origin in graph.origins]
    counts: Counter[tuple[str, bool]] = Counter()
    order: dict[str, None] = {}
    for code, origin, source in zip(graph.op, graph.origin, graph.source, strict=True):
        if code not in READ:
            counts[roles[origin], source < 0] += 1
            order.setdefault(roles[origin])
    return {role: Count(counts[role, False], counts[role, True]) for role in order}


def flops(graph: Graph) -> Count:
    """Operations that round."""
    return _count(graph, ROUNDING)


def function_calls(graph: Graph) -> Count:
    """Those of them that are functions of the C library."""
    return _count(graph, FUNCTIONS)


def _count(graph: Graph, kinds: frozenset[int]) -> Count:
    counts = Counter(source < 0 for code, source in zip(graph.op, graph.source, strict=True) if code in kinds)
    return Count(counts[False], counts[True])
