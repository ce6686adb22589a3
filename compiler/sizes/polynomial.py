"""Polynomials in named sizes, with rational coefficients: ``4*n_embd``, ``length-1``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ..loops.place import NotRegularError

__all__ = ["Monomial", "Polynomial", "monomial_value", "whole_number"]

# The names of the sizes that are multiplied; none for the constant.
Monomial = tuple[str, ...]


def monomial_value(monomial: Monomial, sizes: Mapping[str, int]) -> int:
    """A product of sizes."""
    return math.prod(sizes[name] for name in monomial)


@dataclass(frozen=True)
class Polynomial:
    """A sum of products of sizes.

    Attributes:
        terms: coefficients, none of them zero, and what they multiply.
    """

    terms: tuple[tuple[Fraction, Monomial], ...]

    def value(self, sizes: Mapping[str, int]) -> int:
        """The whole number that it is at these sizes.

        Raises:
            NotRegularError: if it is none.
        """
        total = sum(factor * monomial_value(monomial, sizes) for factor, monomial in self.terms)
        if total.denominator != 1:
            raise NotRegularError(f"{self} is not whole at {dict(sizes)}")
        return int(total)

    @property
    def is_one_size(self) -> bool:
        """Whether it is a size alone."""
        return len(self.terms) == 1 and self.terms[0][0] == 1 and len(self.terms[0][1]) == 1

    def __str__(self) -> str:
        text = ""
        for factor, monomial in self.terms:
            words = ([] if abs(factor) == 1 and monomial else [str(abs(factor))]) + list(monomial)
            text += ("-" if factor < 0 else "+" if text else "") + "*".join(words)
        return text or "0"


def whole_number(number: int | Polynomial, sizes: Mapping[str, int]) -> int:
    """What a number, which may depend on sizes, is at these.

    Raises:
        NotRegularError: if it is not whole.
    """
    return number.value(sizes) if isinstance(number, Polynomial) else number
