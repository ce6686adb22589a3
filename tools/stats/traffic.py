"""Traffic: what a program of loops reads and writes.

In: a `LoopProgram` and the size of its memory. Out: counts of doubles; eight bytes each. Where an index that is only
known at run time chooses what is read, one double counts, at the place that index 0 would choose. The indices
themselves, a few whole numbers, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...compiler.loops.loop_program import LoopProgram, Nest, Recipe, parts_of, points

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


def measure_traffic(program: LoopProgram, size: int) -> Traffic:
    """Counts what the nests of `program` read and write, in a memory of `size` doubles."""
    reads, writes = bytearray(size), bytearray(size)
    loads = stores = nest_reads = nest_writes = 0
    for start, count in program.zeros:
        writes[start : start + count] = b"\1" * count
        stores += count
        nest_writes += count
    for nest in program.nests:
        read, written = bytearray(size), bytearray(size)
        walk = _Walk(nest, program.places, read)
        for slots in points(nest):
            walk.read(nest.recipe, slots)
            written[slots[0]] = 1
            stores += 1
            if nest.adds:
                read[slots[0]] = 1
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

    def __init__(self, nest: Nest, places: tuple[int, ...], marks: bytearray) -> None:
        self.steps, self.places, self.marks = nest.steps, places, marks
        self.loads = 0

    def read(self, recipe: Recipe, slots: tuple[int, ...]) -> None:
        """Goes through one point."""
        kind = recipe[0]
        if kind == "fold":
            for (count, terms), step in zip(recipe[2], self.steps, strict=True):
                for term in terms:
                    self._read_term(term, slots, step, slots[count])
        elif not self._leaf(recipe, slots, (), 1):
            for part in parts_of(recipe):
                self.read(part, slots)

    def _read_term(self, term: Recipe, slots: tuple[int, ...], step: tuple[int, ...], count: int) -> None:
        if not self._leaf(term, slots, step, count):
            for part in parts_of(term):
                self._read_term(part, slots, step, count)

    def _leaf(self, recipe: Recipe, slots: tuple[int, ...], step: tuple[int, ...], count: int) -> bool:
        """Marks what one operand reads in `count` repetitions; False if it is no operand but an operation."""
        kind = recipe[0]
        if kind in ("mem", "row"):
            self._mark(slots[recipe[1]], step[recipe[1]] if step else 0, count)
        elif kind == "pick":
            for turn in range(count):
                self.marks[self.places[slots[recipe[1]] + (step[recipe[1]] * turn if step else 0)]] = 1
        elif kind not in ("const", "equal"):
            return False
        if kind not in ("const", "equal"):
            self.loads += count
        return True

    def _mark(self, start: int, step: int, count: int) -> None:
        if count <= 1 or not step:
            if count:
                self.marks[start] = 1
        elif step > 0:
            self.marks[start : start + step * count : step] = b"\1" * count
        else:
            self.marks[start + step * (count - 1) : start + 1 : -step] = b"\1" * count
