"""Hoist: what is the same in all turns of all loops is read once, before them.

A C compiler cannot know that no store of a kernel changes it. Lanes of nests are independent, so none does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .kernel_ir import (
    Declare,
    Divisor,
    Entry,
    For,
    Kernel,
    Name,
    Number,
    Read,
    Room,
    Run,
    Settle,
    names_in,
    parts,
    rebuilt,
)

__all__ = ["hoist_divisors", "hoist_loads"]


def hoist_loads(kernel: Kernel) -> Kernel:
    """Reads in which no loop's variable is, and no choice of an index, become variables."""
    loops = _loop_variables(kernel)

    def is_fixed(part: Any) -> bool:
        return isinstance(part, Read) and part.width == 1 and not names_in([part.place]) & loops and not _chooses(part)

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

    return _hoisted(kernel, is_fixed, "d", "divisor")


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
