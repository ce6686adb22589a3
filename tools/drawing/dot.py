"""From a picture to the language of Graphviz.

Direction shows in shape and line, not only in colour, so that a black-and-white print shows the same: forward boxes are
round, backward boxes have corners and a double line, and what the backward pass reads again is dashed. The colour is
the role. All texts are escaped.
"""

from __future__ import annotations

import math
from collections import Counter
from html import escape

import graphviz

from ..text.escape import escaped
from .picture import Arrow, Box, Picture
from .source import Links

__all__ = ["to_dot"]

FONT = "Helvetica,Arial,sans-serif"
INK, QUIET, LINE = "#1f2933", "#475461", "#5b6875"
BACKWARD = "#a3430f"
SAVED = "#8a7bb0"

_EDGES = {
    "forward": {"color": LINE},
    "backward": {"color": BACKWARD, "arrowhead": "onormal"},
    "saved": {"color": SAVED, "style": "dashed", "arrowhead": "vee"},
    "outside": {"color": LINE, "style": "dotted", "arrowhead": "vee"},
}
_WORDS = {
    "forward": "forward",
    "backward": "backward",
    "saved": "read again, backward",
    "outside": "from or to other parts",
}
# Letters of a bar that shows how large gradients are.
_BAR = 18
_DECADES = 6


def to_dot(picture: Picture, links: Links) -> graphviz.Digraph:
    """The picture for `dot`; the same bytes for the same picture."""
    drawing = graphviz.Digraph(
        "microgpt",
        graph_attr={
            "rankdir": "LR" if _is_flat(picture) else "TB", "ranksep": "0.3", "nodesep": "0.22", "pad": "0.3",
            "newrank": "true", "outputorder": "edgesfirst", "bgcolor": "white", "labelloc": "t", "labeljust": "l",
            "fontname": FONT, "fontcolor": INK, "fontsize": "12", "label": _heading(picture),
            "tooltip": _tip([picture.title]),
        },
        node_attr={
            "shape": "box", "margin": "0.11,0.03", "height": "0.3", "width": "0.5", "fontname": FONT, "fontsize": "12",
            "fontcolor": INK, "color": INK,
        },
        edge_attr={"arrowsize": "0.6", "fontname": FONT},
    )  # fmt: skip
    scale = _Scale(picture)
    for name, box in picture.boxes.items():
        link = links.to(box.source)
        drawing.node(
            name,
            _label(box, scale),
            tooltip=_tip(_facts(box)),
            **({"URL": _plain(link), "target": "_blank"} if link else {}),
            **_style(box, picture),
        )
    for (giver, user), arrow in picture.arrows.items():
        _draw_arrow(drawing, picture, giver, user, arrow)
    for first, second in _twins(picture):
        with drawing.subgraph(graph_attr={"rank": "same"}) as row:
            row.edge(first, second, style="invis", weight="2")
    return drawing


def _is_flat(picture: Picture) -> bool:
    """Whether many boxes stand in few ranks. Drawn from the left to the right, they fit a page."""
    if picture.level != "scalar":
        return False
    ranks: dict[str, int] = {}
    waiting = Counter(user for _, user in picture.arrows)
    users: dict[str, list[str]] = {}
    for giver, user in picture.arrows:
        users.setdefault(giver, []).append(user)
    ready = [name for name in picture.boxes if not waiting[name]]
    for name in ready:  # grows
        for user in users.get(name, ()):
            ranks[user] = max(ranks.get(user, 0), ranks.get(name, 0) + 1)
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)
    return len(picture.boxes) > 4 * (max(ranks.values(), default=0) + 1)


def _style(box: Box, picture: Picture) -> dict[str, str]:
    if box.direction == "constant":
        return {"shape": "plain"}
    if box.direction == "outside":
        return {"style": "dashed,rounded", "penwidth": "0.7", "color": LINE}
    width = "3" if box.emphasis else "1.1"
    if box.direction == "backward":
        border = {"style": "filled", "peripheries": "2", "color": BACKWARD}
    else:
        border = {"style": "rounded,filled"}
    return border | {"fillcolor": picture.roles[box.role], "penwidth": width}


