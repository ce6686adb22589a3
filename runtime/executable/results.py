"""Results: the structure of what a function has returned under the trace."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from .nodes import Fixed, Items, Keys, Node, Scalar, Vector, is_numpy

__all__ = ["Results", "taken_apart"]


@dataclass(frozen=True)
class Results:
    """The structures of what a function returned under the trace.

    Attributes:
        value: of its result.
        aux: of its auxiliary result; None if there is none.
    """

    value: Node
    aux: Node | None = None


def taken_apart(result: Any, leaves: list[Any], fixed: bool) -> Node:
    """The structure of what a function has returned; its numbers, traced or plain, are appended to `leaves`.

    Args:
        fixed: whether None, truth values and texts may be among them, to be returned as they are.
    """
    kind = type(result)
    if isinstance(result, list | tuple):
        return Items(kind, tuple(taken_apart(part, leaves, fixed) for part in result))
    if isinstance(result, dict):
        parts = tuple(taken_apart(part, leaves, fixed) for part in result.values())
        kept = kind if kind in (OrderedDict, defaultdict) else dict
        return Keys(tuple(result), parts, kept, getattr(result, "default_factory", None))
    if is_dataclass(result) and not isinstance(result, type):
        names = tuple(field.name for field in fields(result))
        return Keys(names, tuple(taken_apart(getattr(result, name), leaves, fixed) for name in names), kind)
    if fixed and (result is None or isinstance(result, bool | str)):
        return Fixed(result)
    shape: tuple[int, ...] = getattr(result, "shape", ()) if is_numpy(kind) else ()
    if shape:
        leaves += result.ravel().tolist()
        return Vector(kind, shape)
    leaves.append(result)
    return Scalar()
