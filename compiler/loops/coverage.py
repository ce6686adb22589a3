"""Coverage: how much of a graph ended in loops.

In: a program of loops. Out: how many scalar operations its nests carry out, and how many of them in loops that turn at
least twice, be it over points or over the terms of a fold. What is left is straight-line code.
"""

from __future__ import annotations

from collections.abc import Sequence

from .loop_ir import Expr, Fold, LoopProgram, Op, Run, turns

__all__ = ["coverage"]


def coverage(program: LoopProgram) -> tuple[int, int]:
    """Operations in loops, and in all."""
    looped = total = 0
    for nest in program.nests:
        operations, repeated, points = 0, 0, 0
        for point in turns(nest):
            points += 1
            inside, again = _operations(nest.body.value, point)
            operations += inside
            repeated += again
        total += operations
        looped += operations if points > 1 else min(repeated, operations)
    return looped, total


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
    turns_ = run.count.start + sum(map(int.__mul__, run.count.steps, point))
    operations = repeated = 0
    for part in run.parts:
        if isinstance(part, Run):
            for turn in range(turns_):
                inside, again = _repeated(part, (*point, turn))
                operations += inside
                repeated += again if turns_ == 1 else inside
        else:
            inside = turns_ * (1 + _operations(part, point)[0])
            operations += inside
            repeated += inside * (turns_ > 1)
    return operations, repeated
