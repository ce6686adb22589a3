"""Carry: what a step of a recurrence computes stays in a variable, for what reads it in this step and in the next.

In: a kernel in which folds have become variables. Out: the same, in which a step reads from memory only what others
than it and the step before have written. A chain of steps then waits for its operations, and no longer for stores and
the loads behind them. GCC does this by itself (predictive commoning), but not across a call, and the rare call of a
function of libm is one.

No program writes an element twice, so that a variable is what is in memory. Stores stay where they are.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any, TypeAlias

from .expressions import Name, Number, Place, Read, Sum
from .hoist import ANY, root_of
from .kernel_ir import Assign, Block, Declare, Enclose, For, Guess, Kernel, Settle, Statement, Write, WritePart
from .traverse import rebuilt, substituted

__all__ = ["carry"]

# Turns of a loop inside a step that are written out, so that each has variables.
_TURNS = 4

_Store: TypeAlias = Write | WritePart | Enclose | Guess  # steps add to nothing


def carry(kernel: Kernel) -> Kernel:
    """The kernel whose steps hand on what they compute."""
    pointers = {parameter.name for parameter in kernel.parameters}
    body: list[Statement] = []
    for statement in kernel.body:
        if isinstance(statement, For) and statement.ordered:
            body += _Steps(statement, pointers).carried()
        else:
            body.append(statement)
    return replace(kernel, body=tuple(body))


class _Steps:
    """A loop over steps in the making: ``h0``, ``h1``, ... are what a step computes, ``g0``, ``g1``, ... what the step
    before has computed.

    Args:
        loop: as it was.
        pointers: that stay where they are.
    """

    def __init__(self, loop: For, pointers: Collection[str]) -> None:
        self._loop = replace(loop, body=tuple(_written_out(loop.body)))
        stores = list(_stores(self._loop.body))
        # By what is read, the number of the write that has computed it: in this step, which may be yet to come, and in
        # the step before, with what the first step reads.
        self._this: dict[Hashable, int] = {}
        self._last: dict[Hashable, tuple[int, Read]] = {}
        # Of the numbers, those whose write is behind; and those whose variables are read: in the step that computes
        # them, and in the next, with what the first step is given.
        self._behind: set[int] = set()
        self._here: set[int] = set()
        self._given: dict[int, Read] = {}
        for write in _straight(self._loop.body):
            place, width = write.place, _width(write)
            if isinstance(place.base, str) and place.base not in pointers:
                continue
            number = self._this[_key(place, width)] = len(self._this)
            # A loop that may take no turn need not have a first element.
            if loop.end.terms or not place.flat().factor(loop.name):
                continue
            before: Place = substituted(place, {loop.name: Sum(-1, ((1, loop.name),))})
            if not any(_may_hit(store, before, width) for store in stores):
                first = Read(substituted(before, {loop.name: Sum()}), width)
                self._last[_key(before, width)] = number, first

    def carried(self) -> list[Statement]:
        """The loop, behind what its first step is given."""
        body = tuple(map(self._changed, self._loop.body))
        given = sorted(self._given.items())
        kept = self._here | {number for number, _ in given}
        if not kept:
            return [self._loop]
        ahead: list[Statement] = [Declare(f"g{number}", width=read.width) for number, read in given]
        ahead += [Assign(f"g{number}", read) for number, read in given]
        keeping = [each for statement in body for each in self._keeping(statement, kept)]
        handed = (Assign(f"g{number}", Name(f"h{number}", read.width)) for number, read in given)
        return [*ahead, replace(self._loop, body=(*keeping, *handed))]

    def _changed(self, statement: Statement) -> Statement:
        """A statement with variables in place of what it reads from memory."""
        if isinstance(statement, Block):
            return Block(tuple(map(self._changed, statement.body)))
        changed: Statement = rebuilt(statement, self._known)
        self._behind.add(self._number(statement))
        return changed

    def _known(self, part: Any) -> Any:
        if not isinstance(part, Read):
            return None
        key = _key(part.place, part.width)
        if key in self._this and self._this[key] in self._behind:
            number = self._this[key]
            self._here.add(number)
            return Name(f"h{number}", part.width)
        if key in self._last:
            number, first = self._last[key]
            self._given[number] = first
            return Name(f"g{number}", part.width)
        return None

    def _keeping(self, statement: Statement, kept: Collection[int]) -> Iterator[Statement]:
        """A statement that keeps in variables what it writes."""
        body = statement.body if isinstance(statement, Block) else (statement,)
        plain = all(isinstance(part, Write) for part in body)
        inside: list[Statement] = []
        for part in body:
            if not isinstance(part, Write) or self._number(part) not in kept:
                inside.append(part)
                continue
            name, width = f"h{self._number(part)}", _width(part)
            if plain:
                inside.append(Declare(name, part.value, width=width))
            else:
                yield Declare(name, width=width)
                inside.append(Assign(name, part.value))
            inside.append(Write(part.place, Name(name, width)))
        if isinstance(statement, Block) and not plain:
            yield Block(tuple(inside))
        else:
            yield from inside

    def _number(self, statement: Statement) -> int:
        """The number of a write; -1 of others."""
        return self._this.get(_key(statement.place, _width(statement)), -1) if isinstance(statement, Write) else -1


def _written_out(body: Iterable[Statement]) -> Iterator[Statement]:
    """Statements without loops of a few turns."""
    for statement in body:
        if isinstance(statement, Block):
            yield Block(tuple(_written_out(statement.body)))
        elif isinstance(statement, For) and _turns(statement) <= _TURNS:
            for turn in range(statement.start.constant, statement.end.constant):
                yield from _written_out(substituted(statement.body, {statement.name: Sum(turn)}))
        else:
            yield statement


def _turns(loop: For) -> float:
    """How many turns a loop takes; infinity if that is not known."""
    known = isinstance(loop.end, Sum) and not loop.start.terms and not loop.end.terms and loop.step == 1
    return loop.end.constant - loop.start.constant if known else inf


def _straight(body: Iterable[Statement]) -> Iterator[Write]:
    """The writes that are in no loop inside."""
    for statement in body:
        inside = statement.body if isinstance(statement, Block) else (statement,)
        yield from (part for part in inside if isinstance(part, Write))


def _stores(body: Iterable[Statement]) -> Iterator[_Store]:
    """All stores to memory."""
    for statement in body:
        if isinstance(statement, Block | For | Settle):
            yield from _stores(statement.body)
        elif isinstance(statement, _Store):
            yield statement


def _may_hit(store: _Store, place: Place, width: int) -> bool:
    """Whether a store of the first step may be to so many lanes that the step before it would have written."""
    if store.place.base != place.base:
        roots = root_of(store.place), root_of(place)
        return ANY in roots or roots[0] == roots[1]
    stored, wanted = store.place.flat(), place.flat()
    if not isinstance(store, Write) or set(stored.terms) != set(wanted.terms):
        return True
    return -_width(store) < stored.constant - wanted.constant < width


def _width(write: Write) -> int:
    return 1 if isinstance(write.value, Number) else write.value.width


def _key(place: Place, width: int) -> Hashable:
    """Equal for the same element, or the same vector."""
    return place.base, tuple((part.constant, frozenset(part.terms)) for part in place.index), width
