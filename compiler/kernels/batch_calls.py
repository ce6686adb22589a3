"""Batch calls: functions of libm that are called one by one are computed ahead, many at once.

In: a kernel without folds. Out: the same by loop distribution: what calls a function becomes two loops. The first one
puts the arguments of the calls into a buffer, which is then computed in vectors; the second one takes the results in
the same order. A loop with more calls than there is room for is carried out in blocks of its turns.

The points of a nest are independent of one another, so that arguments may be read before any result is written. In a
recurrence, this is so within one step for each nest. Powers of several nests in one kernel have been staged or
enclosed, and are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, TypeAlias

from ..ir.ops import EXP, LOG, POW
from ..loops.lanes import GUESSED
from .expressions import Call, Name, Number, Place, Read, Sum
from .kernel_ir import (
    Advance,
    Assign,
    Block,
    Buffer,
    Declare,
    Enclose,
    Evaluate,
    For,
    Kernel,
    Least,
    Point,
    Room,
    Statement,
    Update,
    Write,
)
from .traverse import mentions, rebuilt

__all__ = ["ROOM", "batch_calls", "is_batched"]

# Numbers in a buffer: together with what the loops read, they stay in the first-level cache.
ROOM = 512
# Calls for which two loops are worth it.
_FEWEST = 4

# A function's operation, and the exponent of a power.
_Kind: TypeAlias = tuple[int, Number | None]
# Of loop variables, the least and the greatest number.
_Spans: TypeAlias = Mapping[str, tuple[int, int]]

# Calls where it is not known how many.
_MANY = ROOM + 1

_FUNCTIONS = {EXP: "exponentials", LOG: "logarithms", POW: "powers"}
# Variables of `accumulate`.
_SUM = re.compile(r"sum\d+")


def batch_calls(kernel: Kernel) -> Kernel:
    """The kernel with its calls in batches."""
    if mentions(kernel.body, lambda part: isinstance(part, Room | Enclose)):
        return kernel
    batches = _Batches()
    spans = {parameter.name: parameter.span for parameter in kernel.parameters if parameter.span}
    body = batches.of(kernel.body, spans)
    buffers = (Buffer(name, ROOM) for name in batches.buffers.values())
    return replace(kernel, body=(*buffers, *body)) if batches.buffers else kernel


def is_batched(expr: Any) -> bool:
    """Whether a part of a kernel is a call that can be computed with others in one batch."""
    if not isinstance(expr, Call) or expr.op not in _FUNCTIONS or expr.width > 1:
        return False
    return expr.op != POW or isinstance(expr.operands[1], Number)


def _kind(call: Call) -> _Kind:
    exponent = call.operands[1] if call.op == POW else None
    return call.op, exponent if isinstance(exponent, Number) else None


def _function(kind: _Kind) -> tuple[str, Number | None]:
    """The function for a kind, and what else it is to be given."""
    op, exponent = kind
    guessed = GUESSED.get(float.fromhex(exponent.text)) if exponent else None
    return (f"{guessed}s", None) if guessed else (_FUNCTIONS[op], exponent)


class _Batches:
    """The batches of one kernel."""

    def __init__(self) -> None:
        self.buffers: dict[_Kind, str] = {}
        self._cursors = count()

    def of(self, statements: Sequence[Statement], spans: _Spans) -> tuple[Statement, ...]:
        """Statements with their calls in batches: as many statements in one as there is room for."""
        found: list[Statement] = []
        together: list[Statement] = []
        calls = 0
        for statement in statements:
            own = _calls(statement, spans)
            if calls + own > ROOM or (isinstance(statement, Declare) and not own):
                found += self._batch(together, calls)
                together, calls = [], 0
            if own > ROOM:
                found.append(self._inside(statement, spans))
            elif together or own:
                together.append(statement)
                calls += own
            else:
                found.append(statement)
        return (*found, *self._batch(together, calls))

    def _inside(self, statement: Statement, spans: _Spans) -> Statement:
        """A statement with too many calls for one batch."""
        if isinstance(statement, Block):
            return Block(self.of(statement.body, spans))
        assert isinstance(statement, For)
        inside = _inner(statement, spans)
        if statement.ordered:
            return replace(statement, body=tuple(each for part in statement.body for each in self.of([part], inside)))
        calls = sum(_calls(part, inside) for part in statement.body)
        if calls > ROOM or statement.step > 1:
            return replace(statement, body=self.of(statement.body, inside))
        turns = ROOM // calls
        start, stop = Sum(0, ((1, "start"),)), Sum(0, ((1, "stop"),))
        block = replace(statement, start=start, end=stop, unroll=False)
        body = (Declare("stop", Least(start.plus(Sum(turns)), statement.end), "whole"), *self._batch([block], ROOM))
        return For("start", statement.start, statement.end, body, turns)

    def _batch(self, statements: list[Statement], calls: int) -> list[Statement]:
        """Statements as one batch."""
        if calls < _FEWEST:
            return statements
        kinds = list(dict.fromkeys(_kind(call) for statement in statements for call in _all_calls(statement)))
        put, taken = ({kind: f"p{next(self._cursors)}" for kind in kinds} for _ in range(2))
        buffers = {kind: self.buffers.setdefault(kind, f"b{len(self.buffers)}") for kind in kinds}
        starts = {kind: Place(name, (Sum(),)) for kind, name in buffers.items()}
        return [
            *(Point(name, starts[kind], writes=True) for kind, name in put.items()),
            *(each for statement in statements for each in _arguments(statement, put)),
            *(_evaluate(kind, buffers[kind], name) for kind, name in put.items()),
            *(Point(name, starts[kind]) for kind, name in taken.items()),
            *(each for statement in statements for each in _results(statement, taken)),
        ]


def _evaluate(kind: _Kind, buffer: str, end: str) -> Evaluate:
    function, exponent = _function(kind)
    return Evaluate(function, buffer, end, exponent)


def _found(statement: Statement) -> list[Call]:
    """The calls of a statement that is no loop, innermost ones only and in order, whose arguments are ready."""
    calls: list[Call] = []

    def change(part: Any) -> Any:
        if is_batched(part) and not mentions(part.operands, is_batched) and not _waits(part):
            calls.append(part)
            return part
        return None

    if isinstance(statement, Write | Update | Assign):
        rebuilt(statement.value, change)
    return calls


def _waits(call: Call) -> bool:
    """Whether the argument has a sum in it that is still being added up."""
    return mentions(call.operands, lambda part: isinstance(part, Name) and _SUM.fullmatch(part.name) is not None)


def _all_calls(statement: Statement) -> Iterator[Call]:
    if isinstance(statement, For | Block):
        for part in statement.body:
            yield from _all_calls(part)
    else:
        yield from _found(statement)


def _calls(statement: Statement, spans: _Spans) -> int:
    """How many calls it makes at most, or more than there is room for."""
    if isinstance(statement, Block):
        return sum(_calls(part, spans) for part in statement.body)
    if not isinstance(statement, For):
        return len(_found(statement))
    inside = _inner(statement, spans)
    calls = sum(_calls(part, inside) for part in statement.body)
    if statement.ordered or statement.name not in inside:
        return min(calls, 1) * _MANY
    first, last = inside[statement.name]
    return calls * max(0, (last - first) // statement.step + 1)


def _inner(loop: For, spans: _Spans) -> _Spans:
    """What is known of variables inside a loop."""
    first, end = _extreme(loop.start, spans, min), _extreme(loop.end, spans, max)
    known = {name: span for name, span in spans.items() if name != loop.name}
    return known if first is None or end is None else {**known, loop.name: (first, end - 1)}


def _extreme(total: Sum, spans: _Spans, choose: Callable[[Iterable[int]], int]) -> int | None:
    """The least or the greatest that a sum can be, if that is known."""
    result = total.constant
    for factor, name in total.terms:
        if not isinstance(name, str) or name not in spans or not isinstance(factor, int):
            return None
        result += choose([factor * bound for bound in spans[name]])
    return result


def _arguments(statement: Statement, cursors: Mapping[_Kind, str]) -> list[Statement]:
    """What puts the arguments of a statement's calls into their buffers."""
    if isinstance(statement, For | Block):
        body = tuple(each for part in statement.body for each in _arguments(part, cursors))
        return [replace(statement, body=body)] if body else []
    numbers: dict[_Kind, int] = dict.fromkeys(cursors, 0)
    found: list[Statement] = []
    for call in _found(statement):
        kind = _kind(call)
        found.append(Write(Place(cursors[kind], (Sum(numbers[kind]),)), call.operands[0]))
        numbers[kind] += 1
    return [*found, *_advances(cursors, numbers)]


def _results(statement: Statement, cursors: Mapping[_Kind, str]) -> list[Statement]:
    """The statement with results in place of its calls."""
    if isinstance(statement, For | Block):
        body = tuple(each for part in statement.body for each in _results(part, cursors))
        return [replace(statement, body=body)]
    calls = _found(statement)
    if not calls:
        return [statement]
    numbers: dict[_Kind, int] = dict.fromkeys(cursors, 0)

    def change(part: Any) -> Any:
        if not any(part is call for call in calls):
            return None
        kind = _kind(part)
        numbers[kind] += 1
        return Read(Place(cursors[kind], (Sum(numbers[kind] - 1),)))

    changed: Statement = rebuilt(statement, change)
    return [changed, *_advances(cursors, numbers)]


def _advances(cursors: Mapping[_Kind, str], numbers: Mapping[_Kind, int]) -> Iterator[Advance]:
    return (Advance(cursors[kind], number) for kind, number in numbers.items() if number)
