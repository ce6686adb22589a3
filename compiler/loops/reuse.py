"""Reuse: arrays of values that are not needed at the same time have the same room.

In: a layout, and when each of its arrays is needed in the programs over it. Out: a layout in which arrays that are dead
before others are computed share addresses with these. What a program is given and what it leaves behind keeps a room of
its own: arguments, results, constants, and everything that is read before it is assigned.

An array as a whole is needed from the first nest that assigns to it to the last one that touches it. That depends on
the order of nests and on nothing in them, so what is found for a program over sizes holds for all its instances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from ..errors import VerifyError
from .layout import Layout
from .loop_ir import Array, LoopProgram, Nest, Store, blocks, find_fold
from .uses import uses

__all__ = ["LARGE", "LiveRanges", "check_reuse", "live_ranges", "reuse"]

# By the name of an array: in each program that has it, by number, the first and the last time that it is needed. Of
# programs that need the same at the same times there is one.
LiveRanges: TypeAlias = Mapping[str, Mapping[int, tuple[int, int]]]

# Numbers of a memory from which on arrays are to share their room. What is smaller stays in the second-level cache, and
# keeps every value for those that look at it.
LARGE = 1 << 17

# The spaces of arrays that no program leaves anything in for others.
_MAY_SHARE = ("value", "copy")


def live_ranges(programs: Iterable[LoopProgram]) -> LiveRanges:
    """When the arrays are needed that are not needed outside of any program."""
    found: list[dict[str, tuple[int, int]]] = []
    kept: set[str] = set()
    for program in programs:
        kept.update(place.array.name for place in program.places)
        kept.update(span.array.name for span in program.zeros)
        ranges: dict[str, tuple[int, int]] = {}
        steps = list(_together(program.nests))
        for time, nests in enumerate(steps):
            for nest in nests:
                # Results may be added up behind everything else, see `FinalPrograms`.
                last = time if nest.body.array.space in _MAY_SHARE else len(steps)
                for array, is_read in _uses(nest).items():
                    if array.space not in _MAY_SHARE or (is_read and array.name not in ranges):
                        kept.add(array.name)
                    first, before = ranges.get(array.name, (time, last))
                    ranges[array.name] = first, max(before, last)
        if ranges not in found:
            found.append(ranges)
    names = dict.fromkeys(name for ranges in found for name in ranges if name not in kept)
    return {name: {at: own[name] for at, own in enumerate(found) if name in own} for name in names}


def reuse(layout: Layout, ranges: LiveRanges) -> Layout:
    """Another layout, in which arrays share their room if the ranges say that they may."""
    arrays = {array.name: array for array, _, _ in layout.placed}
    sharing = [arrays.pop(name) for name in (*arrays,) if name in ranges]
    other = layout.only(arrays, "")
    other.add_together(_offsets(sharing, ranges, layout.align))
    return other


def check_reuse(program: LoopProgram, layout: Layout) -> None:
    """Checks that no nest reads an array of which another one has taken the room since it was assigned.

    Raises:
        VerifyError: naming the array, if one does; a mistake of the compiler.
    """
    others, taken = _overlapping(layout), dict[str, str]()
    for nests in _together(program.nests):
        for nest in nests * (1 + bool(nests[0].recurrence)):
            uses, assigned = _uses(nest), nest.body.array.name
            for array, is_read in uses.items():
                if is_read and array.name in taken:
                    raise VerifyError(
                        f"{program.name} reads {array.name} for {assigned} when {taken[array.name]} has its room"
                    )
            taken.pop(assigned, None)
            taken.update(dict.fromkeys(others.get(assigned, ()), assigned))
        together = {array.name for nest in nests for array in _uses(nest)}
        for nest in nests:
            if not together.isdisjoint(others.get(nest.body.array.name, ())):
                raise VerifyError(f"{program.name} assigns to {nest.body.array.name}, whose room is in use")


def _uses(nest: Nest) -> dict[Array, bool]:
    """The arrays of a nest, and whether it reads them."""
    found: dict[Array, bool] = {}
    for use in uses(nest.body):
        found[use.array] = found.get(use.array, False) or not isinstance(use, Store)
    return found


def _together(nests: Sequence[Nest]) -> Iterator[tuple[Nest, ...]]:
    """The nests in order; those together that kernels may carry out block by block of lanes, see `fuse`."""
    for lanes, group in groupby(blocks(nests), lambda block: _walks_lanes(block[0])):
        if lanes:
            yield tuple(nest for block in group for nest in block)
        else:
            yield from group


def _walks_lanes(nest: Nest) -> bool:
    body = nest.body
    return not nest.recurrence and len(nest.loops) == 1 and isinstance(body, Store) and find_fold(body.value) is None


def _meet(first: Mapping[int, tuple[int, int]], second: Mapping[int, tuple[int, int]]) -> bool:
    """Whether some program needs both at the same time."""
    return any(
        max(first[number][0], second[number][0]) <= min(first[number][1], second[number][1])
        for number in first.keys() & second.keys()
    )


def _offsets(arrays: Sequence[Array], ranges: LiveRanges, align: int) -> list[tuple[Array, int]]:
    """Where each array is in the room for all. The largest come first, and each goes where the least gap has room."""
    placed: list[tuple[Array, int, int]] = []
    for array in sorted(arrays, key=lambda array: -array.size):
        size = array.size + -array.size % align
        gaps: list[tuple[int, int]] = []
        end = 0
        for other, start, stop in placed:
            if _meet(ranges[array.name], ranges[other.name]):
                if start - end >= size:
                    gaps.append((start - end, end))
                end = max(end, stop)
        at = min(gaps)[1] if gaps else end
        placed.append((array, at, at + size))
        placed.sort(key=lambda each: each[1:])
    return [(array, start) for array, start, _ in placed]


def _overlapping(layout: Layout) -> dict[str, list[str]]:
    """By name, the arrays that have a part of their room in common with an array, for those that have any."""
    found: dict[str, list[str]] = {}
    open_: list[tuple[Array, int]] = []
    for array, start, _ in sorted(layout.placed, key=lambda placed: placed[1]):
        open_ = [(other, end) for other, end in open_ if end > start]
        for other, _ in open_:
            found.setdefault(array.name, []).append(other.name)
            found.setdefault(other.name, []).append(array.name)
        open_.append((array, start + array.size))
    return found
