"""Liveness: how long each value is needed, and how many are needed at a time.

In: a graph. Out: `Liveness`, by single scans over the nodes, which stand in an order in which they can be computed. A
value is live from the operation that computes it to the last one that uses it (Aho, Lam, Sethi, Ullman, 2006, section
9.2.5); results live to the end. What is read from the caller, and constants, stand in memory anyway and do not count.
Another order may need fewer values at a time: this is the order in which the model was traced, and then differentiated.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import READ

__all__ = ["Liveness", "last_uses", "measure_liveness"]


@dataclass(frozen=True)
class Liveness:
    """How long values live.

    Attributes:
        values: how many there are.
        peak: the most that are live at a time.
        peak_node: the operation after which there are so many, for the first time.
        mean: of the lengths of live ranges, in operations.
        histogram: entry `k` counts the values that live for 2**k to 2**(k+1) - 1 operations.
    """

    values: int
    peak: int
    peak_node: int
    mean: float
    histogram: tuple[int, ...]


def last_uses(graph: Graph) -> list[int]:
    """For each node the last one that uses it; for a result the number of nodes; for what nobody uses itself."""
    last = list(range(len(graph)))
    for node, operands in enumerate(graph.all_operands()):
        for operand in operands:
            last[operand] = node
    for root in graph.roots():
        last[root] = len(graph)
    return last


def measure_liveness(graph: Graph) -> Liveness:
    """Counts live values after each operation."""
    last = last_uses(graph)
    ending = [0] * (len(graph) + 1)
    lengths = [0] * (len(graph).bit_length() + 1)
    live = peak = peak_node = values = total = 0
    for node, code in enumerate(graph.op):
        live -= ending[node]
        if code in READ:
            continue
        end = last[node]
        values += 1
        total += end - node
        lengths[max(end - node, 1).bit_length() - 1] += 1
        # A value that ends here has been read by this operation, whose own begins.
        if end > node:
            live += 1
            ending[end] += 1
        if live > peak:
            peak, peak_node = live, node
    while lengths and not lengths[-1]:
        lengths.pop()
    return Liveness(values, peak, peak_node, total / values if values else 0.0, tuple(lengths))
