"""Compact: memory for programs of which one runs at a time, and keeps nothing but its results.

In: programs over one layout, one for each position. Out: the same over a smaller one. It has only the arrays that the
programs use. Where every program uses one row of an array of values, and no other program's, one row is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import CompileError
from .layout import Layout
from .loop_ir import MEMORY, Affine, Array, Body, LoopProgram
from .uses import Use, uses, with_uses, without_axis

__all__ = ["compact"]


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
        found = [use for nest in program.nests for use in uses(nest.body)]
        for array, index in [*((use.array, use.index) for use in found), *((span.array, ()) for span in program.zeros)]:
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
    smaller = {
        number: replace(program, nests=tuple(replace(nest, body=_body(nest.body, rows_only)) for nest in program.nests))
        for number, program in programs.items()
    }
    return smaller, layout.only(changed, last)


def _body(body: Body, rows: Mapping[str, Array]) -> Body:
    def change(use: Use) -> Use:
        row = rows.get(use.array.name)
        return use if row is None else without_axis(use, row, 0)

    return with_uses(body, change)
