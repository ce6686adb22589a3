"""The eager autograd: a scalar that remembers how it was computed. It is the oracle that every compiled program must
equal.

The order in which `Value.backward` adds up gradients is the reference order: a depth-first walk from the result,
operands in order, taken in reverse. Floating-point sums depend on their order, so the compiler reproduces exactly
this walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter, contains
from typing import Any, NoReturn

from ..compiler.ir.calculator import FLOATS
from ..compiler.ir.ops import OPS, OPS_BY_NAME, POW
from ..compiler.number import ArrayOperandError, Condition, Number, Scalar, is_plain, real
from ..compiler.numerics import power

__all__ = ["Value"]

_POWER = OPS_BY_NAME["power"]
_LOCAL_GRADS = attrgetter("_local_grads")


class Value(Scalar):
    """A scalar in the graph of a computation.

    Operators take values and plain numbers: ints, floats, and what converts to a float (but no text).

    Attributes:
        data: the number.
        grad: the derivative of the result on which `backward` was called, in this value. Zero before.

    Raises:
        TypeError: if an operand is neither a value nor a number.
        OverflowError: if an operand is an integer beyond every double.
    """

    __slots__ = ("_local_grads", "_operands", "data", "grad")

    def __init__(self, data: float, _operands: tuple[Value, ...] = (), _local_grads: tuple[Any, ...] = ()) -> None:
        self.data = data if type(data) is float else real(data)
        self.grad = 0.0
        self._operands = _operands
        self._local_grads = _local_grads

    def __repr__(self) -> str:
        return f"Value(data={self.data!r}, grad={self.grad!r})"

    def _repr_svg_(self) -> str | None:
        """The value and all that it was computed from, for a notebook."""
        from .value_drawing import value_svg

        return value_svg(self._walk())

    def __add__(self, other: Value | float) -> Value:
        try:
            other = other if isinstance(other, Value) else Value(other)
        except ArrayOperandError:
            return NotImplemented
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        try:
            other = other if isinstance(other, Value) else Value(other)
        except ArrayOperandError:
            return NotImplemented
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: Value | float) -> Value:
        """``self ** exponent``.

        With a plain number, d/dx x**n is n * x**(n-1), and 0 for n = 0. With a scalar, d/dx x**y is y * x**(y-1), and
        d/dy is x**y * log(x): NaN where x is below 0, and where 0 meets an infinity.
        """
        if isinstance(exponent, Value | Number):
            return self._pair(_POWER, self, exponent)
        return self._apply(POW, real(exponent)) if is_plain(exponent) else NotImplemented

    def __rpow__(self, base: float) -> Value:
        return self._pair(_POWER, base, self)

    def _apply(self, op: int, *constants: float) -> Value:
        """The operation `op` of the table on this value, and the derivative that its row has."""
        data, row = self.data, OPS[op]
        assert row.evaluate is not None, row.name
        assert row.derivative is not None, row.name
        result = row.evaluate(data, *constants)
        slope, *_ = row.derivative(FLOATS, result, data, *constants)
        return Value(result, (self,), (slope,))

    def _pair(self, op: int, first: Value | float, second: Value | float) -> Value:
        """The operation `op` of the table on two numbers, and the derivatives that its row has."""
        a, b = (value if isinstance(value, Value) else Value(value) for value in (first, second))
        row = OPS[op]
        assert row.evaluate is not None, row.name
        assert row.derivative is not None, row.name
        result = row.evaluate(a.data, b.data)
        return Value(result, (a, b), row.derivative(FLOATS, result, a.data, b.data))

    def _compare(self, op: int, first: Any, second: Any) -> Condition:
        a, b = (value.data if isinstance(value, Value) else real(value) for value in (first, second))
        return Condition(bool(FLOATS.node(op, a, b)))

    def _where(self, condition: Any, first: Value | float, second: Value | float) -> Value:
        holds = condition.holds if isinstance(condition, Condition) else condition
        return self._choose_fixed((first, second), 0 if holds else 1)

    @staticmethod
    def _choose_fixed(values: Sequence[Value | float], place: int) -> Value:
        """The value at a place; the others receive no gradient."""
        operands = tuple(value if isinstance(value, Value) else Value(value) for value in values)
        slopes = tuple(1.0 if at == place else None for at in range(len(operands)))
        return Value(operands[place].data, operands, slopes)

    def __pos__(self) -> Value:
        return self

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Value | float) -> Value:
        try:
            return self + (-other if isinstance(other, Value) else -real(other))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Value | float) -> Value:
        try:
            return self * (other**-1 if isinstance(other, Value) else power(real(other), -1.0))
        except ArrayOperandError:
            return NotImplemented

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    def __copy__(self) -> NoReturn:
        raise TypeError(
            "a Value cannot be copied: the copy would take part in no gradient of the original; no operation changes "
            "a Value, so copy the lists that hold it, or for a new one write Value(value.data)"
        )

    def __deepcopy__(self, memo: Any) -> NoReturn:
        self.__copy__()

    def constant(self, number: float) -> Value:
        """A value worth `number` that depends on nothing."""
        return Value(number)

    @staticmethod
    def constant_maximum(values: Sequence[Value | float]) -> Number:
        """The largest of `values`, as a constant through which no gradient flows."""
        return Number(max(value.data if isinstance(value, Value) else real(value) for value in values))

    def backward(self) -> None:
        """Adds d(self)/d(v) into ``v.grad`` for every value `v` that self was computed from."""
        self.grad = 1.0
        order = self._walk()
        order.reverse()
        if any(map(contains, map(_LOCAL_GRADS, order), repeat(None))):
            self._hand_to_chosen(order)
            return
        for value in order:
            grad, operands = value.grad, value._operands
            if len(operands) == 2:  # most have two: a loop over them takes twice as long
                first, second = operands
                local_grad, other = value._local_grads
                first.grad += local_grad * grad
                second.grad += other * grad
            elif operands:
                operands[0].grad += value._local_grads[0] * grad

    def _hand_to_chosen(self, order: list[Value]) -> None:
        """Hands gradients on where some operand was not chosen: what has received nothing hands nothing on.

        Not even 0 times infinity.
        """
        reached = {self}
        for value in order:
            if value in reached:
                for operand, local_grad in zip(value._operands, value._local_grads, strict=True):
                    if local_grad is not None:
                        operand.grad += local_grad * value.grad
                        reached.add(operand)

    def _walk(self) -> list[Value]:
        """Everything self depends on, operands first: depth-first post-order on a stack of our own, however deep."""
        order: list[Value] = []
        visited: set[Value] = set()
        # Values to visit, and a None below which all operands of the last one in `entered` have been visited.
        stack: list[Value | None] = [self]
        entered: list[Value] = []
        while stack:
            value = stack.pop()
            if value is None:
                order.append(entered.pop())
            elif value not in visited:
                visited.add(value)
                if value._operands:
                    entered.append(value)
                    stack.append(None)
                    stack += value._operands[::-1]
                else:
                    order.append(value)
        return order
