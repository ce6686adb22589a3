"""Coverage: how much of a graph ended in loops.

In: a program of loops. Out: how many scalar operations its nests carry out, and how many of them in loops that turn at
least twice, be it over points or over the terms of a fold. What is left is straight-line code.
"""

from __future__ import annotations

from .loop_program import LoopProgram, Recipe, parts_of, points, recipe_runs

__all__ = ["coverage"]


def coverage(program: LoopProgram) -> tuple[int, int]:
    """Operations in loops, and in all."""
    looped = total = 0
    for nest in program.nests:
        operations, repeated, turns = 0, 0, 0
        outside = _operations(nest.recipe)
        for slots in points(nest):
            turns += 1
            operations += outside
            for count, terms in recipe_runs(nest.recipe):
                inside = slots[count] * sum(1 + _operations(term) for term in terms)
                operations += inside
                repeated += inside * (slots[count] > 1)
            operations -= bool(recipe_runs(nest.recipe))  # the first term of a fold is not added to anything
        total += operations
        looped += operations if turns > 1 else min(repeated, operations)
    return looped, total


def _operations(recipe: Recipe) -> int:
    """Operations of a recipe outside of its fold."""
    if recipe[0] == "fold":
        return 0
    return isinstance(recipe[0], int) + sum(_operations(part) for part in parts_of(recipe))
