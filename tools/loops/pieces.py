"""Pieces: the nests of a program, cut so that each place of a statement carries out operations of one kind.

What the first term of a sum comes from, the only one, and the value of a layer, can be other lines of the model than
those of the others. So loops over layers are cut into their turns, the turns in which a fold has a single term are cut
off, and the first repetition of a fold stands apart.

In: a program. Out: nests that carry out the same, and for each of them which nest it is cut from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TypeVar

from ...compiler.loops.loop_ir import (
    AddAt,
    Affine,
    Equal,
    Expr,
    Fold,
    Gather,
    Load,
    Loop,
    LoopProgram,
    Nest,
    Op,
    Pick,
    Run,
    Store,
    find_fold,
)
from ...compiler.loops.name_arrays import corners

__all__ = ["cut"]

T = TypeVar("T")

_PARTS = (Load, Gather, Pick, Equal, Op, Run, Fold, Store, AddAt, Loop)
# What loops over layers are called.
_LAYER = "layer"


def cut(program: LoopProgram) -> tuple[LoopProgram, list[int]]:
    """The pieces of a program, in its order, and the number of the nest that each comes from."""
    pieces: list[Nest] = []
    owners: list[int] = []
    for number, nest in enumerate(program.nests):
        found = [_first_apart(part) for layer in _by_layer(nest) for part in _single_apart(layer)]
        pieces += found
        owners += [number] * len(found)
    return replace(program, nests=tuple(pieces)), owners


def _by_layer(nest: Nest) -> list[Nest]:
    for level, loop in enumerate(nest.loops):
        if loop.name == _LAYER and not any(loop.trips.steps):
            return [_turns(nest, level, turn, turn + 1) for turn in range(loop.trips.start)]
    return [nest]


def _single_apart(nest: Nest) -> list[Nest]:
    """Cuts off the turn in which the fold has a single term."""
    fold = find_fold(nest.body.value)
    if fold is None or any(isinstance(part, Run) for run in fold.runs for part in run.parts):
        return [nest]
    start = sum(run.count.start * len(run.parts) for run in fold.runs)
    steps = [sum(run.count.steps[level] * len(run.parts) for run in fold.runs) for level in range(len(nest.loops))]
    moving = [level for level, step in enumerate(steps) if step]
    if len(moving) != 1 or any(nest.loops[moving[0]].trips.steps):
        return [nest]
    (level,) = moving
    turn, rest = divmod(1 - start, steps[level])
    last = nest.loops[level].trips.start
    if rest or not 0 <= turn < last:
        return [nest]
    ends = [(0, turn), (turn, turn + 1), (turn + 1, last)]
    return [_turns(nest, level, first, end) for first, end in ends if end > first]


def _first_apart(nest: Nest) -> Nest:
    """Has the first repetition of the fold stand apart."""
    fold = find_fold(nest.body.value)
    if fold is None:
        return nest
    (first, *others), level = fold.runs, len(nest.loops)
    least = min(map(first.count.at, corners([loop.trips for loop in nest.loops])))
    if least < 2 or isinstance(first.parts[0], Run):
        return nest
    alone = Run(Affine(1, (0,) * level), first.parts)
    moved = _changed(first.parts, lambda number: _from_turn(number, level, 1))
    further = Run(Affine(first.count.start - 1, first.count.steps), moved)
    changed = Fold(fold.op, (alone, further, *others))
    return replace(nest, body=replace(nest.body, value=_with(nest.body.value, fold, changed)))


def _with(expr: Expr, old: Fold, new: Fold) -> Expr:
    """An expression with another fold in it."""
    if expr is old:
        return new
    if isinstance(expr, Op):
        return Op(expr.op, tuple(_with(part, old, new) for part in expr.operands))
    return expr


def _turns(nest: Nest, level: int, first: int, end: int) -> Nest:
    """Some turns of a loop that turns equally often wherever it stands."""

    def change(number: Affine) -> Affine:
        moved = _from_turn(number, level, first)
        if end > first + 1 or level >= len(number.steps):
            return moved
        return Affine(moved.start, (*number.steps[:level], 0, *number.steps[level + 1 :]))

    loops, own = _changed(nest.loops, change), nest.loops[level]
    trips = Affine(end - first, own.trips.steps)
    return replace(
        nest,
        loops=(*loops[:level], Loop(trips, own.name), *loops[level + 1 :]),
        body=_changed(nest.body, change),
    )


def _from_turn(number: Affine, level: int, turn: int) -> Affine:
    """A number in a loop whose turns are counted from another one."""
    step = number.steps[level] if level < len(number.steps) else 0
    return Affine(number.start + turn * step, number.steps)


def _changed(part: T, change: Callable[[Affine], Affine]) -> T:
    """A part of the loop IR with other affine numbers in it."""
    if isinstance(part, Affine):
        return change(part)  # type: ignore[return-value]
    if isinstance(part, tuple):
        return tuple(_changed(each, change) for each in part)  # type: ignore[return-value]
    if isinstance(part, _PARTS):
        return replace(part, **{own.name: _changed(getattr(part, own.name), change) for own in fields(part)})
    return part
