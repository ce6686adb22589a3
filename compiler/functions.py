"""What a model written in plain scalars needs beyond the operators: `maximum`, `select` and `scope`.

Each dispatches on the scalars it is given, so the same model runs on plain floats, on the eager ``Value`` and under the
trace. A type takes part by having a static method ``maximum(values)`` (a scalar) or a method ``select(values)`` (an
index).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["current_scope", "maximum", "scope", "select"]

_LABEL = re.compile(r"[\w-]*[^\W_][\w-]*")

# The scopes entered at this moment, joined by dots. A trace reads it at every operation.
_path: ContextVar[str] = ContextVar("microgpt_scope", default="")


def maximum(values: Sequence[Any]) -> Any:
    """The largest of `values` as a constant: no gradient flows through it.

    Raises:
        ValueError: if `values` is empty.
    """
    if not values:
        raise ValueError("maximum() needs at least one value")
    for value in values:
        rule = getattr(type(value), "maximum", None)
        if rule is not None:
            return rule(values)
    return max(values)


def select(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, for an index that may only be known when the compiled program runs.

    Gradient flows into the selected value alone, as if the others had not been mentioned.
    """
    rule = getattr(index, "select", None)
    return values[index] if rule is None else rule(values)


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
