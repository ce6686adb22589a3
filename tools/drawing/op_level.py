"""The level of vector operations: a box for each loop nest of the loop IR, with its formula.

In: a clean graph. Out: a `Picture`. What the C backend makes one kernel call of, is one box; so is, without a C
compiler, one group of like statements: finding the loops needs no compiler.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import EQUAL, GATHER, GIVEN
from ...compiler.ir.rewrite import count_uses
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Body, Load, LoopProgram, Nest, turns
from ...compiler.loops.name_arrays import name_arrays
from ...compiler.loops.place import Addressing, address, place
from ...compiler.loops.stored_nodes import stored_nodes
from ...compiler.pipeline import form_loops
from ..subject.places import place_of
from .arrays import Arrays
from .formulas import Formula, formula_of
from .picture import Box, Picture, TooLargeError
from .roles import LAYER, between_layers, role_of, scope_key
from .scopes import check_scope, within
from .source import SourceLine, common_line, scope_lines

__all__ = ["op_picture"]

# Columns of a formula in a box, and how many lines of it; the tooltip has the whole.
_WIDTH, _LINES = 46, 4


@dataclass(frozen=True)
class _Looped:
    program: LoopProgram
    layout: Layout
    where: Addressing
    stored: bytearray
    entered: dict[str, SourceLine]


def op_picture(
    graph: Graph,
    title: str,
    limit: int,
    gradient: str | None = None,
    scope: str | None = None,
    merge_above: int | None = None,
) -> Picture:
    """The vector operations of a graph.

    Args:
        limit: the most boxes.
        gradient: the argument that the output ``gradient`` is the gradient of.
        scope: only those with operations in this scope, and what they take from others.
        merge_above: where there would be more than these (by default, than `limit`), those that are alike in all layers
            are merged, then those of one line of the model.

    Raises:
        TooLargeError: if there are more than `limit` boxes even so.
        NothingError: if nothing is in `scope`.
    """
    if scope is not None:
        check_scope(graph, scope)
    looped = _loops(graph)
    owner = _owners(graph, looped)
    members: list[list[int]] = [[] for _ in looped.program.nests]
    for node, nest in enumerate(owner):
        if nest >= 0:
            members[nest].append(node)
    arrays = Arrays(graph, looped.layout, looped.where, gradient)
    # Scatters and copies are no nodes: they move what nodes have computed into outputs.
    node_at = {looped.where.nodes[node]: node for node in range(len(graph)) if looped.stored[node]}
    moved = {
        number: [node_at[at] for at in _addresses(looped.layout, nest, nest.body.value) if at in node_at]
        for number, nest in enumerate(looped.program.nests)
        if isinstance(nest.body.value, Load)
    }
    boxes = [
        _box(graph, looped, nest, formula_of(nest, arrays, graph), arrays, members[number], moved.get(number, []))
        for number, nest in enumerate(looped.program.nests)
    ]
    handed = _handed(graph, owner, moved)
    chosen, context = list(range(len(boxes))), list[int]()
    if scope is not None:
        chosen = [number for number, nodes in enumerate(members) if _inside(graph, nodes, scope)]
        inside = set(chosen)
        context = sorted({giver for giver, user in handed if user in inside and giver not in inside})
    names = {number: f"n{number}" for number in (*chosen, *context)}
    scopes = [box.scope for box in boxes]
    most = limit if merge_above is None else min(limit, merge_above)
    note, drawn, layers, lines = "", len(chosen), False, False
    if drawn > most:
        names = _merged(boxes, names)
        merged = len({names[number] for number in chosen})
        layers, drawn = merged < drawn, merged
        note = f", each for all layers alike: {len(chosen)} in all" if layers else ""
    if drawn > most:
        names, lines = _merged_lines(boxes, names), True
        drawn = len({names[number] for number in chosen})
        note = f" of a line each: {len(chosen)} loops in all"
    if drawn > limit:
        raise TooLargeError(f"{drawn} vector operations are too many for one picture of at most {limit}")
    operations = sum(boxes[number].operations for number in chosen)
    picture = Picture(title, f"{operations:,} operations in {drawn} {'groups' if lines else 'loops'}{note}", "op")
    outside = set(context)
    for number, name in names.items():
        _put(picture, name, boxes[number], number in outside)
    for (giver, user), values in handed.items():
        if giver in names and user in names and user not in outside and names[giver] != names[user]:
            returns = layers and between_layers(scopes[giver], scopes[user])
            # From step to step of a recurrence, and between lines. Names are numbers of nests, in the program's order.
            steps = looped.program.nests[giver].recurrence == looped.program.nests[user].recurrence != 0
            back = (lines or steps) and int(names[giver][1:]) > int(names[user][1:])
            picture.hand(names[giver], names[user], values, returns or back)
    return picture


def _loops(graph: Graph) -> _Looped:
    layout, stored = Layout(), stored_nodes(graph)
    place(layout, "graph", {0: (graph, stored)})
    where = address(layout, "graph", graph, stored)
    program = name_arrays(form_loops(graph, stored, layout, where), layout, graph.indices)
    return _Looped(program, layout, where, stored, scope_lines(graph))


def _addresses(layout: Layout, nest: Nest, place_: Load | Body) -> Iterator[int]:
    """The addresses of a place in a nest, point by point."""
    address_ = layout.address(place_.array, place_.index)
    return (address_.at(point) for point in turns(nest))


def _owners(graph: Graph, looped: _Looped) -> list[int]:
    """Of each node, the nest that computes it; -1 for leaves, and for what several nests read or compare anew."""
    nest_at: dict[int, int] = {}
    for number, nest in enumerate(looped.program.nests):
        if not nest.adds:
            for at in _addresses(looped.layout, nest, nest.body):
                nest_at.setdefault(at, number)
    owner = [-1] * len(graph)
    uses = count_uses(graph)
    for node in range(len(graph) - 1, -1, -1):
        if looped.stored[node]:
            owner[node] = nest_at.get(looped.where.nodes[node], -1)
        if owner[node] >= 0:
            for operand in graph.operands(node):
                op = graph.op[operand]
                alone = op not in (EQUAL, GATHER) or uses[operand] == 1
                if alone and not looped.stored[operand] and op not in GIVEN:
                    owner[operand] = owner[node]
    return owner


def _handed(graph: Graph, owner: Sequence[int], moved: Mapping[int, Sequence[int]]) -> dict[tuple[int, int], int]:
    """How many different values go from nest to nest."""
    counts: Counter[tuple[int, int]] = Counter()
    seen: set[tuple[int, int]] = set()
    for node, user in enumerate(owner):
        if user < 0:
            continue
        for operand in graph.operands(node):
            giver = owner[operand]
            if giver >= 0 and giver != user and (operand, user) not in seen:
                seen.add((operand, user))
                counts[giver, user] += 1
    for user, nodes in moved.items():
        for operand in nodes:
            if owner[operand] not in (user, -1):
                counts[owner[operand], user] += 1
    return dict(sorted(counts.items()))


def _box(
    graph: Graph,
    looped: _Looped,
    nest: Nest,
    formula: Formula,
    arrays: Arrays,
    nodes: Sequence[int],
    moved: Sequence[int],
) -> Box:
    results = tuple(node for node in nodes if looped.stored[node]) or tuple(moved)
    scopes = Counter(scope_key(graph.origins[graph.origin[node]].scope) for node in results)
    scope = min(scopes, key=lambda name: (-scopes[name], name)) if scopes else ""
    backward = graph.is_backward(results[0]) if results else formula.array.backward
    box = Box(
        arrays.title(next(_addresses(looped.layout, nest, nest.body))).lstrip("∂"),
        role_of(scope) if scope else "other",
        "backward" if backward else "forward",
        formula=_shortened(str(formula)),
        full_formula=str(formula),
        shape=formula.shape or "a number",
        note=f"{len(nodes):,} op{'s' * (len(nodes) != 1)}" if nodes else "",
        scope=scope,
        source=common_line(graph, results),
        operations=len(nodes),
        results=results,
    )
    entered = looped.entered.get(scope.rpartition(".")[2].rstrip("0123456789"))
    if entered is not None and entered != box.source:
        box.facts["scope entered in"] = str(entered)
    if formula.ranges:
        box.facts["for"] = ", ".join(formula.ranges)
    return box


def _shortened(formula: str) -> str:
    # A sum and its first term stay together.
    tied = re.sub(r"((?:Σ|max)_\w↓?) ", r"\1~", formula)
    lines = textwrap.wrap(tied, _WIDTH, break_long_words=False, break_on_hyphens=False, subsequent_indent="    ")
    lines = [line.replace("~", " ") for line in lines]
    return "\n".join(lines if len(lines) <= _LINES else [*lines[: _LINES - 1], lines[_LINES - 1] + " …"])


def _inside(graph: Graph, nodes: Sequence[int], scope: str) -> bool:
    return any(
        within(place_of(graph.origins[origin]), scope) for origin in sorted({graph.origin[node] for node in nodes})
    )


def _merged(boxes: Sequence[Box], names: dict[int, str]) -> dict[int, str]:
    """Names under which boxes that differ in the layer alone are one; the boxes are then called after all layers."""
    first: dict[tuple[str, str, str, int], str] = {}
    seen: Counter[tuple[str, str, str]] = Counter()
    merged = {}
    for number in names:
        box = boxes[number]
        # The first of its name in each layer, and so on: a layer has two residuals.
        place = seen[box.scope, box.direction, box.label]
        seen[box.scope, box.direction, box.label] += 1
        box.scope = scope_key(box.scope, layers=False)
        box.label = LAYER.sub("layer", box.label)
        merged[number] = first.setdefault((box.scope, box.direction, box.label, place), names[number])
    return merged


def _merged_lines(boxes: Sequence[Box], names: dict[int, str]) -> dict[int, str]:
    """Names under which boxes of one line of the model, one direction and one array are one."""
    first: dict[tuple[object, ...], str] = {}
    merged = {}
    for number in sorted(names):
        box = boxes[number]
        kind = (box.direction, str(box.source), box.scope, re.sub(r"_[a-z]+\d*$", "", box.label))
        merged[number] = first.setdefault(kind, f"n{number}")
    return merged


def _put(picture: Picture, name: str, box: Box, context: bool) -> None:
    if context:
        box.label = ("∂ " if box.direction == "backward" else "") + box.label
        box.direction, box.formula, box.note = "outside", "", ""
    known = picture.boxes.get(name)
    if known is None:
        picture.boxes[name] = box
        return
    known.operations += box.operations
    known.results += box.results
    known.facts["loops"] = loops = int(known.facts.get("loops", 1)) + 1
    known.note = f"{known.operations:,} ops, {loops} loops"
