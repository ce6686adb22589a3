"""Names for values in generated code, made from the scopes of the model: ``p3_l0_h2_scores_5``.

A numbered scope is shortened to its first letter; what `differentiate` added begins with ``d_``; the last number counts the
values of that scope. Deterministic: names follow from the graph alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .graph import Graph

__all__ = ["value_names"]

_NUMBERED = re.compile(r"([A-Za-z])[A-Za-z_]*?(\d+)")
_OTHER = re.compile(r"\W+", re.ASCII)


def value_names(graph: Graph, nodes: Sequence[int]) -> dict[int, str]:
    """A Python and C identifier for each of `nodes`, all different."""
    prefixes = [_prefix(origin.scope or origin.function) for origin in graph.origins]
    counts: dict[str, int] = {}
    names: dict[int, str] = {}
    for node in nodes:
        prefix = prefixes[graph.origin[node]]
        if graph.source[node] < 0:
            prefix = f"d_{prefix}"
        counts[prefix] = number = counts.get(prefix, -1) + 1
        names[node] = f"{prefix}_{number}"
    return names


def _prefix(scope: str) -> str:
    parts = []
    for part in scope.split("."):
        numbered = _NUMBERED.fullmatch(part)
        parts.append(numbered[1] + numbered[2] if numbered else _OTHER.sub("_", part).strip("_") or "value")
    joined = "_".join(parts)
    return joined if joined[0].isalpha() else f"v{joined}"
