"""Form loops: a scalar graph becomes a program of loop nests.

In: a graph, laid out. Out: a `LoopProgram` over `MEMORY` whose nests carry out every operation of the graph, each after
those it needs. Statements of one form that compute the same array from the same arrays are a group. Groups run as a
whole, in an order that respects dependences; where groups need each other in turns (a recurrence), they run in parts,
the largest that is ready first, and what they repeat step by step is one loop over the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import Any

from ..ir.graph import Graph
from .form_reductions import StatementBuilder
from .labels import Labels
from .layout import Layout
from .loop_ir import MEMORY, Affine, Expr, Load, LoopProgram, Nest, Run, Span
from .place import Addressing
from .reroll import Rolled, reroll
from .roll_steps import roll_steps
from .schedule import schedule
from .statement import Form, Statement

__all__ = ["form_loops"]

_Key = tuple[object, ...]

# Terms of a fold of folds.
_MANY = 1000


def form_loops(
    graph: Graph,
    stored: bytearray,
    layout: Layout,
    where: Addressing,
    tell: Callable[[str, Any], None] = lambda name, product: None,
    own_constants: bool = False,
) -> LoopProgram:
    """The program of a graph whose values are at the addresses `where`.

    Args:
        tell: see `compile_loops`.
        own_constants: whether groups may get arrays of constants, which are added to `layout`. Members of a family may
            not: they share their constants.
    """
    addresses, coordinates = where.nodes, where.coordinates
    places: list[int] = []
    # Constants are no array, and which of them are read makes no difference.
    region = list(layout.region)
    for at in layout.constants:
        region[at] = -1
    builder = StatementBuilder(graph, stored, addresses, where.inputs, region, places)
    statements = [builder.statement(node) for node in range(len(graph)) if stored[node]]
    statements = _unify(builder, region, statements)
    zeros: list[Span] = []
    copies: list[Statement] = []
    for output in graph.outputs:
        start = where.outputs[output.name]
        for offset, node in enumerate(output.nodes):
            if node < 0:
                _extend(zeros, start + offset)
            elif addresses[node] != start + offset:
                copies.append(builder.copy(node, start + offset))
    groups = _group(region, statements + copies)
    if own_constants:
        groups = [_with_constants(layout, group) for group in groups]
    tell("form_reductions", statements + copies)
    parts = schedule(groups, layout.size)
    tell("schedule", [part for together in parts for part in together])
    labels = Labels(graph, stored)
    nests: list[Nest] = []
    for together in parts:
        known = max((nest.recurrence for nest in nests), default=0)
        tries: list[list[Nest]] = []
        # Any two statements are evenly spaced, so what steps repeat is seen best in three; loops of two turns in two.
        for least in (2,) if len(together) == 1 else (3, 2):
            rolled = [found for part in together for found in _rolled(part, coordinates, labels, least)]
            tries.append(list(roll_steps(rolled, region, count(known + 1))))
        tries.sort(key=len)
        nests += tries[0]
    nests += _scatters(graph, builder, where, labels)
    tell("reroll", nests)
    elements = tuple(Load(MEMORY, (Affine(address),)) for address in places)
    return LoopProgram(graph.name, tuple(nests), elements, tuple(zeros))


def _rolled(
    part: list[Statement], coordinates: Mapping[int, tuple[int, ...]], labels: Labels, least: int
) -> Iterator[Rolled]:
    """The nests of one part. Fewer than `least` points are no loop."""
    places = [coordinates.get(statement.target, (statement.numbers[0],)) for statement in part]
    # Targets in one part are either all pinned or all in one array, unless an array was pinned in part.
    for size in sorted({len(place) for place in places}):
        chosen = [at for at, place in enumerate(places) if len(place) == size]
        members = [part[at] for at in chosen]
        yield from reroll(members, [places[at] for at in chosen], label=labels.of(members), least=least)


def _extend(spans: list[Span], address: int) -> None:
    if spans and spans[-1].start + spans[-1].size == address:
        spans[-1] = replace(spans[-1], size=spans[-1].size + 1)
    else:
        spans.append(Span(MEMORY, address, 1))


def _unify(builder: StatementBuilder, region: Sequence[int], statements: list[Statement]) -> list[Statement]:
    """Sums of one or two terms count as folds where others of their array are, and as plain operations elsewhere."""
    longest: dict[tuple[int, Form], int] = {}
    for statement in statements:
        if statement.steps:
            key = (region[statement.numbers[0]], statement.form)
            longest[key] = max(longest.get(key, 0), _terms(statement))
    # The term of the folds of an array that have one run of one term each.
    terms: dict[int, tuple[Expr, Form]] = {}
    for (array, form), most in longest.items():
        fold = form.fold
        if most <= 2 or fold is None or fold is not form.body.value or len(fold.runs) > 1:
            continue
        match fold.runs[0].parts:
            case (term,) if not isinstance(term, Run):
                terms[array] = (term, form)
    unified = []
    for statement in statements:
        array = region[statement.numbers[0]]
        if statement.steps and longest[array, statement.form] <= 2:
            unified.append(builder.statement(statement.target, shortest=3))
        elif array in terms and not statement.steps:
            unified.append(builder.as_fold(statement, *terms[array]))
        else:
            unified.append(statement)
    return unified


def _terms(statement: Statement) -> int:
    """How many terms its fold has, or more than two."""
    fold, form = statement.form.fold, statement.form
    if fold is None or len(form.counts) > len(fold.runs):
        return _MANY
    return sum(
        statement.numbers[count] * len(run.parts) for (count, _), run in zip(form.counts, fold.runs, strict=True)
    )


def _group(region: Sequence[int], statements: Sequence[Statement]) -> list[list[Statement]]:
    groups: dict[_Key, list[Statement]] = {}
    for statement in statements:
        form, numbers = statement.form, statement.numbers
        key = (region[numbers[0]], form, *(region[numbers[place]] for place in form.bases))
        groups.setdefault(key, []).append(statement)
    return list(groups.values())


def _with_constants(layout: Layout, group: list[Statement]) -> list[Statement]:
    """Statements that each have a constant of their own, such as a row of data, find it beside their target.

    Equal constants are one node of the graph, so their own addresses are not strided. A copy for each statement is.
    """
    # A fold of one term has no steps, where others of its group have some.
    steps = list(dict.fromkeys(statement.steps for statement in group))
    for place, around in group[0].form.loads:
        if any(step[inside] for run, inside in around for runs in steps if (step := runs[run])):
            continue
        read = {statement.numbers[place] for statement in group}
        if len(read) == 1 or not read <= layout.constants.keys():
            continue
        targets = [statement.numbers[0] for statement in group]
        lowest, span = min(targets), max(targets) - min(targets) + 1
        # Beside each target where these are dense, else one after the other.
        offsets = [target - lowest for target in targets] if span <= 4 * len(group) else list(range(len(group)))
        texts = [""] * (max(offsets) + 1)
        for offset, statement in zip(offsets, group, strict=True):
            texts[offset] = layout.constants[statement.numbers[place]]
        start = layout.constant_array(texts)
        group = [
            replace(each, numbers=(*each.numbers[:place], start + offset, *each.numbers[place + 1 :]))
            for offset, each in zip(offsets, group, strict=True)
        ]
    return group


def _scatters(graph: Graph, builder: StatementBuilder, where: Addressing, labels: Labels) -> list[Nest]:
    nests: list[Nest] = []
    for output in graph.outputs:
        start = where.outputs[output.name]
        found: list[Statement] = []
        for scatter in output.scatters:
            table = scatter.table
            found.append(builder.scatter(scatter.node, scatter.index, start + table.base, table.stride))
        for _, run in groupby(found, lambda statement: statement.form):
            members = list(run)
            rolled = reroll(members, [()] * len(members), ordered=True, label=labels.of(members))
            nests += (found.nest() for found in rolled)
    return nests
