"""Forward: a scalar that computes what the eager ``Value`` does and remembers nothing; and `Tangent`, which carries a
derivative along.

A function is run on them at sizes whose graph nobody could hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..compiler.ir.calculator import FLOATS
from ..compiler.ir.ops import OPS, OPS_BY_NAME, POW
from ..compiler.number import ArrayOperandError, Condition, Number, Scalar, is_plain, real
from ..compiler.numerics import power

__all__ = ["Forward", "Tangent"]

_POWER = OPS_BY_NAME["power"]


class Forward(Scalar):
    """A number; see ``Value``, whose operators these are.

    Attributes:
        data: the number.
    """

    __slots__ = ("data",)

    def __init__(self, data: float) -> None:
        self.data = data if type(data) is float else real(data)

    def __repr__(self) -> str:
        return f"Forward({self.data!r})"

    def __add__(self, other: Any) -> Any:
        try:
            return Forward(self.data + (other.data if isinstance(other, Forward) else real(other)))
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        try:
            return Forward(self.data * (other.data if isinstance(other, Forward) else real(other)))
        except ArrayOperandError:
            return NotImplemented

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Forward | Number):
            return self._pair(_POWER, self, exponent)
        return self._apply(POW, real(exponent)) if is_plain(exponent) else NotImplemented

    def __rpow__(self, base: Any) -> Any:
        return self._pair(_POWER, base, self)

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __sub__(self, other: Any) -> Any:
        try:
            return self + (-other if isinstance(other, Forward) else -real(other))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            return self * (other**-1 if isinstance(other, Forward) else power(real(other), -1.0))
        except ArrayOperandError:
            return NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def _apply(self, op: int, *constants: float) -> Any:
        evaluate = OPS[op].evaluate
        assert evaluate is not None, OPS[op].name
        return Forward(evaluate(self.data, *constants))

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        evaluate = OPS[op].evaluate
        assert evaluate is not None, OPS[op].name
        return Forward(evaluate(_number(first), _number(second)))

    def _compare(self, op: int, first: Any, second: Any) -> Any:
        evaluate = OPS[op].evaluate
        assert evaluate is not None, OPS[op].name
        return Condition(bool(evaluate(_number(first), _number(second))))

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        holds = condition.holds if isinstance(condition, Condition) else condition
        return Forward(_number(first if holds else second))

    @staticmethod
    def _choose_fixed(values: Sequence[Any], place: int) -> Any:
        return Forward(_number(values[place]))

    def constant(self, number: float) -> Forward:
        """See `Value.constant`."""
        return Forward(number)

    @staticmethod
    def constant_maximum(values: Sequence[Any]) -> Number:
        """See `Value.constant_maximum`."""
        return Number(max(map(_number, values)))


class Tangent(Forward):
    """A number and its derivative along a direction: forward mode, by the derivatives of the table of operations.

    The number is that of a `Forward`. The derivative is the gradient's product with the direction, up to rounding.

    Attributes:
        slope: the derivative; zero in what does not depend on what is differentiated in.
    """

    __slots__ = ("slope",)

    def __init__(self, data: float, slope: float = 0.0) -> None:
        self.data = data if type(data) is float else real(data)
        self.slope = slope

    def __repr__(self) -> str:
        return f"Tangent({self.data!r}, {self.slope!r})"

    def __add__(self, other: Any) -> Any:
        if type(other) is Tangent:
            return Tangent(self.data + other.data, self.slope + other.slope)
        try:
            return Tangent(self.data + real(other), self.slope)
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        if type(other) is Tangent:
            return Tangent(self.data * other.data, self.slope * other.data + self.data * other.slope)
        try:
            factor = real(other)
        except ArrayOperandError:
            return NotImplemented
        return Tangent(self.data * factor, self.slope * factor)

    __radd__, __rmul__ = __add__, __mul__

    def _apply(self, op: int, *constants: float) -> Any:
        return _chained(op, (self,), *constants)

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        return _chained(op, (first, second))

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        holds = condition.holds if isinstance(condition, Condition) else condition
        return _tangent(first if holds else second)

    @staticmethod
    def _choose_fixed(values: Sequence[Any], place: int) -> Any:
        return _tangent(values[place])

    def constant(self, number: float) -> Tangent:
        """See `Value.constant`."""
        return Tangent(number)


def _chained(op: int, operands: Sequence[Any], *constants: float) -> Tangent:
    """An operation of the table, by the chain rule."""
    row, tangents = OPS[op], [*map(_tangent, operands)]
    assert row.evaluate is not None, row.name
    assert row.derivative is not None, row.name
    numbers = [each.data for each in tangents]
    result = row.evaluate(*numbers, *constants)
    slope = 0.0
    # Derivatives come first in the order of operands; a POW has one more, of its constant.
    for each, local in zip(tangents, row.derivative(FLOATS, result, *numbers, *constants), strict=False):
        if each.slope:  # 0 times infinity is no contribution
            slope += local * each.slope
    return Tangent(result, slope)


def _tangent(value: Any) -> Tangent:
    return value if isinstance(value, Tangent) else Tangent(_number(value))


def _number(value: Any) -> float:
    return value.data if isinstance(value, Forward) else real(value)
