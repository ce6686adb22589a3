"""Hoist: what is the same in all turns of all loops is read once, before them.

A C compiler cannot know that no store of a kernel changes it. Points of nests are independent, so none does, but for
those of a recurrence: there, only what it writes nothing to is hoisted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..loops.loop_ir import MEMORY
from .expressions import Divisor, Entry, Name, Number, Place, Read, Run
from .kernel_ir import Declare, For, Kernel, Room, Settle, Write
from .traverse import names_in, parts, rebuilt

__all__ = ["ANY", "hoist_divisors", "hoist_loads", "root_of"]

# Dividing so many lanes by a number takes longer than to find out what spares them two operations.
_MANY = 1024
# Of what a pointer, or a number that counts through all arrays, leads to.
ANY = ""


def hoist_loads(kernel: Kernel) -> Kernel:
    """Reads in which no loop's variable is, and no choice of an index, become variables."""
    loops = _loop_variables(kernel)
    written = _written(kernel)

    def is_fixed(part: Any) -> bool:
        if not isinstance(part, Read) or part.width > 1:
            return False
        return not (names_in([part.place]) & loops or _chooses(part) or _may_be_in(part.place, written))

    return _hoisted(kernel, is_fixed, "a", "number")


def hoist_divisors(kernel: Kernel) -> Kernel:
    """What vectors are divided by, where it does not change, is prepared once."""
    fixed = {parameter.name for parameter in kernel.parameters} | {
        statement.name for statement in kernel.body if isinstance(statement, Declare) and statement.value is not None
    }

    def is_fixed(part: Any) -> bool:
        if not isinstance(part, Divisor):
            return False
        return isinstance(part.value, Number) or (isinstance(part.value, Name) and part.value.name in fixed)

    hoisted = _hoisted(kernel, is_fixed, "d", "divisor")
    if not any(isinstance(loop, For) and loop.end.constant >= _MANY for loop in hoisted.body):
        return hoisted
    looked_at: Kernel = rebuilt(
        hoisted, lambda part: replace(part, frequent=True) if isinstance(part, Divisor) else None
    )
    return looked_at


def _hoisted(kernel: Kernel, is_fixed: Callable[[Any], bool], letter: str, kind: str) -> Kernel:
    names: dict[Any, str] = {}

    def change(part: Any) -> Any:
        if not is_fixed(part):
            return None
        return Name(names.setdefault(part, f"{letter}{len(names)}"))

    head = sum(isinstance(statement, Declare | Room) for statement in kernel.body)
    body = rebuilt(kernel.body[head:], change)
    declared = (Declare(name, part, kind) for part, name in names.items())
    return replace(kernel, body=(*kernel.body[:head], *declared, *body))


def _written(kernel: Kernel) -> set[str]:
    """The arrays that loops write whose turns read what others have written."""
    found: set[str] = set()
    stack: list[Any] = [statement for statement in kernel.body if isinstance(statement, For) and statement.ordered]
    while stack:
        part = stack.pop()
        if isinstance(part, Write):
            found.add(root_of(part.place))
        elif isinstance(part, For):
            stack += part.body
    return found


def _may_be_in(place: Place, arrays: set[str]) -> bool:
    return bool(arrays) and (root_of(place) in arrays or ANY in (root_of(place), *arrays))


def root_of(place: Place) -> str:
    """The name of the array that a place is in, or `ANY`."""
    if isinstance(place.base, str) or place.base == MEMORY:
        return ANY
    return place.base.of or place.base.name


def _loop_variables(node: Any) -> set[str]:
    """The variables of all loops and folds in a node."""
    found: set[str] = set()
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, For | Settle):
            found.add(part.lane if isinstance(part, Settle) else part.name)
        elif isinstance(part, Run):
            found.add(part.variable)
        if not isinstance(part, int | str):
            stack += parts(part)
    return found


def _chooses(node: Any) -> bool:
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Entry):
            return True
        if not isinstance(part, int | str):
            stack += parts(part)
    return False
