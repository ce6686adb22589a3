"""Generalise: programs of loops as functions of the sizes of what they were made from.

In: samples, which are programs over one layout, made alike at small sizes that differ from each other. Out: a
`SizedPrograms`: the same loops, in which every number, extent and constant is an expression in the sizes, and which
makes the programs at any sizes. That these are right elsewhere is for a proof to say, at sizes that are no samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..loops.layout import Layout
from ..loops.loop_ir import Array, LoopProgram, Nest, Span
from ..loops.map_numbers import NumberMap
from ..loops.place import NotRegularError
from .fit import Constant, Fitter
from .polynomial import whole_number
from .sized_layout import PlacedArrays, SizedLayout, sized_layout

__all__ = ["Sample", "SizedPrograms", "generalise"]


@dataclass(frozen=True)
class Sample:
    """Programs over one layout, without padded rows, at some sizes.

    Attributes:
        sizes: by name.
        arrays: of all programs.
        programs: by name.
    """

    sizes: Mapping[str, int]
    arrays: PlacedArrays
    programs: Mapping[str, LoopProgram]


@dataclass(frozen=True)
class SizedPrograms:
    """Programs over sizes.

    Attributes:
        layout: of all.
        programs: by name; where the IR has whole numbers and constants, these have polynomials and rules.
    """

    layout: SizedLayout
    programs: Mapping[str, LoopProgram]

    def at(self, name: str, sizes: Mapping[str, int], layout: Layout, called: str) -> LoopProgram:
        """A program at some sizes.

        Args:
            name: of the program.
            layout: that takes it; the arrays are those of `SizedLayout.at`, perhaps at larger sizes.
            called: what the program is to be called.

        Raises:
            NotRegularError: if a number of it is not whole, or a constant is not known there.
        """
        nests = tuple(map(_instantiation(sizes, layout), self.programs[name].nests))
        return LoopProgram(called, nests, (), self.zeros_at(name, sizes, layout))

    def zeros_at(self, name: str, sizes: Mapping[str, int], layout: Layout) -> tuple[Span, ...]:
        """What a program sets to zero first.

        Raises:
            NotRegularError: if a number in it is not whole, or less than none.
        """
        zeros = list(map(_instantiation(sizes, layout), self.programs[name].zeros))
        if any(span.size < 0 for span in zeros):
            raise NotRegularError(f"the zeros of {name} end before they begin")
        return tuple(span for span in zeros if span.size)

    def constants(self, name: str) -> frozenset[Constant]:
        """The rules for constants in a program."""
        found: set[Constant] = set()

        def collect(text: str | Constant) -> str:
            if isinstance(text, Constant):
                found.add(text)
            return ""

        NumberMap(lambda number: 0, collect, lambda array: array)(self.programs[name].nests)
        return frozenset(found)


def _instantiation(sizes: Mapping[str, int], layout: Layout) -> NumberMap:
    arrays = {array.name: array for array, _ in layout.arrays}
    arrays.update((array.name, array) for array, _, parts in layout.placed if parts)
    return NumberMap(
        lambda number: whole_number(number, sizes),
        lambda text: text.value(sizes) if isinstance(text, Constant) else text,
        lambda array: arrays[array.name],
    )


def generalise(samples: Sequence[Sample]) -> SizedPrograms:
    """The programs of all samples over the sizes.

    Raises:
        NotRegularError: if the samples differ in more than numbers, or there is no expression for some of these.
    """
    fitter = Fitter([sample.sizes for sample in samples])
    programs = {
        name: _program(name, [sample.programs[name] for sample in samples], fitter) for name in samples[0].programs
    }
    merged = frozenset(name for program in programs.values() for nest in program.nests for name in _merged(nest))
    layout = sized_layout([sample.arrays for sample in samples], fitter, merged)
    shapes = {array.name: array for whole, parts in layout.placed for array in (whole, *parts)}

    def with_shapes(program: LoopProgram) -> LoopProgram:
        change = NumberMap(lambda number: number, lambda text: text, lambda array: shapes[array.name])
        return replace(program, nests=change(program.nests), zeros=change(program.zeros))

    try:
        return SizedPrograms(layout, {name: with_shapes(program) for name, program in programs.items()})
    except KeyError as missing:
        raise NotRegularError(
            f"the loops read a table of constants ({missing.args[0]}), and loops over sizes have none: make them an "
            "argument"
        ) from None


def _program(name: str, members: Sequence[LoopProgram], fitter: Fitter) -> LoopProgram:
    if any(member.places for member in members):
        raise NotRegularError(f"{members[0].name} chooses from different places")
    parts = [(member.nests, member.zeros) for member in members]
    found = [_Numbers() for _ in members]
    structures = [numbers.collect(part) for numbers, part in zip(found, parts, strict=True)]
    for member, structure in zip(members, structures, strict=True):
        if structure != structures[0]:
            raise NotRegularError(f"the loops of {members[0].name} and {member.name} differ in more than numbers")
    numbers = iter([fitter.number(column) for column in zip(*(each.numbers for each in found), strict=True)])
    constants = iter([fitter.constant(column) for column in zip(*(each.constants for each in found), strict=True)])
    change = NumberMap(lambda number: next(numbers), lambda text: next(constants), lambda array: array)
    nests, zeros = change(parts[0])
    return LoopProgram(name, nests, (), zeros)


class _Numbers:
    """The numbers and constants of a part, in order."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.constants: list[str] = []

    def collect(self, part: tuple[tuple[Nest, ...], tuple[Span, ...]]) -> object:
        """What is left of the part without its numbers."""

        def number(found: int) -> int:
            self.numbers.append(found)
            return 0

        def constant(text: str) -> str:
            self.constants.append(text)
            return ""

        return NumberMap(number, constant, lambda array: Array(array.name, (0,) * len(array.shape)))(part)


def _merged(nest: Nest) -> set[str]:
    """The arrays of a nest that it indexes with fewer numbers than they have dimensions."""
    found: set[str] = set()
    stack: list[Any] = [nest.body]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack += part
            continue
        array, index = getattr(part, "array", None), getattr(part, "index", ())
        if array is not None and len(index) < len(array.shape):
            found.add(array.name)
        stack += [getattr(part, name) for name in ("value", "operands", "runs", "parts") if hasattr(part, name)]
    return found
