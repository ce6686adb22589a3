"""Traffic: what a program of loops reads and writes.

In: a `LoopProgram` and its layout. Out: counts of doubles; eight bytes each. Where an index that is only
known at run time chooses what is read, one double counts, at the place that index 0 would choose. The indices
themselves, a few whole numbers, do not count. Loops that do not move an operand are not gone through for it, so this
takes far fewer steps than the program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ...compiler.loops.coverage import number_at
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import (
    MEMORY,
    Affine,
    Array,
    Expr,
    Fold,
    Gather,
    Load,
    LoopProgram,
    Pick,
    Run,
    parts_of,
)
from .count_loops import LOAD, STORE, tally

__all__ = ["Traffic", "measure_traffic"]


@dataclass(frozen=True)
class Traffic:
    """Counts of doubles.

    Attributes:
        loads: operands that are read from memory, each time they are.
        stores: results that are written to memory, each time they are; additions to what an index chooses are loads
            and stores.
        nest_reads, nest_writes: each double once a nest: what passes if a nest keeps in registers what it has read.
        reads, writes: each double once.
        touched: those that are read or written, each once.
    """

    loads: int
    stores: int
    nest_reads: int
    nest_writes: int
    reads: int
    writes: int
    touched: int

    @property
    def accesses(self) -> int:
        """Loads and stores."""
        return self.loads + self.stores

    @property
    def nest_accesses(self) -> int:
        """What passes between memory and the nests."""
        return self.nest_reads + self.nest_writes


def measure_traffic(program: LoopProgram, layout: Layout) -> Traffic:
    """Counts what the nests of `program` read and write."""
    rooms = {array.name: (start, array.size) for array, start, _ in layout.placed}
    rooms.setdefault(MEMORY.name, (0, layout.size))
    reads, writes = _Marks(rooms), _Marks(rooms)
    loads = stores = nest_reads = nest_writes = 0
    for span in program.zeros:
        writes.mark(span.array, layout.start(span.array) + span.start, 1, span.size)
        stores += span.size
        nest_writes += span.size
    for nest in program.nests:
        read, written = _Marks(rooms), _Marks(rooms)
        counts = tally(nest)
        loads += counts[LOAD]
        stores += counts[STORE]
        trips = [loop.trips for loop in nest.loops]
        body = nest.body
        for marks in (written, read) if nest.adds else (written,):
            _go_through(layout.address(body.array, body.index), trips, partial(marks.mark, body.array))
        for access, around in _reads(body.value, trips):
            if isinstance(access, Pick):
                _go_through(access.start, around, partial(_mark_picked, read, program, layout))
            else:
                mark = partial(read.mark, access.array)
                _go_through(layout.address(access.array, access.index), around, mark)
        nest_reads += read.count
        nest_writes += written.count
        reads.add(read)
        writes.add(written)
    counted = reads.count, writes.count
    reads.add(writes)
    return Traffic(loads, stores, nest_reads, nest_writes, *counted, reads.count)


class _Marks:
    """Which addresses of the arrays that have been met are marked.

    Args:
        rooms: the address and the size of each array that is no part of another.
    """

    def __init__(self, rooms: Mapping[str, tuple[int, int]]) -> None:
        self._rooms = rooms
        self._marks: dict[str, bytearray] = {}

    def mark(self, array: Array, start: int, step: int, count: int) -> None:
        """Marks addresses of an array: a first one, and others at a distance."""
        name = array.of or array.name
        first, size = self._rooms[name]
        marks = self._marks.get(name)
        if marks is None:
            marks = self._marks[name] = bytearray(size)
        start -= first
        if count <= 1 or not step:
            marks[start] = 1
        elif step > 0:
            marks[start : start + step * count : step] = b"\1" * count
        else:
            marks[start + step * (count - 1) : start + 1 : -step] = b"\1" * count

    def add(self, other: _Marks) -> None:
        """Marks what is marked in others."""
        for name, marks in other._marks.items():
            own = self._marks.get(name, b"")
            whole = int.from_bytes(own, "little") | int.from_bytes(marks, "little")
            self._marks[name] = bytearray(whole.to_bytes(len(marks), "little"))

    @property
    def count(self) -> int:
        """How many are."""
        return sum(marks.count(1) for marks in self._marks.values())


def _mark_picked(marks: _Marks, program: LoopProgram, layout: Layout, start: int, step: int, count: int) -> None:
    for place in (program.places[start + step * turn] for turn in range(count)):
        marks.mark(place.array, layout.address(place.array, place.index).start, 1, 1)


def _reads(expr: Expr, trips: list[Affine]) -> Iterator[tuple[Load | Gather | Pick, list[Affine]]]:
    """What an expression reads, each with the loops that it stands in, those of runs included."""
    if isinstance(expr, Load | Gather | Pick):
        yield expr, trips
    elif isinstance(expr, Fold):
        for run in expr.runs:
            yield from _reads_of_run(run, trips)
    else:
        for part in parts_of(expr):
            yield from _reads(part, trips)


def _reads_of_run(run: Run, trips: list[Affine]) -> Iterator[tuple[Load | Gather | Pick, list[Affine]]]:
    inside = [*trips, run.count]
    for part in run.parts:
        yield from _reads_of_run(part, inside) if isinstance(part, Run) else _reads(part, inside)


def _go_through(number: Affine, trips: Sequence[Affine], mark: Callable[[int, int, int], None]) -> None:
    """Hands out all values of an affine number in loops: a first one, a distance, and how many there are.

    Loops that change nothing are turned once, if at all.
    """
    depth = len(trips)
    steps = [*number.steps, *[0] * depth][:depth]
    matters = [
        bool(step) or any(level < len(inner.steps) and inner.steps[level] for inner in trips[level + 1 :])
        for level, step in enumerate(steps)
    ]
    last = max((level for level in range(depth) if matters[level]), default=-1)

    def go(point: tuple[int, ...], start: int) -> None:
        level = len(point)
        if level == depth:
            mark(start, 0, 1)
            return
        count = number_at(trips[level], point)
        if not matters[level]:
            count = min(count, 1)
        if level == last and all(not any(trip.steps) for trip in trips[level + 1 :]):
            if count > 0 and all(trip.start > 0 for trip in trips[level + 1 :]):
                mark(start, steps[level], count)
            return
        for turn in range(count):
            go((*point, turn), start + steps[level] * turn)

    go((), number.start)
