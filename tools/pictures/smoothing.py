"""Smoothing: the trend in losses that jump from document to document."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["ExponentialMean", "horizon_of", "smooth"]


def horizon_of(steps: int) -> int:
    """Over about how many steps to average in a run of `steps`: 25 in 1000, 253 in 100,000.

    As their square root: a long run gets both a smoother curve and one that shows more of how it began.
    """
    return max(1, round(0.8 * math.sqrt(steps)))


class ExponentialMean:
    """A mean in which the past counts less and less.

    The weights of what has come add up to 1 from the first number on, so that the curve does not begin at zero.

    Args:
        horizon: a number that is so many steps old counts 1/e of a new one.
    """

    def __init__(self, horizon: int) -> None:
        self._keep = 1.0 - 1.0 / horizon
        self._total = self._weight = 0.0

    def add(self, number: float) -> float:
        """Takes the next number; gives the mean with it."""
        self._total = self._total * self._keep + number
        self._weight = self._weight * self._keep + 1.0
        return self._total / self._weight


def smooth(numbers: Iterable[float], horizon: int) -> list[float]:
    """The exponential mean after each of `numbers`."""
    mean = ExponentialMean(horizon)
    return [mean.add(number) for number in numbers]