def _draw_arrow(drawing: graphviz.Digraph, picture: Picture, giver: str, user: str, arrow: Arrow) -> None:
    ends = picture.boxes[giver], picture.boxes[user]
    values = f"{arrow.values:,} value{'s' * (arrow.values != 1)}"
    attributes = dict(_EDGES[arrow.kind])
    attributes["penwidth"] = f"{0.7 + 0.55 * math.log10(max(arrow.values, 1)):.2f}"
    attributes["tooltip"] = _tip([f"{ends[0].label} → {ends[1].label}: {values}, {_WORDS[arrow.kind]}"])
    if arrow.returns:
        attributes["constraint"] = "false"
    if arrow.kind == "backward" and picture.level != "scalar":
        # Drawn upwards, so that each backward box stands beside the forward box that it differentiates.
        head = attributes.pop("arrowhead")
        drawing.edge(user, giver, dir="back", arrowtail=head, **attributes)
        return
    if arrow.kind == "saved" and picture.level != "scalar":
        attributes["constraint"] = "false"
    drawing.edge(giver, user, **attributes)


def _twins(picture: Picture) -> list[tuple[str, str]]:
    """A forward box and the backward box of the same name, to stand side by side."""
    by_label: dict[tuple[str, str], dict[str, list[str]]] = {}
    for name, box in picture.boxes.items():
        if box.direction in ("forward", "backward") and picture.level != "scalar":
            found = by_label.setdefault((box.scope, box.label), {"forward": [], "backward": []})
            found[box.direction].append(name)
    pairs = []
    for found in by_label.values():
        # Backward boxes come in the opposite order.
        if len(found["forward"]) == len(found["backward"]):
            pairs += list(zip(found["forward"], reversed(found["backward"]), strict=True))
    return pairs


class _Scale:
    """How long the bar of a gradient is: by the power of ten, from the smallest of the picture to the largest."""

    def __init__(self, picture: Picture) -> None:
        sizes = [size for box in picture.boxes.values() if (size := _size(box)) > 0.0]
        self.high = math.log10(max(sizes)) if sizes else 0.0
        # What is smaller by more is nothing but what rounding has left.
        self.low = max(math.log10(min(sizes)), self.high - _DECADES) if sizes else 0.0

    def width(self, box: Box) -> int:
        """Letters; 0 for no bar."""
        size = _size(box)
        if not 0.0 < size < math.inf:
            return 0
        span = self.high - self.low
        return max(1, round(_BAR * (math.log10(size) - self.low) / span)) if span > 0.0 else _BAR


def _size(box: Box) -> float:
    size = box.facts.get("gradient l2", box.facts.get("value l2", 0.0) if box.direction == "backward" else 0.0)
    return size if isinstance(size, float) and math.isfinite(size) else 0.0


def _label(box: Box, scale: _Scale) -> str:
    name = escape(escaped(box.label))
    head = f"<b><i>∂ {name}</i></b>" if box.direction == "backward" else f"<b>{name}</b>"
    if box.direction in ("outside", "constant"):
        head = f'<font point-size="10" color="{QUIET}">{name}</font>'
    rows = [head]
    lines = [escape(escaped(line)) for line in box.formula.splitlines()]
    end = '<br align="left"/>'
    if lines:
        text = lines[0] if len(lines) == 1 else end.join(lines) + end
        rows.append(f'<font point-size="10">{text}</font>')
    small = [text for text in (box.shape, box.note) if text]
    if small:
        rows.append(f'<font point-size="9" color="{QUIET}">{escape(escaped(" · ".join(small)))}</font>')
    rows += [f'<font point-size="9">{escape(line)}</font>' for line in box.numbers.splitlines() if line]
    width = scale.width(box)
    if width:
        rest = f'<font color="#d0d6dc">{(_BAR - width) * "█"}</font>' if width < _BAR else ""
        rows.append(f'<font point-size="5"><font color="{BACKWARD}">{width * "█"}</font>{rest}</font>')
    cells = "".join(f"<tr><td>{row}</td></tr>" for row in rows)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>>'


