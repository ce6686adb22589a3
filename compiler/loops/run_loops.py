"""Run loops: what a program of loop nests means.

A program is carried out in a `Domain`: on numbers by `interpret_loops`, on the nodes of a graph by `prove_loops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import add
from typing import Any, Protocol

from ..errors import ProofError
from ..ir.ops import MUL
from .layout import Layout
from .loop_ir import (
    AddAt,
    Affine,
    Const,
    Equal,
    Expr,
    Fold,
    Gather,
    Load,
    LoopProgram,
    Nest,
    Op,
    Pick,
    Run,
    blocks,
)

__all__ = ["Domain", "PointOf", "addresses_of_places", "carry_out", "run_program"]

# Carries out a part of a nest whose numbers at this point are given.
_Action = Callable[[Sequence[int]], Any]


class Domain(Protocol):
    """What memory holds and what operations do to it."""

    memory: list[Any]
    layout: Layout

    def row(self, base: int, stride: int, index: int) -> Any: ...
    def pick(self, start: int, index: int) -> Any: ...
    def const(self, text: str) -> Any: ...
    def equal(self, index: int, number: int) -> Any: ...
    def apply(self, op: int, operands: list[Any]) -> Any: ...
    def add_products(self, op: int, total: Any, a: int, a_step: int, b: int, b_step: int, count: int) -> Any: ...
    def add_to_row(self, base: int, stride: int, index: int, value: Any) -> None: ...


def run_program(program: LoopProgram, domain: Domain) -> None:
    """Carries out all nests."""
    for block in blocks(program.nests):
        for _ in carry_out(block, domain):
            pass


def carry_out(block: Sequence[Nest], domain: Domain) -> Iterator[tuple[int, Any]]:
    """Carries out a nest, or the nests of a recurrence, point by point; yields of each point the place of its nest in
    the block, and what has been computed.

    It is stored at the end of a nest, in a recurrence at the end of its part of a step: points may run in any order,
    and several at once, so none may read what another assigns.
    """
    codes = [_Code(nest, domain) for nest in block]
    for step in range(block[0].loops[0].trips.start) if block[0].recurrence else (None,):
        for place, code in enumerate(codes):
            for value in code.carry_out(step):
                yield place, value


class _Code:
    """A nest that is ready to run: each affine number in it is one of a vector, which moves from point to point."""

    def __init__(self, nest: Nest, domain: Domain) -> None:
        self.nest, self.domain, self.layout = nest, domain, domain.layout
        self.depth = len(nest.loops)
        self.numbers: list[Affine] = []
        self.address = self._number(self.layout.address(nest.body.array, nest.body.index))
        if isinstance(nest.body, AddAt):
            self.stride = nest.body.array.flat_stride(nest.body.stride)
            self.chosen = self._number(nest.body.chosen)
        self.value = self._expr(nest.body.value)
        self.trips = [self._number(loop.trips) for loop in nest.loops]
        self.starts = tuple(number.start for number in self.numbers)
        self.steps = [tuple(_step(number, level) for number in self.numbers) for level in range(self.depth)]

    def _number(self, affine: Affine) -> int:
        self.numbers.append(affine)
        return len(self.numbers) - 1

    def carry_out(self, step: int | None = None) -> Iterator[Any]:
        """Carries it out, or one turn of its outermost loop; see `carry_out`."""
        domain, address, value = self.domain, self.address, self.value
        stored: list[tuple[int, Any]] = []
        adds = isinstance(self.nest.body, AddAt)
        for point in self._points(step):
            if min(point) < 0:  # Python would count it from the end of memory
                raise ProofError(f"a nest has the number {min(point)} among {point}")
            result = value(point)
            if adds:
                domain.add_to_row(point[address], self.stride, point[self.chosen], result)
            else:
                stored.append((point[address], result))
            yield result
        for at, result in stored:
            domain.memory[at] = result

    def _points(self, step: int | None) -> Iterator[tuple[int, ...]]:
        """The numbers at every point, outermost loop slowest; of that loop all turns, or one."""
        steps, trips, depth = self.steps, self.trips, self.depth
        stack = [(0, self.starts, 0)]
        if step is not None:
            moved = (start + step * each for start, each in zip(self.starts, steps[0], strict=True))
            stack = [(1, tuple(moved), 0)]
        while stack:
            level, current, turn = stack.pop()
            if level == depth:
                yield current
            elif turn < current[trips[level]]:
                stack.append((level, tuple(map(add, current, steps[level])), turn + 1))
                stack.append((level + 1, current, 0))

    def _expr(self, expr: Expr) -> _Action:
        domain = self.domain
        memory = domain.memory
        match expr:
            case Load():
                place = self._number(self.layout.address(expr.array, expr.index))
                return lambda point: memory[point[place]]
            case Gather():
                place = self._number(self.layout.address(expr.array, expr.index))
                stride, chosen = expr.array.flat_stride(expr.stride), self._number(expr.chosen)
                return lambda point: domain.row(point[place], stride, point[chosen])
            case Const():
                text = expr.text
                return lambda point: domain.const(text)
            case Pick():
                start, chosen = self._number(expr.start), self._number(expr.chosen)
                return lambda point: domain.pick(point[start], point[chosen])
            case Equal():
                chosen, number = self._number(expr.chosen), self._number(expr.number)
                return lambda point: domain.equal(point[chosen], point[number])
            case Fold():
                return self._fold(expr)
            case Op():
                operands, op = [self._expr(part) for part in expr.operands], expr.op
                return lambda point: domain.apply(op, [operand(point) for operand in operands])

    def _fold(self, fold: Fold) -> _Action:
        runs = [self._run(fold.op, run, self.depth) for run in fold.runs]

        def action(point: Sequence[int]) -> Any:
            total = None
            for run in runs:
                total = run(point, total)
            return total

        return action

    def _term(self, op: int, expr: Expr) -> Callable[[Sequence[int], Any], Any]:
        term, domain = self._expr(expr), self.domain

        def action(point: Sequence[int], total: Any) -> Any:
            value = term(point)
            return value if total is None else domain.apply(op, [total, value])

        return action

    def _run(self, op: int, run: Run, level: int) -> Callable[[Sequence[int], Any], Any]:
        """What carries out a run and adds it to a total. `level` is its own among the loops and runs around it."""
        domain = self.domain
        count = self._number(run.count)
        first = len(self.numbers)
        parts = [
            self._run(op, part, level + 1) if isinstance(part, Run) else self._term(op, part) for part in run.parts
        ]
        steps = [_step(number, level) for number in self.numbers[first:]]
        moving = [(place, step) for place, step in enumerate(steps, first) if step]
        falling = [(place, step) for place, step in moving if step < 0]
        one = run.parts[0]
        if len(parts) == 1 and isinstance(one, Op) and one.op == MUL and all(isinstance(x, Load) for x in one.operands):
            # Most of all operations are here, so this case has a loop of its own.
            a, b, (a_step, b_step) = first, first + 1, steps

            def products(point: Sequence[int], total: Any) -> Any:
                _check_run(point, point[count], falling)
                return domain.add_products(op, total, point[a], a_step, point[b], b_step, point[count])

            return products

        def action(point: Sequence[int], total: Any) -> Any:
            _check_run(point, point[count], falling)
            current = list(point)
            for _ in range(point[count]):
                for part in parts:
                    total = part(current, total)
                for place, step in moving:
                    current[place] += step
            return total

        return action


class PointOf:
    """What a nest computes at single points, from what memory holds.

    Args:
        nest: one that assigns.
    """

    def __init__(self, nest: Nest, domain: Domain) -> None:
        self._code = _Code(nest, domain)

    def trips(self, turns: Sequence[int]) -> int:
        """How often the next loop runs, in these turns of the loops outside of it."""
        code = self._code
        return self._at(turns)[code.trips[len(turns)]]

    def value(self, turns: Sequence[int]) -> tuple[int, Any]:
        """The address that it assigns to in these turns of all loops, and what."""
        point = self._at(turns)
        return point[self._code.address], self._code.value(point)

    def _at(self, turns: Sequence[int]) -> tuple[int, ...]:
        point = self._code.starts
        for turn, steps in zip(turns, self._code.steps, strict=False):
            point = tuple(start + turn * step for start, step in zip(point, steps, strict=True))
        return point


def _step(number: Affine, level: int) -> int:
    return number.steps[level] if level < len(number.steps) else 0


def _check_run(point: Sequence[int], count: int, falling: Sequence[tuple[int, int]]) -> None:
    if count < 1 or any(point[place] + step * (count - 1) < 0 for place, step in falling):
        raise ProofError(f"a fold of {count} terms walks from {point} by {falling}")


def addresses_of_places(program: LoopProgram, layout: Layout) -> list[int]:
    """Where the elements are that picks choose from."""
    return [layout.address(place.array, place.index).start for place in program.places]
