"""Terms: the places of a nest's statement at which something is read or computed, and how often that happens.

In: a nest. Out: its terms by number, and of every pair of them how often what one has made is taken by the other. An
addition (or maximum) of a fold is a term for each part of the fold that it adds. Turns of a loop that are alike are not
gone through one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...compiler.ir.ops import CONST, EQUAL
from ...compiler.loops.coverage import run_counts, turns_alike
from ...compiler.loops.loop_ir import Affine, Const, Equal, Expr, Fold, Gather, Load, Nest, Op, Pick, Run, parts_of

__all__ = ["CHOICE", "READ", "Statement", "Taken", "Term"]

# Stand for an operation where there is none, or where loops do not say which: a read; a choice by an index.
READ, CHOICE = -1, -2


@dataclass(frozen=True)
class Term:
    """A place in a statement.

    Attributes:
        op: of the table of operations, `READ` or `CHOICE`.
        expr: what stands there; of an addition of a fold, what it adds.
        around: the trips of the loops and runs that it stands in, outermost first.
        adds: whether it is an addition of a fold.
    """

    op: int
    expr: Expr
    around: tuple[Affine, ...]
    adds: bool = False


@dataclass
class Taken:
    """How often.

    Attributes:
        counts: each term is carried out.
        edges: what the first of two terms makes is taken by the second.
        roots: what a term makes is the value of the statement.
    """

    counts: Counter[int] = field(default_factory=Counter)
    edges: Counter[tuple[int, int]] = field(default_factory=Counter)
    roots: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Single:
    """An expression, and those that it consists of."""

    number: int
    expr: Expr
    inside: tuple[_Single | _Repeated, ...] = ()


@dataclass(frozen=True)
class _Repeated:
    """A run of a fold: its parts, each with the addition that adds it."""

    run: Run
    parts: tuple[tuple[_Single | _Repeated, int], ...]


class Statement:
    """The statement of a nest.

    Attributes:
        terms: by number.
    """

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.terms: list[Term] = []
        self._root = self._single(nest.body.value, tuple(loop.trips for loop in nest.loops))

    def _term(self, op: int, expr: Expr, around: tuple[Affine, ...], adds: bool = False) -> int:
        self.terms.append(Term(op, expr, around, adds))
        return len(self.terms) - 1

    def _single(self, expr: Expr, around: tuple[Affine, ...]) -> _Single:
        match expr:
            case Fold():
                return _Single(-1, expr, tuple(self._repeated(expr, run, around) for run in expr.runs))
            case Op():
                inside = tuple(self._single(part, around) for part in parts_of(expr))
                return _Single(self._term(expr.op, expr, around), expr, inside)
        kinds = {Const: CONST, Equal: EQUAL, Load: READ, Gather: CHOICE, Pick: CHOICE}
        return _Single(self._term(kinds[type(expr)], expr, around), expr)

    def _repeated(self, fold: Fold, run: Run, around: tuple[Affine, ...]) -> _Repeated:
        inside = (*around, run.count)
        parts: list[tuple[_Single | _Repeated, int]] = []
        for part in run.parts:
            if isinstance(part, Run):
                parts.append((self._repeated(fold, part, inside), -1))
            else:
                parts.append((self._single(part, inside), self._term(fold.op, part, inside, True)))
        return _Repeated(run, tuple(parts))

    def carried_out(self, point: Sequence[int]) -> list[int]:
        """The terms that are carried out in these turns of all loops, in order; not what is read from memory."""
        found: list[int] = []
        self._list(found, self._root, tuple(point))
        return found

    def _list(self, found: list[int], part: _Single, point: tuple[int, ...]) -> None:
        begun = False
        for inside in part.inside:
            if isinstance(inside, _Single):
                self._list(found, inside, point)
            else:
                begun = self._list_run(found, inside, point, begun)
        if part.number >= 0 and self.terms[part.number].op != READ:
            found.append(part.number)

    def _list_run(self, found: list[int], run: _Repeated, point: tuple[int, ...], begun: bool) -> bool:
        for turn in range(run.run.count.at(point)):
            for part, addition in run.parts:
                if isinstance(part, _Repeated):
                    begun = self._list_run(found, part, (*point, turn), begun)
                    continue
                self._list(found, part, (*point, turn))
                found += [addition] * begun
                begun = True
        return begun

    def taken(self) -> Taken:
        """How often which terms are carried out."""
        found = Taken()
        self._nest(found, (), 1)
        return found

    def _nest(self, found: Taken, point: tuple[int, ...], times: int) -> None:
        """In the loops from the next one on."""
        loops, level = self.nest.loops, len(point)
        if level == len(loops):
            root = self._value(found, self._root, point, times)
            found.roots[root] += times
            return
        inside = [*(loop.trips for loop in loops[level + 1 :]), *run_counts(self.nest.body.value)]
        for turn, alike in turns_alike(loops[level].trips.at(point), level, inside):
            self._nest(found, (*point, turn), times * alike)

    def _value(self, found: Taken, part: _Single, point: tuple[int, ...], times: int) -> int:
        """Carries out an expression so many times; returns the term that makes its value."""
        if isinstance(part.expr, Fold):
            total = -1
            for run in part.inside:
                assert isinstance(run, _Repeated)
                total = self._run(found, run, point, times, total)
            return total
        found.counts[part.number] += times
        for inside in part.inside:
            assert isinstance(inside, _Single)
            found.edges[self._value(found, inside, point, times), part.number] += times
        return part.number

    def _run(self, found: Taken, run: _Repeated, point: tuple[int, ...], times: int, total: int) -> int:
        """The same of a run, which adds to what the term `total` has made; -1 for nothing yet."""
        inside = [count for part in run.run.parts for count in run_counts(part)]
        for turn, alike in turns_alike(run.run.count.at(point), len(point), inside):
            # The first turn may begin the fold, the second adds to what that has made, and then all are alike.
            for number, often in ((turn, 1), (turn + 1, min(alike - 1, 1)), (turn + 2, alike - 2)):
                if often < 1:
                    continue
                for part, addition in run.parts:
                    if isinstance(part, _Repeated):
                        total = self._run(found, part, (*point, number), times * often, total)
                        continue
                    value = self._value(found, part, (*point, number), times * often)
                    if total < 0:
                        total = value
                        continue
                    found.counts[addition] += times * often
                    found.edges[total, addition] += times * often
                    found.edges[value, addition] += times * often
                    total = addition
        return total
