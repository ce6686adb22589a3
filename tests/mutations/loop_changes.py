"""What mutations do to loops, and to what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mutations.patches import Patch, once, results_of

from microgpt.compiler.ir.ops import ADD
from microgpt.compiler.loops import compile_family, contract, form_loops
from microgpt.compiler.loops.contract import Contractor, Statement
from microgpt.compiler.loops.loop_program import LoopProgram, Nest


def first_nest(change: Callable[[Nest], Nest], wanted: Callable[[Nest], bool] = lambda nest: True) -> Patch:
    maybe = once(change, wanted)
    return results_of(form_loops, "reroll", lambda nests: [maybe(nest) for nest in nests])


def computes(nest: Nest) -> bool:
    return bool(nest.trips) and nest.recipe[0] != "mem" and len(nest.base) > 1 and not nest.adds


def wider(numbers: tuple[int, ...], place: int, by: int) -> tuple[int, ...]:
    return (*numbers[:place], numbers[place] + by, *numbers[place + 1 :])


def other_statement(change: Callable[[Statement], Statement], wanted: Callable[[Statement], bool]) -> Patch:
    maybe = once(change, wanted)
    return results_of(Contractor, "statement", maybe)


def exchanged_slots(statement: Statement) -> Statement:
    slots = list(statement.slots)
    slots[-1], slots[-2] = slots[-2], slots[-1]
    return replace(statement, slots=tuple(slots))


def exchanged_terms(patch: pytest.MonkeyPatch) -> None:
    find_runs = contract.find_runs
    maybe = once(lambda terms: [*terms[:-2], terms[-1], terms[-2]], lambda terms: len(terms) > 2)
    patch.setattr(contract, "find_runs", lambda terms: find_runs(maybe(terms)))


def other_step(nest: Nest) -> Nest:
    steps = nest.steps[0]
    place = max(place for place, step in enumerate(steps) if step)
    return replace(nest, steps=(wider(steps, place, 1), *nest.steps[1:]))


def moved_value(where: Any) -> Any:
    """Two values of one graph have one address."""
    places = [node for node in where.coordinates if where.nodes[node] >= 0]
    nodes = list(where.nodes)
    nodes[places[1]] = nodes[places[0]]
    return replace(where, nodes=nodes)


def continued(change: Callable[[LoopProgram], LoopProgram], number: int) -> Patch:
    def wrong(further: Callable[[int], LoopProgram]) -> Callable[[int], LoopProgram]:
        return lambda n: change(further(n)) if n == number else further(n)

    return results_of(compile_family, "continue_loops", wrong)


def shorter_loop(program: LoopProgram) -> LoopProgram:
    place = next(place for place, nest in enumerate(program.nests) if computes(nest))
    nest = program.nests[place]
    nests = list(program.nests)
    nests[place] = replace(nest, trips=wider(nest.trips, 0, -1))
    return replace(program, nests=tuple(nests))


def later_base(program: LoopProgram) -> LoopProgram:
    place = next(place for place, nest in enumerate(program.nests) if computes(nest))
    nest = program.nests[place]
    nests = list(program.nests)
    nests[place] = replace(nest, base=wider(nest.base, len(nest.base) - 1, 1))
    return replace(program, nests=tuple(nests))


def dropped_nest(program: LoopProgram) -> LoopProgram:
    return replace(program, nests=program.nests[1:])


def scatters_reversed(nests: list[Nest]) -> list[Nest]:
    if nests and all(nest.adds for nest in nests):
        return [
            replace(
                nest,
                base=tuple(
                    number + stride * (nest.trips[0] - 1)
                    for number, stride in zip(nest.base, nest.strides[0], strict=True)
                ),
                strides=(tuple(-stride for stride in nest.strides[0]),),
            )
            if len(nest.trips) == 1
            else nest
            for nest in reversed(nests)
        ]
    return nests


def recurrence_in_one_nest(program: LoopProgram) -> LoopProgram:
    """Nests of one point each become the points of one, of which each reads what the one before it assigns."""
    first, second, third, *_ = chain = [nest for nest in program.nests if nest.recipe[0] == ADD]
    stride = tuple(after - before for before, after in zip(second.base, third.base, strict=True))
    whole = replace(second, strides=(stride,), trips=(len(chain) - 1,))
    return replace(program, nests=(first, whole, *program.nests[len(chain) :]))
