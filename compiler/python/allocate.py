"""Allocate: cuts the scheduled statements into functions of bounded size and gives memory slots to what passes
between them.

In: a `Schedule`. Out: a `Layout`. A value that is used within one function is a local variable there. Any other gets a
slot of the program's memory from the function that computes it to the last one that uses it; then the slot is free
again. Afterwards no two values that are alive at the same time share a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .coarse import Block
from .schedule import Schedule

__all__ = ["Function", "Layout", "allocate"]

# Longer functions load fewer values twice, and doubles in use at a time beyond a thousand or two leave the
# first-level cache. Length 16 of the default GPT took 6.3, 5.3, 4.9 and 4.6 ms with 200, 400, 800 and 1600.
MOST_VALUES = 1600
# CPython's compiler holds the syntax tree of a whole function, some hundred bytes an operation.
MOST_OPERATIONS = 12_000


@dataclass(frozen=True)
class Function:
    """A run of the schedule.

    Attributes:
        parts: blocks, or pieces of blocks, with their statements in order.
        loads: nodes that earlier functions left in memory and that are used here.
        stores: nodes computed here that later functions use.
    """

    parts: Sequence[tuple[Block, Sequence[int]]]
    loads: Sequence[int]
    stores: Sequence[int]


@dataclass(frozen=True)
class Layout:
    """Functions in the order in which they run.

    Attributes:
        schedule: what they carry out.
        functions: the functions.
        final_loads: nodes that are still in memory at the end, to be added to elements that an index chooses.
        slots: the memory slot of every node that passes from one function to another.
        memory: how many slots there are.
    """

    schedule: Schedule
    functions: Sequence[Function]
    final_loads: Sequence[int]
    slots: dict[int, int]
    memory: int


def allocate(schedule: Schedule) -> Layout:
    """Cuts greedily, where a function would hold too many values or operations, and reuses the lowest free slots."""
    pieces = _cut(schedule)
    roots = schedule.statements.roots
    home: dict[int, int] = {}
    last_use: dict[int, int] = {}
    for number, parts in enumerate(pieces):
        for _, statements in parts:
            for statement in statements:
                home[roots[statement]] = number
                for operand in schedule.statements.operands[statement]:
                    last_use[operand] = number
    final_loads = {
        scatter.node: None
        for output in schedule.statements.graph.outputs
        for scatter in output.scatters
        if scatter.node in home
    }
    last_use.update(dict.fromkeys(final_loads, len(pieces)))
    functions: list[Function] = []
    slots: dict[int, int] = {}
    free = _FreeSlots()
    expiring: dict[int, list[int]] = {}
    for number, parts in enumerate(pieces):
        loads: dict[int, None] = {}
        stores: list[int] = []
        for _, statements in parts:
            for statement in statements:
                for operand in schedule.statements.operands[statement]:
                    if home[operand] != number:
                        loads[operand] = None
                if last_use.get(roots[statement], number) != number:
                    stores.append(roots[statement])
        if stores:
            first = free.take(len(stores))
            for place, node in enumerate(stores):
                slots[node] = first + place
                expiring.setdefault(last_use[node], []).append(first + place)
        free.give(expiring.pop(number, []))
        functions.append(Function(parts, sorted(loads, key=slots.__getitem__), stores))
    return Layout(schedule, functions, list(final_loads), slots, free.size)


def _cut(schedule: Schedule) -> list[list[tuple[Block, list[int]]]]:
    pieces: list[list[tuple[Block, list[int]]]] = [[]]
    roots, bodies = schedule.statements.roots, schedule.statements.bodies
    values: set[int] = set()
    operations = 0
    for block, statements in zip(schedule.blocks, schedule.order, strict=True):
        pieces[-1].append((block, []))
        for statement in statements:
            needed = [roots[statement], *schedule.statements.operands[statement]]
            size = len(bodies[statement])
            more = sum(value not in values for value in needed)
            if values and (len(values) + more > MOST_VALUES or operations + size > MOST_OPERATIONS):
                pieces.append([(block, [])])
                values, operations = set(), 0
            pieces[-1][-1][1].append(statement)
            values.update(needed)
            operations += size
    filled = ([(block, statements) for block, statements in parts if statements] for parts in pieces)
    return [parts for parts in filled if parts]


class _FreeSlots:
    """The free slots of a memory that grows as needed."""

    def __init__(self) -> None:
        self.size = 0
        self._runs: list[tuple[int, int]] = []

    def take(self, count: int) -> int:
        """The first of `count` slots in a row."""
        for place, (start, end) in enumerate(self._runs):
            if end - start >= count:
                self._runs[place : place + 1] = [(start + count, end)] if end - start > count else []
                return start
        start = self.size
        if self._runs and self._runs[-1][1] == self.size:
            start = self._runs.pop()[0]
        self.size = start + count
        return start

    def give(self, slots: Sequence[int]) -> None:
        """Takes slots back and joins them with their free neighbours."""
        runs = sorted([*self._runs, *((slot, slot + 1) for slot in slots)])
        joined: list[tuple[int, int]] = []
        for start, end in runs:
            if joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        self._runs = joined
