"""A drawing of a whole program: its blocks of like statements, forward and backward, and what they hand on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any, TypeAlias

import graphviz
import networkx as nx

from ...compiler.python.coarse import Block
from ...compiler.python.schedule import Schedule

__all__ = ["FONT", "INK", "draw_blocks"]

FONT = "Helvetica,Arial,sans-serif"
INK, FAINT = "#1f2933", "#7b8794"

# From few operations to many, for each direction (Tableau's blues and oranges, lightened).
FORWARD = ("#eef5fc", "#d6e6f5", "#b5d1ec", "#8db8e0")
BACKWARD = ("#fdf3e7", "#fbe1c3", "#f7c993", "#f0ab5f")
SAVED = "#b0a4c8"

# Nodes are numbers of blocks, with the attributes that `merge_alike` sets.
Parts: TypeAlias = "nx.DiGraph[int]"
Edge = tuple[int, int, dict[str, Any]]


def draw_blocks(schedule: Schedule, title: str) -> graphviz.Digraph:
    """The coarse graph of a schedule, with blocks of the same role drawn as one where that makes no cycle."""
    parts = merge_alike(schedule)
    total = sum(data["operations"] for _, data in parts.nodes(data=True))
    drawing = graphviz.Digraph(
        "blocks",
        graph_attr={
            "rankdir": "TB", "ranksep": "0.32", "nodesep": "0.28", "pad": "0.35", "newrank": "true",
            "splines": "spline", "bgcolor": "white", "labelloc": "t", "labeljust": "l", "fontname": FONT,
            "fontcolor": INK,
            "label": _heading(title, len(schedule.statements.graph), total, parts),
        },
        node_attr={
            "shape": "box", "style": "rounded,filled", "color": FAINT, "penwidth": "0.8", "margin": "0.1,0.03",
            "height": "0.4", "fontname": FONT, "fontsize": "11", "fontcolor": INK,
        },
        edge_attr={"color": FAINT, "arrowsize": "0.55", "fontname": FONT, "fontsize": "8", "fontcolor": FAINT},
    )  # fmt: skip
    for number, data in _nodes(parts):
        shades = BACKWARD if data["backward"] else FORWARD
        drawing.node(
            f"b{number}",
            _label(data, total),
            fillcolor=shades[_shade(data["operations"] / total)],
            tooltip=_tooltip(data),
        )
    edges: list[Edge] = sorted(parts.edges(data=True), key=lambda edge: edge[:2])
    for giver, user, data in edges:
        values = data["values"]
        attributes = {"penwidth": f"{0.6 + 0.45 * math.log10(values):.2f}", "tooltip": f"{values:,} values"}
        ways = parts.nodes[giver]["backward"], parts.nodes[user]["backward"]
        if ways == (True, True):
            # Drawn upwards, so that each backward block stands beside the forward block that it differentiates.
            drawing.edge(f"b{user}", f"b{giver}", dir="back", **attributes)
            continue
        if ways == (False, True):
            attributes |= {"style": "dashed", "color": SAVED, "constraint": "false"}
        drawing.edge(f"b{giver}", f"b{user}", **attributes)
    for first, second in _twins(parts):
        with drawing.subgraph(graph_attr={"rank": "same"}) as row:
            row.edge(f"b{first}", f"b{second}", style="invis", weight="2")
    return drawing


def _nodes(parts: Parts) -> list[tuple[int, dict[str, Any]]]:
    return [(number, parts.nodes[number]) for number in sorted(parts)]


def _twins(parts: Parts) -> list[tuple[int, int]]:
    """Forward and backward parts of the same role, where a role has one of each."""
    by_role: dict[str, tuple[list[int], list[int]]] = {}
    for number, data in _nodes(parts):
        by_role.setdefault(data["role"], ([], []))[data["backward"]].append(number)
    return [(pair[0][0], pair[1][0]) for pair in by_role.values() if len(pair[0]) == len(pair[1]) == 1]


def merge_alike(schedule: Schedule) -> Parts:
    """Blocks of the same scope and direction become one part, unless another part stands between them."""
    parts: Parts = nx.DiGraph()
    for number, data in schedule.coarse.nodes(data=True):
        block: Block = data["block"]
        parts.add_node(
            number,
            role=_common_scope(schedule, block),
            backward=block.backward,
            statements=len(block.statements),
            operations=block.operations,
            levels=(block.level, block.level),
        )
    parts.add_edges_from(schedule.coarse.edges(data=True))
    last: dict[tuple[str, bool], list[int]] = {}
    for number in sorted(schedule.coarse):
        data = parts.nodes[number]
        alike = last.setdefault((data["role"], data["backward"]), [])
        for other in alike:
            if not _way_around(parts, other, number):
                _absorb(parts, other, number)
                break
        else:
            alike.append(number)
    return parts


def _common_scope(schedule: Schedule, block: Block) -> str:
    """The scope of a block's statements, with the numbers that they all share: ``layer0.head.scores``."""
    statements = schedule.statements
    origins = {statements.graph.origin[statements.roots[statement]] for statement in block.statements}
    scopes = [statements.graph.origins[origin].scope.split(".") for origin in sorted(origins)]
    shared = [
        parts[0] if len(set(parts)) == 1 else parts[0].rstrip("0123456789") for parts in zip(*scopes, strict=True)
    ]
    return ".".join(part for part in shared if not part.startswith("position")) or block.role


