"""Traffic: what a program of loops reads and writes.

In: a `LoopProgram` and its layout. Out: counts of doubles; eight bytes each. Where an index that is only
known at run time chooses what is read, one double counts, at the place that index 0 would choose. The indices
themselves, a few whole numbers, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Expr, Fold, Gather, Load, LoopProgram, Pick, Run, parts_of, turns

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
    size = layout.size
    reads, writes = bytearray(size), bytearray(size)
    loads = stores = nest_reads = nest_writes = 0
    for span in program.zeros:
        start = layout.start(span.array) + span.start
        writes[start : start + span.size] = b"\1" * span.size
        stores += span.size
        nest_writes += span.size
    for nest in program.nests:
        read, written = bytearray(size), bytearray(size)
        walk = _Walk(program, layout, read)
        target = layout.address(nest.body.array, nest.body.index)
        for point in turns(nest):
            walk.read(nest.body.value, point)
            at = target.at(point)
            written[at] = 1
            stores += 1
            if nest.adds:
                read[at] = 1
                walk.loads += 1
        loads += walk.loads
        nest_reads += read.count(1)
        nest_writes += written.count(1)
        reads, writes = _either(reads, read), _either(writes, written)
    touched = _either(reads, writes).count(1)
    return Traffic(loads, stores, nest_reads, nest_writes, reads.count(1), writes.count(1), touched)


def _either(a: bytearray, b: bytearray) -> bytearray:
    whole = int.from_bytes(a, "little") | int.from_bytes(b, "little")
    return bytearray(whole.to_bytes(len(a), "little"))


class _Walk:
    """Marks what a nest reads."""

    def __init__(self, program: LoopProgram, layout: Layout, marks: bytearray) -> None:
        self.places, self.layout, self.marks = program.places, layout, marks
        self.loads = 0

    def read(self, expr: Expr, point: tuple[int, ...], repeated: int = 0) -> None:
        """Goes through one point; the last loop of it is that of a run, if it is `repeated` so often."""
        match expr:
            case Fold():
                for run in expr.runs:
                    self._read_run(run, point)
            case Load() | Gather():
                address = self.layout.address(expr.array, expr.index)
                step = address.steps[len(point)] if repeated else 0
                self._mark(address.at(point), step, repeated or 1)
            case Pick():
                for turn in range(repeated or 1):
                    place = self.places[expr.start.at((*point, turn))]
                    self._mark(self.layout.address(place.array, place.index).start, 0, 1)
            case _:
                for part in parts_of(expr):
                    self.read(part, point, repeated)

    def _read_run(self, run: Run, point: tuple[int, ...]) -> None:
        count = run.count.at(point)
        for part in run.parts:
            if isinstance(part, Run):
                for turn in range(count):
                    self._read_run(part, (*point, turn))
            else:
                self.read(part, point, count)

    def _mark(self, start: int, step: int, count: int) -> None:
        self.loads += count
        if count <= 1 or not step:
            self.marks[start] = 1
        elif step > 0:
            self.marks[start : start + step * count : step] = b"\1" * count
        else:
            self.marks[start + step * (count - 1) : start + 1 : -step] = b"\1" * count
