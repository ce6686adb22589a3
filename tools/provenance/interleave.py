"""Interleave: a line of the model, and below it what has become of it in every text.

In: a selection. Out: a group for each line of the model and direction, with the lines of each pane that belong to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .chain import Selection

__all__ = ["Excerpt", "Group", "interleave"]


@dataclass(frozen=True)
class Excerpt:
    """Lines of one pane.

    Attributes:
        pane, language: see `Pane`.
        lines: the first ones, each with its number, counted from 1.
        total: how many there are.
    """

    pane: str
    language: str
    lines: Sequence[tuple[int, str]]
    total: int


@dataclass(frozen=True)
class Group:
    """What has become of one line of the model, in one direction.

    Attributes:
        file, line, text: of the model.
        backward: whether this is what `differentiate` added.
        operations: how many of the final graph.
        excerpts: by pane.
    """

    file: str
    line: int
    text: str
    backward: bool
    operations: int
    excerpts: Sequence[Excerpt]


def interleave(
    selection: Selection, panes: Sequence[str], limit: int, expression: re.Pattern[str] | None = None
) -> Iterator[Group]:
    """The groups of a selection, by file and line.

    Args:
        limit: lines of each pane in each group.
        expression: only lines that it is found in.
    """
    chain = selection.chain
    graph = chain.graph
    members: dict[tuple[str, int, bool], list[int]] = {}
    for node in selection.nodes:
        origin = graph.origins[graph.origin[node]]
        if origin.line:
            members.setdefault((origin.file, origin.line, graph.is_backward(node)), []).append(node)
    for (file, line, backward), nodes in sorted(members.items()):
        text = chain.pane(file).lines[line - 1].strip()
        excerpts = []
        for name in panes:
            pane = chain.pane(name)
            numbers = chain.lines_of(name, nodes)
            if expression is not None:
                numbers = [number for number in numbers if expression.search(pane.lines[number - 1])]
            shown = [(number, pane.lines[number - 1]) for number in numbers[:limit]]
            excerpts.append(Excerpt(name, pane.language, shown, len(numbers)))
        yield Group(file, line, text, backward, len(nodes), excerpts)
