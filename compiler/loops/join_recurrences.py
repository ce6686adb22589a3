"""Join recurrences: two that take the same steps become one.

In: a program over `MEMORY`. Out: the same nests, with a recurrence in the loop of an earlier one where each of its
steps needs no more of that one than the same step computes, and the steps before it. A step waits for the one before,
so that a processor has little to do in a recurrence; in one loop, two chains run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .loop_ir import Affine, Expr, Fold, Gather, Load, Loop, LoopProgram, Nest, Pick, Run, blocks, parts_of, turns, walk
from .map_numbers import NumberMap

__all__ = ["join_recurrences"]

# How many steps one may take more than the other. These run behind the loop.
_MORE = 1


def join_recurrences(program: LoopProgram) -> LoopProgram:
    """The program with fewer recurrences."""
    found = [_Block(nests) for nests in blocks(program.nests)]
    if sum(block.steps > 0 for block in found) < 2:
        return program
    first = 0
    while first < len(found):
        for later in range(first + 1, len(found)):
            if joined := _joined(found[first], found[first + 1 : later], found[later]):
                found[first : later + 1] = joined
                break
        else:
            first += 1
    return replace(program, nests=tuple(nest for block in found for nest in block.nests))


def _joined(first: _Block, between: Sequence[_Block], last: _Block) -> list[_Block]:
    """All of them in an order in which two recurrences are one; none if there is no such order."""
    steps = min(first.steps, last.steps)
    if not steps or max(first.steps, last.steps) - steps > _MORE or not (first.is_plain and last.is_plain):
        return []
    if any(first.writes.get(address, step) > step for address, step in last.reads.items()):
        return []
    early, late, written = list[_Block](), list[_Block](), set(first.writes)
    for block in between:
        if block.is_plain and written.isdisjoint(block.reads):
            early.append(block)
        else:
            late.append(block)
            written.update(block.writes)
    if any(not block.is_plain or not last.reads.keys().isdisjoint(block.writes) for block in late):
        return []
    number = first.nests[0].recurrence
    alike = (
        replace(nest, loops=(replace(nest.loops[0], trips=Affine(steps)), *nest.loops[1:]), recurrence=number)
        for nest in (*first.nests, *last.nests)
    )
    further = [
        _Block((_turn(nest, step),))
        for block in (first, last)
        for step in range(steps, block.steps)
        for nest in block.nests
    ]
    return [*early, _Block(tuple(alike)), *further, *late]


@dataclass(frozen=True)
class _Block:
    """A nest, or the nests of a recurrence."""

    nests: tuple[Nest, ...]

    @property
    def steps(self) -> int:
        """How many steps a recurrence takes; 0 if it is none."""
        return self.nests[0].loops[0].trips.start if self.nests[0].recurrence else 0

    @cached_property
    def is_plain(self) -> bool:
        """Whether it reads and writes what no index chooses."""
        return not any(
            nest.adds or any(isinstance(part, Gather | Pick) for part in walk(nest.body.value)) for nest in self.nests
        )

    @cached_property
    def writes(self) -> dict[int, int]:
        """The addresses that it writes to, and in which step."""
        return {nest.body.index[0].at(point): (*point, 0)[0] for nest in self.nests for point in turns(nest)}

    @cached_property
    def reads(self) -> dict[int, int]:
        """The addresses that it reads, and in which step first."""
        found: dict[int, int] = {}
        for nest in self.nests:
            for address, loops in _loads(nest.body.value, nest.loops):
                for point in turns(replace(nest, loops=loops)):
                    step, at = (*point, 0)[0], address.at(point)
                    found[at] = min(step, found.get(at, step))
        return found


def _loads(part: Expr | Run, loops: tuple[Loop, ...]) -> Iterator[tuple[Affine, tuple[Loop, ...]]]:
    """The addresses that an expression reads, and the loops and runs around them."""
    if isinstance(part, Load):
        yield part.index[0], loops
    elif isinstance(part, Run):
        for each in part.parts:
            yield from _loads(each, (*loops, Loop(part.count)))
    else:
        for each in part.runs if isinstance(part, Fold) else parts_of(part):
            yield from _loads(each, loops)


def _turn(nest: Nest, step: int) -> Nest:
    """One step of a nest of a recurrence."""
    at_step = _AtStep(lambda number: number, lambda text: text, lambda array: array, step)
    return Nest(at_step(nest.loops[1:]), at_step(nest.body), nest.label)


@dataclass(frozen=True)
class _AtStep(NumberMap):
    """Puts a step in the place of the outermost loop."""

    step: int

    def affine(self, part: Affine) -> Affine:
        return Affine(part.start + self.step * part.steps[0], part.steps[1:])
