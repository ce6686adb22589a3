"""C of the recipe of a nest: addresses, and expressions over one lane or a vector of neighbouring ones.

In: a nest, whose numbers may be parameters of the function that it becomes. Out: texts. Loops are variables ``i0``,
``i1``, ... by level, and parameters ``p0``, ``p1``, ... by place; the loop over lanes, if there is one, is counted by
`Expressions.lane`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InternalError
from ..ir.ops import DIV, OPS, Type, is_closed, spell
from ..loops.lanes import loads
from ..loops.loop_program import Nest, Recipe

__all__ = [
    "ONE",
    "Expressions",
    "Parameter",
    "Part",
    "Pattern",
    "Run",
    "add_up",
    "number_text",
    "spelled",
    "stored_text",
    "times",
]

# A repetition of a fold: the number of its run, and the C text of which repetition it is.
Run = tuple[int, str]


class Parameter(int):
    """A stride or step that is a parameter of the kernel: prints as its name, and counts as neither 0, 1 nor -1."""

    name: str

    def __new__(cls, name: str) -> Parameter:
        parameter = super().__new__(cls, 2)
        parameter.name = name
        return parameter

    def __str__(self) -> str:
        return self.name

    def __format__(self, specification: str) -> str:
        return self.name


@dataclass(frozen=True)
class Pattern:
    """A nest whose numbers may be parameters.

    Attributes:
        nest: any of the nests of this pattern, with a `Parameter` for each stride and step that differs.
        parameters: places that differ between the nests, in base, trips, strides and steps, one after the other.
    """

    nest: Nest
    parameters: tuple[int, ...] = ()


@dataclass(frozen=True)
class Part:
    """What one statement computes.

    Attributes:
        width: how many lanes; a vector if more than one.
        offset: how many lanes it begins behind the first of the block.
    """

    width: int
    offset: int = 0


ONE = Part(1)


class Expressions:
    """The texts of one nest.

    Attributes:
        vector: the loop over lanes that are computed side by side; None if they are computed one by one.
        lane: the first lane of the block that is being written.
        hoisted: slots that are read once, and the variable that has what they read.
        divisors: for hoisted slots by which vectors are divided, the variable that `quotient8` takes.
        walkers: slots whose addresses are in pointers ``w0``, ``w1``, ... of their own.
        staged: a power that has been computed ahead, for the lanes from ``start`` on.
    """

    def __init__(self, pattern: Pattern, vector: int | None, tag: str = "") -> None:
        self.nest, self.parameters, self.vector = pattern.nest, pattern.parameters, vector
        self.width = len(self.nest.base)
        self.lane = ""
        # What is the same at all points is read once: the compiler cannot know that no store of the nest changes it.
        self.hoisted = {
            slot: f"c{tag}{slot}"
            for slot in loads(self.nest.recipe)
            if not any(numbers[slot] for numbers in self.nest.strides + self.nest.steps)
        }
        self.divisors: dict[int, str] = {}
        self.walkers: tuple[int, ...] = ()
        self.staged: Recipe | None = None

    def beginning(self) -> list[str]:
        """Declarations of what is read once; to be asked for when all expressions have been written."""
        lines = [f"const double {name} = m[{self.affine(slot)}];" for slot, name in sorted(self.hoisted.items())]
        return lines + [
            f"const divisor {name} = divisor_of({self.hoisted[slot]});" for slot, name in sorted(self.divisors.items())
        ]

    def is_parameter(self, place: int) -> bool:
        """Whether the number at this place differs between the nests of the pattern."""
        return place in self.parameters

    def lane_stride(self, slot: int) -> int:
        """How far apart neighbouring lanes have what they read at a slot."""
        return self.nest.strides[self.vector][slot] if self.vector is not None else 0

    def affine(self, place: int, skip: int | None = None) -> str:
        """A slot or trip count at the current point, without the share of loop `skip`."""
        numbers = self.nest.base + self.nest.trips
        parts = [f"p{place}" if self.is_parameter(place) else str(numbers[place])]
        for level in range(len(self.nest.trips) - 1, -1, -1):
            if level != skip and place < len(self.nest.strides[level]):
                parts.append(times(self.nest.strides[level][place], f"i{level}"))
        return add_up(parts)

    def address(self, slot: int, part: Part = ONE, run: Run | None = None) -> str:
        """Where the first lane of a part finds what it reads at a slot."""
        stride = self.lane_stride(slot)
        parts = [self.affine(slot, self.vector), times(stride, self.lane), str(stride * part.offset)]
        if run is not None:
            parts.append(times(self.nest.steps[run[0]][slot], run[1]))
        return add_up(parts)

    def load(self, slot: int, address: str, width: int) -> tuple[str, bool]:
        """A read; a vector where lanes read neighbours."""
        if width > 1 and self.lane_stride(slot):
            return f"load{width}(m + {address})", True
        return f"m[{address}]", False

    def expression(self, recipe: Recipe, part: Part, number: int = 0, run: Run | None = None) -> tuple[str, bool]:
        """C for a recipe, and whether it is a vector (or the same number for all lanes).

        Args:
            number: of the variable that has the fold: ``sum0``, ``sum1``, ...
        """
        kind, width = recipe[0], part.width
        if kind == "mem":
            return self._memory(recipe[1], part, run)
        if kind == "const":
            return number_text(recipe[1]), False
        if kind == "fold":
            return f"sum{number}", width > 1
        if kind == "row":
            row = times(recipe[2], f"ix[{self.address(recipe[3], ONE, run)}]")
            return self.load(recipe[1], add_up([self.address(recipe[1], part, run), row]), width)
        if kind == "pick":
            place = f"{self.address(recipe[1], ONE, run)} + ix[{self.address(recipe[2], ONE, run)}]"
            return f"m[places[{place}]]", False
        if kind == "equal":
            index, value = f"ix[{self.address(recipe[1], ONE, run)}]", self.address(recipe[2], part, run)
            if width > 1 and self.lane_stride(recipe[2]):
                return f"equal{width}({index} - ({value}))", True
            return f"({index} == {value})", False
        if recipe is self.staged:
            return (f"load{width}(power + (lane - start))", True) if width > 1 else ("power[lane - start]", False)
        return self._operation(recipe, part, number, run)

    def _memory(self, slot: int, part: Part, run: Run | None) -> tuple[str, bool]:
        if slot in self.hoisted:
            return self.hoisted[slot], False
        if slot in self.walkers:
            offset = self.lane_stride(slot) * part.offset
            if part.width > 1 and self.lane_stride(slot):
                return f"load{part.width}(w{slot} + {offset})", True
            return f"w{slot}[{offset}]", False
        return self.load(slot, self.address(slot, part, run), part.width)

    def _operation(self, recipe: Recipe, part: Part, number: int, run: Run | None) -> tuple[str, bool]:
        kind, width = recipe[0], part.width
        operands = [self.expression(operand, part, number, run) for operand in recipe[1:]]
        texts = [text for text, _ in operands]
        if kind == DIV and operands[0][1] and not operands[1][1]:
            return f"quotient{width}({texts[0]}, {self._divisor(recipe[2], texts[1])})", True
        row, is_vector = OPS[kind], any(flag for _, flag in operands)
        if is_vector:
            parts = zip(operands, recipe[1:], row.types, strict=True)
            texts = [_lanes(*operand, part_, type_, width, row.is_infix) for operand, part_, type_ in parts]
        return spelled(kind, texts, width if is_vector else 1), is_vector

    def _divisor(self, recipe: Recipe, text: str) -> str:
        if recipe[0] == "mem" and recipe[1] in self.hoisted:
            return self.divisors.setdefault(recipe[1], self.hoisted[recipe[1]].replace("c", "d"))
        return f"divisor_of({text})"


def _lanes(text: str, is_vector: bool, recipe: Recipe, type_: Type, width: int, is_infix: bool) -> str:
    """An operand as a vector. Memory has flags as 1 and 0, vectors as all bits and none."""
    if type_ is Type.FLAG:
        if not is_vector:
            return f"flag{width}({text})"
        return f"({text} != 0.0)" if recipe[0] in ("mem", "row", "pick") else text
    return text if is_vector or is_infix else f"all{width}({text})"


def stored_text(recipe: Recipe, text: str, is_vector: bool, width: int) -> str:
    """What a recipe computes, as it is stored: flags as 1 and 0."""
    is_flag = isinstance(recipe[0], int) and OPS[recipe[0]].result is Type.FLAG
    if is_vector and is_flag:
        return f"keep{width}({text}, all{width}(1.0))"
    return text if is_vector or width == 1 else f"all{width}({text})"


def spelled(op: int, texts: Sequence[str], width: int) -> str:
    """C for an operation on one lane, or on vectors of `width`, as its row spells it."""
    row = OPS[op]
    spelling = row.c if width == 1 else row.c_lanes
    if not spelling:
        raise InternalError(f"{row.name} has no spelling in C for vectors")
    text = spell(spelling, texts, width=width)
    return text if is_closed(spell(spelling, [""] * len(texts), width=width)) else f"({text})"


def times(factor: int, text: str) -> str:
    """A product; empty where it is zero."""
    if not factor or not text:
        return ""
    if factor in (1, -1):
        return text if factor == 1 else f"-{text}"
    return f"{factor} * {text}"


def add_up(parts: Sequence[str]) -> str:
    """A sum of terms, of which those that are empty or zero are left out."""
    return " + ".join(part for part in parts if part not in ("", "0")).replace("+ -", "- ") or "0"


def number_text(text: str) -> str:
    """C for a number in hexadecimal."""
    value = float.fromhex(text)
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    return text if value >= 0 and not text.startswith("-") else f"({text})"
