"""Flatten: arguments that are like an example become flat numbers, leaf by leaf; what is not like it is an error that
says where."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from numbers import Complex, Real
from typing import Any

from .nodes import Fixed, Index, Items, Keys, Node, Scalar, Vector, all_floats, is_numpy

__all__ = ["take"]


def take(value: Any, node: Node, path: str, floats: list[float], numbers: list[int] | None) -> None:
    """Appends the floats and indices of one argument, or a part of it.

    Args:
        path: to the part, for errors.
        floats: takes the floats.
        numbers: takes the indices; without it they may be anything, as in the example itself.

    Raises:
        TypeError: if it is not like the example.
        IndexError: if an index is out of its range.
        OverflowError: if a number is too large for a double.
    """
    match node:
        case Scalar():
            floats.append(_double(value, path))
        case Index() if numbers is not None:
            if not hasattr(type(value), "__index__"):
                raise TypeError(f"{path} must be a whole number, not {value!r}")
            number = operator.index(value)
            if not 0 <= number < node.limit:
                raise IndexError(f"{path} is {number}, but must be from 0 to {node.limit - 1}")
            numbers.append(number)
        case Fixed():
            # A NaN, or an array, is not equal to itself, so identity is enough.
            if value is not node.value and not _same(value, node.value):
                hint = "; a number that varies is a float in the example" if isinstance(node.value, int) else ""
                raise TypeError(
                    f"{path} was {node.value!r} in the example and is fixed, so it cannot be {value!r} now{hint}"
                )
        case Vector():
            _take_array(value, node.shape, path, floats)
        case Items() if node.is_flat and type(value) is list and len(value) == len(node.parts) and all_floats(value):
            floats += value
        case Items():
            for place, (part, like) in enumerate(zip(_sequence(value, len(node.parts), path), node.parts, strict=True)):
                take(part, like, f"{path}[{place}]", floats, numbers)
        case Keys() if not node.is_dict:
            if not isinstance(value, node.kind):
                raise TypeError(f"{path} must be a {node.kind.__name__}, as in the example, not {type(value).__name__}")
            for key, like in zip(node.keys, node.parts, strict=True):
                take(getattr(value, key), like, f"{path}.{key}", floats, numbers)
        case Keys():
            if not isinstance(value, Mapping):
                raise TypeError(f"{path} must be a dict, as in the example, not {type(value).__name__}")
            for key in value:
                if key not in node.keys:
                    raise TypeError(f"{path} has a key {key!r}, which the example has not")
            for key, like in zip(node.keys, node.parts, strict=True):
                if key not in value:
                    raise TypeError(f"{path} has no key {key!r}, which the example has")
                take(value[key], like, f"{path}[{key!r}]", floats, numbers)


def _sequence(value: Any, count: int, path: str) -> list[Any]:
    if isinstance(value, str | bytes | bytearray | Mapping) or not (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    ):
        raise TypeError(f"{path} must be a sequence of {_elements(count)}, as in the example, not {value!r:.60}")
    elements = list(value)  # what it has, and not what its len() says
    if len(elements) != count:
        raise TypeError(f"{path} has {_elements(len(elements))}, {count} in the example")
    return elements


def _take_array(value: Any, shape: tuple[int, ...], path: str, floats: list[float]) -> None:
    if not shape:
        floats.append(_double(value, path))
        return
    if is_numpy(type(value)) and value.shape == shape and value.dtype.kind in "fiu":
        floats += value.astype(float).ravel().tolist()
        return
    for place, part in enumerate(_sequence(value, shape[0], path)):
        _take_array(part, shape[1:], f"{path}[{place}]", floats)


def _double(value: Any, path: str) -> float:
    # NumPy would give the real part of a complex number.
    if not isinstance(value, str | bytes | bytearray) and (isinstance(value, Real) or not isinstance(value, Complex)):
        try:
            return float(value)
        except OverflowError:
            raise OverflowError(f"{path} is too large for a double: {value!r:.60}") from None
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{path} must be a number, not {value!r:.60}")


def _same(value: Any, like: Any) -> bool:
    """Whether a function that was traced with `like` would have computed the same with `value`: 0 is not -0.0."""
    if type(like) is int and not isinstance(value, bool):
        try:
            return operator.index(value) == like
        except TypeError:
            return False
    return isinstance(value, type(like)) and isinstance(value, bool) == isinstance(like, bool) and bool(value == like)


def _elements(count: int) -> str:
    return f"{count} element{'s' * (count != 1)}"
