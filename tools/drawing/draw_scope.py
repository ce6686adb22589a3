"""A drawing of the scalar operations of one scope, and of what goes in and out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

import graphviz

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import CONST, GATHER, INDEX, INPUT, OPS
from ...compiler.python.form_statements import Statements
from .draw_blocks import BACKWARD, FONT, FORWARD, INK

__all__ = ["draw_scope", "nodes_of_scope", "scopes_below"]

FAINT = "#7b8794"

# How an operation is drawn; others by their name.
SYMBOLS = {"add": "+", "mul": "×", "div": "÷", "step": "> 0", "equal": "="}


def nodes_of_scope(graph: Graph, scope: str) -> list[int]:
    """The operations recorded in `scope` or in a scope within it, leaves left out."""
    inside = [origin.scope == scope or origin.scope.startswith(f"{scope}.") for origin in graph.origins]
    leaves = (CONST, INPUT, INDEX)
    return [node for node in range(len(graph)) if inside[graph.origin[node]] and graph.op[node] not in leaves]


def scopes_below(graph: Graph, scope: str) -> dict[str, int]:
    """The scopes directly within `scope` (of all, for an empty one), with the operations in each; most first."""
    prefix = f"{scope}." if scope else ""
    counts: Counter[str] = Counter()
    for node in range(len(graph)):
        name = graph.origins[graph.origin[node]].scope
        if name.startswith(prefix) and name and graph.op[node] not in (CONST, INPUT, INDEX):
            counts[prefix + name[len(prefix) :].split(".")[0]] += 1
    return dict(counts.most_common())


def draw_scope(statements: Statements, nodes: Sequence[int], title: str) -> graphviz.Digraph:
    """Draws `nodes`, the values they take from outside, and what uses them there.

    Args:
        statements: of the whole graph: values are called what generated code calls them.
    """
    graph, names = statements.graph, value_names(statements.graph, statements.roots)
    directions = {graph.is_backward(node) for node in nodes}
    subtitle = f"{len(nodes)} operations: " + " and ".join(
        f"{sum(graph.is_backward(node) == way for node in nodes)} {'backward (orange)' if way else 'forward (blue)'}"
        for way in sorted(directions)
    )
    drawing = graphviz.Digraph(
        "scope",
        graph_attr={
            "rankdir": "TB", "ranksep": "0.3", "nodesep": "0.18", "pad": "0.35", "bgcolor": "white",
            "fontname": FONT, "fontcolor": INK, "labelloc": "t", "labeljust": "l",
            "label": _heading(title, f"{subtitle}; dashed: what comes from or goes to other scopes"),
        },
        node_attr={
            "fontname": FONT, "fontsize": "11", "fontcolor": INK, "color": FAINT, "penwidth": "0.8", "height": "0.3",
            "width": "0.42", "margin": "0.06,0.03",
        },
        edge_attr={"color": FAINT, "arrowsize": "0.5", "penwidth": "0.8"},
    )  # fmt: skip
    inside = set(nodes)
    # Drawn once for each direction: what both share would tie the two into one tangle.
    outside: set[tuple[bool, int]] = set()
    for node in nodes:
        drawing.node(
            f"n{node}", _operation(graph, node, names), shape="box", style="rounded,filled", **_paint(graph, node)
        )
        for place, operand in enumerate(graph.operands(node)):
            if operand in inside:
                drawing.edge(f"n{operand}", f"n{node}")
            elif graph.op[operand] == CONST:
                # A constant of its own beside each user: one for all would tie the drawing into a knot.
                drawing.node(
                    f"c{node}_{place}",
                    _plain(f"{graph.constants[graph.a[operand]]:.6g}"),
                    shape="plain",
                    fontcolor=FAINT,
                )
                drawing.edge(f"c{node}_{place}", f"n{node}")
            else:
                way = graph.is_backward(node)
                outside.add((way, operand))
                drawing.edge(f"o{way}{operand}", f"n{node}", style="dashed")
    for way, operand in sorted(outside):
        drawing.node(
            f"o{way}{operand}",
            _outsider(graph, operand, names),
            shape="box",
            style="dashed,rounded",
            fontcolor="#52606d",
            fontsize="9",
        )
    _draw_users(drawing, statements, names, inside)
    return drawing


def _draw_users(drawing: graphviz.Digraph, statements: Statements, names: Mapping[int, str], inside: set[int]) -> None:
    """One small node for all that uses a value outside."""
    graph = statements.graph
    users: dict[int, list[str]] = {}
    for user in range(len(graph)):
        if user not in inside:
            for operand in graph.operands(user):
                if operand in inside and statements.statement_of[user] >= 0:  # dead ones belong to no statement
                    root = statements.roots[statements.statement_of[user]]
                    users.setdefault(operand, []).append(names[root])
    for output in graph.outputs:
        for element, node in enumerate(output.nodes):
            if node in inside:
                users.setdefault(node, []).append(f"{output.name}[{element}]")
    for node, found in sorted(users.items()):
        different = list(dict.fromkeys(found))
        shown = different[:2] if len(different) != 3 else different
        more = [f"and {len(different) - 2} more"] if len(different) > 3 else []
        label = "<" + "<br/>".join(map(escape, [*shown, *more])) + ">"
        drawing.node(f"u{node}", label, shape="plain", fontcolor="#52606d", fontsize="9")
        drawing.edge(f"n{node}", f"u{node}", style="dashed")


def _heading(title: str, subtitle: str) -> str:
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="3">'
        f'<tr><td align="left"><font point-size="18"><b>{escape(title)}</b></font></td></tr>'
        f'<tr><td align="left"><font point-size="10" color="{FAINT}">{escape(subtitle)}</font></td></tr></table>>'
    )


def _operation(graph: Graph, node: int, names: Mapping[int, str]) -> str:
    name = OPS[graph.op[node]].name
    symbol = f"<b>{escape(SYMBOLS.get(name, name))}</b>"
    return (
        f'<{symbol} <font point-size="8" color="#52606d">{escape(names[node])}</font>>'
        if node in names
        else f"<{symbol}>"
    )


def _paint(graph: Graph, node: int) -> dict[str, str]:
    shade = BACKWARD[1] if graph.is_backward(node) else FORWARD[1]
    return {"fillcolor": shade, "tooltip": graphviz.escape(f"%{node}  {graph.origins[graph.origin[node]]}")}


def _outsider(graph: Graph, node: int, names: Mapping[int, str]) -> str:
    op = graph.op[node]
    if node in names:
        return _plain(names[node])
    if op == INPUT:
        return _plain(graph.input_name(graph.a[node]))
    if op == GATHER:
        table = graph.tables[graph.b[node]]
        return _plain(f"{graph.input_name(table.base)} chosen by index")
    where = graph.origins[graph.origin[node]].scope or "top"
    direction = "<br/>backward" if graph.is_backward(node) else ""
    return f'<{escape(where)}{direction} <font color="{FAINT}">%{node}</font>>'


def _plain(text: str) -> str:
    """A label of plain text, whatever is in it."""
    return f"<{escape(text)}>"
