"""Marks: which elements of memory a program touches.

Loops that do not move a place are not gone through for it, and many values are handed out at once, so this takes far
fewer steps than the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod

from ...compiler.loops.loop_ir import Affine, Array

__all__ = ["Marks", "go_through"]


class Marks:
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

    def add(self, other: Marks) -> None:
        """Marks what is marked in others."""
        for name, marks in other._marks.items():
            own = self._marks.get(name, b"")
            whole = int.from_bytes(own, "little") | int.from_bytes(marks, "little")
            self._marks[name] = bytearray(whole.to_bytes(len(marks), "little"))

    @property
    def count(self) -> int:
        """How many are."""
        return sum(marks.count(1) for marks in self._marks.values())


def go_through(number: Affine, trips: Sequence[Affine], mark: Callable[[int, int, int], None]) -> None:
    """Hands out all values of an affine number in loops: a first one, a distance, and how many there are."""
    depth = len(trips)
    steps = [*number.steps, *[0] * depth][:depth]
    bound = [
        any(trips[level].steps) or any(level < len(trip.steps) and trip.steps[level] for trip in trips)
        for level in range(depth)
    ]
    free = [(steps[level], trips[level].start) for level in range(depth) if not bound[level]]
    if any(count < 1 for _, count in free):
        return
    runs = _runs(number.start, steps, trips, bound)
    rows = _rows([(step, count) for step, count in free if step and count > 1])
    turns = prod(count for _, count in rows)
    if rows and len(runs) * turns > _MANY:
        # Runs overlap, such as those of what is so far away from each position: then there are few different values.
        starts = sorted({at for start, step, count in runs for at in _range(start, step, count)})
        if len(starts) * turns // rows[-1][1] < len(runs) * turns:
            step, count = rows.pop()
            runs = [(start, step, count) for start in starts]
    for moved in product(*(range(0, step * count, step) for step, count in rows)):
        away = sum(moved)
        for start, step, count in runs:
            mark(start + away, step, count)


# So many steps are not worth avoiding.
_MANY = 4096


def _runs(
    start: int, steps: Sequence[int], trips: Sequence[Affine], bound: Sequence[bool]
) -> list[tuple[int, int, int]]:
    """The values in the loops that are bound to each other, those of the last one together."""
    last = max((level for level in range(len(trips)) if bound[level]), default=-1)
    found: dict[tuple[int, int, int], None] = {}

    def go(point: tuple[int, ...], start: int) -> None:
        level = len(point)
        while level <= last and not bound[level]:
            point, level = (*point, 0), level + 1
        if level > last:
            found[start, 1, 1] = None
            return
        count = trips[level].at(point)
        if level == last:
            if count > 0:
                found[(start, steps[level], count) if steps[level] else (start, 1, 1)] = None
            return
        for turn in range(count):
            go((*point, turn), start + steps[level] * turn)

    go((), start)
    return list(found)


def _range(start: int, step: int, count: int) -> range:
    return range(start, start + step * count, step)


def _rows(loops: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Loops over values at a distance, the longest last; those that follow each other without a gap are one."""
    found: list[tuple[int, int]] = []
    for step, count in sorted(loops, key=lambda loop: abs(loop[0])):
        if found and step == found[-1][0] * found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] * count)
        else:
            found.append((step, count))
    return sorted(found, key=lambda loop: loop[1])
