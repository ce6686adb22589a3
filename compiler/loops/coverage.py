"""Coverage: how much of a graph ended in loops.

In: a program of loops. Out: how many scalar operations its nests carry out, and how many of them in loops that turn at
least twice, be it over points or over the terms of a fold. What is left is straight-line code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .loop_ir import Affine, Expr, Fold, Loop, LoopProgram, Op, Run

__all__ = ["coverage", "number_at", "run_counts", "turns_alike"]


def coverage(program: LoopProgram) -> tuple[int, int]:
    """Operations in loops, and in all."""
    looped = total = 0
    for nest in program.nests:
        points, operations, repeated = _in_loops(nest.loops, nest.body.value, ())
        total += operations
        looped += operations if points > 1 else min(repeated, operations)
    return looped, total


def _in_loops(loops: Sequence[Loop], value: Expr, point: tuple[int, ...]) -> tuple[int, int, int]:
    """Points, operations and how many of these are repeated in runs, in the loops from the next one on."""
    level = len(point)
    if level == len(loops):
        return 1, *_operations(value, point)
    counts = [*(loop.trips for loop in loops[level + 1 :]), *run_counts(value)]
    points = operations = repeated = 0
    for turn, times in turns_alike(number_at(loops[level].trips, point), level, counts):
        inside = _in_loops(loops, value, (*point, turn))
        points += times * inside[0]
        operations += times * inside[1]
        repeated += times * inside[2]
    return points, operations, repeated


def number_at(count: Affine, point: Sequence[int]) -> int:
    """An affine number in a turn of each loop."""
    return count.at(point)


def turns_alike(trips: int, level: int, counts: Sequence[Affine]) -> Iterator[tuple[int, int]]:
    """The turns of a loop, each with how many are like it: all, if nothing inside depends on the turn."""
    if any(count.steps[level] for count in counts if len(count.steps) > level):
        yield from ((turn, 1) for turn in range(trips))
    elif trips > 0:
        yield 0, trips


def run_counts(part: Expr | Run) -> Iterator[Affine]:
    """How often the runs in it are repeated."""
    if isinstance(part, Run):
        yield part.count
    inside = part.parts if isinstance(part, Run) else part.runs if isinstance(part, Fold) else ()
    for each in part.operands if isinstance(part, Op) else inside:
        yield from run_counts(each)


def _operations(expr: Expr, point: Sequence[int]) -> tuple[int, int]:
    """Operations of an expression at a point, and how many of them are repeated in runs."""
    if isinstance(expr, Op):
        counts = [_operations(part, point) for part in expr.operands]
        return 1 + sum(count for count, _ in counts), sum(again for _, again in counts)
    if not isinstance(expr, Fold):
        return 0, 0
    counts = [_repeated(run, point) for run in expr.runs]
    # The first term of a fold is not added to anything.
    return sum(count for count, _ in counts) - 1, sum(again for _, again in counts)


def _repeated(run: Run, point: Sequence[int]) -> tuple[int, int]:
    """Operations of a run at a point, and how many of them are repeated."""
    turns = number_at(run.count, point)
    operations = repeated = 0
    for part in run.parts:
        if isinstance(part, Run):
            for turn, times in turns_alike(turns, len(point), [*run_counts(part)]):
                inside, again = _repeated(part, (*point, turn))
                operations += times * inside
                repeated += times * (again if turns == 1 else inside)
        else:
            inside = turns * (1 + _operations(part, point)[0])
            operations += inside
            repeated += inside * (turns > 1)
    return operations, repeated
