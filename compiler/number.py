"""Plain numbers among scalars: which ones are accepted, what double each stands for, and how constants compute.

`constant_maximum` gives a constant, and so does `select` among constants: no gradient flows through either. A constant
is worth a plain float, so its arithmetic is that of floats: ``49 / c`` is one division. Eagerly it is a `Number`, under
the trace a ``TracedNumber``; both follow the rules of this module, operation by operation, so their bits are the same.
"""

from __future__ import annotations

from typing import Any

from .arithmetic import divide, power
from .elementary import Functions
from .ir.calculator import FLOATS

__all__ = ["ArrayOperandError", "Number", "Scalar", "is_plain", "real"]


class ArrayOperandError(TypeError):
    """An array stands where a number is expected. An operator leaves it to the array, which has it for each element."""


class Scalar(Functions):
    """The base of scalars that record how they were computed: the eager ``Value`` and the traced scalars."""

    __slots__ = ()


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

    def _apply(self, op: int) -> Number:
        return Number(FLOATS.node(op, float(self)))

    def _pair(self, op: int, first: Any, second: Any) -> Number:
        return Number(FLOATS.node(op, real(first), real(second)))
