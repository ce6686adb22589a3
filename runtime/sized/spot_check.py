"""Spot check: what C has left in memory is compared with its loops, in every nest, at some points.

Each array is written once, so after a run memory holds every value beside those that it was computed from. However
large the sizes, a few points of each nest are computed again: the corners of its loops, where mistakes in lanes, tiles
and what is left over of them would be, and some between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, cast

from ...compiler.errors import ProofError
from ...compiler.loops.interpret_loops import NumberDomain
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.loop_text import format_nest
from ...compiler.loops.run_loops import PointOf

__all__ = ["check_spots"]

# Points within the loops of a nest, besides the first and the last one.
_POINTS = 16


def check_spots(program: LoopProgram, layout: Layout, memory: memoryview[float], indices: Sequence[int]) -> int:
    """Compares memory with the program that has run in it; returns how many points were compared.

    What is added to where an index says has no single point, and is not compared here.

    Raises:
        ProofError: naming the first nest that differs.
    """
    # Numbers are read one by one, as from a list.
    domain = NumberDomain(program, layout, cast(Any, memory), indices)
    random = Random(program.name)
    added = {nest.body.array.of or nest.body.array.name for nest in program.nests if nest.adds}
    count = 0
    for nest in program.nests:
        if nest.adds or (nest.body.array.of or nest.body.array.name) in added:
            continue
        of = PointOf(nest, domain)
        for turns in _some_turns(of, len(nest.loops), random):
            address, value = of.value(turns)
            found = memory[address]
            if found != value and (found == found or value == value):
                raise ProofError(
                    f"{program.name} computes {found!r} at {list(turns)}, its loops {value!r}:\n{format_nest(nest)}"
                )
            count += 1
    return count


def _some_turns(of: PointOf, depth: int, random: Random) -> Iterator[tuple[int, ...]]:
    """Points of a nest: the first, the last, and others that are drawn loop by loop."""
    for number in range(_POINTS + 2):
        turns: tuple[int, ...] = ()
        for _ in range(depth):
            trips = of.trips(turns)
            if trips < 1:
                break
            at = (0, trips - 1)[number] if number < 2 else min(int(random.random() * (trips + 2)), trips - 1)
            turns = (*turns, at)
        if len(turns) == depth:
            yield turns
        if not depth:
            return
