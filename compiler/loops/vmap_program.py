"""Vmap program: a program of loops carries out several instances of its inputs at once, side by side in vectors.

In: programs over one memory, and which of its arrays all instances share. Out: the same programs over a memory in which
each element of the other arrays is a row of as many numbers as there are instances, with a loop over these, innermost,
in each nest. Its lanes are neighbours in memory, so whatever a nest does fills vectors. Number n of the index of
instance i is number ``lanes * n + i``.

What is added to a shared array is added for all instances, one after the other: sums have another order than if the
programs ran in turn. So this is for numerics in which that does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..ir.ops import ADD
from .layout import Layout
from .loop_ir import (
    MEMORY,
    AddAt,
    Affine,
    Array,
    Const,
    Equal,
    Expr,
    Fold,
    Gather,
    Load,
    Loop,
    LoopProgram,
    Nest,
    Op,
    Pick,
    Run,
    Span,
    Store,
    find_fold,
    walk,
)
from .name_arrays import corners
from .place import NotRegularError

__all__ = ["VmapPrograms"]

# Fewer lanes than this are not worth a transposed copy.
_LANES = 8

_ANYWHERE = "the program chooses from places all over its memory"


class VmapPrograms:
    """Changes the programs of one memory.

    Args:
        layout: of the memory; it is left as it is.
        programs: that are to be changed. What else uses this memory uses the arrays that are shared.
        shared: names of the arrays that are, and of those that these are parts of.
        lanes: how many instances.

    Raises:
        NotRegularError: if a program chooses from places all over its memory.

    Attributes:
        layout: of the new memory.
    """

    def __init__(self, layout: Layout, programs: Sequence[LoopProgram], shared: Sequence[str], lanes: int) -> None:
        self.lanes = lanes
        used = dict.fromkeys(array.name for program in programs for array in _arrays(program))
        kept = {array.name: array for array, _, _ in layout.placed}
        self._mapped: dict[str, Array] = {}
        for name in used:
            array = kept.get(name)
            if array is not None and name not in shared and array.space != "constant":
                self._mapped[name] = replace(array, shape=(*array.shape, lanes), axes=(*array.axes, "instance"))
        if any(array.space == "memory" or not array.size for program in programs for array in _arrays(program)):
            raise NotRegularError("a program counts through its whole memory")
        self.layout = layout.only({**kept, **self._mapped}, "")
        self._copies: dict[str, Array] = {}

    def program(self, program: LoopProgram) -> LoopProgram:
        """A program for all instances."""
        if program.places:
            raise NotRegularError(_ANYWHERE)
        nests: list[Nest] = []
        copies: dict[Nest, None] = {}
        for nest in program.nests:
            for each in self._nest(nest):
                if each not in copies:
                    nests.append(each)
                if each.body.array.space == "copy":
                    copies[each] = None
            # What is copied changes.
            copies = {copy: None for copy in copies if not _copies(copy, nest.body.array)}
        zeros = (
            Span(self._mapped[span.array.name], span.start * self.lanes, span.size * self.lanes)
            if span.array.name in self._mapped
            else span
            for span in program.zeros
        )
        return replace(program, nests=tuple(nests), zeros=tuple(zeros))

    def _nest(self, nest: Nest) -> Iterator[Nest]:
        body, depth = nest.body, len(nest.loops)
        if isinstance(body, Store) and body.array.name not in self._mapped:
            if self._reads(body.value):
                yield from self._sum(nest, body)
            else:
                yield nest
            return
        if isinstance(body, AddAt) and body.array.name not in self._mapped and self._is_row(nest, body):
            yield from self._rows(nest, body)
            return
        loops = (*nest.loops, Loop(Affine(self.lanes, (0,) * depth), "instance"))
        widen = _Inserted(depth, self.lanes)
        array, index = self._element(body.array, body.index, widen)
        value = self._value(body.value, widen)
        if isinstance(body, Store):
            yield replace(nest, loops=loops, body=Store(array, index, value))
        else:
            stride = self._stride(body.array, body.stride)
            yield replace(nest, loops=loops, body=AddAt(array, index, stride, widen.chosen(body.chosen), value))

    def _element(self, array: Array, index: Sequence[Affine], widen: _Inserted) -> tuple[Array, tuple[Affine, ...]]:
        """An element, of each instance its own unless they share it."""
        if array == MEMORY:
            raise NotRegularError(_ANYWHERE)
        if array.name not in self._mapped:
            return array, tuple(map(widen.same, index))
        mapped = self._mapped[array.name]
        if len(index) == len(array.shape):
            return mapped, (*map(widen.same, index), widen.instance(index[0]))
        return mapped, (*map(widen.same, index[:-1]), widen.chosen(index[-1]))

    def _stride(self, array: Array, stride: tuple[int, ...]) -> tuple[int, ...]:
        if array.name not in self._mapped:
            return stride
        return (*stride, 0) if len(stride) == len(array.shape) else (*stride[:-1], stride[-1] * self.lanes)

    def _value(self, expr: Expr, widen: _Inserted) -> Expr:
        match expr:
            case Const():
                return expr
            case Load(array, index):
                return Load(*self._element(array, index, widen))
            case Gather(array, index, stride, chosen):
                element = self._element(array, index, widen)
                return Gather(*element, self._stride(array, stride), widen.chosen(chosen))
            case Equal(chosen, number):
                return Equal(widen.chosen(chosen), widen.same(number))
            case Op(op, operands):
                return Op(op, tuple(self._value(part, widen) for part in operands))
            case Fold(op, runs):
                return Fold(op, tuple(self._run(run, widen) for run in runs))
        raise NotRegularError(_ANYWHERE)

    def _run(self, run: Run, widen: _Inserted) -> Run:
        parts = (self._run(part, widen) if isinstance(part, Run) else self._value(part, widen) for part in run.parts)
        return Run(widen.same(run.count), tuple(parts))

    def _reads(self, expr: Expr | Run) -> bool:
        """Whether an expression is another one for each instance."""
        if isinstance(expr, Run):
            return any(map(self._reads, expr.parts))
        return any(
            part.array.name in self._mapped if isinstance(part, Load) else isinstance(part, Gather | Equal | Pick)
            for part in walk(expr)
        )

    def _sum(self, nest: Nest, body: Store) -> Iterator[Nest]:
        """A nest that adds to a shared array, for all instances."""
        depth = len(nest.loops)
        runs = tuple(self._terms(body.value, depth))
        changed = replace(nest, body=replace(body, value=Fold(ADD, runs)))
        flat = body.array.flat(body.index)
        level = next((level for level in range(depth - 1, -1, -1) if flat.steps[level] == 1), None)
        if level is None or nest.loops[level].trips.start < _LANES or any(nest.loops[level].trips.steps):
            yield changed
            return
        copies: dict[Nest, None] = {}
        counts = [loop.trips for loop in nest.loops]
        runs = tuple(self._copied(run, level, counts, copies) for run in runs)
        yield from copies
        yield replace(nest, body=replace(body, value=Fold(ADD, runs)))

    def _is_row(self, nest: Nest, body: AddAt) -> bool:
        """Whether the last loop of a nest adds to neighbours, wherever these are."""
        trips = nest.loops[-1].trips
        steps = body.array.flat(body.index).steps[-1], body.chosen.steps[-1]
        simple = all(isinstance(part, Const | Load | Op) for part in walk(body.value))
        return simple and steps in ((1, 0), (-1, 0)) and trips.start >= _LANES and not any(trips.steps)

    def _rows(self, nest: Nest, body: AddAt) -> Iterator[Nest]:
        """A nest that adds rows to those of a shared array: for each instance in turn, and forwards."""
        depth, trips = len(nest.loops), nest.loops[-1].trips.start
        if body.array.flat(body.index).steps[-1] < 0:
            body = _backwards(body, depth - 1, trips)
        copies: dict[Nest, None] = {}
        # The instance is the loop before the last.
        widen = _Inserted(depth - 1, self.lanes)
        inside = (*nest.loops[:-1], Loop(Affine(self.lanes, (0,) * (depth - 1)), "instance"))
        loops = (*inside, Loop(Affine(trips, (0,) * depth), nest.loops[-1].name))
        value = self._moved(self._value(body.value, widen), depth, [loop.trips for loop in loops], copies, depth - 1)
        yield from copies
        index = tuple(map(widen.same, body.index))
        yield replace(nest, loops=loops, body=AddAt(body.array, index, body.stride, widen.chosen(body.chosen), value))

    def _terms(self, value: Expr, depth: int) -> Iterator[Run]:
        """What is added up in an expression, for all instances."""
        if isinstance(value, Fold) and value.op == ADD:
            yield from (self._all_instances(run, depth) for run in value.runs)
        elif isinstance(value, Op) and value.op == ADD:
            yield from chain.from_iterable(self._terms(part, depth) for part in value.operands)
        elif find_fold(value) is not None:
            raise NotRegularError("what is added to an array that instances share is no sum")
        else:
            count = self.lanes if self._reads(value) else 1
            yield Run(Affine(count, (0,) * depth), (self._value(value, _Inserted(depth, self.lanes)),))

    def _all_instances(self, run: Run, depth: int) -> Run:
        """A run whose terms are added for one instance after the other."""
        if not self._reads(run):
            return run
        if any(isinstance(part, Run) for part in run.parts):
            parts = (
                self._all_instances(
                    part if isinstance(part, Run) else Run(Affine(1, (0,) * (depth + 1)), (part,)), depth + 1
                )
                for part in run.parts
            )
            return replace(run, parts=tuple(parts))
        widen = _Inserted(depth + 1, self.lanes)
        terms = tuple(self._value(part, widen) for part in run.parts if not isinstance(part, Run))
        return Run(run.count, (Run(Affine(self.lanes, (0,) * (depth + 1)), terms),))

    def _copied(self, run: Run, level: int, counts: Sequence[Affine], copies: dict[Nest, None]) -> Run:
        """A run that reads neighbours where loop `level` walks from row to row."""
        inside = [*counts, run.count]
        parts = (
            self._copied(part, level, inside, copies)
            if isinstance(part, Run)
            else self._moved(part, level, inside, copies)
            for part in run.parts
        )
        return replace(run, parts=tuple(parts))

    def _moved(
        self, expr: Expr, level: int, counts: Sequence[Affine], copies: dict[Nest, None], instance: int = -1
    ) -> Expr:
        """An expression that reads neighbours where loop `level` walks from row to row. Loop `instance` walks through
        the instances.
        """
        if isinstance(expr, Op):
            operands = (self._moved(part, level, counts, copies, instance) for part in expr.operands)
            return replace(expr, operands=tuple(operands))
        if not isinstance(expr, Load) or expr.array.name not in self._mapped:
            return expr
        flat = expr.array.flat(expr.index)
        if flat.steps[level] != self.lanes:
            return expr
        # Of each instance, what it has in this array is a row of the copy.
        steps = list(flat.steps)
        own, steps[instance] = steps[instance], 0
        if own != 1 or any(step % self.lanes for step in (flat.start, *steps)):
            return expr
        element = Affine(flat.start // self.lanes, tuple(step // self.lanes for step in steps))
        places = [element.start + sum(map(int.__mul__, element.steps, point)) for point in corners(counts)]
        first, last = min(places), max(places)
        copy = self._copy_of(expr.array)
        columns, rows = Affine(first, (0, 1)), Affine(0, (1, 0))
        loops = (Loop(Affine(self.lanes), "instance"), Loop(Affine(last + 1 - first, (0,)), "i"))
        source = Load(expr.array, (Affine(first * self.lanes, (1, self.lanes)),))
        copies[Nest(loops, Store(copy, (rows, columns), source), copy.about)] = None
        row = [0] * len(steps)
        row[instance] = 1
        return Load(copy, (Affine(0, tuple(row)), element))

    def _copy_of(self, array: Array) -> Array:
        if array.name not in self._copies:
            name, about = self.layout.unique(f"{array.name}_transposed"), f"{array.name}, transposed"
            self._copies[array.name] = copy = Array(
                name, (self.lanes, array.size // self.lanes), space="copy", about=about
            )
            self.layout.add(copy)
        return self._copies[array.name]


class _Inserted:
    """Numbers with one loop more, in which the instances take turns, at a level."""

    def __init__(self, level: int, lanes: int) -> None:
        self.level, self.lanes = level, lanes

    def _with(self, affine: Affine, step: int, factor: int = 1) -> Affine:
        steps = (*affine.steps, *(0,) * (self.level - len(affine.steps)))
        steps = tuple(factor * each for each in steps)
        return Affine(factor * affine.start, (*steps[: self.level], step, *steps[self.level :]))

    def same(self, affine: Affine) -> Affine:
        """The same number for all instances."""
        return self._with(affine, 0)

    def chosen(self, affine: Affine) -> Affine:
        """That of the row of instances, and the instance in it."""
        return self._with(affine, 1, self.lanes)

    def instance(self, like: Affine) -> Affine:
        """The instance."""
        return self._with(Affine(0, (0,) * len(like.steps)), 1)


def _backwards(body: AddAt, level: int, trips: int) -> AddAt:
    """A statement that meets the points of a loop from the last one on."""

    def turned(affine: Affine) -> Affine:
        step = affine.steps[level]
        return Affine(affine.start + step * (trips - 1), (*affine.steps[:level], -step, *affine.steps[level + 1 :]))

    def value(expr: Expr) -> Expr:
        match expr:
            case Load(array, index):
                return Load(array, tuple(map(turned, index)))
            case Op(op, operands):
                return Op(op, tuple(map(value, operands)))
        return expr

    index = tuple(map(turned, body.index))
    return AddAt(body.array, index, body.stride, turned(body.chosen), value(body.value))


def _copies(copy: Nest, array: Array) -> bool:
    return isinstance(copy.body.value, Load) and copy.body.value.array.name == array.name


def _arrays(program: LoopProgram) -> Iterator[Array]:
    for nest in program.nests:
        yield nest.body.array
        yield from (part.array for part in walk(nest.body.value) if isinstance(part, Load | Gather))
    yield from (span.array for span in program.zeros)
