"""The text form of a program of loops, which `parse_program` reads back: ``parse_program(format_program(p)) == p``.

    program gpt_loss_length7
    zero 4272 + 432
    places 3 17 20
    nest 9440 16 1120 9184 = (fold add (run 1 (mul (mem 2) (mem 3)))) ; gpt.py:136 position.layer.query, forward
        step 0 0 1 1
        for 16 by 1 0 16 0
        for 7 by 16 0 0 16 0

A nest's line has its slots at the first point (slot 0 is the target) and its recipe; ``step`` says what a repetition of
a fold's run adds to the slots; ``for`` is a loop, innermost first, with its trips and what a turn adds to the slots and
to the trips of the loops before it. ``nest 4704 3 = scatter 16 ...`` adds to a row that an index chooses. Behind ``;``
stands what the nest carries out, for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..errors import CompileError
from ..ir.ops import OPS, OPS_BY_NAME
from .loop_program import LoopProgram, Nest, Recipe

__all__ = ["format_program", "format_recipe", "parse_program"]


def format_recipe(recipe: Recipe) -> str:
    """A recipe in brackets: ``(mul (mem 2) (mem 3))``."""
    kind = recipe[0]
    if kind == "fold":
        runs = (f"(run {count} {' '.join(format_recipe(term) for term in terms)})" for count, terms in recipe[2])
        return f"(fold {OPS[recipe[1]].name} {' '.join(runs)})"
    name = kind if isinstance(kind, str) else OPS[kind].name
    parts = (format_recipe(part) if isinstance(part, tuple) else str(part) for part in recipe[1:])
    return f"({' '.join([name, *parts])})"


def format_program(program: LoopProgram) -> str:
    """The whole program; ends with a newline."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: LoopProgram) -> Iterator[str]:
    yield f"program {program.name}"
    for start, size in program.zeros:
        yield f"zero {start} + {size}"
    if program.places:
        yield f"places {_numbers(program.places)}"
    for nest in program.nests:
        scatter = "" if nest.row_stride is None else f"scatter {nest.row_stride} "
        label = f" ; {nest.label}" if nest.label else ""
        yield f"nest {_numbers(nest.base)} = {scatter}{format_recipe(nest.recipe)}{label}"
        for step in nest.steps:
            yield f"    step {_numbers(step)}"
        for trips, stride in zip(nest.trips, nest.strides, strict=True):
            yield f"    for {trips} by {_numbers(stride)}"


def _numbers(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


def parse_program(text: str) -> LoopProgram:
    """Reads what `format_program` wrote.

    Raises:
        CompileError: naming the line that is not of the form.
    """
    name = ""
    places: tuple[int, ...] = ()
    zeros: list[tuple[int, int]] = []
    nests: list[Nest] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            word, _, rest = line.strip().partition(" ")
            if word == "program":
                name = rest
            elif word == "zero":
                start, _, size = rest.partition(" + ")
                zeros.append((int(start), int(size)))
            elif word == "places":
                places = _parse_numbers(rest)
            elif word == "nest":
                nests.append(_parse_nest(rest))
            elif word in ("step", "for"):
                nests[-1] = _extended(nests[-1], word, rest)
            else:
                raise ValueError
        except (ValueError, IndexError, KeyError):
            raise CompileError(f"line {number} is not part of a program of loops: {line!r}") from None
    return LoopProgram(name, tuple(nests), places, tuple(zeros))


def _parse_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split())


def _parse_nest(text: str) -> Nest:
    text, _, label = text.partition(" ; ")
    base, _, recipe = text.partition(" = ")
    row_stride = None
    if recipe.startswith("scatter "):
        _, stride, recipe = recipe.split(" ", 2)
        row_stride = int(stride)
    return Nest(_parse_recipe(recipe), row_stride, (), _parse_numbers(base), (), (), label)


def _extended(nest: Nest, word: str, rest: str) -> Nest:
    if word == "step":
        return replace(nest, steps=(*nest.steps, _parse_numbers(rest)))
    trips, _, stride = rest.partition(" by ")
    strides = (*nest.strides, _parse_numbers(stride))
    return replace(nest, strides=strides, trips=(*nest.trips, int(trips)))


def _parse_recipe(text: str) -> Recipe:
    # Brackets that are open, innermost last; the first entry collects the whole.
    stack: list[list[object]] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", text):
        if token == "(":
            stack.append([])
        elif token == ")":
            parts = stack.pop()
            stack[-1].append(_recipe(parts))
        else:
            stack[-1].append(token)
    (recipe,) = stack.pop()
    if not isinstance(recipe, tuple):
        raise ValueError(text)
    return recipe


def _recipe(parts: list[object]) -> Recipe:
    kind, *rest = parts
    if kind == "run":
        return (int(str(rest[0])), tuple(rest[1:]))
    if kind == "fold":
        return ("fold", OPS_BY_NAME[str(rest[0])], tuple(rest[1:]))
    if kind == "const":
        return ("const", str(rest[0]))
    if kind in ("mem", "row", "pick", "equal"):
        return (kind, *(int(str(part)) for part in rest))
    return (OPS_BY_NAME[str(kind)], *rest)
