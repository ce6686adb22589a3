"""Partial: a scalar that remembers how it was computed, as far as that depends on chosen ones.

Whoever wants the gradient in a few parameters of a large model makes those partial and the others `Forward`. What does
not depend on a chosen one is computed and forgotten; so there is no more of a graph than lies between them and the
result. Its gradients are those of the eager autograd, bit for bit. Whatever uses a value that depends on a chosen one
depends on it, too, and is there: no contribution is missing. And nothing that is missing has operands that are there:
the walk meets what is there in the same order.

Conditions and `maximum` are not among its operations; the GPT has none.
"""

from __future__ import annotations

from typing import Any

from ...compiler.ir.calculator import FLOATS
from ...compiler.ir.ops import OPS
from ...compiler.number import real
from ...runtime.forward import Forward
from ...runtime.value import Value

__all__ = ["Partial"]

_ONE = (1.0,)


class Partial(Forward):
    """A number that depends on a chosen one, or is one. The operators, the walk and the gradients are ``Value``'s.

    Attributes:
        grad: the derivative of the result on which `backward` was called, in this number. Zero before.
    """

    __slots__ = ("_local_grads", "_operands", "grad")

    def __init__(self, data: float, _operands: tuple[Any, ...] = (), _local_grads: tuple[Any, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self._operands = _operands
        self._local_grads = _local_grads

    backward: Any = Value.backward
    _walk: Any = Value._walk
    _hand_to_chosen: Any = Value._hand_to_chosen

    # A `Forward` on the left leaves its operation to the class below it.
    def __add__(self, other: Any) -> Partial:
        if isinstance(other, Partial):
            return Partial(self.data + other.data, (self, other), (1.0, 1.0))
        return Partial(self.data + _number(other), (self,), _ONE)

    def __mul__(self, other: Any) -> Partial:
        if isinstance(other, Partial):
            return Partial(self.data * other.data, (self, other), (other.data, self.data))
        number = _number(other)
        return Partial(self.data * number, (self,), (number,))

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    def _apply(self, op: int, *constants: float) -> Partial:
        data, row = self.data, OPS[op]
        assert row.evaluate is not None, row.name
        assert row.derivative is not None, row.name
        result = row.evaluate(data, *constants)
        slope, *_ = row.derivative(FLOATS, result, data, *constants)
        return Partial(result, (self,), (slope,))


def _number(value: Any) -> float:
    return value.data if isinstance(value, Forward) else real(value)
