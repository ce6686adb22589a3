"""Plain numbers among scalars: which ones are accepted, what double each stands for, and how constants compute.

`constant_maximum` gives a constant, and so does `select` among constants: no gradient flows through either. A constant
is worth a plain float, so its arithmetic is that of floats: ``49 / c`` is one division. Eagerly it is a `Number`, under
the trace a ``TracedNumber``; both follow the rules of this module, operation by operation, so their bits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arithmetic import divide
from .elementary import Functions
from .ir.calculator import FLOATS
from .numerics import power

__all__ = ["ArrayOperandError", "Condition", "ConstantCondition", "Number", "Scalar", "is_plain", "real"]


class ArrayOperandError(TypeError):
    """An array stands where a number is expected. An operator leaves it to the array, which has it for each element."""


class Scalar(Functions):
    """The base of scalars that record how they were computed: the eager ``Value`` and the traced scalars."""

    __slots__ = ()

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        """See `conditions.where`. One of the three is self, the condition a bool if it is not."""
        raise NotImplementedError

    def _choose_fixed(self, values: Sequence[Any], place: int) -> Any:
        """See `conditions.choose`, for an index that is known."""
        raise NotImplementedError


def is_plain(value: object) -> bool:
    """Whether `value` is a number that scalars compute with: an int, a float, or what converts to one.

    Bools, fractions, decimals, NumPy's scalars and arrays without dimensions are; text is not.
    """
    kind = type(value)
    if kind is float or kind is int:
        return True
    converts = hasattr(kind, "__float__") or hasattr(kind, "__index__")
    return converts and not issubclass(kind, Scalar) and not _dimensions(value)


def _dimensions(value: Any) -> Any:
    return getattr(value, "shape", ())


def real(value: Any) -> float:
    """The double that a plain number stands for.

    Raises:
        TypeError: if `value` is not a plain number; `ArrayOperandError` if it is an array.
        OverflowError: if it is an integer or fraction beyond every double.
    """
    if type(value) is float:
        return value
    if not is_plain(value):
        is_array = hasattr(type(value), "__float__") and _dimensions(value)
        raise (ArrayOperandError if is_array else TypeError)(f"{type(value).__name__} is not a number")
    return float(value)


class Condition:
    """What comparing eager scalars gives. It may be known only when a compiled program runs, so it is no bool.

    Conditions are joined by ``&``, ``|`` and ``~``, with each other and with bools.

    Attributes:
        holds: whether it does, for the numbers at hand.
    """

    __slots__ = ("holds",)

    def __init__(self, holds: bool) -> None:
        self.holds = holds

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.holds})"

    def __bool__(self) -> bool:
        raise TypeError(
            "a condition on scalars was used as a Python truth value, which could not be compiled: write "
            "where(condition, a, b), and &, | and ~ for and, or and not; to look at the numbers, compare x.data"
        )

    def __and__(self, other: Any) -> Any:
        return self._joined(other, self.holds and _truth(other))

    def __or__(self, other: Any) -> Any:
        return self._joined(other, self.holds or _truth(other))

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> Condition:
        return type(self)(not self.holds)

    def _joined(self, other: Any, holds: bool) -> Any:
        if not isinstance(other, bool | Condition):
            return NotImplemented
        return (type(self) if isinstance(other, bool | ConstantCondition) else Condition)(holds)


class ConstantCondition(Condition):
    """What comparing constants gives: as these are floats, it has a truth value, too. Under the trace it has none."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return self.holds


def _truth(value: object) -> bool:
    return value.holds if isinstance(value, Condition) else value is True


class Number(Functions, float):
    """A constant: a float that computes as compiled programs do, with IEEE 754's answer where Python raises.

    Arithmetic with plain numbers gives a `Number` again; with a scalar, what the scalar makes of a float.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return Number(float(self) + real(other)) if is_plain(other) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return Number(float(self) - real(other)) if is_plain(other) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return Number(real(other) - float(self)) if is_plain(other) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        return Number(float(self) * real(other)) if is_plain(other) else NotImplemented

    def __truediv__(self, other: Any) -> Any:
        return Number(divide(float(self), real(other))) if is_plain(other) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return Number(divide(real(other), float(self))) if is_plain(other) else NotImplemented

    def __pow__(self, exponent: Any, modulus: None = None) -> Any:
        return Number(power(float(self), real(exponent))) if is_plain(exponent) else NotImplemented

    def __rpow__(self, base: Any, modulus: None = None) -> Any:
        return Number(power(real(base), float(self))) if is_plain(base) else NotImplemented

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Number:
        return Number(-float(self))

    def __pos__(self) -> Number:
        return self

    __hash__ = float.__hash__

    def _compare(self, op: int, first: Any, second: Any) -> Any:
        if not (is_plain(first) and is_plain(second)):
            return NotImplemented
        return ConstantCondition(bool(FLOATS.node(op, real(first), real(second))))

    def _apply(self, op: int) -> Number:
        return Number(FLOATS.node(op, float(self)))

    def _pair(self, op: int, first: Any, second: Any) -> Number:
        return Number(FLOATS.node(op, real(first), real(second)))
