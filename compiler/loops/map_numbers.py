"""Map numbers: a part of the loop IR with other numbers in it, and otherwise the same.

The numbers are starts and steps, trip counts, strides, spans and constants; what is left is the structure of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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
        changed: T = self._changed(part)
        return changed

    def _whole(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(map(self.number, numbers))

    def _changed(self, part: Any) -> Any:
        match part:
            case tuple():
                return tuple(map(self, part))
            case Affine():
                return Affine(self.number(part.start), self._whole(part.steps))
            case Const():
                return Const(self.constant(part.text))
            case Load():
                return Load(self.array(part.array), self(part.index))
            case Gather():
                return Gather(self.array(part.array), self(part.index), self._whole(part.stride), self(part.chosen))
            case Pick():
                return Pick(self(part.start), self(part.chosen))
            case Equal():
                return Equal(self(part.chosen), self(part.number))
            case Op():
                return Op(part.op, self(part.operands))
            case Run():
                return Run(self(part.count), self(part.parts))
            case Fold():
                return Fold(part.op, self(part.runs))
            case Store():
                return Store(self.array(part.array), self(part.index), self(part.value))
            case AddAt():
                index, stride = self(part.index), self._whole(part.stride)
                return AddAt(self.array(part.array), index, stride, self(part.chosen), self(part.value))
            case Loop():
                return Loop(self(part.trips), part.name)
            case Nest():
                return replace(part, loops=self(part.loops), body=self(part.body))
            case Span():
                return Span(self.array(part.array), self.number(part.start), self.number(part.size))
        raise TypeError(part)
