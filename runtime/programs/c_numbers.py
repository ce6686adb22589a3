"""What callers of a model's C library share with it: the type of its numbers, and room for what threads count."""

from __future__ import annotations

import ctypes

from ...compiler.numerics import current

__all__ = ["COUNTS", "number_type"]

# Longs in which threads count what they have done: steps, and documents of each part of a gradient. See accumulation.c.
COUNTS = 16 * 8


def number_type() -> type[ctypes.c_double] | type[ctypes.c_float]:
    """The type of the numbers that a library of the numerics in force works with."""
    return ctypes.c_float if current().number == "float" else ctypes.c_double
