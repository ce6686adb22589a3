"""The level of scalars: every operation of a scope, or those around one operation, with what goes in and out.

In: the statements of a graph of any stage. Out: a `Picture`. A box is called what generated code calls its value, or by
its number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import CONST, GATHER, GIVEN, INDEX, INPUT, OPS, READ
from ...compiler.ir.text import format_node
from ...compiler.python.form_statements import Statements
from ..passes.neighbourhood import rings
from .picture import Box, NothingError, Picture, TooLargeError, direction_of
from .roles import role_of
from .source import SourceLine
from .spelling import number_text

__all__ = ["find_operation", "neighbourhood", "scalar_picture"]

_ROW = re.compile(r"\[\d+")

# How operations are drawn, by name.
SYMBOLS = {row.name: row.symbol for row in OPS if row.symbol}


def find_operation(statements: Statements, text: str) -> int:
    """The node that ``%12``, or the name of a value, stands for.

    Raises:
        NothingError: if there is none; the message names some that are near.
    """
    graph = statements.graph
    number = text.removeprefix("%")
    if number.isascii() and number.isdecimal():
        if int(number) < len(graph):
            return int(number)
        raise NothingError(f"there is no operation {text}; this stage has %0 to %{len(graph) - 1}")
    nodes = {name: node for node, name in value_names(graph, statements.roots).items()}
    if text in nodes:
        return nodes[text]
    near = get_close_matches(text, nodes, 3, cutoff=0.5)
    hint = f"near it are {', '.join(near)}" if near else "`microgpt show` prints the names"
    raise NothingError(f"no value is called {text!r}; {hint}")


def neighbourhood(graph: Graph, centre: int, radius: int, limit: int) -> list[int]:
    """The operations at most `radius` steps from `centre`, up and down. Leaves are reached, but not walked through.

    Raises:
        TooLargeError: if there are more than `limit`; the message says which radius would do.
    """
    found, sizes = [centre], list[int]()
    for ring in rings(graph, centre, radius):
        found += ring
        sizes.append(len(found))
        if len(found) > limit:
            fits = len(sizes) - 1
            advice = f"--radius {fits} has {sizes[fits - 1]}" if fits else "no radius fits; raise --limit"
            raise TooLargeError(f"within {len(sizes)} steps of %{centre} are {len(found):,} operations; {advice}")
    return sorted(node for node in found if graph.op[node] not in GIVEN or node == centre)


def scalar_picture(statements: Statements, nodes: Sequence[int], title: str, centre: int | None = None) -> Picture:
    """Draws `nodes`, the values they take from outside, and what uses them there.

    Args:
        statements: of the whole graph.
        centre: a node to be drawn with a thick border.
    """
    graph, names = statements.graph, value_names(statements.graph, statements.roots)
    directions = Counter(direction_of(graph, node) for node in nodes)
    parts = " and ".join(f"{count} {direction}" for direction, count in sorted(directions.items(), reverse=True))
    picture = Picture(title, f"{len(nodes)} operations: {parts}", "scalar")
    for node in nodes:
        picture.boxes[f"n{node}"] = _operation(graph, node, names, node == centre)
    inside = set(nodes)
    for node in nodes:
        for place, operand in enumerate(graph.operands(node)):
            if operand in inside:
                picture.hand(f"n{operand}", f"n{node}", 1)
            elif graph.op[operand] == CONST:
                # A constant of its own beside each user: one for all would tie the drawing into a knot.
                name = f"c{node}_{place}"
                picture.boxes[name] = Box(_read(graph, operand), "other", "constant")
                picture.hand(name, f"n{node}", 1)
            else:
                # Drawn once for each direction: what both share would tie the two into one tangle.
                name = f"o{operand}{'b' * graph.is_backward(node)}"
                if name not in picture.boxes:
                    picture.boxes[name] = _outsider(graph, operand, names)
                picture.hand(name, f"n{node}", 1)
    _add_users(picture, statements, names, inside)
    return picture


def _operation(graph: Graph, node: int, names: Mapping[int, str], centre: bool) -> Box:
    origin = graph.origins[graph.origin[node]]
    kind = OPS[graph.op[node]].name
    box = Box(
        SYMBOLS.get(kind, kind),
        role_of(origin.scope),
        direction_of(graph, node),
        note=_read(graph, node) if graph.op[node] in READ else names.get(node, f"%{node}"),
        scope=origin.scope,
        source=SourceLine(origin.module, origin.file, origin.line),
        operations=1,
        results=(node,),
        emphasis=centre,
    )
    box.facts["operation"] = _text_form(graph, node)
    box.facts["function"] = origin.function
    if graph.is_backward(node):
        box.facts["differentiates"] = f"%{~graph.source[node]} of the trace"
    return box


def _outsider(graph: Graph, node: int, names: Mapping[int, str]) -> Box:
    """What is taken from elsewhere: inputs by their names, other values by theirs, or by scope and number."""
    origin, op = graph.origins[graph.origin[node]], graph.op[node]
    label = names.get(node, f"%{node} of {origin.scope or origin.function}")
    if op in READ:
        label = _read(graph, node)
    source = None if op in GIVEN else SourceLine(origin.module, origin.file, origin.line)
    box = Box(label, role_of(origin.scope), "outside", scope=origin.scope, source=source, results=(node,))
    box.facts["operation"] = _text_form(graph, node)
    return box


def _text_form(graph: Graph, node: int) -> str:
    """Without the trail behind ``;``, which the other lines of the tooltip have in words."""
    return " ".join(format_node(graph, node).partition(";")[0].split())


def _read(graph: Graph, node: int) -> str:
    """What is read and not computed: the name of an input or an index, or a constant."""
    op, number = graph.op[node], graph.attribute[node]
    if op == GATHER:
        # The row is the index's: wte[tokens[0],3].
        row = _read(graph, graph.operands(node)[0])
        return _ROW.sub(f"[{row}", graph.input_name(graph.tables[number].base), count=1)
    if op == INPUT:
        return graph.input_name(number)
    if op == CONST:
        return number_text(graph.constants[number])
    assert op == INDEX
    tensor = next(tensor for tensor in reversed(graph.indices) if tensor.start <= number)
    return f"{tensor.name}[{number - tensor.start}]" if tensor.count > 1 else tensor.name


def _add_users(picture: Picture, statements: Statements, names: Mapping[int, str], inside: set[int]) -> None:
    """One box for all that uses a value outside."""
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
        box = Box(f"to {', '.join([*shown, *more])}", "other", "outside")
        if more:
            box.facts["all"] = ", ".join(different[:40]) + (", ..." if len(different) > 40 else "")
        picture.boxes[f"u{node}"] = box
        picture.hand(f"n{node}", f"u{node}", 1)
