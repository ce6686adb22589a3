"""Merge equal nodes: common subexpression elimination. Of operations that do the same to the same operands one is kept.

In and out: any graph; afterwards no two nodes are equal, the operands of a commutative operation taken in either order. Exact:
the one result is the same number as the other would have been. It comes after `differentiate`, because a value that is used
twice is not the same as two equal values when contributions to its gradient are added up in order.
"""

from __future__ import annotations

from .graph import Graph, GraphBuilder
from .ops import CONST, OPS, SELECT
from .rewrite import Rewritten, rewrite

__all__ = ["merge_equal_nodes"]

_COMMUTATIVE = tuple(row.commutative for row in OPS)


def merge_equal_nodes(graph: Graph) -> Rewritten:
    """Keeps the first of each set of equal nodes."""
    known: dict[object, int] = {}

    def rule(build: GraphBuilder, op: int, a: int, b: int) -> int | None:
        key: object
        if op == CONST:
            key = build.constants[a].hex()
        elif op == SELECT:
            key = (op, a, build.lists[b])
        elif _COMMUTATIVE[op] and b < a:
            key = (op, b, a)
        else:
            key = (op, a, b)
        node = known.get(key)
        if node is None:
            node = known[key] = build.node(op, a, b)
        return node

    return rewrite(graph, rule)
