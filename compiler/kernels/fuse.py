"""Fuse: nests that walk through the same lanes and compute powers, an optimiser's, say, become one kernel.

In: the nests of a program. Out: the same nests in order, in groups of which each is a kernel: the nests of a recurrence
are one, and so are those that were fused. Of these, each lane reads its own elements only, so they can be carried out
block by block of lanes, and what one nest writes is still in the first-level cache when the next one reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..loops.lanes import find_proved, vector_loop
from ..loops.loop_ir import Affine, Array, Body, Const, Load, Nest, Op, Store, blocks, find_fold, walk

__all__ = ["fuse"]


def fuse(nests: Sequence[Nest]) -> Iterator[tuple[Nest, ...]]:
    """The nests in order; those that can be carried out together are together, all others alone."""
    group: list[Nest] = []
    for block in blocks(nests):
        nest = block[0]
        if group and not (_walks_lanes(nest) and all(_may_share(other, nest) for other in group)):
            yield from _worth_it(group)
            group = []
        if _walks_lanes(nest):
            group.append(nest)
        else:
            yield block
    yield from _worth_it(group)


def _worth_it(group: list[Nest]) -> Iterator[tuple[Nest, ...]]:
    """Without powers, each nest is a kernel like any other."""
    if any(find_proved(nest.body.value) for nest in group):
        yield tuple(group)
    else:
        yield from ((nest,) for nest in group)


def _walks_lanes(nest: Nest) -> bool:
    return (
        len(nest.loops) == 1
        and isinstance(nest.body, Store)
        and vector_loop(nest) == 0
        and find_fold(nest.body.value) is None
        and all(isinstance(part, Load | Const | Op) for part in walk(nest.body.value))
    )


def _may_share(first: Nest, second: Nest) -> bool:
    """Whether no lane of either needs, or replaces, what another lane of the other reads or writes."""
    return first.loops[0].trips == second.loops[0].trips and all(
        _apart_or_same(place, other)
        for one, other in ((first, second), (second, first))
        for place in (one.body, *(part for part in walk(one.body.value) if isinstance(part, Load)))
    )


def _apart_or_same(place: Load | Body, writer: Nest) -> bool:
    """Whether a nest writes nothing that is read or written at a place, or in each lane what that lane reads."""
    root, reads = _position(place.array, place.index)
    other, writes = _position(writer.body.array, writer.body.index)
    trips = writer.loops[0].trips.start
    if root != other:
        return "memory" not in (root, other)
    if not reads.steps[0]:
        return not writes.start <= reads.start < writes.start + trips
    return reads.start == writes.start or abs(reads.start - writes.start) >= trips


def _position(array: Array, index: Sequence[Affine]) -> tuple[str, Affine]:
    """In which array, and where in it."""
    flat = array.flat(index)
    return array.of or array.name, Affine(array.offset + flat.start, flat.steps)
