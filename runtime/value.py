"""The eager autograd: a scalar that remembers how it was computed. It is the oracle that every compiled program must
equal.

The order in which `Value.backward` adds up gradients is the reference order: a depth-first walk from the result,
operands in order, taken in reverse. Floating-point sums depend on their order, so the compiler reproduces exactly
this walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..compiler.arithmetic import divide, exponential, logarithm, power, rectify, step

__all__ = ["Value"]


class Value:
    """A scalar in the graph of a computation.

    Attributes:
        data: the number.
        grad: the derivative of the result on which `backward` was called, in this value. Zero before.
    """

    __slots__ = ("_local_grads", "_operands", "data", "grad")

    def __init__(self, data: float, _operands: tuple[Value, ...] = (), _local_grads: tuple[float, ...] = ()) -> None:
        self.data = float(data)
        self.grad = 0.0
        self._operands = _operands
        self._local_grads = _local_grads

    def __repr__(self) -> str:
        return f"Value(data={self.data!r}, grad={self.grad!r})"

    def __add__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Value:
        """``self ** exponent`` for a plain number `exponent`; d/dx x**n = n * x**(n-1)."""
        if isinstance(exponent, Value):
            raise TypeError("the exponent of ** must be a plain number, not a Value")
        slope = exponent * power(self.data, exponent - 1)
        return Value(power(self.data, exponent), (self,), (slope,))

    def log(self) -> Value:
        """The natural logarithm; d/dx log x = 1/x."""
        return Value(logarithm(self.data), (self,), (divide(1.0, self.data),))

    def exp(self) -> Value:
        """The exponential, its own derivative."""
        result = exponential(self.data)
        return Value(result, (self,), (result,))

    def relu(self) -> Value:
        """``max(0, self)``; its derivative is taken as 0 at 0."""
        return Value(rectify(self.data), (self,), (step(self.data),))

    def __neg__(self) -> Value:
        return self * -1

    def __sub__(self, other: Value | float) -> Value:
        return self + (-other)

    def __truediv__(self, other: Value | float) -> Value:
        return self * (other**-1 if isinstance(other, Value) else power(other, -1))

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    @staticmethod
    def maximum(values: Sequence[Value | float]) -> float:
        """The largest of `values`, as a constant through which no gradient flows."""
        return max(value.data if isinstance(value, Value) else value for value in values)

    def backward(self) -> None:
        """Adds d(self)/d(v) into ``v.grad`` for every value `v` that self was computed from."""
        self.grad = 1.0
        for value in reversed(self._walk()):
            for operand, local_grad in zip(value._operands, value._local_grads, strict=True):
                operand.grad += local_grad * value.grad

    def _walk(self) -> list[Value]:
        """Everything self depends on, operands first: depth-first post-order on a stack of our own, however deep."""
        order: list[Value] = []
        visited = {self}
        stack: list[tuple[Value, Iterator[Value]]] = [(self, iter(self._operands))]
        while stack:
            value, remaining = stack[-1]
            for operand in remaining:
                if operand not in visited:
                    visited.add(operand)
                    stack.append((operand, iter(operand._operands)))
                    break
            else:
                order.append(value)
                stack.pop()
        return order
