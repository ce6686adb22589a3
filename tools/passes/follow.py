"""Follows one operation through the passes, and shows what each of them did around it.

In: the stages that make a graph, with the maps between them. Out: for each pass, the neighbourhood of the operation
before and after as a unified diff. An operation keeps its number in all of them: that of the trace, or, if a pass adds
it, the next one that is free. So a line that differs is an operation that differs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import CONST, INPUT, OPS, Attribute
from ...compiler.pipeline import Stage
from ...compiler.python.form_statements import form_statements
from ..subject.places import place_of
from .changes import continue_labels, originals
from .neighbourhood import neighbourhood

__all__ = ["Hunk", "find_operation", "follow", "statement_name"]

_NUMBERED = re.compile(r"(?:(\w+):)?%?(\d+)")
_BODY = 28
_WIDTH = 79


@dataclass(frozen=True)
class Hunk:
    """What one pass did around the operation.

    Attributes:
        name: of the pass.
        before, after: the operation in the graph before and after the pass, by the numbers of these graphs; -1 if it is
            not there.
        fate: what became of it, in a few words.
        lines: of a unified diff, without a heading; empty if nothing near it changed.
        left_out: how many operations of the neighbourhood are not shown.
    """

    name: str
    before: int
    after: int
    fate: str
    lines: tuple[str, ...]
    left_out: int


def find_operation(stages: Sequence[Stage], wanted: str) -> tuple[int, int]:
    """Which operation a person means.

    Args:
        stages: those that make a graph.
        wanted: ``1234`` or ``%1234``, by the trace's numbers; ``simplify:1234``, by a stage's; the name of a value in
            generated code; or a scope, which stands for its first operation.

    Returns:
        The number of the stage and of the node in its graph.

    Raises:
        ValueError: if there is no such operation.
    """
    names = [stage.name for stage in stages]
    numbered = _NUMBERED.fullmatch(wanted)
    if numbered:
        name, node = numbered[1] or names[0], int(numbered[2])
        if name not in names:
            raise ValueError(f"there is no stage {name!r}; those that make a graph are {', '.join(names)}")
        graph = stages[names.index(name)].product
        if node >= len(graph):
            raise ValueError(f"{name} has the operations %0 to %{len(graph) - 1:,}, and no %{node}")
        return names.index(name), node
    graph = stages[-1].product
    for node, name in value_names(graph, form_statements(graph).roots).items():
        if name == wanted:
            return len(stages) - 1, node
    for number, stage in enumerate(stages):
        found = _first_of_scope(stage.product, wanted)
        if found is not None:
            return number, found
    name = next(iter(value_names(graph, form_statements(graph).roots[-1:]).values()), "p0_l0_query_0")
    scope = next((place_of(each) for each in graph.origins if each.line), "position0.layer0.query")
    raise ValueError(
        f"{wanted!r} is no operation: give its number in the trace, a name of generated code such as {name}, "
        f"or a scope or function such as {scope}"
    )


def _first_of_scope(graph: Graph, scope: str) -> int | None:
    """The first operation of a scope that computes something."""
    inside = {number for number, origin in enumerate(graph.origins) if f"{place_of(origin)}.".startswith(f"{scope}.")}
    for node, origin in enumerate(graph.origin):
        if origin in inside and graph.operands(node):
            return node
    return None


def statement_name(graph: Graph, node: int) -> str | None:
    """The name that generated code gives the value whose expression holds the operation; None if it has none."""
    if node < 0:
        return None
    statements = form_statements(graph)
    statement = statements.statement_of[node]
    return value_names(graph, statements.roots)[statements.roots[statement]] if statement >= 0 else None


def follow(stages: Sequence[Stage], stage: int, node: int, radius: int, limit: int) -> list[Hunk]:
    """What each pass did around node `node` of the graph of `stages[stage]`.

    Args:
        radius: how many steps away the neighbourhood ends.
        limit: the most operations of a neighbourhood that are shown.
    """
    path = _path(stages, stage, node)
    labels: list[int] = list(range(len(stages[0].product)))
    free = len(labels)
    hunks = []
    for number in range(1, len(stages)):
        before, after = stages[number - 1].product, stages[number].product
        ids = stages[number].ids
        old_labels = labels
        labels, free = continue_labels(labels, free, before, after, ids)
        centre = path[number - 1], path[number]
        nearest = [
            neighbourhood(graph, at, radius) if at >= 0 else []
            for graph, at in zip((before, after), centre, strict=True)
        ]
        # Each side also shows what the other side found near: what merely is further away now has not changed.
        first = originals(before, after, ids)
        old = dict.fromkeys([*nearest[0], *(first[new] for new in nearest[1] if first[new] >= 0)])
        new = dict.fromkeys([*nearest[1], *(ids[old] for old in nearest[0] if ids[old] >= 0)])
        was = {old_labels[member]: _line(before, member, old_labels) for member in old}
        now = {labels[member]: _line(after, member, labels) for member in new}
        both = was | now
        # What has changed comes first where not all can be shown; then the nearest.
        order = sorted(both, key=lambda label: was.get(label) == now.get(label))
        shown = set(order[:limit])
        texts = [
            [told[names[member]] for member in sorted(side) if names[member] in shown]
            for told, names, side in ((was, old_labels, old), (now, labels, new))
        ]
        lines = tuple(unified_diff(texts[0], texts[1], n=limit, lineterm=""))[3:]  # without the heading
        fate = _fate(before, after, centre, ids, old_labels, labels)
        hunks.append(Hunk(stages[number].name, *centre, fate, lines, max(len(both) - limit, 0)))
    return hunks


def _path(stages: Sequence[Stage], stage: int, node: int) -> list[int]:
    """The node in each graph; -1 where there is none."""
    path = [-1] * len(stages)
    path[stage] = node
    for number in range(stage + 1, len(stages)):
        ids = stages[number].ids
        if path[number - 1] >= 0:
            path[number] = ids[path[number - 1]]
    for number in range(stage, 0, -1):
        ids, before, after = stages[number].ids, stages[number - 1].product, stages[number].product
        # An operation of its kind rather than another that it stands for.
        givers = [old for old, new in enumerate(ids) if new == path[number]] if path[number] >= 0 else []
        path[number - 1] = min(givers, key=lambda old: (before.op[old] != after.op[path[number]], old), default=-1)
    return path


def _fate(
    before: Graph,
    after: Graph,
    centre: tuple[int, int],
    ids: Sequence[int],
    old_labels: Sequence[int],
    labels: Sequence[int],
) -> str:
    old, new = centre
    if old < 0 and new < 0:
        return "not there"
    if old < 0:
        return "added"
    if new < 0:
        return "removed: no output needs it"
    if before.op[old] != after.op[new]:
        return f"replaced by %{labels[new]}, {OPS[after.op[new]].name}"
    if old_labels[old] != labels[new]:
        return f"merged with %{labels[new]}, which is equal"
    givers = sum(other == new for other in ids) - 1
    return f"kept, for {givers} other{'s' * (givers != 1)} too" if givers else "kept"


def _line(graph: Graph, node: int, labels: Sequence[int]) -> str:
    """The operation in the text form of graphs, with `labels` for the numbers of nodes, cut to a terminal's width."""
    origin = graph.origins[graph.origin[node]]
    body = f"%{labels[node]} = {OPS[graph.op[node]].name} {_operands(graph, node, labels)}"
    place = f"{origin}{' backward' if graph.source[node] < 0 else ''}" if graph.operands(node) else ""
    return f"{body:<{_BODY}} {place}"[: _WIDTH - 1].rstrip()


def _operands(graph: Graph, node: int, labels: Sequence[int]) -> str:
    code, operands, attribute = graph.op[node], graph.operands(node), graph.attribute[node]
    row = OPS[code]
    if code == CONST:
        return repr(graph.constants[attribute])
    if code == INPUT:
        return graph.input_name(attribute)
    if row.variadic:
        return f"%{labels[operands[0]]} of {len(operands) - 1} values"
    texts = [f"%{labels[operand]}" for operand in operands]
    if row.attribute is Attribute.TABLE:
        table = graph.tables[attribute]
        texts.append(f"[{table.base} + {table.stride} * i]")
    elif row.is_marked:
        texts.append(str(attribute))
    return ", ".join(texts)
