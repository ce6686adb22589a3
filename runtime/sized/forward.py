"""Forward: a scalar that computes what the eager ``Value`` does and remembers nothing.

A function is run on it at sizes whose graph nobody could hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...compiler.ir.ops import OPS, OPS_BY_NAME, POW
from ...compiler.number import ArrayOperandError, Condition, Number, Scalar, is_plain, real
from ...compiler.numerics import power

__all__ = ["Forward"]

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


def _number(value: Any) -> float:
    return value.data if isinstance(value, Forward) else real(value)
