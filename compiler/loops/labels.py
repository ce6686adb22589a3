"""Labels: which lines of the model a nest carries out, in words.

In: a graph, and which of its nodes are stored. Out: for statements that run together, a label such as ``gpt.py:155
position.layer.head.scores, forward``. It names the lines that the stored values come from, then those of what is
computed on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..ir.graph import Graph
from ..ir.ops import CONST, EQUAL, INDEX, INPUT
from .statement import Statement

__all__ = ["Labels", "plain"]

# More places than this are not told one by one.
_MOST = 4

# What has no place of its own: a constant stands where it was first mentioned.
_EVERYWHERE = (CONST, INPUT, INDEX)

_Place = tuple[str, str, bool]  # line, role, backward


class Labels:
    """Labels for the statements of one graph."""

    def __init__(self, graph: Graph, stored: Sequence[int]) -> None:
        self._graph = graph
        self._lines = [
            (plain(f"{origin.file}:{origin.line}"), plain(origin.role or origin.function)) for origin in graph.origins
        ]
        self._inside = _places_inside(graph, stored)

    def of(self, statements: Iterable[Statement]) -> str:
        """The label of statements that one loop carries out."""
        graph = self._graph
        stored: dict[int, None] = {}
        inside: dict[int, None] = {}
        for statement in statements:
            node = statement.target if statement.target >= 0 else statement.moved
            if graph.op[node] in _EVERYWHERE:
                name = graph.input_name(graph.attribute[node]) if graph.op[node] == INPUT else "a constant"
                # Of the argument: the loop copies other elements of it, too, and at other sizes others.
                return f"a copy of {plain(name.partition('[')[0])}"
            stored[2 * graph.origin[node] + (graph.source[node] < 0)] = None
            if statement.target >= 0:
                inside.update(dict.fromkeys(self._inside.get(node, ())))
        return _format(map(self._place, stored), map(self._place, inside))

    def _place(self, key: int) -> _Place:
        return (*self._lines[key // 2], bool(key % 2))


def _places_inside(graph: Graph, stored: Sequence[int]) -> dict[int, list[int]]:
    """For each stored node, where the nodes that are part of its statement come from: twice the origin, plus one for
    backward.
    """
    owner = list(range(len(graph)))
    size = 2 * len(graph.origins)
    found: set[int] = set()  # owner and place as one number: this scan meets every node of the graph
    add, ops, origins, sources, last = found.add, graph.op, graph.origin, graph.source, -1
    rows = zip(
        range(len(graph) - 1, -1, -1),
        reversed(graph.op),
        graph.all_operands(backwards=True),
        reversed(origins),
        reversed(sources),
        strict=True,
    )
    for node, op, operands, origin, source in rows:
        own = owner[node]
        if own != node and op not in _EVERYWHERE:
            number = own * size + 2 * origin + (source < 0)
            if number != last:
                add(number)
                last = number
        for operand in operands:
            if not stored[operand]:
                if ops[operand] == EQUAL:  # comparisons of an index are spelled out wherever they are used
                    add(own * size + 2 * origins[operand] + (sources[operand] < 0))
                else:  # and so are leaves; others that are not stored have one user
                    owner[operand] = own
    inside: dict[int, list[int]] = {}
    for number in sorted(found):
        inside.setdefault(number // size, []).append(number % size)
    return inside


def _format(stored: Iterable[_Place], inside: Iterable[_Place]) -> str:
    first = list(dict.fromkeys(stored))
    further = [place for place in dict.fromkeys(inside) if place not in first]
    return "; with ".join(filter(None, (_join(sorted(first)), _join(sorted(further)))))


def _join(places: Sequence[_Place]) -> str:
    """One piece for each role and direction."""
    lines: dict[tuple[str, bool], list[str]] = {}
    for line, role, backward in places:
        lines.setdefault((role, backward), []).append(line)
    pieces = [
        f"{' '.join(dict.fromkeys(own))} {role}, {'backward' if backward else 'forward'}"
        for (role, backward), own in lines.items()
    ]
    return "; ".join(pieces[:_MOST]) + ("; ..." if len(pieces) > _MOST else "")


def plain(text: str) -> str:
    """Text that can stand in a comment: the name of a file can be anything."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown.replace("*/", "* /").replace("/*", "/ *").replace(";", ",")
