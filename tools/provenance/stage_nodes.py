"""Which nodes of every stage's graph belong to which nodes of the final one.

In: the graphs that the passes made one from the other, and where each pass says that nodes have gone. Out: for each
stage, for each of its nodes, the nodes of the final graph that belong to it: the one that is worth the same, and,
before `differentiate` has run, also those that it added for it. A final node that a pass has made up on the way belongs
to the nodes of the same traced operation in the stages before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...compiler.ir.graph import Graph
from .ragged import Ragged

__all__ = ["final_nodes"]


def final_nodes(graphs: Mapping[str, Graph], ids: Mapping[str, Sequence[int]]) -> dict[str, Ragged]:
    """For each stage the final nodes of each of its nodes, ascending.

    Args:
        graphs: by stage, in order; the last one is the final graph.
        ids: by stage, where each node of the graph before has gone; -1 for nowhere. None for the first stage.
    """
    names = list(graphs)
    final = graphs[names[-1]]
    gone_to: Sequence[int] = range(len(final))
    found = {names[-1]: Ragged.singles(gone_to)}
    for name, following in zip(reversed(names[:-1]), reversed(names), strict=False):
        gone_to = [gone_to[new] if new >= 0 else -1 for new in ids[following]]
        found[name] = _rows(graphs[name], gone_to, final)
    return {name: found[name] for name in names}


def _rows(graph: Graph, gone_to: Sequence[int], final: Graph) -> Ragged:
    rows: dict[int, list[int]] = {}
    met = bytearray(len(final))
    for node, new in enumerate(gone_to):
        if new >= 0:
            rows[node] = [new]
            met[new] = 1
    differentiated = any(source < 0 for source in graph.source)
    by_source: dict[int, list[int]] = {}
    for node, source in enumerate(graph.source):
        by_source.setdefault(source, []).append(node)
    for node, source in enumerate(final.source):
        if source < 0 and not differentiated:
            source = ~source
        elif met[node]:
            continue
        for own in by_source.get(source, ()):
            rows.setdefault(own, []).append(node)
    return Ragged.of(sorted(set(rows.get(node, ()))) for node in range(len(graph)))
