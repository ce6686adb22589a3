"""Neighbourhood: the operations that are near to one.

In: a graph and a node. Out: what it is computed from and what uses it, and so on for some steps. Numbers and what is
read from the caller are shown, and not gone through: a constant such as -1.0 is next to thousands of operations that
have nothing else in common.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import GIVEN

__all__ = ["neighbourhood", "rings"]


def neighbourhood(graph: Graph, node: int, radius: int) -> list[int]:
    """The nodes within `radius` steps of `node`, the nearest first, each distance in ascending order."""
    return [node, *(near for ring in rings(graph, node, radius) for near in ring)]


def rings(graph: Graph, node: int, radius: int) -> Iterator[list[int]]:
    """The nodes that are 1, 2, ... up to `radius` steps away, each distance in ascending order."""
    found, frontier = {node}, {node}
    for _ in range(radius):
        near = {operand for member in sorted(frontier) for operand in graph.operands(member)}
        near.update(_users(graph, frontier))
        near.difference_update(found)
        found.update(near)
        frontier = {member for member in near if graph.op[member] not in GIVEN}
        yield sorted(near)


def _users(graph: Graph, nodes: set[int]) -> list[int]:
    """Which nodes have one of `nodes` as an operand."""
    return [user for user, operands in enumerate(graph.all_operands()) if not nodes.isdisjoint(operands)]
