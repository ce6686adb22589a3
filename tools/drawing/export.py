"""Export: a picture as data, through networkx: JSON (node-link) and GraphML."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import networkx as nx

from ..text.escape import escaped
from ..text.schema import with_schema
from .picture import Box, Picture
from .source import Links

__all__ = ["to_graphml", "to_json", "to_networkx"]


def to_networkx(picture: Picture, links: Links) -> nx.DiGraph[str]:
    """The picture as a directed graph, whose attributes are texts and finite numbers."""
    graph: nx.DiGraph[str] = nx.DiGraph(title=escaped(picture.title), counts=picture.counts, level=picture.level)
    for name, box in picture.boxes.items():
        graph.add_node(name, **_attributes(box, links))
    for (giver, user), arrow in picture.arrows.items():
        graph.add_edge(giver, user, values=arrow.values, kind=arrow.kind)
    return graph


def to_json(picture: Picture, links: Links) -> bytes:
    """An object that says which schema it follows, with the members of networkx's node-link form."""
    data = nx.node_link_data(to_networkx(picture, links), edges="edges")
    return (json.dumps(with_schema("graph", data), indent=1, allow_nan=False) + "\n").encode()


def to_graphml(picture: Picture, links: Links) -> bytes:
    """GraphML, for Gephi, yEd and Cytoscape."""
    file = io.BytesIO()
    nx.write_graphml(to_networkx(picture, links), file)
    return file.getvalue() + b"\n"


def _attributes(box: Box, links: Links) -> dict[str, Any]:
    everything: dict[str, Any] = {
        "label": box.label,
        "role": box.role,
        "direction": box.direction,
        "formula": box.full_formula or box.formula,
        "shape": box.shape,
        "note": box.note,
        "scope": box.scope,
        "source": str(box.source or ""),
        "link": links.to(box.source),
        "operations": box.operations,
        **{name.replace(" ", "_"): value for name, value in box.facts.items()},
    }
    kept: dict[str, Any] = {}
    for name, value in everything.items():
        if isinstance(value, str):
            if value:
                kept[name] = "\n".join(map(escaped, value.splitlines()))
        elif isinstance(value, int) or math.isfinite(value):
            kept[name] = value
        else:
            # JSON has no infinity, and no NaN.
            kept[name] = str(value)
    return kept
