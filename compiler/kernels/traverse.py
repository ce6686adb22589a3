"""Traverse: the parts of a kernel's statements and expressions, found, changed and replaced."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..loops.loop_ir import Array
from .expressions import Entry, Sum

__all__ = [
    "mentions",
    "names_in",
    "parts",
    "rebuilt",
    "substituted",
]


# What has no parts. An array has its shape, which no pass changes.
_LEAVES = frozenset((int, bool, str, type(None), Array))
_FIELDS: dict[object, tuple[str, ...] | None] = {}


def _fields(kind: Any) -> tuple[str, ...] | None:
    """The names of the fields of a kind of node that may have parts; None if it is no node."""
    if kind not in _FIELDS:
        _FIELDS[kind] = None
        if is_dataclass(kind):
            _FIELDS[kind] = tuple(field.name for field in fields(kind) if field.type not in ("int", "bool", "str"))
    return _FIELDS[kind]


def parts(node: Any) -> Iterator[Any]:
    """What a node of the IR consists of, nodes and whole numbers alike."""
    for name in _fields(type(node)) or ():
        value = getattr(node, name)
        if is_dataclass(value):
            yield value
        elif isinstance(value, tuple):
            for part in value:
                yield from part if isinstance(part, tuple) else (part,)


def rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """The node with its parts changed. `change` is asked of each part, outermost first, and gives another one, or None
    to go on inside.
    """
    kind = type(node)
    if kind is tuple:
        parts_ = [part if type(part) in _LEAVES else rebuilt(part, change) for part in node]
        return node if all(map(operator.is_, parts_, node)) else tuple(parts_)
    names = None if kind in _LEAVES else _fields(kind)
    if names is None:
        return node
    found = change(node)
    if found is not None:
        return found
    if kind is Sum and all(type(name) is str for _, name in node.terms):
        return node  # half of all nodes, and most of their parts
    changed = {}
    for name in names:
        value = getattr(node, name)
        if type(value) in _LEAVES:
            continue
        other = rebuilt(value, change)
        if other is not value:
            changed[name] = other
    # `replace` would take thrice as long.
    return kind(*[changed.get(name, getattr(node, name)) for name in kind.__match_args__]) if changed else node


def mentions(node: Any, wanted: Callable[[Any], bool]) -> bool:
    """Whether a node has a part of which something holds."""
    found = False

    def change(part: Any) -> Any:
        nonlocal found
        found = found or wanted(part)
        return part if found else None

    rebuilt(node, change)
    return found


def substituted(node: Any, values: Mapping[str, Sum]) -> Any:
    """The node with sums in place of variables."""

    def change(part: Any) -> Any:
        if not isinstance(part, Sum):
            return None
        total = Sum(part.constant)
        for factor, name in part.terms:
            if isinstance(name, Entry):
                total = total.plus(Sum(0, ((factor, Entry(substituted(name.number, values))),)))
            elif name not in values:
                total = total.plus(Sum(0, ((factor, name),)))
            elif isinstance(factor, int):
                total = total.plus(values[name].times(factor))
            else:
                total = total.plus(_scaled(values[name], factor))
        return total

    return rebuilt(node, change)


def _scaled(value: Sum, factor: str) -> Sum:
    """A whole number, of single variables, times a parameter."""
    terms = tuple((factor, name) for own, name in value.terms if own == 1)
    if len(terms) != len(value.terms):
        raise ValueError(f"{value} cannot be multiplied by {factor}")
    return Sum(0, (*terms, *(((value.constant, factor),) if value.constant else ())))


def names_in(nodes: Iterable[Any]) -> set[str]:
    """The variables that nodes mention."""
    found: set[str] = set()
    stack: list[Any] = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            found.add(node)
        elif isinstance(node, tuple):
            stack += node
        elif isinstance(node, Array):
            continue
        else:
            stack += [getattr(node, name) for name in _fields(type(node)) or ()]
    return found
