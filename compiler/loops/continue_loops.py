"""Continue loops: from the programs of three consecutive members of a family to those of all later members.

In: programs of graphs that are made alike for n, n+1 and n+2, say for sequences of these lengths. Out: a function from
a number to its program. The loops must be the same, and each base address and trip count must change by the same amount
from one to the next. That later members really are like this is for `prove_loops` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from .loop_program import LoopProgram, Nest
from .place import NotRegularError

__all__ = ["continue_loops"]


def continue_loops(programs: Mapping[int, LoopProgram], name: Callable[[int], str]) -> Callable[[int], LoopProgram]:
    """The program of every later member.

    Args:
        programs: by number, three consecutive ones.
        name: of the graph of a number.

    Raises:
        NotRegularError: if the three do not continue each other.
    """
    (first, one), (_, two), (_, three) = programs.items()
    if not len(one.nests) == len(two.nests) == len(three.nests) or any(p.places for p in (one, two, three)):
        raise NotRegularError(f"{one.name}, {two.name} and {three.name} have different loops")
    rules = [_rule(*nests) for nests in zip(one.nests, two.nests, three.nests, strict=True)]
    if not len(one.zeros) == len(two.zeros) == len(three.zeros):
        raise NotRegularError(f"{one.name}, {two.name} and {three.name} have different zeros")
    zeros = [tuple(map(_straight, *spans)) for spans in zip(one.zeros, two.zeros, three.zeros, strict=True)]

    def program(number: int) -> LoopProgram:
        further = number - first
        spans = []
        for (start, start_step), (size, size_step) in zeros:
            spans.append((start + start_step * further, size + size_step * further))
        if any(size < 0 for _, size in spans):
            raise NotRegularError(f"the zeros of {name(number)} end before they begin")
        return LoopProgram(
            name(number), tuple(rule(further) for rule in rules), (), tuple(span for span in spans if span[1])
        )

    return program


def _straight(a: int, b: int, c: int) -> tuple[int, int]:
    if c - b != b - a:
        raise NotRegularError(f"{a}, {b}, {c} do not change evenly")
    return a, b - a


def _rule(one: Nest, two: Nest, three: Nest) -> Callable[[int], Nest]:
    shapes = {(nest.recipe, nest.row_stride, nest.steps, nest.strides) for nest in (one, two, three)}
    if len(shapes) != 1:
        raise NotRegularError("the loops differ")
    base = tuple(map(_straight, one.base, two.base, three.base))
    trips = tuple(map(_straight, one.trips, two.trips, three.trips))

    def nest(further: int) -> Nest:
        return replace(
            one,
            base=tuple(start + step * further for start, step in base),
            trips=tuple(start + step * further for start, step in trips),
        )

    return nest
