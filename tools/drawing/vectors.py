"""Vectors: the vector operations of a program: a box for each loop nest, and what they hand to each other.

In: a clean graph; or of a program whose graph is not made, what is known of its loops. Out: `Vectors`, the same by both
ways.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import EQUAL, GATHER, GIVEN
from ...compiler.ir.rewrite import count_uses
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Body, Gather, Load, LoopProgram, Nest, turns, walk
from ...compiler.loops.name_arrays import name_arrays
from ...compiler.loops.place import Addressing, address, place
from ...compiler.loops.stored_nodes import stored_nodes
from ...compiler.pipeline import form_loops
from ..loops.flow import flow
from ..loops.known import Known
from ..subject.places import place_of
from ..subject.subject import Subject
from .arrays import Arrays
from .formulas import formula_of
from .picture import Box
from .roles import role_of, scope_key
from .source import SourceLine, common_line, scope_lines

__all__ = ["Vectors", "vectors_of_graph", "vectors_of_loops"]

# Columns of a formula in a box, and how many lines of it; the tooltip has the whole.
_WIDTH, _LINES = 46, 4


@dataclass(frozen=True)
class _Looped:
    program: LoopProgram
    layout: Layout
    where: Addressing
    stored: bytearray
    entered: dict[str, SourceLine]


@dataclass(frozen=True)
class Vectors:
    """The vector operations of a program.

    Attributes:
        boxes: of its nests, in the order in which they run.
        handed: by pairs of nests, how many different values the first hands to the second.
        places: of each nest, the names of the scopes that it carries out operations of.
        recurrences: see `Nest`.
    """

    boxes: Sequence[Box]
    handed: Mapping[tuple[int, int], int]
    places: Sequence[Collection[str]]
    recurrences: Sequence[int]


def vectors_of_graph(
    graph: Graph,
    gradient: str | None = None,
    place_first: Callable[[Layout], Mapping[str, int]] = lambda layout: {},
) -> Vectors:
    """The vector operations of a graph.

    Args:
        gradient: the argument that the output ``gradient`` is the gradient of.
        place_first: see `Subject`.
    """
    looped = _loops(graph, place_first)
    owner = _owners(graph, looped)
    members: list[list[int]] = [[] for _ in looped.program.nests]
    for node, number in enumerate(owner):
        if number >= 0:
            members[number].append(node)
    arrays = Arrays(graph, looped.layout, looped.where, gradient)
    # Scatters and copies are no nodes: they move what nodes have computed into outputs.
    node_at = {looped.where.nodes[node]: node for node in range(len(graph)) if looped.stored[node]}
    moved = {
        number: [node_at[at] for at in _addresses(looped.layout, nest, nest.body.value) if at in node_at]
        for number, nest in enumerate(looped.program.nests)
        if isinstance(nest.body.value, Load)
    }
    boxes = []
    for number, (nest, own) in enumerate(zip(looped.program.nests, members, strict=True)):
        results = tuple(node for node in own if looped.stored[node]) or tuple(moved.get(number, ()))
        box = _box(graph, results, nest, arrays, len(own), looped.entered)
        box.results = results
        boxes.append(box)
    places = [{place_of(graph.origins[origin]) for origin in {graph.origin[node] for node in own}} for own in members]
    recurrences = [nest.recurrence for nest in looped.program.nests]
    return Vectors(boxes, _handed(graph, owner, moved), places, recurrences)


def vectors_of_loops(known: Known, subject: Subject) -> Vectors:
    """The vector operations of a program whose graph is not made."""
    graph, nests = known.graph, known.found.program.nests
    inputs, indices = subject.arguments()
    small = Arrays(graph, known.small.layout, known.where, subject.gradient)
    arrays = small.at_sizes(known.found.layout, inputs, indices, _scopes(known, small))
    shared = _shared(graph)
    # What is spelled out at several places is of no nest.
    groups = [[None if nodes and shared[nodes[0]] else piece.owner for nodes in piece.nodes] for piece in known.pieces]
    found = flow(known, groups, indices)
    members: list[dict[int, None]] = [{} for _ in nests]
    places: list[dict[str, None]] = [{} for _ in nests]
    for piece in known.pieces:
        members[piece.owner].update((node, None) for node in piece.values if node >= 0 and graph.op[node] not in GIVEN)
        for nodes in piece.nodes:
            origins = {graph.origins[graph.origin[node]] for node in nodes if graph.op[node] not in GIVEN}
            places[piece.owner].update((scope_key(place_of(origin)), None) for origin in sorted(origins))
    entered = scope_lines(graph)
    boxes = [
        _box(graph, tuple(members[number]), nest, arrays, found.kinds[number].total(), entered)
        for number, nest in enumerate(nests)
    ]
    return Vectors(boxes, dict(sorted(found.handed.items())), places, [nest.recurrence for nest in nests])


def _scopes(known: Known, small: Arrays) -> dict[int, str]:
    """By address of what nests read and write, the scope that computes it, as in the small program."""
    found: dict[int, str] = {}
    for nest, other in zip(known.found.program.nests, known.small.program.nests, strict=True):
        for one, two in zip(_places(nest), _places(other), strict=True):
            at = known.found.layout.address(one.array, one.index).start
            scope = small.scope(known.small.layout.address(two.array, two.index).start)
            if found.setdefault(at, scope) != scope:
                raise ProofError(f"{nest.label}: what it reads is computed in {found[at]} and in {scope}")
    return found


def _places(nest: Nest) -> list[Body | Load | Gather]:
    return [nest.body, *(part for part in walk(nest.body.value) if isinstance(part, Load | Gather))]


def _loops(graph: Graph, place_first: Callable[[Layout], Mapping[str, int]]) -> _Looped:
    layout, stored = Layout(), stored_nodes(graph)
    pinned = place_first(layout)
    place(layout, "graph", {0: (graph, stored)})
    where = address(layout, "graph", graph, stored, pinned)
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
    shared = _shared(graph)
    for node in range(len(graph) - 1, -1, -1):
        if looped.stored[node]:
            owner[node] = nest_at.get(looped.where.nodes[node], -1)
        if owner[node] >= 0:
            for operand in graph.operands(node):
                if not (shared[operand] or looped.stored[operand] or graph.op[operand] in GIVEN):
                    owner[operand] = owner[node]
    return owner


def _shared(graph: Graph) -> list[bool]:
    """Of each node, whether it is spelled out wherever it is used, and that at several places."""
    uses = count_uses(graph)
    return [op in (EQUAL, GATHER) and used > 1 for op, used in zip(graph.op, uses, strict=True)]


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
    results: Sequence[int],
    nest: Nest,
    arrays: Arrays,
    operations: int,
    entered: Mapping[str, SourceLine],
) -> Box:
    """The box of a nest.

    Args:
        graph: that `results` are nodes of: what it stores, copies or adds, at these sizes or at small ones.
    """
    formula = formula_of(nest, arrays)
    scopes = Counter(scope_key(graph.origins[graph.origin[node]].scope) for node in results)
    scope = min(scopes, key=lambda name: (-scopes[name], name)) if scopes else ""
    backward = graph.is_backward(results[0]) if results else formula.array.backward
    box = Box(
        arrays.title(arrays.layout.address(nest.body.array, nest.body.index).start).lstrip("∂"),
        role_of(scope) if scope else "other",
        "backward" if backward else "forward",
        formula=_shortened(str(formula)),
        full_formula=str(formula),
        shape=formula.shape or "a number",
        note=f"{operations:,} op{'s' * (operations != 1)}" if operations else "",
        scope=scope,
        source=common_line(graph, results),
        operations=operations,
    )
    own = entered.get(scope.rpartition(".")[2].rstrip("0123456789"))
    if own is not None and own != box.source:
        box.facts["scope entered in"] = str(own)
    if formula.ranges:
        box.facts["for"] = ", ".join(formula.ranges)
    return box


def _shortened(formula: str) -> str:
    # A sum and its first term stay together.
    tied = re.sub(r"((?:Σ|max)_\w↓?) ", r"\1~", formula)
    lines = textwrap.wrap(tied, _WIDTH, break_long_words=False, break_on_hyphens=False, subsequent_indent="    ")
    lines = [line.replace("~", " ") for line in lines]
    return "\n".join(lines if len(lines) <= _LINES else [*lines[: _LINES - 1], lines[_LINES - 1] + " …"])
