"""Count loops: what the loops of a program carry out, where its graph is too large to be made.

In: a program of loops. Out: the counts of `count_operations`, but for choices by an index: in loops, these are reads.
An operation counts for the scope of the nest that it is part of. Turns of a loop that are alike are not gone through
one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ...compiler.ir.ops import OPS, POW
from ...compiler.loops.coverage import number_at, run_counts, turns_alike
from ...compiler.loops.loop_ir import Affine, Const, Expr, Fold, Gather, Load, LoopProgram, Nest, Op, Pick, Run
from .count_operations import FUNCTIONS, ROUNDING, Count

__all__ = ["LOAD", "STORE", "LoopCounts", "count_loops", "tally"]

# What is counted: an operation, with its exponent if that is a constant; or a read of memory, or an assignment to it.
_Key = tuple[int, str]
_WAYS = (False, True)
LOAD: _Key = (-1, "")
STORE: _Key = (-2, "")
# The first place that a nest's label names: `gpt.py:155 position.layer.head.scores, forward`.
_LABEL = re.compile(r"\S+:\d+ (?P<scope>[^,;]+), (?P<way>forward|backward)")


@dataclass(frozen=True)
class LoopCounts:
    """Of one program.

    Attributes:
        kinds, scopes: operations by kind, and by scope.
        flops, functions, calls: see `Statistics`.
    """

    kinds: dict[str, Count]
    scopes: dict[str, Count]
    flops: Count
    functions: Count
    calls: dict[str, int]


def count_loops(program: LoopProgram, is_cheap: Collection[float] = ()) -> LoopCounts:
    """Counts operations.

    Args:
        is_cheap: exponents of powers that C computes without a call.
    """
    kinds: Counter[tuple[int, bool]] = Counter()
    scopes: Counter[tuple[str, bool]] = Counter()
    calls: Counter[str] = Counter()
    order: dict[str, None] = {}
    for nest in program.nests:
        label = _LABEL.match(nest.label)
        scope, backward = (label["scope"], label["way"] == "backward") if label else ("other", False)
        for (code, exponent), count in tally(nest).items():
            if code < 0:
                continue
            kinds[code, backward] += count
            scopes[scope, backward] += count
            order.setdefault(scope)
            if not (code == POW and exponent and float.fromhex(exponent) in is_cheap):
                calls.update(dict.fromkeys(OPS[code].libm, count))

    def of(codes: frozenset[int]) -> Count:
        ways = [sum(count for (code, way), count in kinds.items() if code in codes and way is each) for each in _WAYS]
        return Count(*ways)

    return LoopCounts(
        {OPS[code].name: of(frozenset((code,))) for code in sorted({code for code, _ in kinds})},
        {scope: Count(scopes[scope, False], scopes[scope, True]) for scope in order},
        of(ROUNDING),
        of(FUNCTIONS),
        dict(sorted(calls.items())),
    )


def tally(nest: Nest) -> Counter[_Key]:
    """How often a nest does what."""
    once = [STORE, LOAD] if nest.adds else [STORE]
    return _in_loops(nest, (), once)


def _in_loops(nest: Nest, point: tuple[int, ...], once: Sequence[_Key]) -> Counter[_Key]:
    """In the loops from the next one on."""
    level = len(point)
    if level == len(nest.loops):
        found = Counter(once)
        _add(found, nest.body.value, point, 1)
        return found
    found = Counter()
    inside = [*(loop.trips for loop in nest.loops[level + 1 :]), *run_counts(nest.body.value)]
    for turn, times in turns_alike(number_at(nest.loops[level].trips, point), level, inside):
        for key, count in _in_loops(nest, (*point, turn), once).items():
            found[key] += times * count
    return found


def _add(found: Counter[_Key], expr: Expr, point: tuple[int, ...], times: int) -> None:
    """Adds what an expression does at a point, so many times."""
    match expr:
        case Op():
            constants = [part.text for part in expr.operands if isinstance(part, Const)]
            found[expr.op, constants[-1] if expr.op == POW and constants else ""] += times
            for part in expr.operands:
                _add(found, part, point, times)
        case Fold():
            terms = sum(_add_run(found, run, point, times) for run in expr.runs)
            found[expr.op, ""] += times * (terms - 1)  # the first term is not added to anything
        case Load() | Gather() | Pick():
            found[LOAD] += times


def _add_run(found: Counter[_Key], run: Run, point: tuple[int, ...], times: int) -> int:
    """The same for a run; returns how many terms it has at a point."""
    terms = 0
    for turn, alike in turns_alike(number_at(run.count, point), len(point), list(_inside(run))):
        for part in run.parts:
            if isinstance(part, Run):
                terms += alike * _add_run(found, part, (*point, turn), times * alike)
            else:
                terms += alike
                _add(found, part, (*point, turn), times * alike)
    return terms


def _inside(run: Run) -> Iterator[Affine]:
    for part in run.parts:
        yield from run_counts(part)
