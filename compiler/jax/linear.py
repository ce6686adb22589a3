"""Sizes and linear forms: the numbers of loops as they are printed, ``4*n_embd``, and indices in loop variables.

A `Size` is a polynomial in named sizes; programs over whole numbers have sizes without names. A `Linear` is an index or
a bound: a size plus, for each loop variable, a size times it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ..sizes.polynomial import Polynomial

__all__ = ["Linear", "Size", "size_of"]

# The product of these is written as the third.
_FACTORS, _PRODUCT = ("head_size", "n_head"), "n_embd"


@dataclass(frozen=True, slots=True)
class Size:
    """A sum of products of named sizes, in one order."""

    terms: tuple[tuple[tuple[str, ...], Fraction], ...] = ()

    def __add__(self, other: Size) -> Size:
        found = dict(self.terms)
        for names, factor in other.terms:
            found[names] = found.get(names, Fraction(0)) + factor
        return Size(tuple(sorted((names, factor) for names, factor in found.items() if factor)))

    def __mul__(self, other: Size) -> Size:
        total = Size()
        for names, factor in self.terms:
            scaled = [(tuple(sorted((*names, *more))), factor * further) for more, further in other.terms]
            total += Size(tuple(sorted(scaled)))
        return total

    def __neg__(self) -> Size:
        return self * size_of(-1)

    def __sub__(self, other: Size) -> Size:
        return self + -other

    @property
    def number(self) -> int | None:
        """As a whole number; None if it depends on names."""
        if not self.terms:
            return 0
        return int(self.terms[0][1]) if len(self.terms) == 1 and not self.terms[0][0] else None

    def replaced(self, names: Mapping[str, str]) -> Size:
        """With other names."""
        total = Size()
        for own, factor in self.terms:
            total += Size(((tuple(sorted(names.get(name, name) for name in own)), factor),))
        return total

    @property
    def is_negative(self) -> bool:
        """Whether every term is below zero."""
        return bool(self.terms) and all(factor < 0 for _, factor in self.terms)

    def __str__(self) -> str:
        text = ""
        for names, factor in sorted(self.terms, key=lambda term: (not term[0], term[1] < 0)):
            words = _joined(names)
            words = ([] if abs(factor) == 1 and words else [str(abs(factor))]) + words
            sign = "-" if factor < 0 else ""
            text += (f" {sign or '+'} " if text else sign) + " * ".join(words)
        return text or "0"


def _joined(names: tuple[str, ...]) -> list[str]:
    left = list(names)
    while all(factor in left for factor in _FACTORS):
        for factor in _FACTORS:
            left.remove(factor)
        left.append(_PRODUCT)
    return left


def size_of(number: int | Polynomial | Size) -> Size:
    """A number of the loop IR, over sizes or not."""
    if isinstance(number, Size):
        return number
    if isinstance(number, int):
        return Size((((), Fraction(number)),)) if number else Size()
    total = Size()
    for factor, names in number.terms:
        own = [part for name in names for part in (_FACTORS if name == _PRODUCT else (name,))]
        total += Size(((tuple(sorted(own)), factor),))
    return total


_ONE = size_of(1)


@dataclass(frozen=True, slots=True)
class Linear:
    """A size, and steps for loop variables, in the order of their names; none is zero."""

    start: Size = Size()
    steps: tuple[tuple[str, Size], ...] = ()

    @staticmethod
    def of(variable: str) -> Linear:
        """The variable itself."""
        return Linear(Size(), ((variable, _ONE),))

    def __add__(self, other: Linear) -> Linear:
        found = dict(self.steps)
        for name, step in other.steps:
            found[name] = found.get(name, Size()) + step
        return Linear(
            self.start + other.start, tuple(sorted((name, step) for name, step in found.items() if step.terms))
        )

    def __sub__(self, other: Linear) -> Linear:
        return self + other.times(size_of(-1))

    def times(self, factor: Size) -> Linear:
        """A multiple."""
        return Linear(self.start * factor, tuple((name, step * factor) for name, step in self.steps if factor.terms))

    def step(self, variable: str) -> Size:
        """What a variable is multiplied by."""
        return dict(self.steps).get(variable, Size())

    @property
    def variables(self) -> frozenset[str]:
        """Those that occur."""
        return frozenset(name for name, _ in self.steps)

    def put(self, values: Mapping[str, Linear]) -> Linear:
        """With linear forms in the place of variables."""
        total = Linear(self.start)
        for name, step in self.steps:
            total += values.get(name, Linear.of(name)).times(step)
        return total

    def replaced(self, names: Mapping[str, str]) -> Linear:
        """With other names of sizes."""
        return Linear(self.start.replaced(names), tuple((name, step.replaced(names)) for name, step in self.steps))
