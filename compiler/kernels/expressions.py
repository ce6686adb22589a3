"""The expressions of the kernel IR: whole numbers, places in memory, and numbers, one or a vector of lanes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..loops.loop_ir import Array

__all__ = [
    "Call",
    "Chosen",
    "Divisor",
    "Entry",
    "Expr",
    "Fold",
    "IsSet",
    "Matches",
    "Name",
    "Number",
    "Ones",
    "Pick",
    "Place",
    "Proved",
    "Quotient",
    "Ratio",
    "Read",
    "ReadPart",
    "Run",
    "Spread",
    "Sum",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """A number of the index that the program is called with."""

    number: Sum


@dataclass(frozen=True, slots=True)
class Sum:
    """A whole number: a constant, and multiples of variables. A factor may be a parameter."""

    constant: int = 0
    terms: tuple[tuple[int | str, str | Entry], ...] = ()

    def factor(self, name: str) -> int | str:
        """How often a variable is in it."""
        return next((factor for factor, other in self.terms if other == name), 0)

    def plus(self, other: Sum) -> Sum:
        """The sum of two."""
        terms: dict[str | Entry, int | str] = {}
        for factor, name in (*self.terms, *other.terms):
            known = terms.get(name, 0)
            terms[name] = factor if not known else int(known) + int(factor)
        found = tuple((factor, name) for name, factor in terms.items() if factor)
        return Sum(self.constant + other.constant, found)

    def times(self, factor: int) -> Sum:
        """A multiple."""
        if factor == 1:
            return self
        return Sum(self.constant * factor, tuple((int(own) * factor, name) for own, name in self.terms))


@dataclass(frozen=True, slots=True)
class Place:
    """An element of an array, or one that a pointer of that name reaches. An index as in `loop_ir.Load`."""

    base: Array | str
    index: tuple[Sum, ...]

    def flat(self) -> Sum:
        """The number of the element."""
        if isinstance(self.base, str):
            return self.index[0]
        if len(self.index) == 1:
            return self.index[0]
        total = self.index[0]
        for part, extent in zip(self.index[1:], self.base.merged(len(self.index))[1:], strict=True):
            total = total.times(extent).plus(part)
        return total


@dataclass(frozen=True, slots=True)
class Number:
    """A number, in hexadecimal."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or a parameter."""

    name: str
    width: int = 1


@dataclass(frozen=True, slots=True)
class Read:
    """One element, or a vector of neighbours of which it is the first."""

    place: Place
    width: int = 1


@dataclass(frozen=True, slots=True)
class Pick:
    """An element of those that the programs choose from."""

    start: Sum
    chosen: Sum
    width: int = 1


@dataclass(frozen=True, slots=True)
class ReadPart:
    """The first elements of a vector of neighbours, at most `count`; the others are zero."""

    place: Place
    count: Sum
    width: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """A vector of elements that each lane's own number of the index chooses: `stride` times that, and `step` times the
    lane, behind `place`.
    """

    place: Place
    chosen: Sum
    stride: int
    step: int
    width: int


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether a number of the index is `number`. For a vector, `number` plus the lane, unless it `differs`: then each
    lane has its own number of the index.
    """

    chosen: Sum
    number: Sum
    width: int = 1
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of `ops`."""

    op: int
    operands: tuple[Expr, ...]
    width: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """One number, or one flag, in all lanes."""

    value: Expr
    width: int
    is_flag: bool = False


@dataclass(frozen=True, slots=True)
class IsSet:
    """A vector of flags from one of numbers: memory has flags as 1 and 0, vectors as all bits and none."""

    value: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Ones:
    """A vector of numbers from one of flags, the other way round."""

    value: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Divisor:
    """A number that vectors are divided by, and what must be known of it.

    Attributes:
        frequent: whether vectors are so many that it pays to find out more of it.
    """

    value: Expr
    width: int = 1
    frequent: bool = False


@dataclass(frozen=True, slots=True)
class Quotient:
    """A vector divided by a `Divisor`, or by a variable that has one."""

    dividend: Expr
    divisor: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A vector divided by another one, which processors do in more than one way. The vectors begin at `lane`."""

    dividend: Expr
    divisor: Expr
    lane: Sum
    width: int


@dataclass(frozen=True, slots=True)
class Proved:
    """A vector of powers by a function that proves each, or leaves it to pow()."""

    function: str
    operand: Expr
    width: int


@dataclass(frozen=True, slots=True)
class Run:
    """Terms of a fold, or runs of terms, that are repeated `count` times. `variable` counts the repetitions.

    Attributes:
        before: terms that come first.
    """

    variable: str
    count: Sum
    parts: tuple[Expr | Run, ...]
    before: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Fold:
    """An ordered fold."""

    op: int
    runs: tuple[Run, ...]
    width: int = 1


Expr: TypeAlias = (
    Number
    | Name
    | Read
    | ReadPart
    | Chosen
    | Pick
    | Matches
    | Call
    | Spread
    | IsSet
    | Ones
    | Divisor
    | Quotient
    | Ratio
    | Proved
    | Fold
)
