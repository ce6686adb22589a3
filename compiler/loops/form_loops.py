"""Form loops: a scalar graph becomes a program of loop nests.

In: a graph, laid out. Out: a `LoopProgram` whose nests carry out every operation of the graph, each after those it
needs. Statements that compute the same array from the same arrays by the same recipe form a group. Groups run as a
whole, in an order that respects dependences; where groups need each other in turns (a recurrence), they run in parts,
the largest that is ready first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..ir.graph import Graph
from .contract import Contractor, Statement, shift
from .labels import Labels
from .lanes import loads
from .loop_program import LoopProgram, Nest, Recipe, parts_of, recipe_runs
from .order_groups import order_groups, reads
from .place import Addressing, Layout
from .reroll import reroll

__all__ = ["form_loops"]

_Key = tuple[object, ...]


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
    contractor = Contractor(graph, stored, addresses, where.inputs, places)
    statements = [contractor.statement(node) for node in range(len(graph)) if stored[node]]
    statements = _unify(contractor, layout, statements)
    zeros: list[tuple[int, int]] = []
    copies: list[Statement] = []
    for output in graph.outputs:
        start = where.outputs[output.name]
        for offset, node in enumerate(output.nodes):
            if node < 0:
                _extend(zeros, start + offset)
            elif addresses[node] != start + offset:
                copies.append(contractor.copy(node, start + offset))
    groups = _group(layout, statements + copies)
    if own_constants:
        groups = [_with_constants(layout, group) for group in groups]
        read = {at for group in groups for statement in group for found in reads(statement) for at in found}
        layout.forget_constants(layout.constants.keys() - read)
    tell("contract", statements + copies)
    parts = order_groups(groups, layout.size)
    tell("order_groups", parts)
    labels = Labels(graph, stored)
    nests: list[Nest] = []
    for part in parts:
        places_ = [coordinates.get(statement.target, (statement.slots[0],)) for statement in part]
        # Targets in one part are either all pinned or all in one array, unless an array was pinned in part.
        for size in sorted({len(place) for place in places_}):
            chosen = [at for at, place in enumerate(places_) if len(place) == size]
            members = [part[at] for at in chosen]
            nests += reroll(members, [places_[at] for at in chosen], label=labels.of(members))
    nests += _scatters(graph, contractor, where, labels)
    tell("reroll", nests)
    return LoopProgram(graph.name, tuple(nests), tuple(places), tuple(zeros))


def _extend(spans: list[tuple[int, int]], address: int) -> None:
    if spans and sum(spans[-1]) == address:
        spans[-1] = (spans[-1][0], spans[-1][1] + 1)
    else:
        spans.append((address, 1))


def _unify(contractor: Contractor, layout: Layout, statements: list[Statement]) -> list[Statement]:
    """Sums of one or two terms count as folds where others of their array are, and as plain operations elsewhere."""
    region = layout.region
    longest: dict[tuple[int, Recipe], int] = {}
    for statement in statements:
        recipe = statement.recipe
        if statement.steps:
            key = (region[statement.slots[0]], recipe)
            longest[key] = max(longest.get(key, 0), _terms(statement))
    # The term of the folds of an array that have one run of one term each.
    terms: dict[int, tuple[Recipe, Recipe]] = {}
    for (array, recipe), count in longest.items():
        if count > 2 and recipe[0] == "fold" and len(recipe[2]) == 1 and len(recipe[2][0][1]) == 1:
            terms[array] = (recipe[2][0][1][0], recipe)
    unified = []
    for statement in statements:
        array = region[statement.slots[0]]
        if statement.steps and longest[array, statement.recipe] <= 2:
            unified.append(contractor.statement(statement.target, shortest=3))
        elif array in terms and not statement.steps:
            unified.append(_as_fold(statement, *terms[array], contractor))
        else:
            unified.append(statement)
    return unified


def _terms(statement: Statement) -> int:
    return sum(statement.slots[count] * len(parts) for count, parts in recipe_runs(statement.recipe))


def _as_fold(statement: Statement, term: Recipe, fold: Recipe, contractor: Contractor) -> Statement:
    """A fold of one term, if the statement computes such a term."""
    recipe, slots = contractor.single(statement.target)
    if shift(recipe, 2) != term:
        return statement
    return Statement(statement.target, fold, (statement.slots[0], 1, *slots), (None,))


def _group(layout: Layout, statements: Sequence[Statement]) -> list[list[Statement]]:
    # Constants are no array, and which of them are read makes no difference.
    region = list(layout.region)
    for address in layout.constants:
        region[address] = -1
    groups: dict[_Key, list[Statement]] = {}
    kinds: dict[Recipe, tuple[int, ...]] = {}
    for statement in statements:
        recipe = statement.recipe
        if recipe not in kinds:
            kinds[recipe] = tuple(memory_slots(recipe))
        slots = statement.slots
        key = (region[slots[0]], recipe, *(region[slots[slot]] for slot in kinds[recipe]))
        groups.setdefault(key, []).append(statement)
    return list(groups.values())


def _with_constants(layout: Layout, group: list[Statement]) -> list[Statement]:
    """Statements that each have a constant of their own, such as a row of data, find it beside their target.

    Equal constants are one node of the graph, so their own addresses are not strided. A copy for each statement is.
    """
    # A fold of one term has no steps, where others of its group have some.
    steps = list(dict.fromkeys(step for statement in group for step in statement.steps if step))
    for slot in loads(group[0].recipe):
        if any(step[slot] for step in steps):
            continue
        read = {statement.slots[slot] for statement in group}
        if len(read) == 1 or not read <= layout.constants.keys():
            continue
        targets = [statement.slots[0] for statement in group]
        lowest, span = min(targets), max(targets) - min(targets) + 1
        # Beside each target where these are dense, else one after the other.
        offsets = [target - lowest for target in targets] if span <= 4 * len(group) else list(range(len(group)))
        start = layout.allot(max(offsets) + 1)
        for place, offset in enumerate(offsets):
            statement = group[place]
            layout.constants[start + offset] = layout.constants[statement.slots[slot]]
            slots = (*statement.slots[:slot], start + offset, *statement.slots[slot + 1 :])
            group[place] = replace(statement, slots=slots)
    return group


def memory_slots(recipe: Recipe) -> list[int]:
    """The slots of a recipe that are addresses which are read."""
    if recipe[0] in ("mem", "row"):
        return [recipe[1]]
    return [slot for part in parts_of(recipe) for slot in memory_slots(part)]


def _scatters(graph: Graph, contractor: Contractor, where: Addressing, labels: Labels) -> list[Nest]:
    nests: list[Nest] = []
    for output in graph.outputs:
        start = where.outputs[output.name]
        found: list[Statement] = []
        for scatter in output.scatters:
            table = scatter.table
            found.append(contractor.scatter(scatter.node, scatter.index, start + table.base, table.stride))
        at = 0
        while at < len(found):
            end = at
            while end < len(found) and (found[end].recipe, found[end].row_stride) == (
                found[at].recipe,
                found[at].row_stride,
            ):
                end += 1
            nests += reroll(found[at:end], [()] * (end - at), ordered=True, label=labels.of(found[at:end]))
            at = end
    return nests
