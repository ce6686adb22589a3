"""Conditions: what comparing scalars gives, and the choices that are made by them: `where` and `choose`.

A condition is a value without gradient, which need not be known before the program runs. So it is no bool: eagerly it
is a `Condition`, under the trace a ``TracedCondition``, and an ``if`` on either is an error that says to write `where`.
The comparison of two plain numbers stays a bool.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NoReturn

from .elementary import Functions
from .number import Condition, Number, Scalar, real

__all__ = ["choose", "logical_and", "logical_not", "logical_or", "where"]


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where a condition holds, else `b`; both are computed, and the gradient goes to the one taken.

        >>> x = Value(-1.0)
        >>> y = where(x > 0, x.log(), 0.0)
        >>> y.backward()
        >>> y.data, x.grad
        (0.0, 0.0)

    The one that is not taken receives nothing, and so hands nothing on: not even a NaN. Both take their places in the
    order of the gradient's sums, `a` before `b`, whichever is taken.

    Args:
        condition: a comparison of scalars, perhaps several joined by ``&``, ``|`` and ``~``; a bool; or a scalar or a
            float, which counts as ``condition != 0``.
        a, b: scalars or plain numbers.

    Returns:
        a scalar if `a` or `b` is one; of plain numbers a constant, or where the condition is a plain bool, a float.

    Raises:
        TypeError: if an argument is of another kind.
    """
    condition = _condition(condition)
    for value in (condition, a, b):
        if isinstance(value, Scalar):
            return value._where(condition, a, b)
    chosen = a if _holds(condition) else b
    is_constant = any(isinstance(value, Condition | Number) for value in (condition, a, b))
    real(b if _holds(condition) else a)  # which must be a number, too
    return Number(real(chosen)) if is_constant else real(chosen)


def choose(values: Sequence[Any], index: Any) -> Any:
    """``values[index]``, as `where` chooses among two: all are computed, and the gradient goes to the chosen one.

    Unlike `select`, of which the gradient's order of sums depends on the index, all values take their places in that
    order, whichever is chosen. So there is a program for any values, however they are computed.

        >>> x = Value(2.0)
        >>> choose([x * x, x.log(), 3.0], 1).backward()
        >>> x.grad
        0.5

    Args:
        values: scalars or plain numbers.
        index: an int, or an index of the function that is compiled.

    Returns:
        a scalar if one of the values is, else a constant, as `select` gives.

    Raises:
        TypeError: if an argument is of another kind.
        IndexError: if there are not so many values.
    """
    values = list(values)
    rule = getattr(index, "_choose", None)
    if rule is not None:
        return rule(values)
    place = range(len(values))[operator.index(index)]
    for value in values:
        if isinstance(value, Scalar):
            return value._choose_fixed(values, place)
    return Number([real(value) for value in values][place])


def logical_and(*conditions: Any) -> Any:
    """Whether all of some conditions hold: ``a & b``, for bools too."""
    return _joined(conditions, operator.and_, start=True)


def logical_or(*conditions: Any) -> Any:
    """Whether one of some conditions holds: ``a | b``, for bools too."""
    return _joined(conditions, operator.or_, start=False)


def logical_not(condition: Any) -> Any:
    """Whether a condition does not hold: ``~a``, which of a bool is an int."""
    condition = _condition(condition)
    return not condition if isinstance(condition, bool) else ~condition


def _joined(conditions: Sequence[Any], join: Any, start: bool) -> Any:
    joined: Any = start
    for condition in conditions:
        condition = _condition(condition)
        joined = condition if joined is start else join(joined, condition)
    return joined


def _condition(value: Any) -> Any:
    """A bool or a condition, for what counts as one."""
    if isinstance(value, bool | Condition) or getattr(type(value), "is_condition", False):
        return value
    if isinstance(value, Functions):
        return value != 0.0
    if isinstance(value, float) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    _refuse(value)


def _refuse(value: Any) -> NoReturn:
    hint = "; ~ of a bool is an int: write logical_not()" if isinstance(value, int) and value in (-1, -2) else ""
    raise TypeError(f"a condition is a comparison, such as x > 0, and not {value!r:.60}{hint}")


def _holds(condition: Any) -> bool:
    return condition.holds if isinstance(condition, Condition) else condition
