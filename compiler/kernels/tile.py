"""Tile: loops around sums take several turns at once, so that what these turns read in common is read once.

In: a kernel with folds in its expressions. Out: the same, in which a loop whose turns read the same vectors takes
`_TURNS` at once, and what is left one by one, or two at once where a turn has few sums; and a loop whose sums are
computed one lane at a time takes `_LANES` of these at once, so that none waits for the last addition of its own. Each
sum is computed in its own order. What is written out depends on sizes in one way: loops of many turns are tiled
otherwise, and more of them. In fast numerics, it also depends on whether the lanes fill one vector, or two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ..numerics import Numerics
from .batch_calls import is_batched
from .expressions import Expr, Fold, Place, Read, Run, Sum
from .kernel_ir import Block, Declare, For, Kernel, Prefetch, Reached, Statement, Write, WritePart
from .traverse import mentions, names_in, rebuilt, substituted
from .vectorise import MASKED, needs_whole_vectors

__all__ = ["tile"]

# Turns whose vectors are computed side by side: as many sums as hide the latency of an addition, in two vectors each.
_TURNS = 4
# From so many turns on, twice as many are taken at once, in one vector each: then half as much is read of what differs
# from lane to lane.
_MANY = 64
# The same where lanes are computed one by one: fewer leave fewer over, of which each waits for its own additions.
_LANES = 4

# By name, the least and the greatest that whole numbers get.
_Spans: TypeAlias = Mapping[str, tuple[int, int]]


def tile(kernel: Kernel, width: int, numerics: Numerics) -> Kernel:
    """The kernel with its loops in tiles.

    Args:
        width: of a vector. In fast numerics, where a loop over lanes fills one of them only, twice as many sums are
            computed at once: a fused operation takes as long as an addition, and there are two of them at a time. If
            there is a loop around whose turns read the same single numbers, these are of two such turns, so that a
            number is read once for both: no more than two reads are done at a time, either.
    """
    spans = {parameter.name: parameter.span for parameter in kernel.parameters if parameter.span}
    return replace(kernel, body=tuple(_tiled(statement, width, numerics.fast, spans) for statement in kernel.body))


@dataclass(frozen=True)
class _Loops:
    """A loop, those directly inside it, outermost first, and the statement of the last."""

    loops: tuple[For, ...]
    write: Write

    def around(self, level: int, statement: Statement) -> Statement:
        """A statement with the loops around those from `level` on."""
        for loop in reversed(self.loops[:level]):
            statement = replace(loop, body=(statement,))
        return statement


def _tiled(statement: Statement, width: int, fast: bool, spans: _Spans) -> Statement:
    if not isinstance(statement, For):
        return statement
    found = _loops(statement)
    for loop in found.loops if found else (statement,):
        if (most := _greatest(loop.end, spans)) is not None:
            spans = {**spans, loop.name: (0, most - 1)}
    if found is None:
        return replace(statement, body=tuple(_tiled(part, width, fast, spans) for part in statement.body))
    folds = _folds(found.write.value)
    if not folds or mentions(found.write, is_batched):
        return statement
    last = found.loops[-1]
    if not last.lanes:
        level = len(found.loops) - 1
        turns = _LANES if last.end.terms else min(last.end.constant, _LANES)
        return _in_tiles(found, level, turns) if turns > 1 and _fits(found, level, turns) else statement
    few = fast and not last.end.terms and last.end.constant <= width
    least = _TURNS if few else 2 * _TURNS
    levels = [
        level
        for level, loop in enumerate(found.loops[:-1])
        if (loop.end.terms or loop.end.constant >= least) and _fits(found, level, _TURNS)
    ]
    shared = {level: _shared(folds, last.name, found.loops[level].name) for level in levels}
    best = max(levels, key=lambda level: (shared[level], level), default=None)
    if best is None:
        return _triangle_in_tiles(found, folds, width, spans) or statement
    loop = found.loops[best]
    if not shared[best]:
        if not _are_many(loop, spans) or not _is_skewed(folds, last, loop):
            return statement
        return _in_tiles(found, best, 2 * _TURNS, skewed=True, far=True)
    if few and (pair := _pair(found, folds, best)) is not None:
        return _in_pairs(found, pair, best)
    enough = few and not loop.end.terms and loop.end.constant >= 4 * _TURNS and _fits(found, best, 2 * _TURNS)
    # Two vectors in each of four turns share more of what they read than one in each of eight.
    square = fast and not last.end.terms and last.end.constant == 2 * width
    many = _are_many(loop, spans) and not square
    few_sums = not last.end.terms and last.end.constant <= 2 * width
    turns = 2 * _TURNS if enough or many else _TURNS
    return _in_tiles(found, best, turns, rest=fast, far=many, by_two=few_sums and not many)


def _pair(found: _Loops, folds: Sequence[Fold], best: int) -> int | None:
    """A loop around the one in tiles whose turns read the same single numbers."""
    lane = found.loops[-1].name
    single = [names_in([read.place]) for read in _reads(tuple(folds)) if not read.place.flat().factor(lane)]
    for level, loop in enumerate(found.loops[:best]):
        if single and not any(loop.name in names for names in single) and _fits(found, level, 2):
            return level
    return None


def _in_pairs(found: _Loops, pair: int, best: int) -> Statement:
    """The loops with one of them in tiles, in each of which there are two turns of another one around it."""
    loop, pairs = found.loops[pair], Sum(0, ((1, "pairs"),))
    inside = _Loops(found.loops[pair + 1 :], found.write)

    def tiles(twins: str) -> tuple[Statement, ...]:
        return (_in_tiles(inside, best - pair - 1, _TURNS, rest=True, twins=twins),)

    declared = Declare("pairs", Reached(loop.start, loop.end, 2), "whole")
    paired = replace(loop, end=pairs, step=2, body=tiles(loop.name))
    return found.around(pair, Block((declared, paired, replace(loop, start=pairs, body=tiles("")))))


def _are_many(loop: For, spans: _Spans) -> bool:
    """Whether a loop takes many turns, in some call at least."""
    turns = _greatest(loop.end, spans)
    return turns is not None and turns >= _MANY


def _greatest(number: Sum, spans: _Spans) -> int | None:
    """The greatest that a number gets; None if that is not known."""
    total = number.constant
    for factor, name in number.terms:
        if not isinstance(factor, int) or not isinstance(name, str) or name not in spans:
            return None
        total += max(factor * end for end in spans[name])
    return total


def _loops(loop: For) -> _Loops | None:
    """The loops, if there is one statement in them, which writes."""
    loops = [loop]
    while len(loops[-1].body) == 1 and isinstance(loops[-1].body[0], For):
        loops.append(loops[-1].body[0])
    inside = loops[-1].body
    return _Loops(tuple(loops), inside[0]) if len(inside) == 1 and isinstance(inside[0], Write) else None


def _folds(value: Expr) -> list[Fold]:
    found: list[Fold] = []

    def change(part: object) -> object:
        if isinstance(part, Fold):
            found.append(part)
            return part
        return None

    rebuilt(value, change)
    return found


def _fits(found: _Loops, level: int, turns: int) -> bool:
    """Whether several turns of a loop can be taken at once: they are independent, and the loops inside, and the runs of
    sums, are as long in each; or the runs of sums, which have nothing but terms then, are longer by a known number.
    """
    loop = found.loops[level]
    bounds = [part for inner in found.loops[level + 1 :] for part in (inner.start, inner.end)]
    if loop.ordered or loop.step != 1 or any(bound.factor(loop.name) for bound in bounds):
        return False
    if mentions(found.write, lambda part: isinstance(part, Place) and not _has_room(part, loop.name, turns)):
        return False
    return all(_alike(run, loop.name) for fold in _folds(found.write.value) for run in fold.runs)


def _has_room(place: Place, name: str, turns: int) -> bool:
    """Whether an array has so many rows, or what else the turns of a loop go through. If not, they are always fewer."""
    if isinstance(place.base, str):
        return True
    for part, extent in zip(place.index, place.base.merged(len(place.index)), strict=True):
        factor = part.factor(name)
        least = part.constant if all(isinstance(own, int) and own > 0 for own, _ in part.terms) else 0
        if isinstance(factor, int) and least + abs(factor) * (turns - 1) >= extent:
            return False
    return True


def _alike(run: Run, name: str) -> bool:
    inner = [part for part in run.parts if isinstance(part, Run)]
    if inner:
        return not any(each.count.factor(name) for each in (run, *inner)) and all(_alike(each, name) for each in inner)
    return isinstance(run.count.factor(name), int)


def _shared(folds: Sequence[Fold], lane: str, name: str) -> int:
    """How many vectors the terms of sums read that are the same for all turns of a loop."""
    reads = _reads(tuple(folds))
    return sum(bool(read.place.flat().factor(lane)) and name not in names_in([read.place]) for read in reads)


def _reads(node: object) -> list[Read]:
    found: list[Read] = []

    def change(part: object) -> object:
        if isinstance(part, Read):
            found.append(part)
        return None

    rebuilt(node, change)
    return found


def _triangle_in_tiles(found: _Loops, folds: Sequence[Fold], width: int, spans: _Spans) -> Statement | None:
    """The loops where each turn of the first has a lane more than the one before: tiles compute as many lanes of all
    their turns as the last of these has, and store of each what it has. None if that does not pay.
    """
    if len(found.loops) == 1 or width < MASKED:
        return None
    loop, *between, last = found.loops
    if mentions(found.write, needs_whole_vectors(last.name)):
        return None
    turns = 2 * _TURNS
    rows = _Loops((*found.loops[:-1], replace(last, end=Sum())), found.write)
    if last.start != Sum() or last.end.factor(loop.name) != 1 or not _fits(rows, 0, turns):
        return None
    if not _shared(folds, last.name, loop.name) or not _are_many(loop, spans):
        return None
    here, lane = Sum(0, ((1, loop.name),)), Sum(0, ((1, last.name),))

    def turn(number: int) -> WritePart:
        write, end = substituted((found.write, last.end), {loop.name: here.plus(Sum(number))})
        return WritePart(write.place, write.value, end.plus(lane.times(-1)))

    body: tuple[Statement, ...] = (
        replace(last, end=last.end.plus(Sum(turns - 1)), body=tuple(turn(number) for number in range(turns))),
    )
    for each in reversed(between):
        body = (replace(each, body=body),)
    whole = Sum(0, ((1, "whole"),))
    rest: Statement = found.write
    for each in reversed(found.loops[1:]):
        rest = replace(each, body=(rest,))
    declared = Declare("whole", Reached(loop.start, loop.end, turns), "whole")
    tiles = replace(loop, end=whole, step=turns, body=body)
    return Block((declared, tiles, replace(loop, start=whole, body=(rest,))))


def _is_skewed(folds: Sequence[Fold], lanes: For, loop: For) -> bool:
    """Whether each turn of a loop begins its sum with a term more than the one before, and adds the same vectors from
    there on.
    """
    (run, *others) = folds[0].runs
    if len(folds) > 1 or others or any(isinstance(part, Run) for part in run.parts) or run.count.factor(loop.name) != 1:
        return False
    wide = [read.place.flat() for read in _reads(run.parts) if read.place.flat().factor(lanes.name)]
    steps = {(place.factor(loop.name), place.factor(run.variable)) for place in wide}
    return any(isinstance(own, int) and isinstance(term, int) and own == -term != 0 for own, term in steps)


def _is_longer(loop: For, lanes: For) -> bool:
    return not loop.end.terms and not lanes.end.terms and loop.end.constant > max(lanes.end.constant, _MANY)


def _prefetched(writes: Sequence[Write]) -> tuple[Statement, ...]:
    """Asks for what is read and written behind the sums."""
    places: dict[Place, bool] = {}

    def change(part: object) -> object:
        if isinstance(part, Fold):
            return part
        if isinstance(part, Read):
            places.setdefault(part.place, False)
        return None

    for write in writes:
        rebuilt(write.value, change)
        places[write.place] = True
    return tuple(Prefetch(place, written) for place, written in places.items())


def _skewed(write: Write, turn: int) -> Write:
    """A statement whose sum takes its first terms by themselves, so many."""

    def change(part: object) -> object:
        if not isinstance(part, Run):
            return None
        before = tuple(substituted(term, {part.variable: Sum(own)}) for own in range(turn) for term in part.parts)
        later = substituted(part.parts, {part.variable: Sum(turn, ((1, part.variable),))})
        return replace(part, count=part.count.plus(Sum(-turn)), parts=later, before=before)

    return replace(write, value=rebuilt(write.value, change))


def _in_tiles(
    found: _Loops,
    level: int,
    turns: int,
    rest: bool = False,
    skewed: bool = False,
    far: bool = False,
    twins: str = "",
    by_two: bool = False,
) -> Statement:
    """The loops with one of them in tiles.

    Args:
        rest: whether what is left is a tile, too, if it is known how much that is.
        skewed: see `_is_skewed`.
        far: whether there are so many turns that what is read and written is in no cache that is near.
        twins: the name of a loop around these, of which the next turn is in the same tile; if empty, none is.
        by_two: whether two of the turns that are left are taken at once, if it is not known how many are: one alone has
            too few sums to hide the latency of an addition.
    """
    loop, inside = found.loops[level], found.loops[level + 1 :]
    here = Sum(0, ((1, loop.name),))

    def part(start: Sum, end: Sum, step: int) -> Statement:
        """Some turns, with a few vectors of lanes for all of them before the next ones: these stay in the cache. Where
        there are more turns than lanes, all lanes of a tile come first: there are fewer numbers to read again then.
        """
        writes = tuple(substituted(found.write, {loop.name: here.plus(Sum(turn))}) for turn in range(step))
        if skewed:
            writes = tuple(_skewed(write, turn) for turn, write in enumerate(writes))
        if twins:
            following = {twins: Sum(1, ((1, twins),))}
            writes = tuple(each for write in writes for each in (write, substituted(write, following)))
        if len(inside) == 1:
            further = _prefetched(writes) if far and step == turns else ()
            if _is_longer(loop, inside[0]):
                return replace(loop, start=start, end=end, step=step, body=(replace(inside[0], body=further + writes),))
            return replace(inside[0], body=(replace(loop, start=start, end=end, step=step, body=further + writes),))
        body = writes if inside or step == 1 else (Block(writes),)
        for inner in reversed(inside):
            body = (replace(inner, body=body),)
        return replace(loop, start=start, end=end, step=step, body=body)

    if not loop.start.terms and not loop.end.terms:
        whole = Sum(loop.end.constant - (loop.end.constant - loop.start.constant) % turns)
        left = loop.end.constant - whole.constant
        parts = [part(loop.start, whole, turns), *([part(whole, loop.end, left if rest else 1)] if left else [])]
        return found.around(level, parts[0] if len(parts) == 1 else Block(tuple(parts)))
    whole = Sum(0, ((1, "whole"),))
    starts, steps = [loop.start, whole], [turns, 1]
    declared = [Declare("whole", Reached(loop.start, loop.end, turns), "whole")]
    if by_two:
        starts.append(Sum(0, ((1, "even"),)))
        steps.insert(1, 2)
        declared.append(Declare("even", Reached(whole, loop.end, 2), "whole"))
    tiles = [part(*each) for each in zip(starts, [*starts[1:], loop.end], steps, strict=True)]
    return found.around(level, Block((*declared, *tiles)))
