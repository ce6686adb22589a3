"""Axes: from numbers to places in a picture, and the round numbers of its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Axis", "label", "span"]

# What the distance of two ticks may begin with.
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """Maps the numbers from `low` to `high` to the places from `start` to `end`, which may run backwards.

    Attributes:
        logarithmic: whether equal ratios are equally far apart; `low` is above zero then.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def place(self, number: float) -> float:
        """Where a number is; what is beyond the axis is at its end."""
        low, high = self.low, self.high
        number = min(max(number, low), high)
        if self.logarithmic:
            low, high, number = math.log(low), math.log(high), math.log(number)
        share = (number - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most about `most` round numbers within the axis, ascending."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            stride = max(1, -(-(last - first + 1) // most))
            return [10.0**power for power in range(first, last + 1, stride)]
        if not self.high > self.low:
            return [self.low]
        rough = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * unit for factor in ROUND if factor * unit >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def span(numbers: Iterable[float], margin: float = 0.0) -> tuple[float, float]:
    """The least and the largest of the finite ones among `numbers`, with a share of the distance added at both ends."""
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    gap = margin * (high - low) or (0.0 if high > low else 0.5 * abs(high) or 0.5)
    return low - gap, high + gap


def label(number: float) -> str:
    """A number as it stands at a tick: short, with commas in large ones."""
    if number and not 1e-3 <= abs(number) < 1e7:
        return f"{number:.3g}".replace("-", "−")
    text = f"{number:,.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("0", "-0") else text.replace("-", "−")
