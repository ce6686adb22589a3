"""Traced index: a whole number that chooses among scalars of the program being recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.graph import IndexTensor
from ..ir.ops import CHOOSE
from .recorder import Recorder, passed_through
from .refused import refuse
from .traced_scalar import TracedCondition, TracedValue, kind_of

__all__ = ["TracedIndex"]

passed_through(globals())


class TracedIndex(TracedValue):
    """A whole number that is known only when the program runs. It can choose, through ``select(values, index)``."""

    __slots__ = ("limit", "name")

    def __init__(self, recorder: Recorder, tensor: IndexTensor, node: int) -> None:
        self.recorder, self.name, self.limit, self.node = recorder, tensor.name, tensor.limit, node

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        refuse("an index cannot be computed with; it can only choose, through select(values, index)")
    )
    _apply = _pair = __neg__
    __lt__ = __le__ = __gt__ = __ge__ = refuse(
        "an index was compared; it can only be equal to a whole number, or choose, through select(values, index)"
    )

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, int):
            self.recorder.fail(f"an index was compared with {type(other).__name__}; it can be equal to a whole number")
        self.recorder.mark()
        if not 0 <= other < self.limit:
            return TracedCondition(self.recorder, self.recorder.flag(False))
        return TracedCondition(self.recorder, self.recorder.build.equal(self.node, int(other)))

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    __hash__ = object.__hash__

    def select(self, values: Sequence[Any]) -> Any:
        """``values[self]``: a scalar, or among numbers a constant; where `values` are rows, a row."""
        recorder = self.recorder
        self._check_count("select", values)
        if isinstance(values[0], list | tuple):
            if not all(isinstance(row, list | tuple) and len(row) == len(values[0]) for row in values):
                recorder.fail("select() was given rows of different lengths")
            return [self.select(column) for column in zip(*values, strict=True)]
        nodes = [recorder.operand(value) for value in values[: self.limit]]
        recorder.mark()
        return kind_of(*values)(recorder, recorder.build.select(self.node, nodes))

    def _choose(self, values: Sequence[Any]) -> Any:
        """``values[self]``, of which all have their places in the order of gradients."""
        recorder = self.recorder
        self._check_count("choose", values)
        nodes = [recorder.operand(value) for value in values]
        recorder.mark()
        return kind_of(*values)(recorder, recorder.build.node(CHOOSE, self.node, *nodes))

    def _check_count(self, name: str, values: Sequence[Any]) -> None:
        if len(values) < self.limit:
            few = "is only 1 value" if len(values) == 1 else f"are only {len(values)} values"
            self.recorder.fail(f"an index can be up to {self.limit - 1}, but there {few} to {name} from")
