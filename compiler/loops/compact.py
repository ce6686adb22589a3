"""Compact: memory for programs of which one runs at a time, and keeps nothing but its results.

In: programs over one layout, one for each position. Out: the same over a smaller one. It has only the arrays that the
programs use. Where every program uses one row of an array of values, and no other program's, one row is all there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..errors import CompileError
from .layout import Layout
from .loop_ir import MEMORY, AddAt, Affine, Array, Body, Expr, Fold, Gather, Load, LoopProgram, Op, Run, Store, walk

__all__ = ["compact"]

_Use: TypeAlias = Load | Gather | Store | AddAt


def compact(programs: Mapping[int, LoopProgram], layout: Layout, last: str) -> tuple[dict[int, LoopProgram], Layout]:
    """The programs, and the layout of their memory.

    Args:
        last: the array that comes last in memory.

    Raises:
        CompileError: if loops walk from array to array.
    """
    used: dict[str, Array] = {}
    whole: set[str] = set()
    for program in programs.values():
        rows: dict[str, Affine] = {}
        uses = [use for nest in program.nests for use in _uses(nest.body)]
        for array, index in [*((use.array, use.index) for use in uses), *((span.array, ()) for span in program.zeros)]:
            if array == MEMORY or program.places:
                raise CompileError(f"{program.name} walks from array to array; its memory cannot be made smaller")
            used[array.of or array.name] = array
            is_row = array.space == "value" and not array.of and len(array.shape) > 1 and len(index) > 1
            if not is_row or any(index[0].steps) or rows.setdefault(array.name, index[0]).start != index[0].start:
                whole.add(array.of or array.name)
    arrays = {array.name: array for array, _, _ in layout.placed if array.name in used}
    changed = {
        name: array if name in whole else replace(array, shape=array.shape[1:], axes=array.axes[1:])
        for name, array in arrays.items()
    }
    rows_only = {name: changed[name] for name in changed if name not in whole}
    found = {
        number: replace(program, nests=tuple(replace(nest, body=_body(nest.body, rows_only)) for nest in program.nests))
        for number, program in programs.items()
    }
    return found, layout.only(changed, last)


def _uses(body: Body) -> Iterator[_Use]:
    yield body
    for part in walk(body.value):
        if isinstance(part, Load | Gather):
            yield part


def _body(body: Body, rows: Mapping[str, Array]) -> Body:
    value, row = _expr(body.value, rows), rows.get(body.array.name)
    if row is None:
        return replace(body, value=value)
    if isinstance(body, AddAt):
        return AddAt(row, body.index[1:], body.stride[1:], body.chosen, value)
    return Store(row, body.index[1:], value)


def _expr(expr: Expr, rows: Mapping[str, Array]) -> Expr:
    match expr:
        case Load() if expr.array.name in rows:
            return Load(rows[expr.array.name], expr.index[1:])
        case Gather() if expr.array.name in rows:
            return Gather(rows[expr.array.name], expr.index[1:], expr.stride[1:], expr.chosen)
        case Op(op, operands):
            return Op(op, tuple(_expr(part, rows) for part in operands))
        case Fold(op, runs):
            return Fold(op, tuple(_run(run, rows) for run in runs))
    return expr


def _run(run: Run, rows: Mapping[str, Array]) -> Run:
    parts: Sequence[Expr | Run] = run.parts
    return Run(run.count, tuple(_run(part, rows) if isinstance(part, Run) else _expr(part, rows) for part in parts))
