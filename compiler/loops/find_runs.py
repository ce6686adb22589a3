"""Find runs: the terms of a sum that are alike, and evenly spaced in memory, are one run.

In: the terms of a fold, in order. Out: runs of them, in the same order, some of which contain runs.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .loop_ir import Expr

__all__ = ["FoundRun", "Term", "find_runs", "nest_runs"]

# No more than so many runs at a time are looked at.
_PERIOD = 8

# An expression, and the numbers that fill its holes.
Term = tuple[Expr, tuple[int, ...]]


@dataclass(slots=True)
class FoundRun:
    """A run: how often, the steps of its numbers (None if once), what is repeated."""

    count: int
    step: tuple[int, ...] | None
    parts: Sequence[Term | FoundRun]

    def numbers(self) -> list[int]:
        """All numbers inside, in order."""
        found: list[int] = []
        for part in self.parts:
            if isinstance(part, FoundRun):
                found += (part.count, *part.numbers())
            else:
                found += part[1]
        return found

    def is_like(self, other: FoundRun) -> bool:
        """Whether another run without runs inside has the same terms and steps."""
        pairs = zip(self.parts, other.parts, strict=False)
        return (
            len(self.parts) == len(other.parts)
            and self.step == other.step
            and all(one[0] is two[0] for one, two in pairs)  # type: ignore[index]
        )


def nest_runs(runs: list[FoundRun]) -> list[FoundRun]:
    """Makes one run of runs that are repeated in turn with even steps, such as three inner runs for each head.

    Any two are evenly spaced: runs that are repeated once must be equally long, and loops.
    """
    nested: list[FoundRun] = []
    at = 0
    while at < len(runs):
        best = (1, 1)
        for period in range(1, min(_PERIOD, (len(runs) - at) // 2) + 1):
            times, _ = _repeated_runs(runs, at, period)
            if times == 2:
                counts = [run.count for run in runs[at : at + 2 * period]]
                if counts[:period] != counts[period:] or max(counts) == 1:
                    continue
            if times > 1 and times * period > best[0] * best[1]:
                best = (times, period)
        times, period = best
        if times == 1:
            nested.append(runs[at])
        else:
            nested.append(FoundRun(times, _repeated_runs(runs, at, period)[1], runs[at : at + period]))
        at += times * period
    return nested


def _repeated_runs(runs: list[FoundRun], at: int, period: int) -> tuple[int, tuple[int, ...]]:
    """How often `period` runs from `at` on are repeated with the same steps, and these steps."""

    def numbers(place: int) -> list[int]:
        return FoundRun(1, None, runs[place : place + period]).numbers()

    times, step, last = 1, (), numbers(at)
    while at + (times + 1) * period <= len(runs):
        place = at + times * period
        if not all(runs[at + k].is_like(runs[place + k]) for k in range(period)):
            break
        following = numbers(place)
        moved = tuple(map(operator.sub, following, last))
        if times > 1 and moved != step:
            break
        times, step, last = times + 1, moved, following
    return times, step


def find_runs(terms: list[Term]) -> list[FoundRun]:
    """Splits the terms of a fold into runs of terms."""
    runs: list[FoundRun] = []
    at, end = 0, len(terms)
    while at < end:
        best = (1, 1)
        for period in range(1, 5):
            count = _repeats(terms, at, period)
            # What happens to be repeated once must not cut a row of terms short.
            least = 3 if best[0] >= 3 else 2
            if count >= least and count * period > best[0] * best[1]:
                best = (count, period)
            if best[0] * best[1] * 2 > end - at:
                break
        count, period = best
        if count * period < 3 and end > 2:
            count = period = 1
        step = None if count == 1 else _step(terms, at, period)
        runs.append(FoundRun(count, step, terms[at : at + period]))
        at += count * period
    return runs


def _step(terms: list[Term], at: int, period: int) -> tuple[int, ...]:
    return tuple(
        y - x
        for place in range(at, at + period)
        for x, y in zip(terms[place][1], terms[place + period][1], strict=True)
    )


def _repeats(terms: list[Term], at: int, period: int) -> int:
    """How often the `period` terms from `at` on are repeated with the same steps."""
    end = len(terms)
    if at + 2 * period > end or any(
        terms[place][0] is not terms[place + period][0] for place in range(at, at + period)
    ):
        return 1
    count, step = 2, _step(terms, at, period)
    if period == 1:
        # The long runs are here, so this case has a loop of its own.
        expr, numbers = terms[at + 1]
        numbered = zip(*map(itertools.count, map(operator.add, numbers, step), step), strict=False)
        expected: Iterator[tuple[int, ...]] = numbered if step else itertools.repeat(())
        for (other, following), wanted in zip(itertools.islice(terms, at + 2, None), expected, strict=False):
            if other is not expr or following != wanted:
                break
            count += 1
        return count
    while at + (count + 1) * period <= end:
        place = at + (count - 1) * period
        if (
            any(terms[place + k][0] is not terms[place + period + k][0] for k in range(period))
            or _step(terms, place, period) != step
        ):
            break
        count += 1
    return count
