"""Colours for programs whose scopes tell no role: one for each function of the user's."""

from __future__ import annotations

from collections import Counter

from ...compiler.ir.graph import Graph
from ..subject.places import place_of
from .picture import Box, Picture
from .roles import ROLES

__all__ = ["colour_by_function"]

# In the order in which they are given out; light, as those of the roles. What is left shares the last.
_PALETTE = ("#cfe3fa", "#ffe3a8", "#d3efc4", "#e4d6f7", "#c9efe6", "#fbd0cf", "#e4e7eb")


def colour_by_function(picture: Picture, graph: Graph) -> None:
    """Gives each box the function that it belongs to, or the outermost scope, as its role; with a single function, what
    the box is called.
    """
    drawn = [box for box in picture.boxes.values() if box.direction in ("forward", "backward")]
    homes = {id(box): _home(box, graph) for box in drawn}
    if len(set(homes.values())) < 2:
        homes = {id(box): box.label.partition("_")[0] for box in drawn}
    sizes: Counter[str] = Counter()
    for box in drawn:
        sizes[homes[id(box)]] += box.operations
    most = [name for name, _ in sizes.most_common(len(_PALETTE))]
    order = [name for name in dict.fromkeys(homes.values()) if name in most]
    colours = dict(zip(order, _PALETTE, strict=False))
    for box in drawn:
        box.role = homes[id(box)] if homes[id(box)] in colours else "other"
    picture.roles = {**colours, "other": ROLES["other"]}


def _home(box: Box, graph: Graph) -> str:
    """The function, or the outermost scope, that most of its results come from."""
    counts = Counter(place_of(graph.origins[graph.origin[node]]).partition(".")[0] for node in box.results)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else "other"
