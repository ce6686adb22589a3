"""Snapshots: what equals a container for as long as nothing in it changes.

In: what a function reads beside its arguments. Out: copies whose parts are copies in turn; `survey.py` makes them. Two
lists of equal parts are equal as they are. What counts besides the parts, as the order of a dict, is compared here.
"""

from __future__ import annotations

from array import array
from collections import ChainMap, UserDict, UserList
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from .nodes import is_numpy

__all__ = ["Converted", "InOrder", "Numbers", "Same", "converter", "has_numbers"]

# Containers of the standard library that show the contents of others.
_AS_LISTS: tuple[type, ...] = (UserList, type({}.keys()), type({}.values()), type({}.items()))
_AS_DICTS: tuple[type, ...] = (ChainMap, MappingProxyType, UserDict)


class Same:
    """Equal to one object only."""

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return self.it is other

    def __hash__(self) -> int:
        return id(self.it)


class InOrder:
    """Equal to a dict or a set with the same elements in the same order: a sum over them has that order."""

    def __init__(self, parts: dict[Any, Any] | list[Any]) -> None:
        self.parts, self.order = parts, [*parts]

    def __eq__(self, other: Any) -> bool:
        return (not isinstance(self.parts, dict) or self.parts == other) and self.order == [*other]

    __hash__ = None  # type: ignore[assignment]


class Numbers:
    """Equal to an array with the same elements: a NumPy array, `array`, ``bytearray`` or ``memoryview``."""

    def __init__(self, numbers: Any) -> None:
        self.kind, self.bytes = _kind(numbers), _bytes(numbers)

    def __eq__(self, other: object) -> bool:
        return _kind(other) == self.kind and _bytes(other) == self.bytes

    def __hash__(self) -> int:
        return hash(self.bytes)


class Converted:
    """Equal to what becomes the same list or dict when it is converted."""

    def __init__(self, convert: Callable[[Any], Any], parts: Any) -> None:
        self.convert, self.parts = convert, parts

    def __eq__(self, other: object) -> bool:
        return bool(self.parts == self.convert(other))

    __hash__ = None  # type: ignore[assignment]


def has_numbers(value: Any) -> bool:
    """Whether it is an array, whose bytes say what is in it."""
    return isinstance(value, array | bytearray | memoryview) or (is_numpy(type(value)) and hasattr(value, "tobytes"))


def converter(value: Any) -> Callable[[Any], Any] | None:
    """What makes a list or a dict of the contents of a container; None if it is no such container."""
    if isinstance(value, _AS_LISTS):
        return list
    if isinstance(value, _AS_DICTS):
        return dict
    if is_numpy(type(value)) and getattr(getattr(value, "dtype", None), "hasobject", False):
        return lambda objects: objects.tolist()
    return None


def _kind(numbers: Any) -> tuple[Any, ...]:
    """What decides what the bytes mean."""
    return (
        type(numbers),
        getattr(numbers, "shape", None),
        getattr(numbers, "dtype", None),
        getattr(numbers, "typecode", None) or getattr(numbers, "format", None),
    )


def _bytes(numbers: Any) -> bytes:
    return bytes(numbers) if isinstance(numbers, bytearray) else numbers.tobytes()
