"""Transpose: gives loops that walk down the columns of a matrix of inputs a transposed copy, in which they walk along
rows.

In: a program and its layout. Out: the same program, in which nests whose lanes would be neighbours but for such
operands read copies, and which makes the copies first. A sum ``w[i][0]*x[0] + w[i][1]*x[1] + ...`` is then computed for
all `i` at once, each in its order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir.graph import Tensor
from .lanes import vector_loop
from .loop_program import LoopProgram, Nest, recipe_runs
from .place import Layout

__all__ = ["Transposer"]

_ALIGN = 8
# Fewer lanes than this are not worth a copy.
_LANES = 8


@dataclass(frozen=True)
class _Matrix:
    name: str
    address: int
    rows: int
    columns: int


class Transposer:
    """Transposes for the programs of one layout, which share the room for the copies."""

    def __init__(self, layout: Layout, tensors: tuple[Tensor, ...]) -> None:
        self.layout = layout
        first = {tensor.argument: tensor.start for tensor in reversed(tensors)}
        self.matrices = [
            _Matrix(
                tensor.name, layout.arguments[tensor.argument][0] + tensor.start - first[tensor.argument], *tensor.shape
            )
            for tensor in tensors
            if len(tensor.shape) == 2
        ]
        self.copies: dict[_Matrix, int] = {}

    def transpose(self, program: LoopProgram) -> LoopProgram:
        """The program with copies."""
        used: dict[_Matrix, None] = {}
        nests = []
        for nest in program.nests:
            changed = self._with_copies(nest)
            if changed is not None:
                nest, matrices = changed
                used.update(dict.fromkeys(matrices))
            nests.append(nest)
        copies = [self._copy(matrix) for matrix in used]
        return replace(program, nests=(*copies, *nests))

    def copies_of(self, program: LoopProgram) -> list[Nest]:
        """The nests of a program that make copies."""
        return [nest for nest in program.nests if nest.base[0] in self.copies.values() and nest.recipe == ("mem", 1)]

    def without_copies(self, program: LoopProgram) -> LoopProgram:
        """The program, for callers that make the copies themselves."""
        copies = set(self.copies_of(program))
        return replace(program, nests=tuple(nest for nest in program.nests if nest not in copies))

    @staticmethod
    def only(copies: tuple[Nest, ...]) -> LoopProgram:
        """A program that makes copies and nothing else."""
        return LoopProgram("copy_parameters", copies, (), ())

    def _with_copies(self, nest: Nest) -> tuple[Nest, list[_Matrix]] | None:
        if vector_loop(nest) is not None or nest.row_stride is not None:
            return None
        width = len(nest.base)
        for level, trips in enumerate(nest.trips):
            if nest.strides[level][0] != 1 or trips < _LANES or any(any(stride[width:]) for stride in nest.strides):
                continue
            slots = [slot for slot, step in enumerate(nest.strides[level][:width]) if step not in (0, 1)]
            moved = {slot: new for slot in slots if (new := self._moved(nest, slot)) is not None}
            if not slots or len(moved) < len(slots):
                continue
            changed = nest
            for slot, new in moved.items():
                changed = _with_slot(changed, slot, new[1])
            if vector_loop(changed) is not None:
                return changed, [new[0] for new in moved.values()]
        return None

    def _moved(self, nest: Nest, slot: int) -> tuple[_Matrix, tuple[int, ...]] | None:
        """The matrix that a slot walks in, and its base, strides and steps in the copy."""
        base = nest.base[slot]
        matrix = next((m for m in self.matrices if m.address <= base < m.address + m.rows * m.columns), None)
        counted = [count for count, _ in recipe_runs(nest.recipe)]
        # How far a fold whose length varies walks, the first point does not tell.
        if matrix is None or any(stride[count] for stride in nest.strides for count in counted):
            return None
        row, column = divmod(base - matrix.address, matrix.columns)
        lowest, highest = [row, column], [row, column]
        extents = [*nest.trips, *(nest.base[count] for count in counted)]
        numbers = []
        for step, extent in zip(
            [*(stride[slot] for stride in nest.strides), *(step[slot] for step in nest.steps)], extents, strict=True
        ):
            rows = round(step / matrix.columns)
            columns = step - rows * matrix.columns
            for axis, part in enumerate((rows, columns)):
                lowest[axis] += min(0, part * (extent - 1))
                highest[axis] += max(0, part * (extent - 1))
            numbers.append((rows, columns))
        if min(lowest) < 0 or highest[0] >= matrix.rows or highest[1] >= matrix.columns:
            return None
        copy, length = self._room(matrix), _padded(matrix.rows)
        return matrix, (copy + column * length + row, *(columns * length + rows for rows, columns in numbers))

    def _room(self, matrix: _Matrix) -> int:
        if matrix not in self.copies:
            self.copies[matrix] = self.layout.allot(matrix.columns * _padded(matrix.rows))
        return self.copies[matrix]

    def _copy(self, matrix: _Matrix) -> Nest:
        strides = ((1, matrix.columns), (_padded(matrix.rows), 1, 0))
        base, trips = (self.copies[matrix], matrix.address), (matrix.rows, matrix.columns)
        return Nest(("mem", 1), None, (), base, strides, trips, f"{matrix.name}, transposed")


def _padded(size: int) -> int:
    return size + -size % _ALIGN


def _with_slot(nest: Nest, slot: int, numbers: tuple[int, ...]) -> Nest:
    depth = len(nest.trips)

    def put(vector: tuple[int, ...], value: int) -> tuple[int, ...]:
        return (*vector[:slot], value, *vector[slot + 1 :])

    strides = tuple(put(stride, number) for stride, number in zip(nest.strides, numbers[1 : 1 + depth], strict=True))
    steps = tuple(put(step, number) for step, number in zip(nest.steps, numbers[1 + depth :], strict=True))
    return replace(nest, base=put(nest.base, numbers[0]), strides=strides, steps=steps)
