"""Accumulate: folds become variables that terms are added to, in order.

In: a kernel whose blocks write expressions with folds in them. Out: the same with loops over the repetitions of their
runs. The folds of a block are computed side by side, term by term, each in its own variable and order, so that none
waits for the last addition of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .kernel_ir import (
    Assign,
    Block,
    Declare,
    Expr,
    Fold,
    For,
    Kernel,
    Name,
    Statement,
    Sum,
    Update,
    Write,
    rebuilt,
    substituted,
)
from .numerics import Numerics

__all__ = ["accumulate"]

# Loops of no more turns than this are written out, where they compute vectors.
_UNROLLED = 16


def accumulate(kernel: Kernel, numerics: Numerics) -> Kernel:
    """The kernel without folds."""
    if numerics.reassociate:
        raise NotImplementedError("sums are added up in the order of the graph")

    def change(part: Any) -> Any:
        return Block(_sums(part.body)) if isinstance(part, Block) else None

    return replace(kernel, body=rebuilt(kernel.body, change))


def _sums(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements of a block, with what computes their folds before them."""
    folds: list[Fold] = []

    def change(part: Any) -> Any:
        if not isinstance(part, Fold):
            return None
        folds.append(part)
        return Name(f"sum{len(folds) - 1}", part.width)

    changed = tuple(rebuilt(each, change) if isinstance(each, Write | Update) else each for each in statements)
    if not folds:
        return changed
    declared = (Declare(f"sum{number}", width=fold.width) for number, fold in enumerate(folds))
    return (*declared, *_runs(folds), *changed)


def _runs(folds: Sequence[Fold]) -> list[Statement]:
    statements: list[Statement] = []
    variable, op = folds[0].variable, folds[0].op
    for number, run in enumerate(folds[0].runs):
        terms = [fold.runs[number].terms for fold in folds]
        # The first term begins the sum: zero plus the term would be one addition more, and another zero's sign.
        statements += _terms([substituted(x, {variable: Sum()}) for x in terms], op, begins=number == 0)
        if run.count != Sum(1):
            few = not run.count.terms and run.count.constant <= _UNROLLED and folds[0].width > 1
            body = tuple(_terms(terms, op, begins=False))
            statements.append(For(variable, Sum(1), run.count, body, unroll=few))
    return statements


def _terms(columns: Sequence[Sequence[Expr]], op: int, begins: bool) -> list[Statement]:
    """One repetition; of each fold the first term, then of each the second, and so on."""
    return [
        Assign(f"sum{number}", term, None if begins and place == 0 else op)
        for place in range(len(columns[0]))
        for number, term in enumerate(terms[place] for terms in columns)
    ]
