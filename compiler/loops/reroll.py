"""Reroll: groups of statements become loop nests.

In: the statements of a graph, and their parts in order. Out: a `LoopProgram` over `MEMORY` whose nests carry out every
operation of the graph. What the parts of a recurrence repeat step by step is one loop over the steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby

from .find_nests import Rolled, find_nests
from .form_reductions import Grouped, StatementBuilder
from .labels import Labels
from .loop_ir import MEMORY, Affine, Load, LoopProgram, Nest
from .place import Addressing
from .roll_steps import roll_steps
from .statement import Statement

__all__ = ["reroll"]


def reroll(grouped: Grouped, parts: Sequence[list[list[Statement]]], where: Addressing) -> LoopProgram:
    """The program of a graph.

    Args:
        parts: of its groups, in order; see `schedule`.
        where: its values are.
    """
    builder = grouped.builder
    labels = Labels(builder.graph, builder.stored)
    nests: list[Nest] = []
    for together in parts:
        known = max((nest.recurrence for nest in nests), default=0)
        tries: list[list[Nest]] = []
        # Any two statements are evenly spaced, so what steps repeat is seen best in three; loops of two turns in two.
        for least in (2,) if len(together) == 1 else (3, 2):
            rolled = [found for part in together for found in _rolled(part, where.coordinates, labels, least)]
            tries.append(list(roll_steps(rolled, builder.region, count(known + 1))))
        tries.sort(key=len)
        nests += tries[0]
    nests += _scatters(builder, where, labels)
    elements = tuple(Load(MEMORY, (Affine(address),)) for address in builder.places)
    return LoopProgram(builder.graph.name, tuple(nests), elements, tuple(grouped.zeros))


def _rolled(
    part: list[Statement], coordinates: Mapping[int, tuple[int, ...]], labels: Labels, least: int
) -> Iterator[Rolled]:
    """The nests of one part. Fewer than `least` points are no loop."""
    places = [coordinates.get(statement.target, (statement.numbers[0],)) for statement in part]
    # Targets in one part are either all pinned or all in one array, unless an array was pinned in part.
    for size in sorted({len(place) for place in places}):
        chosen = [at for at, place in enumerate(places) if len(place) == size]
        members = [part[at] for at in chosen]
        yield from find_nests(members, [places[at] for at in chosen], label=labels.of(members), least=least)


def _scatters(builder: StatementBuilder, where: Addressing, labels: Labels) -> list[Nest]:
    nests: list[Nest] = []
    for output in builder.graph.outputs:
        start = where.outputs[output.name]
        found: list[Statement] = []
        for scatter in output.scatters:
            table = scatter.table
            found.append(builder.scatter(scatter.node, scatter.index, start + table.base, table.stride))
        for _, run in groupby(found, lambda statement: statement.form):
            members = list(run)
            rolled = find_nests(members, [()] * len(members), ordered=True, label=labels.of(members))
            nests += (found.nest() for found in rolled)
    return nests
