"""Find nests: statements that do the same at evenly spaced addresses are the points of loop nests.

In: statements of one form, none of which needs another, each with the coordinates of its target. Out: what nests that
carry out exactly these statements are made of. Every number that differs between two statements (addresses, indices,
lengths of folds) must differ by a constant from one point of a loop to the next; so must, from one point of an outer
loop to the next, the trip counts of the loops inside it. That is all there is to it: at each level, sequences of
equally spaced vectors of whole numbers are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ..errors import InternalError
from .loop_ir import Affine, Loop, Nest, fill
from .statement import Form, Statement

__all__ = ["Rolled", "find_nests"]

# The steps of the loops found so far, innermost first; None where there is only one point.
_Steps = tuple[tuple[int, ...] | None, ...]
_Item = tuple[tuple[int, ...], _Steps, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Rolled:
    """Statements that are the points of one nest.

    Attributes:
        form: of the statements.
        steps: for each run of their folds, what a repetition adds to its numbers.
        loops: innermost first, what a turn of each adds to the numbers.
        numbers: of the first statement; behind them, how often each loop turns at first.
        label: of the nest.
    """

    form: Form
    steps: tuple[tuple[int, ...], ...]
    loops: tuple[tuple[int, ...], ...]
    numbers: tuple[int, ...]
    label: str = ""

    def repeated(self, times: int, step: tuple[int, ...]) -> Rolled:
        """With one loop more around all others, whose turns add `step` to the numbers."""
        return replace(self, loops=(*self.loops, step), numbers=(*self.numbers, times))

    def nest(self, recurrence: int = 0) -> Nest:
        """The nest."""
        width = len(self.numbers) - len(self.loops)
        levels = range(len(self.loops) - 1, -1, -1)

        def affine(place: int, outside: Sequence[int]) -> Affine:
            return Affine(self.numbers[place], tuple(self.loops[level][place] for level in outside))

        body = fill(self.form.body, (affine(place, levels) for place in range(width)), iter(self.steps))
        trips = (affine(width + level, levels[:outside]) for outside, level in enumerate(levels))
        return Nest(tuple(map(Loop, trips)), body, self.label, recurrence)


def find_nests(
    statements: Sequence[Statement],
    coordinates: Sequence[tuple[int, ...]],
    ordered: bool = False,
    label: str = "",
    least: int = 2,
) -> list[Rolled]:
    """The nests of `statements`, which have the same form.

    Args:
        coordinates: of each; loops run along one coordinate after the other, the last one innermost.
        ordered: whether the order of the statements must be kept.
        label: of the nests.
        least: fewer points are no loop.
    """
    nests: list[Rolled] = []
    by_steps: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for steps, numbers in groupby(range(len(statements)), lambda number: statements[number].steps):
        chosen = _choose_steps(steps, by_steps, statements)
        if ordered and by_steps and chosen not in by_steps:
            raise InternalError("ordered statements have no folds")
        by_steps.setdefault(chosen, []).extend(numbers)
    for steps, members in by_steps.items():
        pairs = [(coordinates[number], statements[number].numbers) for number in members]
        if not ordered:
            pairs.sort()
        nests += [_rolled(statements[0].form, steps, *found, label) for found in _find_loops(pairs, ordered, least)]
    return nests


def _choose_steps(
    steps: tuple[tuple[int, ...] | None, ...],
    known: dict[tuple[tuple[int, ...], ...], list[int]],
    statements: Sequence[Statement],
) -> tuple[tuple[int, ...], ...]:
    """Steps in full: a run that is not repeated can have any, so it takes those of its peers."""
    if None not in steps:
        return steps  # type: ignore[return-value]
    for other in known:
        if all(mine is None or mine == theirs for mine, theirs in zip(steps, other, strict=True)):
            return other
    for statement in statements:
        if None not in statement.steps and all(
            mine is None or mine == theirs for mine, theirs in zip(steps, statement.steps, strict=True)
        ):
            return statement.steps  # type: ignore[return-value]
    widths = statements[0].form.widths
    return tuple((0,) * width if step is None else step for step, width in zip(steps, widths, strict=True))


def _find_loops(
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], ordered: bool, least: int
) -> Iterator[tuple[_Steps, tuple[int, ...]]]:
    """The loops of nests, and their numbers and trip counts at the first point."""
    items: list[_Item] = [(place, (), slots) for place, slots in pairs]
    if ordered:
        size = -1
        while len(items) != size:
            size = len(items)
            items = _combine(items, 0, least, ordered=True)
    else:
        for level in range(len(pairs[0][0]) - 1, -1, -1):
            items = _combine(items, level, least)
        size = -1
        while len(items) > 1 and len(items) != size:
            size = len(items)
            items = _combine(items, 0, least)
    return ((form, vector) for _, form, vector in items)


def _combine(items: list[_Item], prefix: int, least: int, ordered: bool = False) -> list[_Item]:
    """Makes one loop more: of runs of equally spaced items that agree in the first `prefix` coordinates."""
    buckets: list[list[_Item]]
    if ordered:
        buckets = [list(run) for _, run in groupby(items, lambda item: item[1])]
    else:
        sorted_: dict[tuple[tuple[int, ...], _Steps], list[_Item]] = {}
        for item in items:
            sorted_.setdefault((item[0][:prefix], item[1]), []).append(item)
        buckets = list(sorted_.values())
    combined: list[_Item] = []
    for bucket in buckets:
        at = 0
        while at < len(bucket):
            place, form, vector = bucket[at]
            count, step = _run(bucket, at)
            if count < least:
                count, step = 1, None
            combined.append((place, (*form, step), (*vector, count)))
            at += count
    return _complete(combined)


def _run(bucket: list[_Item], at: int) -> tuple[int, tuple[int, ...] | None]:
    if at + 1 == len(bucket):
        return 1, None
    last = bucket[at + 1][2]
    step = tuple(y - x for x, y in zip(bucket[at][2], last, strict=True))
    count = 2
    while at + count < len(bucket):
        following = bucket[at + count][2]
        if any(y - x != d for x, y, d in zip(last, following, step, strict=True)):
            break
        last = following
        count += 1
    return count, step


def _complete(items: list[_Item]) -> list[_Item]:
    """Gives loops of one trip the steps of most of their peers, so that they can be part of the same outer loop."""
    common: dict[_Steps, Counter[tuple[int, ...]]] = {}
    for _, form, _ in items:
        if form[-1] is not None:
            common.setdefault(form[:-1], Counter())[form[-1]] += 1
    completed = []
    for place, form, vector in items:
        if form[-1] is None and form[:-1] in common:
            form = (*form[:-1], common[form[:-1]].most_common(1)[0][0])
        completed.append((place, form, vector))
    return completed


def _rolled(
    form: Form, steps: tuple[tuple[int, ...], ...], loops: _Steps, vector: tuple[int, ...], label: str
) -> Rolled:
    """What was found, without the loops that turn only once."""
    width = len(vector) - len(loops)
    keep = []
    for level in range(len(loops)):
        varies = any(outer is not None and outer[width + level] for outer in loops[level + 1 :])
        if vector[width + level] != 1 or varies:
            keep.append(level)
    kept: list[tuple[int, ...]] = []
    for number, level in enumerate(keep):
        step = loops[level] or (0,) * (width + level)
        kept.append((*step[:width], *(step[width + inner] for inner in keep[:number])))
    return Rolled(form, steps, tuple(kept), (*vector[:width], *(vector[width + level] for level in keep)), label)
