"""Stage powers: powers that can mostly be proved equal to something cheaper are guessed.

In: a kernel whose loop over lanes computes such powers. Out: the same with the powers enclosed, if what they are used
for takes a few arithmetic operations that grow or fall with them. For each vector, that is computed from the two ends
of an interval in which the power lies; pow() is called where they differ. Where there are several such powers, the
kernel goes through blocks of lanes, and computes one power after the other for all lanes of a block: an operation waits
for others of its lane, and processors see more lanes ahead if each has fewer operations. Then, the lanes in doubt are
computed by pow(): to branch at once would throw away what has begun of the lanes ahead.

Otherwise, the kernel goes through blocks of lanes as well. Within a block a power is first guessed for all lanes; pow()
is called for those in which the guess is not proved and makes a difference; then what needs the powers goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd
from typing import Any, TypeVar

from ..ir.ops import ADD, DIV, MUL, OPS, POW
from ..loops.lanes import PROVED, SEVERAL
from ..numerics import Numerics
from .expressions import Call, Expr, Fold, Name, Number, Place, Read, Sum
from .kernel_ir import Clear, Declare, Enclose, For, Guess, Kernel, Least, Room, Settle, Spare, Statement, Write
from .traverse import mentions, rebuilt

__all__ = ["BLOCK", "stage_powers"]

_S = TypeVar("_S", bound=Statement)

# Lanes of a block, about: the elements of all arrays that a block touches stay in the first-level cache.
BLOCK = 512
# Lanes of which all kinds of vectors are full, and several of them.
_WHOLE = 8 * SEVERAL
# What is added to a power so that a divisor is positive over all of the interval: its ends are off by 2^-154 at most.
_LEAST_ADDED = 2.0**-100
_POWER = Name("power")


def stage_powers(kernel: Kernel, width: int, numerics: Numerics) -> Kernel:
    """The kernel with its powers guessed, in vectors of `width` lanes."""
    if not numerics.proves:
        return kernel

    rooms: list[Room] = []

    def change(part: Any) -> Any:
        if not (isinstance(part, For) and part.lanes and any(map(_find, part.body))):
            return None
        found = (_enclosed(statement, width) for statement in part.body)
        enclosed = tuple(statement for statement in found if statement is not None)
        few = not part.end.terms and part.end.constant < width
        block = _block(part.end)
        if len(enclosed) == len(part.body) and not few:
            several = sum(isinstance(each, Enclose) for each in enclosed) > 1
            if not several or (not part.end.terms and part.end.constant <= block):
                return replace(part, body=enclosed)
            rooms.append(Room(block, False))
            return _one_by_one(part, enclosed, block)
        rooms.append(Room(block))
        return _staged(part, block)

    body = rebuilt(kernel.body, change)
    if rooms:
        room = Room(max(each.lanes for each in rooms), any(each.powers for each in rooms))
        body = (room, *body)
    return replace(kernel, body=body)


def _enclosed(statement: Statement, width: int) -> Statement | None:
    """The statement with its power enclosed; itself if it has none, and None if that cannot be done."""
    power = _find(statement)
    if power is None:
        return statement
    if not isinstance(statement, Write) or mentions(power.operands, _is_costly):
        return None
    function = PROVED[_exponent(power) or 0.0]
    value = _with_power(statement, power, _POWER).value
    if _uses(value) != 1 or not _is_monotonic(value, function):
        return None
    return Enclose(statement.place, value, function, power, width)


def _uses(value: Any) -> int:
    """How often a value needs the power."""
    found = 0

    def change(part: Any) -> None:
        nonlocal found
        found += part == _POWER

    rebuilt(value, change)
    return found


def _is_monotonic(value: Expr, function: str) -> bool:
    """Whether a value that needs the power once grows or falls with it: the power is added, multiplied and divided, and
    divides only as a root to which a number is added, so that the divisor is surely positive.
    """
    if not isinstance(value, Call) or not _uses(value):
        return value == _POWER or (isinstance(value, Call | Name | Number | Read) and not mentions(value, _is_costly))
    if value.op not in (ADD, DIV, MUL):
        return False
    if value.op == DIV and _uses(value.operands[1]) and not (function == "root" and _is_positive(value.operands[1])):
        return False
    return all(_is_monotonic(part, function) for part in value.operands)


def _is_positive(divisor: Expr) -> bool:
    if not isinstance(divisor, Call) or divisor.op != ADD:
        return False
    return any(
        one == _POWER and isinstance(other, Number) and float.fromhex(other.text) >= _LEAST_ADDED
        for one, other in (divisor.operands, divisor.operands[::-1])
    )


def _block(end: Sum) -> int:
    """Lanes of a block: all blocks of a loop that is known to take so many turns are about equal."""
    if end.terms:
        return BLOCK
    blocks = max(round(end.constant / BLOCK), 1)
    return -(-end.constant // (blocks * _WHOLE)) * _WHOLE


def _find(node: Any) -> Call | None:
    """The first power to be guessed in a statement, if there is one. In folds, powers are as many as terms."""
    found: list[Call] = []

    def change(part: Any) -> Any:
        if isinstance(part, Call) and part.op == POW and _exponent(part) in PROVED:
            found.append(part)
        return part if isinstance(part, Fold) else None

    rebuilt(node, change)
    return found[0] if found else None


def _exponent(power: Call) -> float | None:
    exponent = power.operands[1]
    return float.fromhex(exponent.text) if isinstance(exponent, Number) else None


def _one_by_one(loop: For, enclosed: Sequence[Statement], block: int) -> For:
    """A loop over lanes whose powers are enclosed, and settled after each block."""
    body: list[Statement] = []
    pending: list[Statement] = []
    for statement, given in zip(enclosed, loop.body, strict=True):
        if isinstance(statement, Enclose):
            noted = replace(statement, lane=_offset(loop))
            body += [Clear(), _of_block(loop, block, [*pending, noted]), Settle(loop.name, "start", (given,))]
            pending = []
        else:
            pending.append(statement)
    return _in_blocks(loop, block, [*body, _of_block(loop, block, pending)] if pending else body)


def _staged(loop: For, block: int) -> For:
    offset = _offset(loop)
    power_place = Place("power", (offset,))
    body: list[Statement] = []
    # What is done in one go for each lane, until powers must be settled.
    pending: list[Statement] = []
    for statement in loop.body:
        power = _find(statement)
        if power is not None:
            guess = Guess(PROVED[_exponent(power) or 0.0], power, power_place, offset)
            body += [Clear(), _of_block(loop, block, [*pending, guess])]
            spare = _spare(statement, power, power_place)
            body.append(Settle(loop.name, "start", (*spare, Write(power_place, power))))
            statement, pending = _with_power(statement, power, Read(power_place)), []
        pending.append(statement)
    return _in_blocks(loop, block, [*body, _of_block(loop, block, pending)])


def _offset(loop: For) -> Sum:
    """The number of a lane in its block."""
    return Sum(0, ((1, loop.name), (-1, "start")))


def _in_blocks(loop: For, block: int, body: Sequence[Statement]) -> For:
    """Statements for each block of the lanes of a loop, which is from `start` to `stop`."""
    stop = Least(Sum(block, ((1, "start"),)), loop.end)
    return For("start", Sum(), loop.end, (Declare("stop", stop, "whole"), *body), block)


def _of_block(loop: For, block: int, statements: Sequence[Statement]) -> For:
    """Statements for each lane of a block."""
    divides = 1 if loop.end.terms else gcd(block, loop.end.constant)
    start, stop = (Sum(0, ((1, name),)) for name in ("start", "stop"))
    return replace(loop, start=start, end=stop, body=tuple(statements), divides=divides)


def _spare(statement: Statement, power: Call, place: Place) -> tuple[Spare, ...]:
    """What spares calls of pow(), if that takes no more than a few arithmetic operations."""
    if not isinstance(statement, Write):
        return ()
    value = _with_power(statement, power, Name("middle")).value
    return () if mentions(value, _is_costly) else (Spare(place, value),)


def _is_costly(part: Any) -> bool:
    return isinstance(part, Fold) or (isinstance(part, Call) and not OPS[part.op].is_infix)


def _with_power(statement: _S, power: Call, read: Read | Name) -> _S:
    changed: _S = rebuilt(statement, lambda part: read if part is power else None)
    return changed
