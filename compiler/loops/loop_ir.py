"""The loop IR: what the C backend runs. A program is a list of loop nests over arrays.

A *nest* carries out one statement at every point of its loops. Its points are independent of each other, but for
those of an `AddAt`, which run in order. A *recurrence* is a row of nests that share their outermost loop, the steps: in
each step they run one after the other, and read what earlier steps have assigned. Indices, trip counts and the lengths
of folds are affine in the loops outside of them, so triangles are nests too. A fold is an ordered sum (or maximum) of
terms, carried out from the left: that order is the order of the scalar graph, and no later stage changes it.

While loops are being found there is one array, `MEMORY`, whose elements are numbered by `place`; `name_arrays` says
which arrays these are, and programs have indices for each dimension from then on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TypeAlias

__all__ = [
    "HOLE",
    "MEMORY",
    "AddAt",
    "Affine",
    "Array",
    "Body",
    "Const",
    "Equal",
    "Expr",
    "Fold",
    "Gather",
    "Load",
    "Loop",
    "LoopProgram",
    "Nest",
    "Op",
    "Pick",
    "Run",
    "Span",
    "Store",
    "blocks",
    "fill",
    "find_fold",
    "parts_of",
    "strides",
    "turns",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Array:
    """A named part of memory.

    Attributes:
        name: also its name in C.
        shape: its extents, the last one the fastest.
        axes: the names of its dimensions, such as ``position``; empty for those that have none.
        space: ``argument``, which no program changes, ``output``, ``value``, ``state``, ``constant`` or ``copy``.
        dtype: of its elements.
        of, offset: the array that it is a part of, and where in it; empty if of none.
        about: what is in it, for people.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...] = ()
    space: str = "value"
    dtype: str = "double"
    of: str = ""
    offset: int = 0
    about: str = ""

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    def merged(self, count: int) -> tuple[int, ...]:
        """The extents for an index of `count` numbers: the last one counts through all dimensions that are left."""
        if count == len(self.shape):
            return self.shape
        return (*self.shape[: count - 1], math.prod(self.shape[count - 1 :]))

    def flat(self, index: Sequence[Affine]) -> Affine:
        """The number of an element, counted in the order of memory."""
        if len(index) == 1:
            return index[0]
        start, steps = index[0].start, index[0].steps
        for part, extent in zip(index[1:], self.merged(len(index))[1:], strict=True):
            start = start * extent + part.start
            steps = tuple([step * extent + own for step, own in zip(steps, part.steps, strict=True)])
        return Affine(start, steps)

    def flat_stride(self, stride: Sequence[int]) -> int:
        """The same for a distance."""
        return sum(map(int.__mul__, stride, strides(self.merged(len(stride)))))


@cache
def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How many elements apart neighbours in each dimension are."""
    found, size = [], 1
    for extent in reversed(shape):
        found.append(size)
        size *= extent
    return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Affine:
    """A whole number that is affine in loops: `start` plus, for each loop outside of it, outermost first, a step times
    the number of the turn. Within a run of a fold, the run counts as one loop more.
    """

    start: int
    steps: tuple[int, ...] = ()

    def at(self, point: Sequence[int]) -> int:
        """What it is at a turn of each loop."""
        return self.start + sum(map(int.__mul__, self.steps, point))


@dataclass(frozen=True, slots=True)
class Const:
    """A number, in hexadecimal."""

    text: str


@dataclass(frozen=True, slots=True)
class Load:
    """An element of an array. `index` has a number for each dimension, or fewer: the last one counts through
    all dimensions that are left.
    """

    array: Array
    index: tuple[Affine, ...]


@dataclass(frozen=True, slots=True)
class Gather:
    """An element that an index chooses: `stride` times number `chosen` of the index is added to `index`."""

    array: Array
    index: tuple[Affine, ...]
    stride: tuple[int, ...]
    chosen: Affine


@dataclass(frozen=True, slots=True)
class Pick:
    """An element that an index chooses from any: place `start` plus number `chosen` of the index."""

    start: Affine
    chosen: Affine


@dataclass(frozen=True, slots=True)
class Equal:
    """Whether number `chosen` of the index is `number`."""

    chosen: Affine
    number: Affine


@dataclass(frozen=True, slots=True)
class Op:
    """An operation of `ops`, by its number."""

    op: int
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Terms that are repeated `count` times, in order. A part may be a run itself: for each head, one over units."""

    count: Affine
    parts: tuple[Expr | Run, ...]

    @property
    def terms(self) -> Iterator[Expr]:
        """The terms, also those of runs inside."""
        for part in self.parts:
            if isinstance(part, Run):
                yield from part.terms
            else:
                yield part


@dataclass(frozen=True, slots=True)
class Fold:
    """The terms of all runs, combined from the left by `op`."""

    op: int
    runs: tuple[Run, ...]


Expr: TypeAlias = Const | Load | Gather | Pick | Equal | Op | Fold


