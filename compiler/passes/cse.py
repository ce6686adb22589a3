"""CSE, common subexpression elimination: of operations that do the same to the same operands one is kept.

In and out: any graph; afterwards no two nodes are equal, the operands of a commutative operation taken in either
order. Exact: the one result is the same number as the other would have been. It comes after `differentiate`, because
a value that is used twice is not the same as two equal values when contributions to its gradient are added up in
order.
"""

from __future__ import annotations

import operator
from itertools import count

from ..ir.graph import Graph
from ..ir.ops import CONST, GATHER, OPS
from ..ir.rewrite import Rewritten, keep

__all__ = ["cse"]

_COMMUTATIVE = tuple(row.commutative for row in OPS)
_MARKED = tuple(row.is_marked for row in OPS)


def cse(graph: Graph) -> Rewritten:
    """Keeps the first of each set of equal nodes."""
    # By operation, from the operands, or from operands and attribute, to the first node that has them. Two operands in
    # either order are one number: most nodes have these, and a number takes less time and memory than a pair.
    known: list[dict[object, int]] = [{} for _ in OPS]
    worth: list[int] = []
    size, attribute = len(graph), graph.attribute
    for node, (op, operands) in enumerate(zip(graph.op, graph.all_operands(worth.__getitem__), strict=True)):
        key: object
        if _COMMUTATIVE[op]:
            a, b = operands
            key = a * size + b if a < b else b * size + a
        elif op == CONST:
            key = graph.constants[attribute[node]].hex()
        elif op == GATHER:
            key = operands, graph.tables[attribute[node]]
        else:
            key = (operands, attribute[node]) if _MARKED[op] else operands
        worth.append(known[op].setdefault(key, node))
    return keep(graph, bytes(map(operator.eq, worth, count())), worth)
