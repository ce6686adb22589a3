"""Traced scalar: the numbers and conditions of the program being recorded, and their operations.

A `TracedScalar` computes as the eager ``Value`` does, a `TracedNumber`, through which no gradient flows, as a float
does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.ops import ADD, AND, BRANCH, DIV, MAX, MUL, NOT, OPS_BY_NAME, OR, POW
from ..number import ArrayOperandError, Condition, Number
from ..numerics import power
from .recorder import passed_through
from .refused import WRITE_WHERE, Unread, refuse

__all__ = ["TracedCondition", "TracedNumber", "TracedScalar", "TracedValue", "kind_of"]

passed_through(globals())

_POWER = OPS_BY_NAME["power"]


class TracedValue(Unread):
    """What every traced value can do: take part in a branch."""

    __slots__ = ()

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        recorder = self.recorder
        nodes = recorder.flag(condition), recorder.operand(first), recorder.operand(second)
        return kind_of(first, second)(recorder, recorder.record(BRANCH, *nodes))


class TracedCondition(TracedValue):
    """Whether a comparison of the program being recorded holds. It has no gradient."""

    __slots__ = ()

    is_condition = True

    def __and__(self, other: Any) -> Any:
        return self._joined(AND, other)

    def __or__(self, other: Any) -> Any:
        return self._joined(OR, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> TracedCondition:
        return self._record(NOT)

    def _joined(self, op: int, other: Any) -> Any:
        if not isinstance(other, bool | Condition | TracedCondition):
            return NotImplemented
        return self._record(op, self.recorder.flag(other))

    def _record(self, op: int, *others: int) -> TracedCondition:
        return TracedCondition(self.recorder, self.recorder.record(op, self.node, *others))

    __bool__ = refuse(
        "traced values were compared to decide what Python does next; their values are "
        f"{WRITE_WHERE}, maximum() or minimum(), and &, | and ~ for and, or and not"
    )
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        refuse("a condition is no number: where(condition, 1, 0) is one")
    )
    _apply = _pair = _compare = __neg__


class Arithmetic(TracedValue):
    """The operations that scalars and constants share."""

    __slots__ = ()

    is_real = True

    def _record(self, op: int, *others: int) -> Any:
        """Appends an operation on this value that the calling frame of the user asked for; its result is like it."""
        return type(self)(self.recorder, self.recorder.record(op, self.node, *others))

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Arithmetic | Number):
            return self._pair(_POWER, self, exponent)
        try:
            return self._record(POW, self.recorder.operand(self.recorder.real(exponent, arrays=True)))
        except ArrayOperandError:
            return NotImplemented

    def __rpow__(self, base: Any) -> Any:
        return self._pair(_POWER, base, self)

    def __pos__(self) -> Any:
        return self

    def __neg__(self) -> Any:
        return self._record(MUL, self.recorder.operand(-1))

    def _apply(self, op: int) -> Any:
        return self._record(op)

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        recorder = self.recorder
        nodes = recorder.operand(first), recorder.operand(second)
        return kind_of(first, second)(recorder, recorder.record(op, *nodes))

    def _compare(self, op: int, first: Any, second: Any) -> TracedCondition:
        recorder = self.recorder
        nodes = recorder.operand(first), recorder.operand(second)
        return TracedCondition(recorder, recorder.record(op, *nodes))

    def _choose_fixed(self, values: Sequence[Any], place: int) -> Any:
        """The value at a place; the others have their places in the order of gradients, too."""
        *others, chosen = values
        for at in range(len(others) - 1, -1, -1):
            chosen = self._where(at == place, others[at], chosen)
        return chosen if isinstance(chosen, Arithmetic) else self._where(True, chosen, chosen)

    @staticmethod
    def constant_maximum(values: Sequence[Any]) -> TracedNumber:
        """The largest of `values`, as a constant through which no gradient flows."""
        recorder = next(value.recorder for value in values if isinstance(value, Arithmetic))
        largest = TracedNumber(recorder, recorder.operand(values[0]))
        # One value alone is compared to itself: the operation is what keeps gradients from flowing.
        for value in values[1:] or values:
            largest = largest._record(MAX, recorder.operand(value))
        return largest


def kind_of(*values: Any) -> type[TracedScalar | TracedNumber]:
    """Of a result of these: a scalar if one of them is."""
    return TracedScalar if any(isinstance(value, TracedScalar) for value in values) else TracedNumber


class TracedScalar(Arithmetic):
    """A scalar of the program being recorded. Its arithmetic is that of the eager autograd, operation by operation."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        if type(other) is TracedScalar and other.recorder is self.recorder:  # mostly, and in half the time
            return TracedScalar(self.recorder, self.recorder.record_pair(ADD, self.node, other.node))
        try:
            return self._record(ADD, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        if type(other) is TracedScalar and other.recorder is self.recorder:
            return TracedScalar(self.recorder, self.recorder.record_pair(MUL, self.node, other.node))
        try:
            return self._record(MUL, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __sub__(self, other: Any) -> Any:
        try:
            return self + (-other if isinstance(other, Arithmetic) else -self.recorder.real(other, arrays=True))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            inverse = other**-1 if isinstance(other, Arithmetic) else power(self.recorder.real(other, True), -1.0)
            return self * inverse
        except ArrayOperandError:
            return NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    def constant(self, number: Any) -> TracedScalar:
        """A scalar worth `number` through which no gradient flows."""
        return TracedScalar(self.recorder, self.recorder.operand(number))


class TracedNumber(Arithmetic):
    """A constant of the program being recorded: it stands for a plain float. ``/`` is one division.

    Among scalars it is what a float is to a ``Value``, so the operators leave that to the scalar.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(ADD, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(MUL, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __sub__(self, other: Any) -> Any:
        try:
            if isinstance(other, TracedScalar):
                return NotImplemented
            return self + (-other if isinstance(other, TracedNumber) else -self.recorder.real(other, arrays=True))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(DIV, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return TracedNumber(self.recorder, self.recorder.operand(other)) / self
