"""Map numbers: a part of the loop IR with other numbers in it, and otherwise the same.

The numbers are starts and steps, trip counts, strides, spans and constants; what is left is the structure of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .loop_ir import AddAt, Affine, Array, Const, Equal, Fold, Gather, Load, Loop, Nest, Op, Pick, Run, Span, Store

__all__ = ["NumberMap"]

T = TypeVar("T")


@dataclass(frozen=True)
class NumberMap:
    """Puts something else in the place of numbers, in the order in which they are written.

    Attributes:
        number: from a whole number.
        constant: from the text of a constant.
        array: from an array.
    """

    number: Callable[[Any], Any]
    constant: Callable[[Any], Any]
    array: Callable[[Array], Array]

    def __call__(self, part: T) -> T:
        """The part with other numbers."""
        rule = _RULES.get(type(part))
        if rule is None:
            raise TypeError(part)
        changed: T = rule(self, part)
        return changed

    def affine(self, part: Affine) -> Affine:
        """One with other numbers."""
        return Affine(self.number(part.start), self.whole(part.steps))

    def whole(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Other numbers."""
        return tuple(map(self.number, numbers))


# By kind of part. A table, as this takes a third of the time of learning from samples.
_RULES: dict[type, Callable[[NumberMap, Any], Any]] = {
    tuple: lambda to, part: tuple(map(to, part)),
    Affine: lambda to, part: to.affine(part),
    Const: lambda to, part: Const(to.constant(part.text)),
    Load: lambda to, part: Load(to.array(part.array), to(part.index)),
    Gather: lambda to, part: Gather(to.array(part.array), to(part.index), to.whole(part.stride), to(part.chosen)),
    Pick: lambda to, part: Pick(to(part.start), to(part.chosen)),
    Equal: lambda to, part: Equal(to(part.chosen), to(part.number)),
    Op: lambda to, part: Op(part.op, to(part.operands)),
    Run: lambda to, part: Run(to(part.count), to(part.parts)),
    Fold: lambda to, part: Fold(part.op, to(part.runs)),
    Store: lambda to, part: Store(to.array(part.array), to(part.index), to(part.value)),
    AddAt: lambda to, part: AddAt(
        to.array(part.array), to(part.index), to.whole(part.stride), to(part.chosen), to(part.value)
    ),
    Loop: lambda to, part: Loop(to(part.trips), part.name),
    Nest: lambda to, part: Nest(to(part.loops), to(part.body), part.label, part.recurrence),
    Span: lambda to, part: Span(to.array(part.array), to.number(part.start), to.number(part.size)),
}
