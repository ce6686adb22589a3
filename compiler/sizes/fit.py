"""Fit: the simplest polynomial in the sizes that gives the numbers of all samples; and rules for constants.

In: what the sizes are in each sample, and a number, or a constant, in each. Out: an expression that gives exactly
these. Simplest first: a constant; one product of sizes; two of them, and so on. Where two expressions are equally
simple, the samples do not tell them apart, and nothing is guessed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement, product

from ..loops.place import NotRegularError
from ..numerics import power
from .polynomial import Monomial, Polynomial, monomial_value

__all__ = ["Constant", "Fitter"]

# Products of more sizes than this are not looked for, nor sums of more products: two more samples than products must
# say the same. Sums of many have whole coefficients, such as where the third of several vectors in one array begins.
_DEGREE, _TERMS, _FEW = 2, 4, 2
# In how many samples an error shows a number.
_SHOWN = 3

# What a program computes from a size before it is traced, in Python's arithmetic. Some agree at most sizes, not at all.
_RULES: Mapping[str, Callable[[float], float]] = {
    "{}": lambda size: size,
    "1/{}": lambda size: 1 / size,
    "{}**-1": lambda size: power(size, -1.0),
    "{}**0.5": lambda size: power(size, 0.5),
    "{}**-0.5": lambda size: power(size, -0.5),
    "1/{}**0.5": lambda size: 1 / power(size, 0.5),
    "({}**0.5)**-1": lambda size: power(power(size, 0.5), -1.0),
}


@dataclass(frozen=True)
class Constant:
    """A constant that follows from a size by a rule.

    Attributes:
        size: from which.
        factor: of the result, 1 or -1.
        rules: all that agree with the samples.
    """

    size: Monomial
    factor: float
    rules: tuple[str, ...]

    def value(self, sizes: Mapping[str, int]) -> str:
        """The constant at these sizes, in hexadecimal.

        Raises:
            NotRegularError: if the rules do not agree there.
        """
        size = float(monomial_value(self.size, sizes))
        found = {(self.factor * _RULES[rule](size)).hex() for rule in self.rules}
        if len(found) > 1:
            raise NotRegularError(f"the samples do not tell {' and '.join(self.rules)} of {size:g} apart")
        return found.pop()

    def __str__(self) -> str:
        size = "*".join(self.size)
        return ("-" if self.factor < 0 else "") + self.rules[0].format(size if len(self.size) == 1 else f"({size})")


class Fitter:
    """Finds expressions for what several samples have.

    Args:
        samples: the sizes in each.
    """

    def __init__(self, samples: Sequence[Mapping[str, int]]) -> None:
        self._samples = samples
        self._products: dict[tuple[int, ...], list[Monomial]] = {}
        for degree in range(1, _DEGREE + 1):
            for monomial in combinations_with_replacement(samples[0], degree):
                values = tuple(monomial_value(monomial, sizes) for sizes in samples)
                alike = self._products.setdefault(values, [])
                # A width is heads times their size by definition; others that are the same are so by chance.
                if not alike or len(alike[0]) == degree:
                    alike.append(monomial)
        self._numbers: dict[tuple[int, ...], int | Polynomial] = {}
        self._constants: dict[tuple[str, ...], str | Constant] = {}

    def number(self, values: tuple[int, ...]) -> int | Polynomial:
        """A polynomial for a number, given in each sample; the number itself if it is the same in all.

        Raises:
            NotRegularError: if there is none, or more than one.
        """
        if values not in self._numbers:
            self._numbers[values] = values[0] if len(set(values)) == 1 else self._simplest(values)
        return self._numbers[values]

    def _simplest(self, values: tuple[int, ...]) -> Polynomial:
        for count in range(1, min(_TERMS, len(self._samples) - 2) + 1):
            found: dict[tuple[bool, int], list[Polynomial]] = {}
            for columns in combinations(self._products, count):
                coefficients = _solved(columns, values)
                if coefficients is None or (count > _FEW and any(each.denominator > 1 for each in coefficients)):
                    continue
                for monomials in product(*(self._products[column] for column in columns)):
                    terms = zip(coefficients, (*monomials, ()), strict=True)
                    rank = any(each.denominator > 1 for each in coefficients), sum(map(len, monomials))
                    found.setdefault(rank, []).append(Polynomial(tuple(term for term in terms if term[0])))
            if found:
                best = found[min(found)]
                if len(best) > 1:
                    raise NotRegularError(f"the samples do not tell {' and '.join(map(str, best))} apart")
                return best[0]
        raise NotRegularError(f"no polynomial in the sizes is {self._listed(values)}")

    def constant(self, texts: tuple[str, ...]) -> str | Constant:
        """A rule for a constant, given in each sample in hexadecimal; its text if it is the same in all.

        Raises:
            NotRegularError: if there is none.
        """
        if texts not in self._constants:
            self._constants[texts] = texts[0] if len(set(texts)) == 1 else self._rule(texts)
        return self._constants[texts]

    def _rule(self, texts: tuple[str, ...]) -> Constant:
        for column, monomials in self._products.items():
            factor = -1.0 if texts[0].startswith("-") else 1.0
            rules = tuple(
                name
                for name, rule in _RULES.items()
                if all((factor * rule(float(size))).hex() == text for size, text in zip(column, texts, strict=True))
            )
            if rules and len(monomials) > 1:
                raise NotRegularError(f"the samples do not tell {' and '.join(map('*'.join, monomials))} apart")
            if rules:
                return Constant(monomials[0], factor, rules)
        constants = [f"{float.fromhex(text):g}" for text in texts]
        raise NotRegularError(
            f"no rule gives the constant {self._listed(constants)}: constants may be s, 1/s, s**0.5 and s**-0.5 of a "
            "size or a product s of two; make others an argument"
        )

    def _listed(self, found: Sequence[object]) -> str:
        """What the first samples have, for an error: ``4 at n=9, 6 at n=12, 3 at n=7, ...``."""
        return (
            "".join(
                f"{each} at {', '.join(f'{name}={size}' for name, size in sizes.items())}, "
                for each, sizes in zip(found[:_SHOWN], self._samples, strict=False)
            )
            + "..."
        )


def _solved(columns: Sequence[tuple[int, ...]], values: tuple[int, ...]) -> list[Fraction] | None:
    """What to multiply the columns with, and a constant, so that they add up to the values; None if nothing does,
    if something else does, too, or if a column is not needed.
    """
    count = len(columns)
    first = [column[0] for column in columns]
    # Differences to the first sample have no constant. Rows stay whole numbers: fractions take ten times as long.
    rows = [[*map(operator.sub, row, first), value - values[0]] for *row, value in zip(*columns, values, strict=True)][
        1:
    ]
    for place in range(count):
        pivot = next((at for at in range(place, len(rows)) if rows[at][place]), None)
        if pivot is None:
            return None
        rows[place], rows[pivot] = rows[pivot], rows[place]
        chosen = rows[place]
        for at, row in enumerate(rows):
            if at != place and row[place]:
                rows[at] = [a * chosen[place] - row[place] * b for a, b in zip(row, chosen, strict=True)]
    if any(row[-1] for row in rows[count:]) or not all(row[-1] for row in rows[:count]):
        return None
    found = [Fraction(row[-1], row[place]) for place, row in enumerate(rows[:count])]
    return [*found, values[0] - sum(map(operator.mul, found, first))]
