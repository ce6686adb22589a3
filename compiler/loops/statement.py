"""Statements: what is computed for each stored value, before it is part of a loop.

A `Statement` is a `Form`, an expression of the loop IR with holes, and the numbers that fill them. Statements of one
form that read and write the same arrays may become points of one nest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .loop_ir import Body, Equal, Expr, Fold, Gather, Load, Op, Pick, Run, Store

__all__ = ["Form", "Statement", "reads"]


@dataclass(eq=False)
class Form:
    """A statement with holes. Equal ones of one `StatementBuilder` are identical.

    Attributes:
        body: the statement.
        loads: which of its numbers are addresses that are read, each with the runs that it is in, outermost first, and
            its place among the numbers of each.
        bases: which are addresses, also those that an index is added to.
        counts: which are the lengths of runs, each with its place in the run around it; -1 for one that is in none.
        widths: how many numbers the terms of each run have.
        fold: the fold in it, if there is one.
        chooses: whether it reads what an index chooses.
    """

    body: Body
    loads: list[tuple[int, tuple[tuple[int, int], ...]]] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    fold: Fold | None = None
    chooses: bool = False

    def __post_init__(self) -> None:
        self._describe(self.body.value, 1 if isinstance(self.body, Store) else 2, ())

    def _describe(self, expr: Expr, at: int, runs: tuple[tuple[int, int], ...]) -> int:
        """Notes where the numbers of an expression are, the first of which is number `at`; returns the next.

        Args:
            runs: around it, outermost first, each with its first number.
        """
        match expr:
            case Load():
                self.loads.append((at, tuple((run, at - first) for run, first in runs)))
                self.bases.append(at)
                return at + 1
            case Gather() | Pick() | Equal():
                self.chooses |= not isinstance(expr, Equal)
                self.bases += [at] if isinstance(expr, Gather) else []
                return at + 2
            case Op():
                for operand in expr.operands:
                    at = self._describe(operand, at, runs)
            case Fold():
                self.fold = expr
                for run in expr.runs:
                    at = self._describe_run(run, at, runs)
        return at

    def _describe_run(self, run: Run, at: int, runs: tuple[tuple[int, int], ...]) -> int:
        number, first = len(self.counts), at + 1
        self.counts.append((at, at - runs[-1][1] if runs else -1))
        self.widths.append(0)
        at, inside = first, (*runs, (number, first))
        for part in run.parts:
            at = self._describe_run(part, at, inside) if isinstance(part, Run) else self._describe(part, at, inside)
        self.widths[number] = at - first
        return at


@dataclass(slots=True)
class Statement:
    """One stored value.

    Attributes:
        target: the node; -1 for a copy into an output or an addition to a row.
        form: how it is computed.
        numbers: what fills the holes of the form; the first is the target's address.
        steps: for each run of a fold, what a repetition adds to its numbers; None for a run that is not repeated.
        chosen: addresses of which an index chooses what is read.
        moved: of a copy or an addition to a row, the node whose value it is.
    """

    target: int
    form: Form
    numbers: tuple[int, ...]
    steps: tuple[tuple[int, ...] | None, ...] = ()
    chosen: tuple[int, ...] = ()
    moved: int = -1


def reads(statement: Statement) -> list[Iterable[int]]:
    """The addresses that a statement reads, also those it may read by an index (of inputs: none matters)."""
    found: list[Iterable[int]] = [statement.chosen] if statement.form.chooses else []
    numbers, steps, counts = statement.numbers, statement.steps, statement.form.counts
    for place, runs in statement.form.loads:
        starts = [(numbers[place], 0)]
        for depth, (run, inside) in enumerate(runs):
            at, outer = counts[run]
            step = steps[run]
            stride = step[inside] if step else 0
            if depth + 1 == len(runs):
                for start, turn in starts:
                    around = steps[runs[0][0]]
                    count = numbers[at] + (around[outer] * turn if depth and around else 0)
                    found.append(range(start, start + stride * count, stride) if stride else (start,))
            else:
                starts = [(start + stride * turn, turn) for start, _ in starts for turn in range(numbers[at])]
        if not runs:
            found.append((numbers[place],))
    return found
