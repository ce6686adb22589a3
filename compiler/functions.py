"""What a model written in plain scalars needs beyond the operators: `maximum`, `select` and `scope`.

Each dispatches on the scalars it is given, so the same model runs on plain floats, on the eager ``Value`` and under the
trace. A type of scalars takes part by having a static method ``maximum(values)`` and a method ``constant(number)`` (a
scalar of its kind, worth `number`); a type of indices, by a method ``select(values)``. Constants are a `Number`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .number import Number, is_plain, real

__all__ = ["current_scope", "maximum", "scope", "select"]

_LABEL = re.compile(r"[\w-]*[^\W_][\w-]*")

# The scopes entered at this moment, joined by dots. A trace reads it at every operation.
_path: ContextVar[str] = ContextVar("microgpt_scope", default="")


def maximum(values: Iterable[Any]) -> Any:
    """The largest of `values` as a constant: no gradient flows through it, and it computes as a float does.

    Raises:
        ValueError: if `values` is empty.
    """
    values = list(values)
    if not values:
        raise ValueError("maximum() needs at least one value")
    for value in values:
        rule = getattr(type(value), "maximum", None)
        if rule is not None:
            return rule(values)
    return Number(max(map(real, values)))


def select(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, for an index that may only be known when the compiled program runs; of rows, a row.

    Gradient flows into the selected value alone, as if the others had not been mentioned. A choice among numbers is a
    constant, as `maximum` is. A number chosen from among scalars becomes a scalar: what kind of value this is never
    depends on the index.
    """
    rule = getattr(index, "select", None)
    return _kind_of_all(values, index) if rule is None else rule(values)


def _kind_of_all(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, of the kind that any of the values could be."""
    chosen = values[index]
    if isinstance(chosen, list | tuple):
        return [
            element if hasattr(type(element), "constant") else _kind_of_all([row[place] for row in values], index)
            for place, element in enumerate(chosen)
        ]
    if hasattr(type(chosen), "constant"):
        return chosen
    for value in values:
        if hasattr(type(value), "constant"):
            return value.constant(chosen)
    return Number(real(chosen)) if is_plain(chosen) else chosen


@contextmanager
def scope(name: str, number: int | None = None) -> Iterator[None]:
    """Names what is computed inside, for people: ``with scope("layer", 0): ...`` gives ``layer0``.

    Scopes nest. They appear in dumps, generated code and drawings and never change a result.

    Raises:
        TypeError: if `name` is no str, or `number` no int.
        ValueError: if the name has anything but letters, digits, ``_`` and ``-``, or neither a letter nor a digit.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r} ({type(name).__qualname__})")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise TypeError(f"number must be an int, not {number!r} ({type(number).__qualname__})")
    label = name if number is None else f"{name}{number}"
    if not _LABEL.fullmatch(label):
        raise ValueError(f"a scope is named with letters, digits, _ and -, not {label!r}")
    outer = _path.get()
    token = _path.set(f"{outer}.{label}" if outer else label)
    try:
        yield
    finally:
        _path.reset(token)


def current_scope() -> str:
    """The scopes entered at this moment, outermost first, joined by dots: ``position3.layer0.head2.scores``."""
    return _path.get()
