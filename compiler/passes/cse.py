"""CSE, common subexpression elimination: of operations that do the same to the same operands one is kept.

In and out: any graph; afterwards no two nodes are equal, the operands of a commutative operation taken in either
order. Exact: the one result is the same number as the other would have been. It comes after `differentiate`, because
a value that is used twice is not the same as two equal values when contributions to its gradient are added up in
order.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.ops import OPS
from ..ir.rewrite import Rewritten, rewrite

__all__ = ["cse"]

_COMMUTATIVE = tuple(row.commutative for row in OPS)


def cse(graph: Graph) -> Rewritten:
    """Keeps the first of each set of equal nodes."""
    # By operation, from the operands, or from operands and attribute, to the first node that has them.
    known: list[dict[object, int]] = [{} for _ in OPS]

    def rule(build: GraphBuilder, op: int, operands: tuple[int, ...], attribute: int) -> int | None:
        key: object = operands
        if _COMMUTATIVE[op]:
            if operands[1] < operands[0]:
                key = operands[::-1]
        elif attribute:
            key = (operands, attribute)
        known_node = known[op].get(key)
        if known_node is None:
            known[op][key] = len(build.op)
        return known_node

    return rewrite(graph, rule)
