"""Total IEEE 754 arithmetic: the meaning of every scalar operation, shared by all executions.

Python raises where IEEE 754 has an answer (``1.0 / 0.0``, ``math.log(0.0)``, ``math.exp(1000.0)``), and C does not. The
eager autograd, the interpreter and generated Python call these functions, so that all of them agree with C, also at
zero, at infinity and past overflow. Where Python does not raise, the result is Python's own, bit for bit: the same
libm is called.
"""

import math
from collections.abc import Iterable
from functools import reduce
from math import atan, erf, tanh  # these never raise
from operator import add

__all__ = [
    "add_up", "atan", "cosine", "divide", "erf", "exponential", "exponential_minus_1", "hyperbolic_cosine",
    "hyperbolic_sine", "larger", "logarithm", "logarithm_of_1_plus", "power", "rectify", "sigmoid", "sine", "smaller",
    "softplus", "square_root", "step", "tanh",
]  # fmt: skip

INFINITY = math.inf
NOT_A_NUMBER = math.nan


def add_up(numbers: Iterable[float]) -> float:
    """The sum from the left, every addition rounded, as the autograd adds. Python's own `sum` does not from 3.12 on."""
    return reduce(add, numbers, 0.0)


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` as C's ``pow``: infinite past overflow and at a pole, NaN for a root of a negative."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -INFINITY if base < 0.0 and abs(exponent) % 2.0 == 1.0 else INFINITY
    except ValueError:
        if base != 0.0:
            return NOT_A_NUMBER
        return math.copysign(INFINITY, base) if abs(exponent) % 2.0 == 1.0 else INFINITY


def exponential(x: float) -> float:
    """``e ** x``, infinite past overflow."""
    try:
        return math.exp(x)
    except OverflowError:
        return INFINITY


def logarithm(x: float) -> float:
    """The natural logarithm: minus infinity at zero, NaN below."""
    try:
        return math.log(x)
    except ValueError:
        return -INFINITY if x == 0.0 else NOT_A_NUMBER


def exponential_minus_1(x: float) -> float:
    """``e ** x - 1`` without the rounding of the difference; infinite past overflow."""
    try:
        return math.expm1(x)
    except OverflowError:
        return INFINITY


def logarithm_of_1_plus(x: float) -> float:
    """``log(1 + x)`` without the rounding of the sum: minus infinity at -1, NaN below."""
    try:
        return math.log1p(x)
    except ValueError:
        return -INFINITY if x == -1.0 else NOT_A_NUMBER


def square_root(x: float) -> float:
    """The square root, correctly rounded; NaN below zero."""
    try:
        return math.sqrt(x)
    except ValueError:
        return NOT_A_NUMBER


def sine(x: float) -> float:
    """The sine; NaN at the infinities."""
    try:
        return math.sin(x)
    except ValueError:
        return NOT_A_NUMBER


def cosine(x: float) -> float:
    """The cosine; NaN at the infinities."""
    try:
        return math.cos(x)
    except ValueError:
        return NOT_A_NUMBER


def hyperbolic_sine(x: float) -> float:
    """The hyperbolic sine; infinite past overflow."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(INFINITY, x)


def hyperbolic_cosine(x: float) -> float:
    """The hyperbolic cosine; infinite past overflow."""
    try:
        return math.cosh(x)
    except OverflowError:
        return INFINITY


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))``, computed so that nothing overflows. C's ``sigmoid1`` has the same operations."""
    power = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else power) / (1.0 + power)


def softplus(x: float) -> float:
    """``log(1 + exp(x))``, computed so that nothing overflows. C's ``softplus1`` has the same operations."""
    return rectify(x) + math.log1p(math.exp(-abs(x)))


def divide(numerator: float, denominator: float) -> float:
    """``numerator / denominator``: infinite (or NaN for 0/0) where the denominator is zero."""
    try:
        return numerator / denominator
    except ZeroDivisionError:
        if numerator == 0.0 or numerator != numerator:
            return NOT_A_NUMBER
        return math.copysign(INFINITY, numerator) * math.copysign(1.0, denominator)


def rectify(x: float) -> float:
    """``max(0, x)`` as Python computes it, so zero for NaN."""
    return x if x > 0.0 else 0.0


def step(x: float) -> float:
    """The derivative of `rectify`: 1 above zero, else 0."""
    return 1.0 if x > 0.0 else 0.0


def larger(a: float, b: float) -> float:
    """``max(a, b)`` as Python computes it: the first, unless the second is greater."""
    return b if b > a else a


def smaller(a: float, b: float) -> float:
    """``min(a, b)`` as Python computes it: the first, unless the second is less."""
    return b if b < a else a
