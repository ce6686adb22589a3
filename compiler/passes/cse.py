"""CSE, common subexpression elimination: of operations that do the same to the same operands one is kept.

In and out: any graph; afterwards no two nodes are equal, the operands of a commutative operation taken in either
order. Exact: the one result is the same number as the other would have been. It comes after `differentiate`, because
a value that is used twice is not the same as two equal values when contributions to its gradient are added up in
order.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.ops import OPS, SELECT
from ..ir.rewrite import Rewritten, rewrite

__all__ = ["cse"]

_COMMUTATIVE = tuple(row.commutative for row in OPS)


def cse(graph: Graph) -> Rewritten:
    """Keeps the first of each set of equal nodes."""
    known: dict[object, int] = {}

    def rule(build: GraphBuilder, op: int, a: int, b: int) -> int | None:
        key: object
        if op == SELECT:
            key = (op, a, build.lists[b])
        elif _COMMUTATIVE[op] and b < a:
            key = (op, b, a)
        else:
            key = (op, a, b)
        known_node = known.get(key)
        if known_node is None:
            known[key] = len(build.op)
        return known_node

    return rewrite(graph, rule)
