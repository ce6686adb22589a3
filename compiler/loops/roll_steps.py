"""Roll steps: nests that a recurrence repeats step by step become nests of one loop over the steps.

In: the nests of groups that take turns (see `schedule`), in the order in which they run. Out: the same nests in that
order, in which rows of nests that are repeated, with numbers that move on evenly, have one loop more, outermost, and
are a recurrence. What the first and last steps do otherwise stays in front of it and behind it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

from .find_nests import Rolled
from .loop_ir import Nest

__all__ = ["roll_steps"]

# So many steps are worth a loop.
_STEPS = 3
# A step may carry out nests of one form so often, and no more.
_ALIKE = 16

_Moves = list[tuple[int, ...]]


def roll_steps(nests: Sequence[Rolled], region: Sequence[int], recurrences: Iterator[int]) -> Iterator[Nest]:
    """The nests, rolled.

    Args:
        region: of each address, the array that it belongs to.
        recurrences: numbers for them.
    """
    kinds = _kinds(nests, region)
    following = _following(kinds)
    at = 0
    while at < len(nests):
        times, moves = _longest(nests, kinds, following, at)
        if times < _STEPS:
            yield nests[at].nest()
            at += 1
            continue
        number = next(recurrences)
        for place, move in enumerate(moves, at):
            yield nests[place].repeated(times, move).nest(number)
        at += times * len(moves)


def _kinds(nests: Sequence[Rolled], region: Sequence[int]) -> list[int]:
    """Numbers that are equal for nests that differ in their numbers alone."""
    known: dict[object, int] = {}
    return [
        known.setdefault((region[nest.numbers[0]], nest.form, nest.steps, nest.loops), len(known)) for nest in nests
    ]


def _following(kinds: Sequence[int]) -> list[int]:
    """For each nest, the next one of its kind; the number of nests if there is none."""
    latest: dict[int, int] = {}
    following = []
    for place in range(len(kinds) - 1, -1, -1):
        following.append(latest.get(kinds[place], len(kinds)))
        latest[kinds[place]] = place
    return following[::-1]


def _longest(nests: Sequence[Rolled], kinds: Sequence[int], following: Sequence[int], at: int) -> tuple[int, _Moves]:
    """The repetition that covers most nests from `at` on: how often, and how the numbers of each nest move."""
    best: tuple[int, _Moves] = (1, [()])
    again = at
    for _ in range(_ALIKE):
        again = following[again]
        if again == len(nests):
            break
        found = _repeated(nests, kinds, at, again - at)
        if found[0] >= _STEPS and found[0] * len(found[1]) > best[0] * len(best[1]):
            best = found
    return best


def _repeated(nests: Sequence[Rolled], kinds: Sequence[int], at: int, period: int) -> tuple[int, _Moves]:
    """How often `period` nests from `at` on are repeated in such a way, and how the numbers of each move."""
    times = 1
    moves: _Moves = [()] * period
    while at + (times + 1) * period <= len(nests):
        last = at + (times - 1) * period
        if kinds[last : last + period] != kinds[last + period : last + 2 * period]:
            break
        found = [_move(nests[place], nests[place + period]) for place in range(last, last + period)]
        if times > 1 and found != moves:
            break
        times, moves = times + 1, found
    return times, moves


def _move(nest: Rolled, following: Rolled) -> tuple[int, ...]:
    return tuple(map(operator.sub, following.numbers, nest.numbers))
