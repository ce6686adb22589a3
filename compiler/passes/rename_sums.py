"""Rename sums: a sum that turned out to be its only term is known by the name of the sum.

In: a graph, and the same graph simplified. Out: the simplified graph, in which an operation that took the place of
another one, for which alone it was, has that one's origin and source. So the values of one array have one name, whether
they are sums of one or of many terms.
"""

from __future__ import annotations

from array import array
from dataclasses import replace

from ..ir.graph import Graph
from ..ir.ops import READ
from ..ir.rewrite import Rewritten, count_uses

__all__ = ["rename_sums"]


def rename_sums(before: Graph, simplified: Rewritten) -> Rewritten:
    """Renames what stands for the only user of what it was."""
    graph, ids = simplified.graph, simplified.ids
    # What is new has a greater number than all that was there before; few nodes are something that was.
    replacing, last = [], -1
    for old, new in enumerate(ids):
        if new > last:
            last = new
        else:
            replacing.append(old)
    if not replacing:
        return simplified
    uses = count_uses(before)
    origin, source = array("i", graph.origin), array("i", graph.source)
    replaced = {ids[old] for old in replacing}
    known_as: dict[int, int] = {}  # the first of the old nodes
    for old, new in enumerate(ids):
        if new in replaced:
            known_as.setdefault(new, old)
    for old in replacing:
        new = ids[old]
        if known_as[new] < old and uses[known_as[new]] == 1 and graph.op[new] not in READ:
            origin[new], source[new] = before.origin[old], before.source[old]
            known_as[new] = old
    return Rewritten(replace(graph, origin=origin, source=source), simplified.ids)
