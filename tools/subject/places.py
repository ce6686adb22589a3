"""Places: what the part of a model that an operation comes from is called."""

from __future__ import annotations

from ...compiler.ir.graph import Graph, Origin

__all__ = ["place_of", "role_names"]


def place_of(origin: Origin) -> str:
    """The scope; outside of all scopes, the function."""
    return origin.scope or origin.function


def role_names(graph: Graph) -> list[str]:
    """The places of a graph's operations without their numbers, sorted."""
    return sorted({origin.role or origin.function for origin in graph.origins if origin.line})
