"""What callers of a model's C library share with it: the type of its numbers, and room for what threads count."""

from __future__ import annotations

import ctypes

from ...compiler.numerics import current

__all__ = ["counts", "number_type"]

# Longs of a cache line and the next one, which processors fetch with it; and parts of a gradient, at most.
_STRIDE, _PARTS = 16, 7


def counts(threads: int) -> int:
    """Longs in which threads count what they have done: steps, the documents that are in each part of a gradient, and
    those that each thread has computed. See accumulation.c; divided.c needs less.
    """
    return _STRIDE * (1 + _PARTS + threads)


def number_type() -> type[ctypes.c_double] | type[ctypes.c_float]:
    """The type of the numbers that a library of the numerics in force works with."""
    return ctypes.c_float if current().number == "float" else ctypes.c_double