@dataclass(frozen=True, slots=True)
class Store:
    """Assigns to an element."""

    array: Array
    index: tuple[Affine, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class AddAt:
    """Adds to an element that an index chooses, as `Gather` does."""

    array: Array
    index: tuple[Affine, ...]
    stride: tuple[int, ...]
    chosen: Affine
    value: Expr


Body: TypeAlias = Store | AddAt


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop. Its name is for people, and for generated code."""

    trips: Affine
    name: str = ""


@dataclass(frozen=True, slots=True)
class Nest:
    """One loop nest.

    Attributes:
        loops: outermost first.
        body: carried out at every point.
        label: for people, the lines of the model that it carries out: ``gpt.py:155 position.head.scores, forward``.
        recurrence: the number of the recurrence that it is a part of; 0 if it is part of none.
    """

    loops: tuple[Loop, ...]
    body: Body
    label: str = ""
    recurrence: int = 0

    @property
    def adds(self) -> bool:
        """Whether it adds to elements that an index chooses."""
        return isinstance(self.body, AddAt)


@dataclass(frozen=True, slots=True)
class Span:
    """Elements `start` to `start` + `size` - 1 of an array, as they lie in memory."""

    array: Array
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class LoopProgram:
    """The nests of one graph, in order.

    Attributes:
        name: of the graph.
        nests: carried out one after the other.
        places: elements that picks choose from.
        zeros: what is set to zero first: outputs that nothing is assigned to.
    """

    name: str
    nests: tuple[Nest, ...]
    places: tuple[Load, ...] = ()
    zeros: tuple[Span, ...] = ()


HOLE = Affine(0)
MEMORY = Array("memory", (0,))


def parts_of(expr: Expr) -> tuple[Expr, ...]:
    """The expressions that an expression consists of; of a fold, its terms."""
    if isinstance(expr, Op):
        return expr.operands
    return tuple(term for run in expr.runs for term in run.terms) if isinstance(expr, Fold) else ()


def walk(expr: Expr) -> Iterator[Expr]:
    """An expression and all that it consists of, in order."""
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(parts_of(current))


def find_fold(expr: Expr) -> Fold | None:
    """The first fold in an expression."""
    return next((part for part in walk(expr) if isinstance(part, Fold)), None)


def fill(body: Body, affines: Iterator[Affine], steps: Iterator[Sequence[int]]) -> Body:
    """A statement with numbers in the place of its holes, which are filled in the order in which they are written:
    index, choice, value; the length of a run before its terms.

    Args:
        affines: the numbers, over the loops of a nest.
        steps: for each run, what a repetition adds to the numbers of its parts; of a run, before those inside it.
    """
    if isinstance(body, Store):
        return Store(body.array, (next(affines),), _filled(body.value, affines, steps))
    index, chosen = (next(affines),), next(affines)
    return AddAt(body.array, index, body.stride, chosen, _filled(body.value, affines, steps))


def _filled(expr: Expr, affines: Iterator[Affine], steps: Iterator[Sequence[int]]) -> Expr:
    match expr:
        case Load():
            return Load(expr.array, (next(affines),))
        case Op():
            return Op(expr.op, tuple(_filled(part, affines, steps) for part in expr.operands))
        case Fold():
            return Fold(expr.op, tuple(_filled_run(run, affines, steps) for run in expr.runs))
        case Gather():
            return Gather(expr.array, (next(affines),), expr.stride, next(affines))
        case Pick():
            return Pick(next(affines), next(affines))
        case Equal():
            return Equal(next(affines), next(affines))
        case Const():
            return expr


def _filled_run(run: Run, affines: Iterator[Affine], steps: Iterator[Sequence[int]]) -> Run:
    count = next(affines)
    moved = (Affine(each.start, (*each.steps, step)) for step, each in zip(next(steps), affines, strict=False))
    inside = (
        _filled_run(part, moved, steps) if isinstance(part, Run) else _filled(part, moved, steps) for part in run.parts
    )
    return Run(count, tuple(inside))


def blocks(nests: Iterable[Nest]) -> Iterator[tuple[Nest, ...]]:
    """The nests in order, those of each recurrence together and all others alone."""
    for recurrence, together in groupby(nests, lambda nest: nest.recurrence):
        if recurrence:
            yield tuple(together)
        else:
            yield from ((nest,) for nest in together)


def turns(nest: Nest) -> Iterator[tuple[int, ...]]:
    """The points of a nest in order: in which turn each loop is, outermost first."""
    loops = [loop.trips for loop in nest.loops]
    point = [0] * len(loops)
    trips = [0] * len(loops)
    level = 0
    while level >= 0:
        if level == len(loops):
            yield tuple(point)
            level -= 1
            if level < 0:
                return
            point[level] += 1
        else:
            trips[level] = loops[level].at(point)
            point[level] = 0
        while level >= 0 and point[level] >= trips[level]:
            point[level] = 0
            level -= 1
            if level >= 0:
                point[level] += 1
        if level >= 0:
            level += 1
