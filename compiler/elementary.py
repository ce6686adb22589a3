"""Elementary functions: what users call by its name, as methods of every kind of scalar, made from the rows of `ops`.

The lines under ``TYPE_CHECKING`` say the same to type checkers; a test compares them with the rows. `functions` has
each as a function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from .ir.ops import CALLED, LESS, LESS_EQUAL, OPS, SAME, Op

__all__ = ["Functions", "text_of"]


_COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


class Functions:
    """The base of scalars: a method for each function. A kind of scalar says in `_apply` what carrying it out is."""

    __slots__ = ()

    if TYPE_CHECKING:

        def abs(self) -> Self: ...
        def atan(self) -> Self: ...
        def cos(self) -> Self: ...
        def cosh(self) -> Self: ...
        def erf(self) -> Self: ...
        def exp(self) -> Self: ...
        def expm1(self) -> Self: ...
        def log(self) -> Self: ...
        def log1p(self) -> Self: ...
        def relu(self) -> Self: ...
        def sigmoid(self) -> Self: ...
        def sin(self) -> Self: ...
        def sinh(self) -> Self: ...
        def softplus(self) -> Self: ...
        def sqrt(self) -> Self: ...
        def tanh(self) -> Self: ...

    def _apply(self, op: int) -> Any:
        """The result of the operation `op` of the table on this scalar."""
        raise NotImplementedError

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        """The result of the operation `op` on two numbers, of which this scalar is one."""
        raise NotImplementedError

    def _compare(self, op: int, first: Any, second: Any) -> Any:
        """The condition that the operation `op` says of two numbers, of which this scalar is one."""
        raise NotImplementedError

    def __lt__(self, other: Any) -> Any:
        return self._compare(LESS, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._compare(LESS, other, self)

    def __le__(self, other: Any) -> Any:
        return self._compare(LESS_EQUAL, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._compare(LESS_EQUAL, other, self)

    def __eq__(self, other: object) -> Any:
        return self._compare(SAME, self, other)

    def __ne__(self, other: object) -> Any:
        condition = self._compare(SAME, self, other)
        return condition if condition is NotImplemented else ~condition

    __hash__ = object.__hash__

    def __abs__(self) -> Self:
        return self.abs()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """What NumPy's operators and functions give: of arrays, arrays with a scalar for each element.

        NumPy's loops over objects call the operators and methods of each.
        """
        import numpy

        boxed: list[Any] = []
        for given in inputs:
            box = given
            if isinstance(given, Functions):
                box = numpy.empty((), dtype=object)
                box[()] = given
            elif isinstance(given, numpy.ndarray | numpy.generic) and given.dtype.kind == "f":
                box = given.astype(float)  # as objects, long doubles would come back here
            boxed.append(box)
        if ufunc.__name__ in _COMPARISONS:
            options.setdefault("dtype", object)  # a condition, which has no truth value
        return getattr(ufunc, method)(*boxed, **options)


def text_of(row: Op) -> str:
    """The docstring of a function."""
    return f"{row.doc[0].upper()}{row.doc[1:]}.\n\nIts derivative is {row.slope}.\n"


def _method(op: int, row: Op) -> Callable[[Functions], Any]:
    def method(self: Functions) -> Any:
        return self._apply(op)

    method.__name__, method.__qualname__, method.__doc__ = row.name, f"Functions.{row.name}", text_of(row)
    return method


for _op in CALLED:
    setattr(Functions, OPS[_op].name, _method(_op, OPS[_op]))
