"""Lanes: which loop of a nest can run several points at a time, and what in its recipe can.

In: a nest. Out: facts about it that `emit_nest` and `emit_lanes` write C by.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..ir.ops import OPS, POW
from .loop_program import Nest, Recipe, parts_of, recipe_runs

__all__ = ["find_fold", "find_proved", "loads", "proved_power", "vector_loop"]


def vector_loop(nest: Nest) -> int | None:
    """The loop whose points are neighbours in memory, for the target and operands that vary; None if there is none."""
    for level in range(len(nest.trips)):
        if _is_vector_loop(nest, level):
            return level
    return None


def _is_vector_loop(nest: Nest, level: int) -> bool:
    width = len(nest.base)
    stride = nest.strides[level]
    if nest.row_stride is not None or stride[0] != 1 or any(stride[width:]) or not _vectorizable(nest.recipe):
        return False
    for outer in range(level + 1, len(nest.trips)):
        if nest.strides[outer][width + level]:
            return False
    counts = {count for count, _ in recipe_runs(nest.recipe)}
    if any(stride[count] for count in counts):
        return False
    return _neighbours(nest.recipe, stride)


def _vectorizable(recipe: Recipe) -> bool:
    """Nothing that is computed lane by lane anyway. One power outside of folds can be computed ahead."""
    found = _without_lanes(recipe)
    return not found or (len(found) == 1 and proved_power(found[0]) is not None and find_fold(recipe) is None)


def _without_lanes(recipe: Recipe) -> list[Recipe]:
    """The operations of a recipe that have no spelling for vectors, such as the functions of libm."""
    found = [recipe] if isinstance(recipe[0], int) and not OPS[recipe[0]].c_lanes else []
    return found + [call for part in parts_of(recipe) for call in _without_lanes(part)]


def proved_power(recipe: Recipe) -> str | None:
    """The vector function for a power that can mostly be proved equal to something cheaper; None for others."""
    if recipe[0] == POW and recipe[2][0] == "const":
        return {2.0: "square", 0.5: "root"}.get(float.fromhex(recipe[2][1]))
    return None


def _neighbours(recipe: Recipe, stride: Sequence[int]) -> bool:
    """Whether what neighbouring lanes read is the same, or neighbours in memory."""
    kind = recipe[0]
    if kind == "mem":
        return stride[recipe[1]] in (0, 1)
    if kind == "row":
        return stride[recipe[1]] in (0, 1) and stride[recipe[3]] == 0
    if kind == "pick":
        return stride[recipe[1]] == 0 and stride[recipe[2]] == 0
    if kind == "equal":
        return stride[recipe[1]] == 0 and stride[recipe[2]] in (0, 1)
    return all(_neighbours(part, stride) for part in parts_of(recipe))


def find_proved(recipe: Recipe) -> Recipe | None:
    """The power that is computed ahead, if there is one."""
    return next((call for call in _without_lanes(recipe) if proved_power(call) is not None), None)


def loads(recipe: Recipe) -> list[int]:
    """The slots that are read without an index."""
    return [recipe[1]] if recipe[0] == "mem" else [slot for part in parts_of(recipe) for slot in loads(part)]


def find_fold(recipe: Recipe) -> Recipe | None:
    if recipe[0] == "fold":
        return recipe
    return next((fold for part in parts_of(recipe) if (fold := find_fold(part)) is not None), None)
