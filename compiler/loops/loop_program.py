"""The loop IR: what the C backend runs. A program is a list of nests over one flat memory of doubles.

A *nest* carries out one recipe for every point of a box of whole numbers (its lanes, all independent of each other),
or, for scatters, in the order of its points. The recipe is a nested tuple (see `RECIPE` below) that reads memory at
*slots*: numbers that are affine in the point. The same holds for how often each of its folds repeats, so triangles are
nests too. A fold is an ordered sum (or maximum) of terms, carried out from the left: that order is the order of the
scalar graph, and no later stage changes it.

RECIPE, with k and l the numbers of slots:

    ("mem", k)              memory[slot k]
    ("row", k, s, l)        memory[slot k + s * index[slot l]]
    ("pick", k, l)          memory[places[slot k + index[slot l]]]
    ("const", text)         a number in hexadecimal
    ("equal", k, l)         index[slot k] == slot l
    (op, x) or (op, x, y)   an operation of `ops` (its number) on recipes
    ("fold", op, runs)      left fold with `op` over the terms of all runs, each (count slot, terms): the terms, in
                            order, are repeated, and each repetition adds the run's steps to the slots of its terms.
                            A term is a recipe without folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["LoopProgram", "Nest", "Recipe", "parts_of", "points", "recipe_runs", "turns"]

Recipe = tuple[Any, ...]


@dataclass(frozen=True)
class Nest:
    """One loop nest.

    Attributes:
        recipe: computed at every point.
        row_stride: for a scatter, which adds to slot 0 + row_stride * index[slot 1]; None for a nest that assigns to
            slot 0.
        steps: for each fold run in the order of the recipe, what one repetition adds to each slot.
        base: the slots at the first point.
        strides: per loop, innermost first, what one step adds to each slot and, behind these, to the trips of the loops
            inside it.
        trips: per loop, innermost first, how often at the first point.
        label: for people, the lines of the model that it carries out: ``gpt.py:155 position.head.scores, forward``.
    """

    recipe: Recipe
    row_stride: int | None
    steps: tuple[tuple[int, ...], ...]
    base: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    trips: tuple[int, ...]
    label: str = ""

    @property
    def adds(self) -> bool:
        return self.row_stride is not None


@dataclass(frozen=True)
class LoopProgram:
    """The nests of one graph, in order.

    Attributes:
        name: of the graph.
        nests: carried out one after the other.
        places: addresses that picks choose from.
        zeros: spans (address, size) that are set to zero first: outputs that nothing is assigned to.
    """

    name: str
    nests: tuple[Nest, ...]
    places: tuple[int, ...]
    zeros: tuple[tuple[int, int], ...]


def points(nest: Nest) -> Iterator[tuple[int, ...]]:
    """The slots at every point, outermost loop slowest."""
    width = len(nest.base)
    # An odometer: each entry holds slots and trips as the loops outside of `level` have left them, and a count.
    stack = [(len(nest.trips) - 1, nest.base + nest.trips, 0)]
    while stack:
        level, current, count = stack.pop()
        if level < 0:
            yield current[:width]
        elif count < current[width + level]:
            following = list(current)
            for place, step in enumerate(nest.strides[level]):
                following[place] += step
            stack.append((level, tuple(following), count + 1))
            stack.append((level - 1, current, 0))


def turns(nest: Nest) -> Iterator[tuple[int, ...]]:
    """In the same order, in which turn each loop is, innermost loop first."""
    width, depth = len(nest.base), len(nest.trips)
    # A slot more for each loop, which counts.
    counts = [tuple(int(other == level) for other in range(depth)) for level in range(depth)]
    strides = (stride[:width] + count + stride[width:] for stride, count in zip(nest.strides, counts, strict=True))
    counting = replace(nest, base=nest.base + (0,) * depth, strides=tuple(strides))
    return (slots[width:] for slots in points(counting))


def parts_of(recipe: Recipe) -> list[Recipe]:
    """The recipes that a recipe consists of; of a fold, its terms."""
    if recipe[0] == "fold":
        return [term for _, terms in recipe[2] for term in terms]
    return [part for part in recipe[1:] if isinstance(part, tuple)]


def recipe_runs(recipe: Recipe) -> list[tuple[int, tuple[Recipe, ...]]]:
    """The runs of a recipe's fold, if it has one: count slot and terms."""
    if recipe[0] == "fold":
        return list(recipe[2])
    return [run for part in parts_of(recipe) for run in recipe_runs(part)]