def _way_around(parts: Parts, first: int, second: int) -> bool:
    """Whether a way leads from one of the two to the other through a third, which merging would close to a circle."""
    for start, end in ((first, second), (second, first)):
        for step in parts.successors(start):
            if step != end and nx.has_path(parts, step, end):
                return True
    return False


def _absorb(parts: Parts, kept: int, gone: int) -> None:
    mine, other = parts.nodes[kept], parts.nodes[gone]
    mine["statements"] += other["statements"]
    mine["operations"] += other["operations"]
    mine["levels"] = (min(mine["levels"][0], other["levels"][0]), max(mine["levels"][1], other["levels"][1]))
    edges = [(kept, user, data) for user, data in parts.succ[gone].items()]
    edges += [(giver, kept, data) for giver, data in parts.pred[gone].items()]
    for giver, user, data in edges:
        if giver != user:
            known = parts.edges[giver, user]["values"] if parts.has_edge(giver, user) else 0
            parts.add_edge(giver, user, values=known + data["values"])
    parts.remove_node(gone)


def _shade(share: float) -> int:
    return 3 if share >= 0.10 else 2 if share >= 0.03 else 1 if share >= 0.005 else 0


def _label(data: Mapping[str, Any], total: int) -> str:
    role, operations = data["role"], data["operations"]
    counts = f"{operations:,} ops in {data['statements']:,} statement{'s' * (data['statements'] != 1)}"
    share = f"{100 * operations / total:.0f} %" if operations / total >= 0.005 else "&lt; 1 %"
    name = escape(role.replace(".", " · ") or "top")
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'
        f"<tr><td><b>{name}</b></td></tr>"
        f'<tr><td><font point-size="8.5" color="#52606d">{counts}, {share}</font></td></tr></table>>'
    )


def _tooltip(data: Mapping[str, Any]) -> str:
    first, last = data["levels"]
    direction = "backward" if data["backward"] else "forward"
    return str(graphviz.escape(f"{data['role']} {direction}, levels {first} to {last}"))


def _heading(title: str, operations: int, total: int, parts: Parts) -> str:
    sides = {False: 0, True: 0}
    for _, data in parts.nodes(data=True):
        sides[data["backward"]] += data["operations"]

    def swatch(colors: tuple[str, ...]) -> str:
        return "".join(f'<td bgcolor="{color}" width="14" height="12"></td>' for color in colors)

    def row(colors: tuple[str, ...], text: str) -> str:
        return f'<tr>{swatch(colors)}<td align="left"><font point-size="10">{text}</font></td></tr>'

    rows = row(FORWARD, f"forward, {sides[False]:,} operations; darker: a larger share")
    if sides[True]:
        rows += row(BACKWARD, f"backward, {sides[True]:,} operations")
        rows += (
            f'<tr><td colspan="4"><font color="{SAVED}"><b>- - - -</b></font></td>'
            '<td align="left"><font point-size="10">values that the backward pass reads again</font></td></tr>'
        )
    about = f"{operations:,} nodes, leaves included; {total:,} operations in {len(parts)} blocks"
    head = f'<font point-size="18"><b>{escape(title)}</b></font>'
    sub = f'<font point-size="10" color="{FAINT}">{about}</font>'
    legend = f'<table border="0" cellborder="0" cellspacing="2" cellpadding="1">{rows}</table>'
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="3">'
        + "".join(f'<tr><td align="left">{part}</td></tr>' for part in (head, sub, legend))
        + "</table>>"
    )
