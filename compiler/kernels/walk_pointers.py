"""Walk pointers: what the loops of sums read, turn by turn, is reached by pointers that walk along.

The pass of GCC that would find them is switched off, since GCC 12 lost stores by it.

In vectors of 512 bits, an operation can take a number from memory and use it for all lanes. GCC does not do that with a
number that two operations take: it reads it into a vector, which on some processors takes as long as an operation. So
the second one has a pointer of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from .expressions import Call, Entry, Place, Read, ReadPart, Sum
from .kernel_ir import Advance, Assign, Block, Declare, For, Kernel, Point, Statement, Write
from .traverse import rebuilt, substituted

__all__ = ["walk_pointers"]


def walk_pointers(kernel: Kernel, spreading: int) -> Kernel:
    """The kernel with pointers in the loops that have nothing but sums in them.

    Args:
        spreading: the lanes of the vectors that one number from memory can be used for; 0 if of none.
    """
    names = (f"w{number}" for number in count())

    def change(part: Any) -> Any:
        if not isinstance(part, Block):
            return None
        return Block(
            tuple(each for statement in rebuilt(part.body, change) for each in _walked(statement, names, spreading))
        )

    return replace(kernel, body=rebuilt(kernel.body, change))


def _walked(statement: Statement, names: Iterator[str], spreading: int) -> tuple[Statement, ...]:
    if not isinstance(statement, For) or not _walks(statement.body):
        return (statement,)
    variable = statement.name
    # By what places have in common: the pointer, and where it begins.
    pointers: dict[tuple[Any, ...], tuple[str, Place]] = {}
    spread = _spread(statement.body, spreading)
    twice = {read for read, times in spread.items() if times == 2}
    seen: set[Read] = set()

    def change(part: Any) -> Any:
        if not isinstance(part, Read | ReadPart) or not part.place.flat().factor(variable) or _chooses(part.place):
            return None
        place = part.place
        key = (part in seen, place.base, *(index.terms for index in place.index))
        if part in twice:
            seen.add(part)
        if key not in pointers:
            pointers[key] = next(names), place
        name, first = pointers[key]
        distance = place.flat().constant - first.flat().constant
        return replace(part, place=Place(name, (Sum(distance),)))

    body = rebuilt(statement.body, change)
    before = statement.start.plus(Sum(-1))
    starts = (
        Point(name, substituted(place, {variable: before}), apart=key[0]) for key, (name, place) in pointers.items()
    )
    # Before the terms: behind the last ones, a pointer might leave memory, which C does not define.
    moves = (Advance(name, place.flat().factor(variable)) for name, place in pointers.values())
    return (*starts, replace(statement, body=(*moves, *body)))


def _spread(body: Sequence[Statement], lanes: int) -> Counter[Read]:
    """The single numbers that are used for all lanes of such vectors, and how often."""
    found: Counter[Read] = Counter()

    def change(part: Any) -> Any:
        if isinstance(part, Call) and part.width == lanes:
            found.update(operand for operand in part.operands if isinstance(operand, Read) and operand.width == 1)
        return None

    rebuilt(tuple(body), change)
    return found


def _walks(body: Sequence[Statement]) -> bool:
    """Whether turns do nothing but add to sums, or put arguments into a buffer."""
    puts = any(isinstance(each, Advance) for each in body)
    return all(isinstance(each, Assign | Advance | Declare) or (puts and isinstance(each, Write)) for each in body)


def _chooses(place: Place) -> bool:
    return any(isinstance(name, Entry) for index in place.index for _, name in index.terms)
