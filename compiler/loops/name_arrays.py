"""Name arrays: says of which arrays the elements of memory are that loops read and write.

In: a program over `MEMORY`, whose elements a `Layout` has numbered. Out: the same program over the layout's arrays,
with an index for each dimension. An element belongs to one array and has one index in it, so nothing is guessed: at
all corners of a nest's loops elements are looked up, and what is affine and inside the array there is so everywhere
between. Where loops walk on from row to row, an element is counted through both; where they walk on from array to
array, through the argument that these are parts of, or through the whole memory. An index chooses along a dimension
only if it cannot lead beyond it: C compilers assume that it does not. A constant that is read alone becomes a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..ir.graph import IndexTensor
from .layout import Layout
from .loop_ir import (
    MEMORY,
    AddAt,
    Affine,
    Array,
    Body,
    Const,
    Expr,
    Fold,
    Gather,
    Load,
    Loop,
    LoopProgram,
    Nest,
    Op,
    Run,
    Span,
    Store,
    strides,
)

__all__ = ["corners", "loop_names", "name_arrays"]

_LETTERS = "ijlnpqrsuvz"

_Point = tuple[int, ...]


def name_arrays(program: LoopProgram, layout: Layout, indices: Sequence[IndexTensor] = ()) -> LoopProgram:
    """The program over arrays.

    Args:
        indices: say between how many elements the numbers of the index choose; without, between any number.
    """
    return replace(
        program,
        nests=tuple(_Namer(nest, layout, indices).named() for nest in program.nests),
        places=tuple(Load(*_element(layout, place.index[0].start)) for place in program.places),
        zeros=tuple(span for zeros in program.zeros for span in _spans(layout, zeros)),
    )


def corners(counts: Sequence[Affine]) -> list[_Point]:
    """The corners of loops, given how often each turns: points in which each is in its first or its last turn."""
    points: list[_Point] = [()]
    for count in counts:
        following = []
        for point in points:
            last = count.at(point) - 1
            following += [(*point, 0), (*point, last)] if last > 0 else [(*point, 0)]
        points = following
    return points


def loop_names(body: Body, depth: int, first: Sequence[str] = ()) -> list[str]:
    """Names for the loops of a nest: `first`, those of the dimensions that they walk along, else letters."""
    taken = list(first)
    letters = iter(_LETTERS)
    for level in range(len(taken), depth):
        moved = [
            axis
            for axis, part in zip(body.array.axes, body.index, strict=False)
            if axis and part.steps[level : level + 1] not in ((), (0,)) and axis not in taken
        ]
        taken.append(moved[0] if moved else next(letters))
    return taken


def _element(layout: Layout, address: int) -> tuple[Array, tuple[Affine, ...]]:
    array, start = layout.arrays[layout.region[address]]
    return array, tuple(map(Affine, _index(array.shape, address - start)))


def _index(shape: _Point, number: int) -> _Point:
    """The index of an element of an array."""
    if len(shape) == 1:
        return (number,)
    index = []
    for stride in strides(shape):
        place, number = divmod(number, stride)
        index.append(place)
    return tuple(index)


def _spans(layout: Layout, span: Span) -> Iterator[Span]:
    at, end = span.start, span.start + span.size
    while at < end:
        array, start = layout.arrays[layout.region[at]]
        # Behind the last element there is padding.
        stop = min(end, start + array.size)
        if stop > at:
            yield Span(array, at - start, stop - at)
        at = max(stop, at + 1)


class _Namer:
    """Names what one nest reads and writes."""

    def __init__(self, nest: Nest, layout: Layout, indices: Sequence[IndexTensor]) -> None:
        self.nest, self.layout, self.indices = nest, layout, indices
        self.counts = [loop.trips for loop in nest.loops]

    def named(self) -> Nest:
        body = self.nest.body
        corner = corners(self.counts)
        value = self._expr(body.value, self.counts, corner)
        if isinstance(body, Store):
            changed: Body = Store(*self._place(body.index[0], self.counts, corner), value)
        else:
            array, index, stride = self._row(body.index[0], body.stride[0], body.chosen, self.counts, corner)
            changed = AddAt(array, index, stride, body.chosen, value)
        names = loop_names(changed, len(self.counts), ["step"] if self.nest.recurrence else [])
        return replace(self.nest, loops=tuple(map(Loop, self.counts, names)), body=changed)

    def _expr(self, expr: Expr, counts: list[Affine], corner: list[_Point]) -> Expr:
        match expr:
            case Load():
                address = expr.index[0]
                text = self.layout.constants.get(address.start)
                if text is not None and not any(address.steps):
                    return Const(text)
                return Load(*self._place(address, counts, corner))
            case Gather():
                return Gather(*self._row(expr.index[0], expr.stride[0], expr.chosen, counts, corner), expr.chosen)
            case Op():
                return Op(expr.op, tuple(self._expr(part, counts, corner) for part in expr.operands))
            case Fold():
                return Fold(expr.op, tuple(self._run(run, counts) for run in expr.runs))
        return expr

    def _run(self, run: Run, counts: list[Affine]) -> Run:
        inside = [*counts, run.count]
        corner = corners(inside)
        parts = (
            self._run(part, inside) if isinstance(part, Run) else self._expr(part, inside, corner) for part in run.parts
        )
        return Run(run.count, tuple(parts))

    def _place(self, address: Affine, counts: list[Affine], corner: list[_Point]) -> tuple[Array, tuple[Affine, ...]]:
        layout = self.layout
        array, start = layout.arrays[layout.region[address.start]]
        steps = address.steps or (0,) * len(counts)
        if not any(steps):
            place = _index(array.shape, address.start - start)
            return array, tuple(Affine(number, steps) for number in place)
        for kept in range(len(array.shape), 0, -1):
            if index := _affine_index(array.merged(kept), Affine(address.start - start, steps), corner):
                return array, index
        if array.of:
            array, start = layout.named(array.of)
            if index := _affine_index(array.shape, Affine(address.start - start, steps), corner):
                return array, index
        return MEMORY, (Affine(address.start, steps),)

    def _row(
        self, address: Affine, stride: int, chosen: Affine, counts: list[Affine], corner: list[_Point]
    ) -> tuple[Array, tuple[Affine, ...], tuple[int, ...]]:
        """What an index chooses from: along a dimension, if nothing beyond it can be chosen, or through the array."""
        last = self._most(chosen, corner) - 1
        array, index = self._place(address, counts, corner)
        shape = array.merged(len(index))
        for place, distance in enumerate(strides(shape)):
            if stride == distance and max(index[place].at(point) for point in corner) + last < shape[place]:
                return array, index, tuple(int(place == other) for other in range(len(index)))
        return array, (array.flat(index),), (stride,)

    def _most(self, chosen: Affine, corner: list[_Point]) -> float:
        """Between how many elements the numbers of the index choose that are at `chosen`."""
        numbers = [chosen.at(point) for point in corner]
        low, high = min(numbers), max(numbers)
        limits = [each.limit for each in self.indices if each.start <= high and low < each.start + each.count]
        return max(limits, default=math.inf)


def _affine_index(shape: _Point, number: Affine, corner: list[_Point]) -> tuple[Affine, ...] | None:
    """The index of an element that is affine in loops, if it is affine in them and inside at every corner."""
    found = {}
    for point in corner:
        at = number.at(point)
        if not 0 <= at < math.prod(shape):
            return None
        found[point] = _index(shape, at)
    steps = []
    for level, distance in enumerate(number.steps):
        step = _step(level, found) or _index_step(shape, distance)
        if sum(map(int.__mul__, step, strides(shape))) != distance:
            return None
        steps.append(step)
    first = _index(shape, number.start)
    index = tuple(map(Affine, first, zip(*steps, strict=True) if steps else [()] * len(first)))
    exact = all(tuple(part.at(point) for part in index) == place for point, place in found.items())
    return index if exact else None


def _step(level: int, found: dict[_Point, _Point]) -> _Point:
    """How far one turn of a loop moves in each dimension; empty if it never turns twice."""
    for point, last in found.items():
        turns = point[level]
        if turns and not any(point[level + 1 :]):
            first = found[*point[:level], 0, *point[level + 1 :]]
            return tuple((b - a) // turns for a, b in zip(first, last, strict=True))
    return ()


def _index_step(shape: _Point, distance: int) -> _Point:
    """What a distance would be in each dimension."""
    return tuple(-part if distance < 0 else part for part in _index(shape, abs(distance)))
