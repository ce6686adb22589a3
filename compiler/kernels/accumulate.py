"""Accumulate: folds become variables that terms are added to, in order.

In: a kernel whose blocks write expressions with folds in them. Out: the same with loops over the repetitions of their
runs. The folds of a block are computed side by side, term by term, each in its own variable and order, so that none
waits for the last addition of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from .expressions import Fold, Name, Run, Sum
from .kernel_ir import Assign, Block, Declare, For, Kernel, Prefetch, Statement, Update, Write, WritePart
from .traverse import rebuilt, substituted

__all__ = ["accumulate"]

# Loops of no more turns than this are unrolled, where they compute vectors and where they do not.
_UNROLLED, _UNROLLED_ALONE = 16, 4


def accumulate(kernel: Kernel) -> Kernel:
    """The kernel without folds."""

    def change(part: Any) -> Any:
        return Block(_sums(rebuilt(part.body, change))) if isinstance(part, Block) else None

    return replace(kernel, body=rebuilt(kernel.body, change))


def _sums(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements of a block, with what computes their folds before them."""
    folds: list[Fold] = []

    def change(part: Any) -> Any:
        if not isinstance(part, Fold):
            return None
        folds.append(part)
        return Name(f"sum{len(folds) - 1}", part.width)

    changed = tuple(
        rebuilt(each, change) if isinstance(each, Write | WritePart | Update) else each for each in statements
    )
    if not folds:
        return changed
    declared = (Declare(f"sum{number}", width=fold.width) for number, fold in enumerate(folds))
    early = [each for each in changed if isinstance(each, Prefetch)]
    return (*declared, *early, *_runs(folds), *(each for each in changed if not isinstance(each, Prefetch)))


def _runs(folds: Sequence[Fold]) -> list[Statement]:
    statements: list[Statement] = []
    for number in range(len(folds[0].runs)):
        # The first term begins the sum: zero plus the term would be one addition more, and another zero's sign.
        begins = range(len(folds)) if number == 0 else ()
        statements += _run([fold.runs[number] for fold in folds], folds[0].op, folds[0].width, begins)
    return statements


def _run(runs: Sequence[Run], op: int, width: int, begins: Collection[int]) -> list[Statement]:
    """The repetitions of a run, the first one by itself; of several folds side by side. What some have more than others
    comes first or last.

    Args:
        begins: the numbers of the folds that begin with it.
    """
    variable = runs[0].variable
    count = min((run.count for run in runs), key=lambda count: count.constant)
    statements: list[Statement] = []
    for number, run in enumerate(runs):
        for place, term in enumerate(run.before):
            statements.append(Assign(f"sum{number}", term, None if number in begins and place == 0 else op))
    first = [substituted(run, {variable: Sum()}) for run in runs]
    statements += _parts(first, op, width, [number for number in begins if not runs[number].before])
    if count != Sum(1):
        few = not count.terms and count.constant <= (_UNROLLED if width > 1 else _UNROLLED_ALONE)
        flat = not any(isinstance(part, Run) for part in runs[0].parts)
        body = tuple(_parts(runs, op, width, ()))
        statements.append(For(variable, Sum(1), count, body if flat else (Block(body),), unroll=few and flat))
    for number, run in enumerate(runs):
        for further in range(run.count.constant - count.constant):
            term = substituted(run, {variable: count.plus(Sum(further))})
            statements += [Assign(f"sum{number}", part, op) for part in term.parts if not isinstance(part, Run)]
    return statements


def _parts(runs: Sequence[Run], op: int, width: int, begins: Collection[int]) -> list[Statement]:
    """One repetition; of each fold the first term, then of each the second, and so on."""
    statements: list[Statement] = []
    for place in range(len(runs[0].parts)):
        column = [run.parts[place] for run in runs]
        inner = [part for part in column if isinstance(part, Run)]
        if inner:
            statements += _run(inner, op, width, begins if place == 0 else ())
            continue
        for number, term in enumerate(column):
            if not isinstance(term, Run):
                statements.append(Assign(f"sum{number}", term, None if number in begins and place == 0 else op))
    return statements