def _facts(box: Box) -> list[str]:
    """The lines of a tooltip."""
    lines = [f"{box.label}, {box.direction}" if box.direction in ("forward", "backward") else box.label]
    lines += (box.full_formula or box.formula).splitlines()
    if box.shape:
        lines.append(f"shape: {box.shape}")
    if box.operations:
        lines.append(f"{box.operations:,} operations")
    if box.source:
        lines.append(f"{box.source} {box.scope}".rstrip())
    lines += [f"{name}: {f'{value:.6g}' if isinstance(value, float) else value}" for name, value in box.facts.items()]
    return lines


def _tip(lines: list[str]) -> str:
    return _plain("\n".join(escaped(line) for line in lines)).replace("\n", "\\n")


def _plain(text: str) -> str:
    # `dot` copies what looks like an entity into the SVG as it is, so that an ampersand must be one.
    return str(graphviz.escape(text.replace("&", "&amp;")))


def _heading(picture: Picture) -> str:
    """Title, counts and legend, of which only what is in the picture."""
    rows = [
        f'<font point-size="20"><b>{escape(escaped(picture.title))}</b></font>',
        f'<font point-size="11" color="{QUIET}">{escape(escaped(picture.counts))}</font>',
        _legend(picture),
    ]
    cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows if row)
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="2">{cells}</table>>'


def _legend(picture: Picture) -> str:
    drawn = Counter(box.role for box in picture.boxes.values() if box.direction in ("forward", "backward"))
    directions = Counter(box.direction for box in picture.boxes.values())
    kinds = Counter(arrow.kind for arrow in picture.arrows.values())
    roles = [
        (f'<table border="1" cellborder="0" bgcolor="{color}"><tr><td></td></tr></table>', escape(escaped(role)))
        for role, color in picture.roles.items()
        if drawn[role] and set(drawn) != {"other"}
    ]
    shapes = []
    if directions["forward"]:
        shapes.append((_sample("f", 'border="1" style="rounded" cellborder="0"'), "forward"))
    if directions["backward"]:
        shapes.append((_sample("<i>∂ f</i>", f'border="1" color="{BACKWARD}" cellborder="1"'), "gradient of f"))
    if directions["outside"]:
        shapes.append((_sample("f", 'border="1" style="dashed" cellborder="0"'), "other parts"))
    if any(_size(box) for box in picture.boxes.values()):
        shapes.append((f'<font color="{BACKWARD}" point-size="7">████</font>', "gradient, log scale"))
    lines = [
        (f'<font color="{_EDGES[kind]["color"]}"><b>{sign}</b></font>', _WORDS[kind])
        for kind, sign in (("forward", "──▶"), ("backward", "──▷"), ("saved", "╌╌&gt;"), ("outside", "····&gt;"))
        if kinds[kind]
    ]
    if any(arrow.values > 1 for arrow in picture.arrows.values()):
        lines.append(("<b>━━</b>", "thicker: more values"))
    rows = [row[at : at + 5] for row in (roles, shapes, lines) for at in range(0, len(row), 5)]
    # A table within a cell grows with the cell, so that must not grow with the title.
    size = 'width="42" height="22" fixedsize="true"'
    cells = ("".join(f'<td {size}>{sign}</td><td align="left">{text}</td>' for sign, text in row) for row in rows)
    table = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<table border="0" cellborder="0" cellspacing="3" cellpadding="1">{table}</table>' if rows else ""


def _sample(text: str, style: str) -> str:
    """A small box for the legend."""
    return f'<table {style} cellspacing="1" cellpadding="0"><tr><td>{text}</td></tr></table>'
