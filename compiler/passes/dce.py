"""DCE, dead code elimination: drops every operation, constant and table that no output needs.

In and out: any graph; afterwards every node is needed by an output. Exact: what remains is unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..ir.graph import Graph
from ..ir.rewrite import Rewritten, count_uses, keep

__all__ = ["dce"]


def dce(graph: Graph, outputs: Sequence[str] | None = None) -> Rewritten:
    """Keeps what the outputs need, in the same order.

    Args:
        outputs: the names of those that are needed; None for all.
    """
    if outputs is not None:
        graph = replace(graph, outputs=tuple(output for output in graph.outputs if output.name in outputs))
    return keep(graph, needed_nodes(graph))


def needed_nodes(graph: Graph) -> bytearray:
    """For each node, 1 if an output depends on it, else 0."""
    needed = bytearray(b"\1") * len(graph)
    uses = count_uses(graph)
    # Most graphs have few dead nodes, so it is these that are looked for.
    dead = [node for node, count in enumerate(uses) if not count]
    while dead:
        node = dead.pop()
        needed[node] = 0
        for operand in graph.operands(node):
            uses[operand] -= 1
            if not uses[operand]:
                dead.append(operand)
    return needed
