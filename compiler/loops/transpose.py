"""Transpose: gives loops that walk down the columns of a matrix of inputs a transposed copy, in which they walk along
rows.

In: a program and its layout. Out: the same program, in which nests whose lanes would be neighbours but for such
operands read copies, and which makes the copies first. A sum ``w[i][0]*x[0] + w[i][1]*x[1] + ...`` is then computed for
all `i` at once, each in its order.
"""

from __future__ import annotations

from dataclasses import replace

from .lanes import is_vector_loop, vector_loop
from .layout import Layout, row_length
from .loop_ir import Affine, Array, Expr, Fold, Load, Loop, LoopProgram, Nest, Op, Run, Store, walk

__all__ = ["Transposer"]

# Fewer lanes than this are not worth a copy.
_LANES = 8


class Transposer:
    """Transposes for the programs of one layout, which share the room for the copies.

    Attributes:
        copies: the arrays that are copied, with their copies.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.copies: dict[Array, Array] = {}

    def transpose(self, program: LoopProgram) -> LoopProgram:
        """The program with copies."""
        used: dict[Array, None] = {}
        nests = []
        for nest in program.nests:
            changed = self._with_copies(nest)
            if changed is not None:
                nest, matrices = changed
                used.update(dict.fromkeys(matrices))
            nests.append(nest)
        return replace(program, nests=(*map(self._copy, used), *nests))

    def copies_of(self, program: LoopProgram) -> list[Nest]:
        """The nests of a program that make copies."""
        return [nest for nest in program.nests if nest.body.array in self.copies.values()]

    def without_copies(self, program: LoopProgram) -> LoopProgram:
        """The program, for callers that make the copies themselves."""
        copies = set(self.copies_of(program))
        return replace(program, nests=tuple(nest for nest in program.nests if nest not in copies))

    @staticmethod
    def only(copies: tuple[Nest, ...]) -> LoopProgram:
        """A program that makes copies and nothing else."""
        return LoopProgram("copy_parameters", copies)

    def _with_copies(self, nest: Nest) -> tuple[Nest, list[Array]] | None:
        if vector_loop(nest) is not None or not isinstance(nest.body, Store):
            return None
        for level in range(len(nest.loops) - 1, -1, -1):
            trips = nest.loops[level].trips
            if trips.start < _LANES or any(trips.steps):
                continue
            moved = [part for part in walk(nest.body.value) if isinstance(part, Load) and _walks_down(part, level)]
            if not moved or any(not _is_matrix(part) for part in moved):
                continue
            value = self._with_loads(nest.body.value, set(moved))
            changed = replace(nest, body=replace(nest.body, value=value))
            if is_vector_loop(changed, level):
                return changed, [part.array for part in moved]
        return None

    def _with_loads(self, expr: Expr, moved: set[Load]) -> Expr:
        """An expression that reads the copies of what is to be moved."""
        match expr:
            case Load() if expr in moved:
                return Load(self._copy_of(expr.array), expr.index[::-1])
            case Op():
                return Op(expr.op, tuple(self._with_loads(part, moved) for part in expr.operands))
            case Fold():
                return Fold(expr.op, tuple(self._run_with_loads(run, moved) for run in expr.runs))
        return expr

    def _run_with_loads(self, run: Run, moved: set[Load]) -> Run:
        parts = (
            self._run_with_loads(part, moved) if isinstance(part, Run) else self._with_loads(part, moved)
            for part in run.parts
        )
        return Run(run.count, tuple(parts))

    def _copy_of(self, matrix: Array) -> Array:
        if matrix not in self.copies:
            rows, columns = matrix.shape
            name, about = self.layout.unique(f"{matrix.name}_transposed"), f"{matrix.name}, transposed"
            copy = Array(name, (columns, row_length(rows)), space="copy", about=about)
            self.layout.add(copy)
            self.copies[matrix] = copy
        return self.copies[matrix]

    def _copy(self, matrix: Array) -> Nest:
        rows, columns = matrix.shape
        i, j = Affine(0, (0, 1)), Affine(0, (1, 0))
        loops = (Loop(Affine(columns), "j"), Loop(Affine(rows, (0,)), "i"))
        copy = self.copies[matrix]
        return Nest(loops, Store(copy, (j, i), Load(matrix, (i, j))), copy.about)


def _walks_down(load: Load, level: int) -> bool:
    """Whether neighbouring lanes read what are neither neighbours in memory nor the same."""
    return load.array.flat(load.index).steps[level] not in (0, 1)


def _is_matrix(load: Load) -> bool:
    return load.array.space == "argument" and len(load.array.shape) == 2 and len(load.index) == 2
