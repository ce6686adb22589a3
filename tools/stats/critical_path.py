"""Critical path: the longest chain of operations each of which needs the one before.

In: a graph and what each kind of operation costs. Out: the chain. However many operations run at a time, the program
takes at least as long as this chain: the span, T-infinity, of a computation whose work is T-1; their ratio is how many
operations could run at a time on average (Brent, 1974; Blumofe and Leiserson, 1999). A single scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import OPS, READ

__all__ = ["UNIT_COSTS", "CriticalPath", "critical_path"]

# By operation: one for each that computes something.
UNIT_COSTS = tuple(float(code not in READ) for code in range(len(OPS)))


@dataclass(frozen=True)
class CriticalPath:
    """A longest chain.

    Attributes:
        cost: of all its operations.
        nodes: in order, the first needs no other.
    """

    cost: float
    nodes: tuple[int, ...]


def critical_path(graph: Graph, costs: Sequence[float] = UNIT_COSTS) -> CriticalPath:
    """The chain with the highest cost; of several, the one whose last operation comes first.

    Args:
        costs: by operation, at least 0.
    """
    finish: list[float] = []
    before: list[int] = []
    for op, operands in zip(graph.op, graph.all_operands(), strict=True):
        latest = -1
        for operand in operands:
            if latest < 0 or finish[operand] > finish[latest]:
                latest = operand
        finish.append(costs[op] + (finish[latest] if latest >= 0 else 0.0))
        before.append(latest)
    if not finish:
        return CriticalPath(0.0, ())
    cost = max(finish)
    path = [finish.index(cost)]
    while before[path[-1]] >= 0:
        path.append(before[path[-1]])
    nodes = tuple(node for node in reversed(path) if graph.op[node] not in READ)
    return CriticalPath(cost, nodes)
