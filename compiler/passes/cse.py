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
    # By operation, from the operands, or from operands and attribute, to the first node that has them.
    known: list[dict[object, int]] = [{} for _ in OPS]
    worth: list[int] = []
    columns = zip(graph.op, graph.all_operands(worth.__getitem__), graph.attribute, strict=True)
    for node, (op, operands, attribute) in enumerate(columns):
        key: object = operands
        if _COMMUTATIVE[op]:
            a, b = operands
            if b < a:
                key = b, a
        elif _MARKED[op]:
            key = operands, attribute
            if op == CONST:
                key = graph.constants[attribute].hex()
            elif op == GATHER:
                key = operands, graph.tables[attribute]
        worth.append(known[op].setdefault(key, node))
    return keep(graph, bytes(map(operator.eq, worth, count())), worth)
