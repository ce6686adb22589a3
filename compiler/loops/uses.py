"""Uses: where a statement reads and writes arrays, and the same statement with other uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from .loop_ir import AddAt, Array, Body, Expr, Fold, Gather, Load, Op, Run, Store, walk

__all__ = ["Use", "uses", "with_uses", "without_axis"]

Use: TypeAlias = Load | Gather | Store | AddAt


def uses(body: Body) -> Iterator[Use]:
    """The statement itself, which writes, and all that it reads."""
    yield body
    for part in walk(body.value):
        if isinstance(part, Load | Gather):
            yield part


def with_uses(body: Body, change: Callable[[Use], Use]) -> Body:
    """The statement, each of its uses changed. What it computes goes along."""
    changed = change(body)
    assert isinstance(changed, Store | AddAt)
    return replace(changed, value=_expr(body.value, change))


def without_axis(use: Use, array: Array, axis: int) -> Use:
    """The use of an array that has all dimensions of the one before but `axis`."""
    index = (*use.index[:axis], *use.index[axis + 1 :])
    if isinstance(use, Gather | AddAt):
        return replace(use, array=array, index=index, stride=(*use.stride[:axis], *use.stride[axis + 1 :]))
    return replace(use, array=array, index=index)


def _expr(expr: Expr, change: Callable[[Use], Use]) -> Expr:
    match expr:
        case Load() | Gather():
            changed = change(expr)
            assert isinstance(changed, Load | Gather)
            return changed
        case Op(op, operands):
            return Op(op, tuple(_expr(part, change) for part in operands))
        case Fold(op, runs):
            return Fold(op, tuple(_run(run, change) for run in runs))
    return expr


def _run(run: Run, change: Callable[[Use], Use]) -> Run:
    parts = (_run(part, change) if isinstance(part, Run) else _expr(part, change) for part in run.parts)
    return Run(run.count, tuple(parts))
