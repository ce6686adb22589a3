"""What mutations do to loops, and to what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from mutations.patches import Patch, once, results_of

from microgpt.compiler.loops import compile_family, form_reductions
from microgpt.compiler.loops.find_nests import Rolled
from microgpt.compiler.loops.form_reductions import StatementBuilder
from microgpt.compiler.loops.loop_ir import Affine, Fold, Load, Loop, LoopProgram, Nest, Op, find_fold
from microgpt.compiler.loops.statement import Statement


def first_nest(change: Callable[[Nest], Nest], wanted: Callable[[Nest], bool] = lambda nest: True) -> Patch:
    maybe = once(change, wanted)
    return results_of(Rolled, "nest", maybe)


def computes(nest: Nest) -> bool:
    return bool(nest.loops) and isinstance(nest.body.value, Op | Fold) and not nest.adds


def wider(numbers: tuple[int, ...], place: int, by: int) -> tuple[int, ...]:
    return (*numbers[:place], numbers[place] + by, *numbers[place + 1 :])


def other_statement(change: Callable[[Statement], Statement], wanted: Callable[[Statement], bool]) -> Patch:
    maybe = once(change, wanted)
    return results_of(StatementBuilder, "statement", maybe)


def exchanged_numbers(statement: Statement) -> Statement:
    numbers = list(statement.numbers)
    numbers[-1], numbers[-2] = numbers[-2], numbers[-1]
    return replace(statement, numbers=tuple(numbers))


def shifted(affine: Affine, by: int = 1) -> Affine:
    return replace(affine, start=affine.start + by)


def other_trips(nest: Nest, by: int) -> Nest:
    """With so many turns more of the innermost loop."""
    return replace(nest, loops=(*nest.loops[:-1], Loop(shifted(nest.loops[-1].trips, by))))


def other_stride(nest: Nest) -> Nest:
    (target,) = nest.body.index
    changed = replace(target, steps=wider(target.steps, len(target.steps) - 1, 1))
    return replace(nest, body=replace(nest.body, index=(changed,)))


def other_read(nest: Nest) -> Nest:
    """Reads something else at first."""
    maybe = once(lambda load: replace(load, index=(*load.index[:-1], shifted(load.index[-1]))), is_load)
    return replace(nest, body=replace(nest.body, value=changed_parts(nest.body.value, maybe)))


def is_load(part: Any) -> bool:
    return isinstance(part, Load)


def changed_parts(part: Any, change: Callable[[Any], Any]) -> Any:
    """An expression with its parts changed, outermost first."""
    if isinstance(part, tuple):
        return tuple(changed_parts(each, change) for each in part)
    changed = change(part)
    if changed is not part or not is_dataclass(part):
        return changed
    values = {field.name: changed_parts(getattr(part, field.name), change) for field in fields(part)}
    return replace(part, **values)  # type: ignore[type-var]


def exchanged_terms(patch: pytest.MonkeyPatch) -> None:
    find_runs = form_reductions.find_runs
    maybe = once(lambda terms: [*terms[:-2], terms[-1], terms[-2]], lambda terms: len(terms) > 2)
    patch.setattr(form_reductions, "find_runs", lambda terms: find_runs(maybe(terms)))


def walks(nest: Nest) -> bool:
    """Whether a fold of it reads something else each time."""
    fold = find_fold(nest.body.value)
    return fold is not None and moving(fold) is not None


def moving(fold: Fold) -> Load | None:
    loads = [part for run in fold.runs for term in run.terms for part in (term, *getattr(term, "operands", ()))]
    return next((part for part in loads if isinstance(part, Load) and part.index[0].steps[-1]), None)


def other_step(nest: Nest) -> Nest:
    fold = find_fold(nest.body.value)
    load = moving(fold)
    (index,) = load.index
    other = replace(load, index=(replace(index, steps=wider(index.steps, len(index.steps) - 1, 1)),))
    maybe = once(lambda part: other, lambda part: part is load)
    return replace(nest, body=replace(nest.body, value=changed_parts(nest.body.value, maybe)))


def moved_value(where: Any) -> Any:
    """Two values of one graph have one address."""
    places = [node for node in where.coordinates if where.nodes[node] >= 0]
    nodes = list(where.nodes)
    nodes[places[1]] = nodes[places[0]]
    return replace(where, nodes=nodes)


def continued(change: Callable[[LoopProgram], LoopProgram], number: int) -> Patch:
    def wrong(further: Callable[[int], LoopProgram]) -> Callable[[int], LoopProgram]:
        return lambda n: change(further(n)) if n == number else further(n)

    return results_of(compile_family, "extrapolate", wrong)


def first_computing(program: LoopProgram, change: Callable[[Nest], Nest]) -> LoopProgram:
    maybe = once(change, computes)
    return replace(program, nests=tuple(map(maybe, program.nests)))


def shorter_loop(program: LoopProgram) -> LoopProgram:
    return first_computing(program, lambda nest: other_trips(nest, -1))


def later_base(program: LoopProgram) -> LoopProgram:
    return first_computing(program, other_read)


def dropped_nest(program: LoopProgram) -> LoopProgram:
    return replace(program, nests=program.nests[1:])


def scatters_reversed(nests: list[Nest]) -> list[Nest]:
    return [backwards(nest) if len(nest.loops) == 1 else nest for nest in reversed(nests)]


def in_any_order(program: LoopProgram) -> LoopProgram:
    """The nests of recurrences as if their steps were independent."""
    return replace(program, nests=tuple(replace(nest, recurrence=0) for nest in program.nests))


def part_of_a_step_first(program: LoopProgram) -> LoopProgram:
    """What a step of a recurrence does last, it does first."""
    found = [place for place, nest in enumerate(program.nests) if nest.recurrence]
    first, last, nests = found[0], found[-1], program.nests
    return replace(program, nests=(*nests[:first], nests[last], *nests[first:last], *nests[last + 1 :]))


def every_step(change: Callable[[Nest], Nest]) -> Callable[[LoopProgram], LoopProgram]:
    """Changes all nests of recurrences."""

    def changed(program: LoopProgram) -> LoopProgram:
        return replace(program, nests=tuple(change(nest) if nest.recurrence else nest for nest in program.nests))

    return changed


def backwards(nest: Nest) -> Nest:
    """A nest of one loop, which runs the other way."""
    last = nest.loops[0].trips.start - 1

    def turned(part: Any) -> Any:
        if isinstance(part, Affine):
            return Affine(part.start + part.steps[0] * last, (-part.steps[0],))
        return part

    return replace(nest, body=changed_parts(nest.body, turned))
