"""Verify loops: checks that a program of loop nests keeps the rules of its form.

In: a program and the size of its memory. Nothing comes out; a broken rule is an error that shows the nest. The rules:
every slot that a recipe names exists; steps and strides have a number for each slot they apply to; all addresses, over
all points and repetitions, lie in memory; no nest assigns to one address twice; no point reads what another point of
its nest assigns, since points may run in any order, and several at once (of what an index chooses, only the first is
checked here); folds have at least one term. What the loops compute is for `prove_loops`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import VerifyError
from ..ir.ops import OPS
from .loop_program import LoopProgram, Nest, Recipe, parts_of, points, recipe_runs
from .loop_text import format_recipe

__all__ = ["verify_loops"]


def verify_loops(program: LoopProgram, size: int) -> None:
    """Checks a program over a memory of `size` numbers.

    Raises:
        VerifyError: naming the nest and the rule that it breaks.
    """
    for number, nest in enumerate(program.nests):
        problem = (
            _form_problem(nest)
            or _address_problem(nest, size, len(program.places))
            or _order_problem(nest, program.places)
        )
        if problem:
            raise VerifyError(f"{program.name}: nest {number} {format_recipe(nest.recipe)}: {problem}")
    for start, count in program.zeros:
        if start < 0 or count < 0 or start + count > size:
            raise VerifyError(f"{program.name}: zeros from {start} to {start + count} do not lie in memory")


def _form_problem(nest: Nest) -> str:
    width = len(nest.base)
    if len(nest.trips) != len(nest.strides):
        return f"{len(nest.trips)} trip counts, but {len(nest.strides)} strides"
    for level, stride in enumerate(nest.strides):
        if len(stride) != width + level:
            return f"loop {level} has {len(stride)} strides for {width} slots and {level} inner loops"
    if len(nest.steps) != len(recipe_runs(nest.recipe)) or any(len(step) != width for step in nest.steps):
        return "its steps are not those of its folds"
    return _recipe_problem(nest.recipe, width)


def _recipe_problem(recipe: Recipe, width: int) -> str:
    kind = recipe[0]
    slots = {"mem": recipe[1:], "row": (recipe[1], recipe[-1]), "pick": recipe[1:], "equal": recipe[1:]}.get(kind, ())
    if kind == "fold":
        slots = tuple(count for count, _ in recipe[2])
        if any(_contains_fold(part) for part in parts_of(recipe)):
            return "a fold in a fold"
    elif isinstance(kind, int):
        if not 0 <= kind < len(OPS) or len(recipe) - 1 != len(OPS[kind].types) or OPS[kind].evaluate is None:
            return f"unknown operation {recipe}"
    elif kind not in ("mem", "row", "pick", "equal", "const"):
        return f"unknown recipe {recipe}"
    if any(not 0 <= slot < width for slot in slots):
        return f"there is no slot for {recipe}"
    return next((problem for part in parts_of(recipe) if (problem := _recipe_problem(part, width))), "")


def _contains_fold(recipe: Recipe) -> bool:
    return recipe[0] == "fold" or any(_contains_fold(part) for part in parts_of(recipe))


def _address_problem(nest: Nest, size: int, places: int) -> str:
    targets: set[int] = set()
    runs = recipe_runs(nest.recipe)
    outside = _reads(nest.recipe, folds=False)
    inside = [[read for term in terms for read in _reads(term)] for _, terms in runs]
    for slots in points(nest):
        if not 0 <= slots[0] < size:
            return f"it assigns to {slots[0]}, which is not in memory"
        if nest.row_stride is None and slots[0] in targets:
            return f"it assigns to {slots[0]} twice"
        targets.add(slots[0])
        for kind, slot in outside:
            if not 0 <= slots[slot] < (places if kind == "pick" else size):
                return f"it reads {slots[slot]}, which is not in memory"
        for (count, _), step, reads in zip(runs, nest.steps, inside, strict=True):
            if slots[count] < 1:
                return f"a fold of {slots[count]} terms"
            for kind, slot in reads:
                last = slots[slot] + step[slot] * (slots[count] - 1)
                if min(slots[slot], last) < 0 or max(slots[slot], last) >= (places if kind == "pick" else size):
                    return f"it reads from {slots[slot]} to {last}, which is not in memory"
    return ""


def _order_problem(nest: Nest, places: Sequence[int]) -> str:
    """Scatters are the exception: they run in the order of their points, and each adds to what the last one left."""
    if nest.adds:
        return ""
    targets = {slots[0]: number for number, slots in enumerate(points(nest))}
    if not targets:
        return ""
    lowest, highest = min(targets), max(targets)
    outside = [(read, None) for read in _reads(nest.recipe, folds=False)]
    inside = [
        (read, (count, step))
        for (count, terms), step in zip(recipe_runs(nest.recipe), nest.steps, strict=True)
        for term in terms
        for read in _reads(term)
    ]
    for number, slots in enumerate(points(nest)):
        for (kind, slot), run in (*outside, *inside):
            step = run[1][slot] if run else 0
            numbers: Sequence[int] = (slots[slot],)
            if run and step:
                numbers = range(slots[slot], slots[slot] + step * slots[run[0]], step)
            if kind == "pick":
                numbers = [places[place] for place in numbers]
            if numbers[0] < lowest > numbers[-1] or numbers[0] > highest < numbers[-1]:
                continue
            for address in numbers:
                if targets.get(address, number) != number:
                    return f"it reads {address}, which another of its points assigns"
    return ""


def _reads(recipe: Recipe, folds: bool = True) -> list[tuple[str, int]]:
    if recipe[0] in ("mem", "row", "pick"):
        return [(recipe[0], recipe[1])]
    if recipe[0] == "fold" and not folds:
        return []
    return [read for part in parts_of(recipe) for read in _reads(part, folds)]
