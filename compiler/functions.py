"""What a model written in plain scalars needs beyond the operators: `maximum`, `minimum`, `constant_maximum`, `select`,
`scope`, and the functions that the rows of the table of operations have for users: `exp`, `tanh` and so on.

Each dispatches on the scalars it is given, so the same model runs on plain floats, on the eager ``Value`` and under the
trace. A type of scalars takes part by having the methods of `Functions`, a static method ``constant_maximum(values)``
and a method ``constant(number)`` (a scalar of its kind, worth `number`); a type of indices, by a method
``select(values)``. Constants are a `Number`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from .elementary import Functions, text_of
from .ir.calculator import FLOATS
from .ir.ops import CALLED, OPS, OPS_BY_NAME
from .number import Number, Scalar, is_plain, real

__all__ = ["FUNCTIONS", "constant_maximum", "current_scope", "maximum", "minimum", "scope", "select"]

S = TypeVar("S", bound=Functions)


class Function(Protocol):
    """A function of a scalar, which gives one of its kind, or of a plain number, which gives a float."""

    __name__: str

    @overload
    def __call__(self, x: S, /) -> S: ...
    @overload
    def __call__(self, x: float, /) -> float: ...


_LABEL = re.compile(r"[\w-]*[^\W_][\w-]*")

# The scopes entered at this moment, joined by dots. A trace reads it at every operation.
_path: ContextVar[str] = ContextVar("microgpt_scope", default="")


def maximum(*values: Any) -> Any:
    """The largest of several numbers or scalars, or of those in one list, as `max` finds it: with gradient.

    The derivative is 1 in the first of those that are largest, and 0 in the others.

    Raises:
        ValueError: if there is no value.
    """
    return _extreme("maximum", values)


def minimum(*values: Any) -> Any:
    """The smallest of several numbers or scalars, or of those in one list, as `min` finds it: with gradient.

    The derivative is 1 in the first of those that are smallest, and 0 in the others.

    Raises:
        ValueError: if there is no value.
    """
    return _extreme("minimum", values)


def _extreme(name: str, values: Sequence[Any]) -> Any:
    values = list(values[0]) if len(values) == 1 else values
    if not values:
        raise ValueError(f"{name}() needs at least one value")
    best, *others = values
    for other in others:
        best = _pair(OPS_BY_NAME[name], best, other)
    return best if isinstance(best, Functions) else real(best)


def _pair(op: int, first: Any, second: Any) -> Any:
    """An operation of the table on two numbers: a scalar if one of them is, else a constant if one of them is."""
    for kind in (Scalar, Number):
        for value in (first, second):
            if isinstance(value, kind):
                return value._pair(op, first, second)
    return FLOATS.node(op, real(first), real(second))


def constant_maximum(values: Iterable[Any]) -> Any:
    """The largest of `values` as a constant: no gradient flows through it, and it computes as a float does.

    Raises:
        ValueError: if `values` is empty.
    """
    values = list(values)
    if not values:
        raise ValueError("constant_maximum() needs at least one value")
    for value in values:
        rule = getattr(type(value), "constant_maximum", None)
        if rule is not None:
            return rule(values)
    return Number(max(map(real, values)))


def select(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, for an index that may only be known when the compiled program runs; of rows, a row.

    Gradient flows into the selected value alone, as if the others had not been mentioned. A choice among numbers is a
    constant, as `constant_maximum` is. A number chosen from among scalars becomes a scalar: what kind of value this is
    never depends on the index.
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


def _function(op: int) -> Function:
    row = OPS[op]
    evaluate = row.evaluate
    assert evaluate is not None, row.name

    def function(x: Any, /) -> Any:
        return x._apply(op) if isinstance(x, Functions) else evaluate(real(x))

    function.__name__ = function.__qualname__ = row.name
    function.__doc__ = f"{text_of(row)}\nOf a scalar it is one of its kind; of a plain number, a float.\n"
    return function


# By name. Each is in this module under its name, too.
FUNCTIONS = {OPS[op].name: _function(op) for op in CALLED}
globals().update(FUNCTIONS)

if TYPE_CHECKING:
    abs: Function
    atan: Function
    cos: Function
    cosh: Function
    erf: Function
    exp: Function
    expm1: Function
    log: Function
    log1p: Function
    relu: Function
    sigmoid: Function
    sin: Function
    sinh: Function
    softplus: Function
    sqrt: Function
    tanh: Function


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


# The scopes entered at this moment, outermost first, joined by dots: ``position3.layer0.head2.scores``. Not a function
# of Python: every operation of a trace asks.
current_scope = _path.get
