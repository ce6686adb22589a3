"""Blocks: which part of the model each traced operation belongs to.

A block is a scope without the numbers that say which of many alike: all positions and heads share one. Numbers of
layers stay. Where the model comes back to a scope after having left it (such as to a layer's own scope, for a second
addition), each visit is a block of its own, so that blocks can be drawn one below the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import GIVEN
from ..drawing.roles import LAYER
from ..drawing.source import assigned_names

__all__ = ["blocks"]

# What is come back to more often is a recurrence, and one block.
MOST_VISITS = 6

_NUMBER = re.compile(r"\d+$")


def blocks(traced: Graph) -> tuple[list[str], list[int]]:
    """The names of the blocks, in the order of the model, and for each traced operation its block; -1 for leaves."""
    assigned = assigned_names(traced.origins)
    names = [
        _block_name(origin.scope or assigned.get((origin.module, origin.line)) or origin.function)
        for origin in traced.origins
    ]
    role = [-1 if op in GIVEN else traced.origin[node] for node, op in enumerate(traced.op)]
    by_node = ["" if origin < 0 else names[origin] for origin in role]
    visits = _visits(traced, by_node, _circular(traced, by_node))
    if max(visits, default=1) > MOST_VISITS:
        visits = [1] * len(visits)
    found: dict[str, int] = {}
    result = []
    several = {name for name, visit in zip(by_node, visits, strict=True) if visit > 1}
    for name, visit in zip(by_node, visits, strict=True):
        full = f"{name} ({visit})" if name in several else name
        result.append(found.setdefault(full, len(found)) if name else -1)
    return list(found), result


def _block_name(scope: str) -> str:
    parts = [part if LAYER.fullmatch(part) else _NUMBER.sub("", part) for part in scope.split(".")]
    # What every position does is the model itself.
    return ".".join(parts[1:] if parts[0] == "position" and len(parts) > 1 else parts)


def _circular(graph: Graph, names: Sequence[str]) -> list[str]:
    """The blocks that depend on each other in a circle."""
    import networkx as nx

    edges = {
        (names[operand], names[node]): None
        for node in range(len(graph))
        for operand in graph.operands(node)
        if names[node] and names[operand] and names[node] != names[operand]
    }
    quotient: nx.DiGraph[str] = nx.DiGraph()
    quotient.add_edges_from(edges)
    return sorted(name for part in nx.strongly_connected_components(quotient) if len(part) > 1 for name in part)


def _visits(graph: Graph, names: Sequence[str], circular: Sequence[str]) -> list[int]:
    """For each node, how often a way to it has entered the node's block from outside."""
    visits = [1] * len(graph)
    for name in circular:
        # The number of the last visit on any way to a node, and whether the node is in the block.
        last = [0] * len(graph)
        for node in range(len(graph)):
            inside = names[node] == name
            most = 0
            for operand in graph.operands(node):
                entered = last[operand] + (inside and names[operand] != name and names[operand] != "")
                most = max(most, entered)
            last[node] = max(most, 1) if inside else most
            if inside:
                visits[node] = last[node]
    return visits
