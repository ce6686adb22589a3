"""Fit: the simplest polynomial in the sizes that gives the numbers of all samples; and rules for constants.

In: what the sizes are in each sample, and a number, or a constant, in each. Out: an expression that gives exactly
these. Simplest first: a constant; one product of sizes; two of them, and so on. Where two expressions are equally
simple, the samples do not tell them apart, and nothing is guessed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
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
# Constants beyond this, or below its reciprocal, follow from no size.
_LARGEST = 2.0**52
# Of more constants than this, products of three are not tried.
_MANY = 50

# What a program computes from sizes before it is traced, in Python's arithmetic: `p` is a factor, `q` a whole number.
# Some agree at most sizes, not at all.
_RULES: Mapping[str, Callable[[float, float], float]] = {
    "{p}/{q}": lambda p, q: p / q,
    "{p}*{q}**-1": lambda p, q: p * power(q, -1.0),
    "{p}*{q}": lambda p, q: p * q,
    "{p}*{q}**0.5": lambda p, q: p * power(q, 0.5),
    "{p}*{q}**-0.5": lambda p, q: p * power(q, -0.5),
    "{p}/{q}**0.5": lambda p, q: p / power(q, 0.5),
    "{p}*({q}**0.5)**-1": lambda p, q: p * power(power(q, 0.5), -1.0),
}
# Whole factors, and whole numbers to divide by, that are tried; and digits of factors that people write.
_FACTORS, _DIVISORS, _DIGITS = range(1, 5), range(2, 9), 12


class _AmbiguousError(NotRegularError):
    """Several expressions are equally simple."""


@dataclass(frozen=True)
class Constant:
    """A constant that follows from sizes by a rule.

    Attributes:
        factor, size: `p` and `q` of the rule; both are constants where the compiler has multiplied two.
        rules: all that agree with the samples.
    """

    factor: float | Polynomial | Constant
    size: float | Polynomial | Constant
    rules: tuple[str, ...]

    def value(self, sizes: Mapping[str, int]) -> str:
        """The constant at these sizes, in hexadecimal.

        Raises:
            NotRegularError: if the rules do not agree there.
        """
        factor, size = (_at(part, sizes) for part in (self.factor, self.size))
        if not size:
            raise NotRegularError(f"{self.size} is 0 at {dict(sizes)}")
        found = {_RULES[rule](factor, size).hex() for rule in self.rules}
        if len(found) > 1:
            raise NotRegularError(f"the samples do not tell {' and '.join(self.rules)} of {factor:g}, {size:g} apart")
        return found.pop()

    def __str__(self) -> str:
        factor, size = (
            f"({part})" if isinstance(part, Polynomial) and not part.is_one_size else str(part).removesuffix(".0")
            for part in (self.factor, self.size)
        )
        text = self.rules[0].format(p=factor, q=size).removeprefix("1*")
        return "-" + text[3:] if text.startswith("-1*") else text.removesuffix("/1")


def _at(part: float | Polynomial | Constant, sizes: Mapping[str, int]) -> float:
    if isinstance(part, Constant):
        return float.fromhex(part.value(sizes))
    return float(part.value(sizes) if isinstance(part, Polynomial) else part)


class Fitter:
    """Finds expressions for what several samples have.

    Args:
        samples: the sizes in each.
    """

    def __init__(self, samples: Sequence[Mapping[str, int]]) -> None:
        self.samples = samples
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
        for count in range(1, min(_TERMS, len(self.samples) - 2) + 1):
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
                    raise _AmbiguousError(f"the samples do not tell {' and '.join(map(str, best))} apart")
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
        values = tuple(map(float.fromhex, texts))
        for factors, sizes in self._candidates(values):
            rows = list(zip(factors, map(float, sizes), texts, strict=True))
            rules = tuple(name for name, rule in _RULES.items() if all(rule(p, q).hex() == text for p, q, text in rows))
            if not rules:
                continue
            if any(math.frexp(p)[0] not in (0.5, -0.5) for p in factors):
                # Where a product rounds, rules differ at every few sizes, and what is proved or run there shows it.
                rules = rules[:1]
            factor: float | Polynomial = factors[0]
            try:
                if len(set(factors)) > 1:
                    factor = self.number(tuple(map(int, factors)))
                return Constant(factor, self.number(sizes), rules)
            except _AmbiguousError:
                raise
            except NotRegularError:
                pass  # another candidate may do
        found = self._product(values)
        if found is not None:
            return found
        raise NotRegularError(
            f"no rule gives the constant {self._listed([f'{value:g}' for value in values])}: constants may be p/q, "
            "p*q, p*q**0.5 and p*q**-0.5 of a number p and a polynomial q in the sizes; make others an argument"
        )

    def _product(self, values: tuple[float, ...]) -> Constant | None:
        """The product of two or three known constants, which the compiler multiplies where gradients do."""
        known = [
            (tuple(map(float.fromhex, texts)), rule if isinstance(rule, Constant) else float.fromhex(rule))
            for texts, rule in self._constants.items()
        ]
        products: Sequence[tuple[tuple[float, ...], float | Constant]] = known
        for _ in range(2 if len(known) <= _MANY else 1):
            products = [
                (tuple(map(operator.mul, factors, others)), Constant(factor, other, ("{p}*{q}",)))
                for (factors, factor), (others, other) in product(products, known)
            ]
            for found, rule in products:
                if found == values and isinstance(rule, Constant):
                    return rule
        return None

    def _candidates(self, values: tuple[float, ...]) -> Iterator[tuple[tuple[float, ...], tuple[int, ...]]]:
        """Factors and whole numbers that the values may follow from, the simplest first."""
        if not any(values) or not all(not value or 1 / _LARGEST < abs(value) < _LARGEST for value in values):
            return
        count, at = len(values), next(place for place, value in enumerate(values) if value)
        first = values[at]
        if all(value.is_integer() for value in values):
            yield values, (1,) * count
        columns = [
            column
            for more in (0, -1, 1)
            for sizes in self._products
            if min(column := tuple(size + more for size in sizes)) > 0
        ]
        for column in columns:
            for power_ in (-1.0, 1.0, 0.5, -0.5):
                yield (float(f"{first / column[at] ** power_:.{_DIGITS}g}"),) * count, column
        for factor in _FACTORS:
            shares = [math.copysign(value, first * value) / factor for value in values]
            for power_ in (-1, 2, -2) if min(shares) > 0 else ():
                yield (math.copysign(factor, first),) * count, tuple(max(round(each**power_), 1) for each in shares)
        for column in (*((divisor,) * count for divisor in _DIVISORS), *columns):
            yield tuple(float(round(value * divisor)) for value, divisor in zip(values, column, strict=True)), column

    def _listed(self, found: Sequence[object]) -> str:
        """What the first samples have, for an error: ``4 at n=9, 6 at n=12, 3 at n=7, ...``."""
        return (
            "".join(
                f"{each} at {', '.join(f'{name}={size}' for name, size in sizes.items())}, "
                for each, sizes in zip(found[:_SHOWN], self.samples, strict=False)
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
