"""Transpose: gives loops that walk down the columns of a matrix a transposed copy, in which they walk along rows.

In: a program and its layout. Out: the same program, in which nests whose lanes would be neighbours but for such
operands read copies. A sum ``w[i][0]*x[0] + w[i][1]*x[1] + ...`` is then computed for all `i` at once, each in its
order. Matrices of inputs are copied first, once for all nests; or each before the nest that reads it, into a room that
all have in common, and that stays in the cache. What the program computes is copied before each nest that reads it, if
it is large and the nest reads each row many times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from .lanes import is_vector_loop, vector_loop
from .layout import Layout, row_length
from .loop_ir import Affine, Array, Expr, Fold, Load, Loop, LoopProgram, Nest, Op, Run, Store, walk

__all__ = ["Transposer"]

# Fewer lanes than this are not worth a copy.
_LANES = 8
# What is computed is copied where there is room for so many lanes, and for so many turns that read them all.
_ROOM = 16


class Transposer:
    """Transposes for the programs of one layout, which share the room for the copies.

    Args:
        ending: of the names of copies of inputs.

    Attributes:
        copies: the arrays that are copied, with their copies.
        in_turn: whether each is copied before the nest that reads it, see `take_turns`.
    """

    def __init__(self, layout: Layout, ending: str = "transposed") -> None:
        self.layout, self._ending = layout, ending
        self.copies: dict[Array, Array] = {}
        self.in_turn = False
        self._passing: dict[tuple[str, tuple[int, ...]], Array] = {}

    def take_turns(self, programs: Iterable[LoopProgram]) -> None:
        """Finds one room for all copies of inputs that these programs read, unless a nest reads two of them. Programs
        that are transposed later read no others.
        """
        found: dict[Array, Array] = {}
        for program in programs:
            for nest in program.nests:
                changed = self._with_copies(nest, found)
                if changed is not None and len(set(changed[1])) > 1:
                    return
        self.layout.add_together([(copy, 0) for copy in found.values()])
        self.copies, self.in_turn = found, True

    def transpose(self, program: LoopProgram) -> LoopProgram:
        """The program with copies."""
        used: dict[Array, None] = {}
        nests: list[Nest] = []
        for nest in program.nests:
            changed = self._with_copies(nest, self.copies)
            if changed is not None:
                nest, matrices = changed
                if self.in_turn:
                    nests += map(self._copy, dict.fromkeys(matrices))
                else:
                    used.update(dict.fromkeys(matrices))
            elif (with_passing := self._with_passing_copies(nest)) is not None:
                nests += with_passing
                continue
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

    def _with_copies(self, nest: Nest, copies: dict[Array, Array]) -> tuple[Nest, list[Array]] | None:
        if vector_loop(nest) is not None or not isinstance(nest.body, Store):
            return None
        for level in range(len(nest.loops) - 1, -1, -1):
            trips = nest.loops[level].trips
            if trips.start < _LANES or any(trips.steps):
                continue
            moved = [part for part in walk(nest.body.value) if isinstance(part, Load) and _walks_down(part, level)]
            if not moved or any(not _is_matrix(part) for part in moved):
                continue
            read = {part: Load(self._copy_of(part.array, copies), part.index[::-1]) for part in moved}
            value = _with_loads(nest.body.value, read)
            changed = replace(nest, body=replace(nest.body, value=value))
            if is_vector_loop(changed, level):
                return changed, [part.array for part in moved]
        return None

    def _with_passing_copies(self, nest: Nest) -> list[Nest] | None:
        """A nest that reads copies of what is computed, behind those that make them; None if it is worth none."""
        body, loops = nest.body, nest.loops
        if nest.recurrence or vector_loop(nest) is not None or not isinstance(body, Store):
            return None
        for level in range(len(loops) - 1, -1, -1):
            moved = {part: most for part, most in _loads(nest) if _walks_down(part, level)}
            if not moved or not any(
                _room(body.array, body.index, other) >= _ROOM and all(_is_same(part, other) for part in moved)
                for other in range(len(loops))
                if other != level
            ):
                continue
            found = {part: self._passing_copy(part, level, most) for part, most in moved.items()}
            copies, read = [], dict[Load, Load]()
            for part, made in found.items():
                if made is not None:
                    copies.append(made[0])
                    read[part] = made[1]
            changed = replace(nest, body=replace(body, value=_with_loads(body.value, read)))
            if len(read) == len(moved) and is_vector_loop(changed, level):
                return [*dict.fromkeys(copies), changed]
        return None

    def _passing_copy(self, load: Load, level: int, most: Sequence[int]) -> tuple[Nest, Load] | None:
        """The nest that copies what a load reads of a matrix, and the load from the copy; None if it reads no matrix.

        Args:
            level: of the loop over lanes.
            most: how many turns each loop around the load takes at most.
        """
        array, index, last = load.array, load.index, len(load.index) - 1
        down = next((at for at, part in enumerate(index) if part.steps[level]), last)
        row, column = index[down], index[last]
        constant = all(not any(part.steps) for at, part in enumerate(index) if at not in (down, last))
        plain = row.steps[level] == 1 and sum(map(bool, row.steps)) == 1
        if down == last or len(index) != len(array.shape) or not (constant and plain) or array.shape[down] < _ROOM:
            return None
        ends = [step * (turns - 1) for step, turns in zip(column.steps, most, strict=True)]
        first = column.start + sum(end for end in ends if end < 0)
        columns = column.start + sum(end for end in ends if end > 0) - first + 1
        copy = self._passing_array(array, (columns, row_length(array.shape[down])))
        i, j = Affine(row.start, (0, 1)), Affine(0, (1, 0))
        source = [Affine(part.start, (0, 0)) for part in index]
        source[down], source[last] = i, Affine(first, (1, 0))
        loops = (Loop(Affine(columns), "j"), Loop(Affine(most[level], (0,)), "i"))
        nest = Nest(loops, Store(copy, (j, i), Load(array, tuple(source))), copy.about)
        return nest, Load(copy, (Affine(column.start - first, column.steps), row))

    def _passing_array(self, array: Array, shape: tuple[int, ...]) -> Array:
        key = array.name, shape
        if key not in self._passing:
            name, about = self.layout.unique(f"{array.name}_transposed"), f"{array.name}, transposed"
            self._passing[key] = Array(name, shape, space="copy", about=about)
            self.layout.add(self._passing[key])
        return self._passing[key]

    def _copy_of(self, matrix: Array, copies: dict[Array, Array]) -> Array:
        if matrix not in copies:
            rows, columns = matrix.shape
            name, about = (
                self.layout.unique(f"{matrix.name}_{self._ending}"),
                f"{matrix.name}, {self._ending.replace('_', ' ')}",
            )
            copies[matrix] = Array(name, (columns, row_length(rows)), space="copy", about=about)
            if copies is self.copies:
                self.layout.add(copies[matrix])
        return copies[matrix]

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


def _with_loads(expr: Expr, read: Mapping[Load, Load]) -> Expr:
    """An expression with other loads in place of some."""
    match expr:
        case Load():
            return read.get(expr, expr)
        case Op():
            return Op(expr.op, tuple(_with_loads(part, read) for part in expr.operands))
        case Fold():
            return Fold(expr.op, tuple(_run_with_loads(run, read) for run in expr.runs))
    return expr


def _run_with_loads(run: Run, read: Mapping[Load, Load]) -> Run:
    parts = (_run_with_loads(part, read) if isinstance(part, Run) else _with_loads(part, read) for part in run.parts)
    return Run(run.count, tuple(parts))


def _loads(nest: Nest) -> Iterator[tuple[Load, list[int]]]:
    """The loads of a nest, with how many turns the loops and runs around each take at most."""
    most: list[int] = []
    for loop in nest.loops:
        most.append(_greatest(loop.trips, most))

    def inside(part: Expr | Run, around: list[int]) -> Iterator[tuple[Load, list[int]]]:
        match part:
            case Load():
                yield part, around
            case Op():
                for operand in part.operands:
                    yield from inside(operand, around)
            case Fold():
                for run in part.runs:
                    yield from inside(run, around)
            case Run():
                for each in part.parts:
                    yield from inside(each, [*around, _greatest(part.count, around)])

    return inside(nest.body.value, most)


def _greatest(affine: Affine, most: Sequence[int]) -> int:
    """The greatest that a number can be in loops of at most so many turns."""
    return affine.start + sum(max(step * (turns - 1), 0) for step, turns in zip(affine.steps, most, strict=False))


def _is_same(load: Load, level: int) -> bool:
    """Whether all turns of a loop read the same."""
    return not any(part.steps[level] for part in load.index)


def _room(array: Array, index: Sequence[Affine], level: int) -> int:
    """How many turns of a loop an array has room for, one in each row or column; 0 if they go through it otherwise."""
    extents = array.merged(len(index))
    found = [extent for part, extent in zip(index, extents, strict=True) if part.steps[level] == 1]
    return found[0] if len(found) == 1 else 0
