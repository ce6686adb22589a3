"""Verify loops: checks that a program of loop nests keeps the rules of its form.

In: a program and its layout. Nothing comes out; a broken rule is an error that shows the nest. The rules: every array
is one of the layout's; an index has no more numbers than its array has dimensions; every number has a step for each
loop that it stands in; at all corners of the loops, and so everywhere, indices are inside their arrays and folds have
terms; operations have their operands; no nest assigns to one element twice, and no point reads what another point of
its nest assigns, since points may run in any order, and several at once (of what an index chooses, only the first is
looked at here); in a recurrence, it may read what an earlier step assigns; the nests of a recurrence stand side by
side, and take the same steps. What the loops compute is for `prove_loops`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import CompileError, VerifyError
from ..ir.ops import OPS
from .layout import Layout
from .loop_ir import (
    MEMORY,
    AddAt,
    Affine,
    Array,
    Const,
    Equal,
    Expr,
    Fold,
    Gather,
    Load,
    Loop,
    LoopProgram,
    Nest,
    Op,
    Pick,
    Run,
    blocks,
    parts_of,
    turns,
)
from .loop_text import format_nest
from .name_arrays import corners

__all__ = ["verify_loops"]


class _BrokenRuleError(Exception):
    pass


def verify_loops(program: LoopProgram, layout: Layout) -> None:
    """Checks a program over the arrays of a layout.

    Raises:
        VerifyError: naming the nest and the rule that it breaks.
    """
    _recurrences(program)
    for number, nest in enumerate(program.nests):
        try:
            _Rules(nest, program, layout).check()
        except _BrokenRuleError as problem:
            raise VerifyError(f"{program.name}: nest {number}, {_shown(nest)}: {problem}") from None
    for span in program.zeros:
        _, size = _placed(span.array, layout)
        if span.start < 0 or span.size < 1 or span.start + span.size > size:
            raise VerifyError(f"{program.name}: zeros from {span.start} on, {span.size} of {span.array.name}")


def _recurrences(program: LoopProgram) -> None:
    seen: set[int] = set()
    for block in blocks(program.nests):
        number = block[0].recurrence
        if number in seen:
            raise VerifyError(f"{program.name}: the nests of recurrence {number} do not stand side by side")
        if not number:
            continue
        seen.add(number)
        if any(nest.adds or not nest.loops or nest.loops[0] != block[0].loops[0] for nest in block):
            raise VerifyError(f"{program.name}: the nests of recurrence {number} do not take the same steps")


def _shown(nest: Nest) -> str:
    try:
        return format_nest(nest).strip()
    except (CompileError, IndexError, KeyError):
        return repr(nest)


def _placed(array: Array, layout: Layout) -> tuple[int, int]:
    """The address and the size of an array."""
    if array == MEMORY:
        return 0, layout.size
    try:
        start = layout.start(array)
    except KeyError:
        raise VerifyError(f"there is no array {array.name}") from None
    return start, array.size


class _Rules:
    """The rules of one nest."""

    def __init__(self, nest: Nest, program: LoopProgram, layout: Layout) -> None:
        self.nest, self.program, self.layout = nest, program, layout

    def check(self) -> None:
        """Raises `_BrokenRuleError` for the first rule that is broken."""
        nest, body = self.nest, self.nest.body
        counts: list[Affine] = []
        for loop in nest.loops:
            self._steps(loop.trips, counts)
            counts.append(loop.trips)
        self._index(body.array, body.index, counts)
        if isinstance(body, AddAt):
            self._stride(body.array, body.index, body.stride)
            self._steps(body.chosen, counts)
        self._expr(body.value, counts)
        if not isinstance(body, AddAt):
            self._order(counts)

    def _order(self, counts: list[Affine]) -> None:
        body, layout = self.nest.body, self.layout
        target = layout.address(body.array, body.index)
        owner: dict[int, tuple[int, ...]] = {}
        for point in turns(self.nest):
            if owner.setdefault(target.at(point), point) != point:
                raise _BrokenRuleError(f"it assigns to {body.array.name} at {target.at(point)} twice")
        lowest, highest = min(owner), max(owner)
        for address, inside in self._reads(body.value, counts):
            low, high = self._extremes(address, inside)
            if high < lowest or low > highest:
                continue
            for point in turns(replace(self.nest, loops=tuple(map(Loop, inside)))):
                outside = point[: len(counts)]
                writer = owner.get(address.at(point), outside)
                if writer != outside and not (self.nest.recurrence and writer[0] < outside[0]):
                    raise _BrokenRuleError(f"it reads {address.at(point)}, which another of its points assigns")

    def _reads(self, expr: Expr, counts: list[Affine]) -> Iterator[tuple[Affine, list[Affine]]]:
        """The addresses that are read, and the loops and runs that they stand in."""
        match expr:
            case Load() | Gather():
                yield self.layout.address(expr.array, expr.index), counts
            case Pick() if not any(expr.start.steps):
                place = self.program.places[expr.start.start]
                number = self.layout.address(place.array, place.index).start
                yield Affine(number, expr.start.steps), counts
            case Fold():
                for run in expr.runs:
                    yield from self._run_reads(run, counts)
            case _:
                for part in parts_of(expr):
                    yield from self._reads(part, counts)

    def _run_reads(self, run: Run, counts: list[Affine]) -> Iterator[tuple[Affine, list[Affine]]]:
        inside = [*counts, run.count]
        for part in run.parts:
            yield from self._run_reads(part, inside) if isinstance(part, Run) else self._reads(part, inside)

    def _steps(self, affine: Affine, counts: Sequence[Affine]) -> None:
        if len(affine.steps) != len(counts):
            raise _BrokenRuleError(f"{affine} has {len(affine.steps)} steps in {len(counts)} loops")

    def _extremes(self, affine: Affine, counts: Sequence[Affine]) -> tuple[int, int]:
        self._steps(affine, counts)
        numbers = [affine.at(point) for point in corners(counts)]
        return min(numbers), max(numbers)

    def _index(self, array: Array, index: tuple[Affine, ...], counts: Sequence[Affine]) -> None:
        _, size = _placed(array, self.layout)
        if not 1 <= len(index) <= len(array.shape):
            raise _BrokenRuleError(f"{len(index)} indices for {array.name}, which has {len(array.shape)} dimensions")
        shape = array.merged(len(index)) if array != MEMORY else (size,)
        for part, extent in zip(index, shape, strict=True):
            low, high = self._extremes(part, counts)
            if low < 0 or high >= extent:
                raise _BrokenRuleError(
                    f"an index of {array.name} goes from {low} to {high}, which is not in 0 to {extent - 1}"
                )

    def _stride(self, array: Array, index: tuple[Affine, ...], stride: tuple[int, ...]) -> None:
        if len(stride) != len(index):
            raise _BrokenRuleError(f"{len(stride)} strides for {len(index)} indices of {array.name}")

    def _expr(self, expr: Expr, counts: Sequence[Affine]) -> None:
        match expr:
            case Load():
                self._index(expr.array, expr.index, counts)
            case Gather():
                self._index(expr.array, expr.index, counts)
                self._stride(expr.array, expr.index, expr.stride)
                self._steps(expr.chosen, counts)
            case Pick():
                low, high = self._extremes(expr.start, counts)
                self._steps(expr.chosen, counts)
                if low < 0 or high >= len(self.program.places):
                    raise _BrokenRuleError(f"it picks from {low} to {high}, where there are {len(self.program.places)}")
            case Equal():
                self._steps(expr.chosen, counts)
                self._steps(expr.number, counts)
            case Op():
                self._operation(expr)
                for operand in expr.operands:
                    self._expr(operand, counts)
            case Fold():
                self._fold(expr, counts)
            case Const():
                float.fromhex(expr.text)

    def _operation(self, expr: Op) -> None:
        if not 0 <= expr.op < len(OPS) or OPS[expr.op].evaluate is None:
            raise _BrokenRuleError(f"there is no operation {expr.op}")
        if len(expr.operands) != len(OPS[expr.op].types):
            raise _BrokenRuleError(f"{OPS[expr.op].name} of {len(expr.operands)} operands")

    def _fold(self, fold: Fold, counts: Sequence[Affine]) -> None:
        for run in fold.runs:
            self._run(run, counts)

    def _run(self, run: Run, counts: Sequence[Affine]) -> None:
        low, _ = self._extremes(run.count, counts)
        if low < 1 or not run.parts:
            raise _BrokenRuleError(f"a fold of {low} times {len(run.parts)} terms")
        for part in run.parts:
            if isinstance(part, Run):
                self._run(part, [*counts, run.count])
            else:
                self._expr(part, [*counts, run.count])
