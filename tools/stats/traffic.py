"""Traffic: what a program of loops reads and writes.

In: a `LoopProgram` and its layout. Out: counts of doubles; eight bytes each. Where an index that is only
known at run time chooses what is read, one double counts, at the place that index 0 would choose. The indices
themselves, a few whole numbers, do not count. Loops that do not move an operand are not gone through for it, so this
takes far fewer steps than the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import (
    MEMORY,
    Affine,
    Expr,
    Fold,
    Gather,
    Load,
    LoopProgram,
    Pick,
    Run,
    parts_of,
)
from ..loops.marks import Marks, go_through
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
    reads, writes = Marks(rooms), Marks(rooms)
    loads = stores = nest_reads = nest_writes = 0
    for span in program.zeros:
        writes.mark(span.array, layout.start(span.array) + span.start, 1, span.size)
        stores += span.size
        nest_writes += span.size
    for nest in program.nests:
        read, written = Marks(rooms), Marks(rooms)
        counts = tally(nest)
        loads += counts[LOAD]
        stores += counts[STORE]
        trips = [loop.trips for loop in nest.loops]
        body = nest.body
        for marks in (written, read) if nest.adds else (written,):
            go_through(layout.address(body.array, body.index), trips, partial(marks.mark, body.array))
        for access, around in _reads(body.value, trips):
            if isinstance(access, Pick):
                go_through(access.start, around, partial(_mark_picked, read, program, layout))
            else:
                mark = partial(read.mark, access.array)
                go_through(layout.address(access.array, access.index), around, mark)
        nest_reads += read.count
        nest_writes += written.count
        reads.add(read)
        writes.add(written)
    counted = reads.count, writes.count
    reads.add(writes)
    return Traffic(loads, stores, nest_reads, nest_writes, *counted, reads.count)


def _mark_picked(marks: Marks, program: LoopProgram, layout: Layout, start: int, step: int, count: int) -> None:
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
