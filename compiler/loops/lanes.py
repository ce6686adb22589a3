"""Lanes: which loop of a nest can run several points at a time, and what in its statement can.

In: a nest. Out: facts about it that `transpose` and the kernels go by.
"""

from __future__ import annotations

from ..ir.ops import OPS, POW
from ..numerics import current
from .loop_ir import Affine, Const, Equal, Expr, Fold, Gather, Load, Nest, Op, Pick, Run, Store, find_fold, walk

__all__ = [
    "GUESSED",
    "PROVED",
    "SEVERAL",
    "find_proved",
    "is_vector_loop",
    "proved_power",
    "vector_loop",
]


# By exponent, the functions of vectors for powers that can mostly be proved equal to something cheaper; those with
# which this is done in blocks of lanes, and all.
PROVED = {2.0: "square", 0.5: "root"}
GUESSED = {**PROVED, -1.0: "inverse", -0.5: "inverse_root", -2.0: "inverse_square", -1.5: "inverse_root_cube"}
# Vectors whose roots are computed side by side where there are as many.
SEVERAL = 4


def vector_loop(nest: Nest) -> int | None:
    """The loop whose points are neighbours in memory, for the target and operands that vary; None if there is none."""
    return next((level for level in range(len(nest.loops) - 1, -1, -1) if is_vector_loop(nest, level)), None)


def is_vector_loop(nest: Nest, level: int) -> bool:
    """Whether a loop is such a loop."""
    outer = int(nest.recurrence > 0)  # steps wait for each other, but each may have more lanes than the one before
    if level < outer:
        return False
    body = nest.body
    if body.array.flat(body.index).steps[level] != 1 or not _vectorizable(body.value):
        return False
    if not isinstance(body, Store) and (level < len(nest.loops) - 1 or _step(body.chosen, level) or not current().fast):
        return False
    last = level == len(nest.loops) - 1 and not outer
    if (any(nest.loops[level].trips.steps[outer:]) and not last) or any(
        loop.trips.steps[level] for loop in nest.loops[level + 1 :]
    ):
        return False
    return all(_neighbours(part, level) for part in walk(body.value))


def _vectorizable(value: Expr) -> bool:
    """Nothing that is computed lane by lane anyway, as most functions of libm are."""
    return all(OPS[part.op].c_lanes for part in walk(value) if isinstance(part, Op))


def proved_power(expr: Expr) -> str | None:
    """The vector function for a power that can mostly be proved equal to something cheaper; None for others."""
    if isinstance(expr, Op) and expr.op == POW and isinstance(expr.operands[1], Const):
        return PROVED.get(float.fromhex(expr.operands[1].text))
    return None


def find_proved(value: Expr) -> Op | None:
    """The first power that can mostly be proved, if there is one and no fold."""
    if find_fold(value) is not None:
        return None
    return next((part for part in walk(value) if isinstance(part, Op) and proved_power(part)), None)


def _step(affine: Affine, level: int) -> int:
    return affine.steps[level] if affine.steps else 0


def _even(run: Run, level: int) -> bool:
    """Whether neighbouring lanes repeat a run as often."""
    return not _step(run.count, level) and all(_even(part, level) for part in run.parts if isinstance(part, Run))


def _choices() -> tuple[int, ...]:
    """How far apart the numbers of the index are that neighbouring lanes may choose by."""
    return (0, 1) if current().fast else (0,)


def _neighbours(part: Expr, level: int) -> bool:
    """Whether what neighbouring lanes read is the same, or neighbours in memory."""
    match part:
        case Load():
            return _step(part.array.flat(part.index), level) in (0, 1)
        case Gather():
            return _step(part.array.flat(part.index), level) in (0, 1) and _step(part.chosen, level) in _choices()
        case Pick():
            return not _step(part.start, level) and not _step(part.chosen, level)
        case Equal():
            steps = _step(part.chosen, level), _step(part.number, level)
            return steps in ((0, 0), (0, 1)) or (steps == (1, 0) and 1 in _choices())
        case Fold():
            return all(_even(run, level) for run in part.runs)
    return True
