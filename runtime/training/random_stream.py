"""The stream of random numbers of a run: that of Python's `random`, with the numerics in force.

Python draws normal numbers by `cos`, `sin` and `log` of the C library, so the parameters that a model begins with
depend on it. All other numbers are drawn by integers and IEEE 754 operations.
"""

from __future__ import annotations

from math import sqrt, tau
from random import Random

from ...compiler.correctly_rounded import cosine, logarithm, sine
from ...compiler.numerics import current

__all__ = ["random_stream"]


class _Portable(Random):
    """Python's stream, with correctly rounded functions."""

    gauss_next: float | None

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """A normal number (Box and Muller, 1958), drawn as `Random.gauss` does."""
        number, self.gauss_next = self.gauss_next, None
        if number is None:
            angle = self.random() * tau
            radius = sqrt(-2.0 * logarithm(1.0 - self.random()))
            number, self.gauss_next = cosine(angle) * radius, sine(angle) * radius
        return mu + number * sigma


def random_stream(seed: int) -> Random:
    """The stream that begins with `seed`."""
    return Random(seed) if current().libm else _Portable(seed)
