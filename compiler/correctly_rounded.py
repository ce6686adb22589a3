"""Correctly rounded functions: what `exp`, `log`, `pow` and the others mean in portable numerics.

A result is the double nearest to the exact value, as IEEE 754 defines it for ``+ - * /`` and the square root. It is
computed with integers alone, so it depends on no C library, processor or version of Python; it is slow and plain. The
functions have the names and the answers at zero, at infinity and past overflow of those in `arithmetic`.

Each is computed with an error bound and rounded at both ends of the interval. Where the two differ, it is computed
again with twice the bits (Ziv, 1991, "Fast evaluation of elementary mathematical functions with correctly rounded last
bit"). This ends where no value is a double or halfway between two. By the theorem of Lindemann and Weierstrass, the
functions of one number have such values at 0 and 1 alone, and the error function is not known to have others; `power`
finds its own beforehand.
"""

import math
from collections.abc import Callable
from functools import cache

from . import arithmetic
from .arithmetic import INFINITY, NOT_A_NUMBER, rectify

__all__ = [
    "atan", "cosine", "erf", "exponential", "exponential_minus_1", "hyperbolic_cosine", "hyperbolic_sine", "log_of_2",
    "logarithm", "logarithm_of_1_plus", "pi", "power", "sigmoid", "sine", "softplus", "tanh",
]  # fmt: skip

# A number ``n`` with ``bits`` stands for ``n * 2**-bits``. All errors below are at most a few thousand units of these.
Fixed = int
_SLACK = 1 << 20


def exponential(x: float) -> float:
    """``e ** x``, infinite past overflow."""
    if x != x or x > 710.0 or x < -746.0:
        return x if x != x else INFINITY if x > 0.0 else 0.0
    if x == 0.0:
        return 1.0

    def approximate(bits: int) -> tuple[Fixed, int]:
        number, exponent = _exponential(_fixed(x, bits), bits)
        return number, bits - exponent

    return _nearest(approximate)


def logarithm(x: float) -> float:
    """The natural logarithm: minus infinity at zero, NaN below."""
    if not 0.0 < x < INFINITY or x == 1.0:
        return -INFINITY if x == 0.0 else 0.0 if x == 1.0 else x if x == INFINITY else NOT_A_NUMBER
    numerator, denominator = x.as_integer_ratio()
    return _nearest(lambda bits: (_logarithm(numerator, denominator, bits), bits))


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` as C's ``pow``: infinite past overflow and at a pole, NaN for a root of a negative."""
    if not (math.isfinite(base) and math.isfinite(exponent)) or base in (0.0, 1.0) or exponent == 0.0:
        return arithmetic.power(base, exponent)  # exact, and the same in every C library
    if base < 0.0:
        if exponent != math.floor(exponent):
            return NOT_A_NUMBER
        return -power(-base, exponent) if exponent % 2.0 == 1.0 else power(-base, exponent)
    if base == 1.0:
        return 1.0
    numerator, denominator = base.as_integer_ratio()
    times, parts = exponent.as_integer_ratio()
    exact = _exact_power(numerator, denominator, times, parts)
    if exact is not None:
        return exact
    further = max(0, times.bit_length() - parts.bit_length() + 1)
    rough = _logarithm(numerator, denominator, 64 + further) * times // parts >> 64 + further
    if abs(rough) > 800:
        return INFINITY if rough > 0 else 0.0

    def approximate(bits: int) -> tuple[Fixed, int]:
        log = _logarithm(numerator, denominator, bits + further)
        number, exponent_of_2 = _exponential(log * times // parts >> further, bits)
        return number, bits - exponent_of_2

    return _nearest(approximate)


def _exact_power(numerator: int, denominator: int, times: int, parts: int) -> float | None:
    """A power that a double, or the middle of two, may be equal to; None if there is none.

    With the base an odd number times a power of 2, such a power is of a base whose root of so many `parts` exists, and
    is not a fraction of an odd number. Lauter and Lefèvre (2009) describe these cases.
    """
    shift = (numerator & -numerator).bit_length() - denominator.bit_length()
    odd = numerator // (numerator & -numerator)
    while parts > 1:
        root = math.isqrt(odd)
        if shift % 2 or root * root != odd:
            return None
        odd, shift, parts = root, shift // 2, parts // 2
    if odd == 1:
        return _double(1, max(-5000, min(5000, -shift * times)))
    if times < 0 or odd.bit_length() * times > 200:  # an odd number of more than 54 bits lies between
        return None
    return _double(odd**times, -shift * times)


def exponential_minus_1(x: float) -> float:
    """``e ** x - 1`` without the rounding of the difference; infinite past overflow."""
    if x != x or x > 710.0 or x == 0.0:
        return x if x != x or x == 0.0 else INFINITY
    if x < -40.0:
        return -1.0

    def approximate(bits: int) -> tuple[Fixed, int]:
        bits += _bits_below(x)
        number, exponent = _exponential(_fixed(x, bits), bits)
        if exponent < 0:
            return (number >> -exponent) - (1 << bits), bits
        return number - (1 << bits >> exponent), bits - exponent

    return _nearest(approximate)


def logarithm_of_1_plus(x: float) -> float:
    """``log(1 + x)`` without the rounding of the sum: minus infinity at -1, NaN below."""
    if not -1.0 < x < INFINITY or x == 0.0:
        return -INFINITY if x == -1.0 else x if x == 0.0 or x == INFINITY else NOT_A_NUMBER
    numerator, denominator = x.as_integer_ratio()

    def approximate(bits: int) -> tuple[Fixed, int]:
        bits += _bits_below(x)
        return _logarithm(numerator + denominator, denominator, bits), bits

    return _nearest(approximate)


def sine(x: float) -> float:
    """The sine; NaN at the infinities."""
    return x if x == 0.0 else _of_angle(x, 0)


def cosine(x: float) -> float:
    """The cosine; NaN at the infinities."""
    return 1.0 if x == 0.0 else _of_angle(x, 1)


def tanh(x: float) -> float:
    """The hyperbolic tangent."""
    if x == 0.0 or not abs(x) < 20.0:  # 1 - tanh(20) is less than 2**-56
        return math.copysign(1.0, x) if abs(x) >= 20.0 else x

    def approximate(bits: int) -> tuple[Fixed, int]:
        bits += _bits_below(x)
        number, exponent = _exponential(_fixed(-2.0 * abs(x), bits), bits)
        one, power_of_e = 1 << bits, number >> -exponent
        return ((one - power_of_e) << bits) // (one + power_of_e), bits

    return math.copysign(_nearest(approximate), x)


def hyperbolic_sine(x: float) -> float:
    """The hyperbolic sine; infinite past overflow."""
    if x == 0.0 or not abs(x) < 711.0:
        return math.copysign(INFINITY, x) if abs(x) >= 711.0 else x
    return math.copysign(_nearest(lambda bits: _hyperbolic(abs(x), -1, bits)), x)


def hyperbolic_cosine(x: float) -> float:
    """The hyperbolic cosine; infinite past overflow."""
    if x == 0.0 or not abs(x) < 711.0:
        return 1.0 if x == 0.0 else abs(x) if x != x else INFINITY
    return _nearest(lambda bits: _hyperbolic(abs(x), 1, bits))


def atan(x: float) -> float:
    """The arc tangent, in radians."""
    if x == 0.0 or x != x:
        return x
    if math.isinf(x):
        return math.copysign(_nearest(lambda bits: (pi(bits) >> 1, bits)), x)
    numerator, denominator = abs(x).as_integer_ratio()

    def approximate(bits: int) -> tuple[Fixed, int]:
        bits += _bits_below(x)
        if numerator > denominator:
            return (pi(bits) >> 1) - _arc(denominator, numerator, bits), bits
        return _arc(numerator, denominator, bits), bits

    return math.copysign(_nearest(approximate), x)


def erf(x: float) -> float:
    """The error function."""
    if x == 0.0 or not abs(x) < 6.0:  # 1 - erf(6) is less than 2**-55
        return math.copysign(1.0, x) if abs(x) >= 6.0 else x

    def approximate(bits: int) -> tuple[Fixed, int]:
        # Terms are as large as exp(36), 2**52, and so are their errors.
        bits += _bits_below(x)
        inside = bits + 64
        term = total = _fixed(abs(x), inside)
        square = term * term >> inside
        number = 0
        while term:
            number += 1
            term = (term * square >> inside) // number
            total += (-term if number % 2 else term) // (2 * number + 1)
        root_of_pi = math.isqrt(pi(inside) << inside)
        return (2 * total << inside) // root_of_pi >> 64, bits

    return math.copysign(_nearest(approximate), x)


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))``, by the operations of `arithmetic.sigmoid`."""
    part = exponential(-abs(x))
    return (1.0 if x >= 0.0 else part) / (1.0 + part)


def softplus(x: float) -> float:
    """``log(1 + exp(x))``, by the operations of `arithmetic.softplus`."""
    return rectify(x) + logarithm_of_1_plus(exponential(-abs(x)))


def _nearest(approximate: Callable[[int], tuple[Fixed, int]]) -> float:
    """The double nearest to a number.

    Args:
        approximate: from how many bits are wanted to the number, with an error below `_SLACK`, and its bits.
    """
    bits = 128
    while True:
        number, scale = approximate(bits)
        low, high = _double(number - _SLACK, scale), _double(number + _SLACK, scale)
        if low == high:
            return low
        bits *= 2


def _double(number: Fixed, bits: int) -> float:
    """The double nearest to a number: Python divides whole numbers so, subnormal results included."""
    try:
        return number / (1 << bits) if bits > 0 else float(number << -bits)
    except OverflowError:
        return INFINITY if number > 0 else -INFINITY


def _fixed(x: float, bits: int) -> Fixed:
    numerator, denominator = x.as_integer_ratio()
    return (numerator << bits) // denominator


def _bits_below(x: float) -> int:
    """The zeros behind the point of a small number, as many bits as its function needs more."""
    return max(0, -math.frexp(x)[1])


def _exponential(x: Fixed, bits: int) -> tuple[Fixed, int]:
    """``e ** x`` as a number from 1 to 2 and an exponent of 2, by Taylor's series."""
    unit = log_of_2(bits)
    exponent, rest = divmod(x, unit)
    total = term = 1 << bits
    number = 0
    while term:
        number += 1
        term = (term * rest >> bits) // number
        total += term
    return total, exponent


def _hyperbolic(x: float, sign: int, bits: int) -> tuple[Fixed, int]:
    """Half of ``e ** x`` plus, or minus, ``e ** -x``, and the bits of this number; x is positive."""
    bits += _bits_below(x)
    number, exponent = _exponential(_fixed(x, bits), bits)
    return number + sign * ((1 << 2 * bits) // number >> 2 * exponent), bits - exponent + 1


def _logarithm(numerator: int, denominator: int, bits: int) -> Fixed:
    """The logarithm of a fraction, as twice the inverse hyperbolic tangent of ``(x - 1) / (x + 1)``."""
    exponent = numerator.bit_length() - denominator.bit_length()
    numerator, denominator = numerator << max(0, -exponent), denominator << max(0, exponent)
    part = 2 * _arc(numerator - denominator, numerator + denominator, bits, hyperbolic=True)
    return part + exponent * log_of_2(bits)


def _of_angle(x: float, quarter: int) -> float:
    """The sine of `x` and so many right angles."""
    if not math.isfinite(x):
        return NOT_A_NUMBER
    exponent = max(0, math.frexp(x)[1])

    def approximate(bits: int) -> tuple[Fixed, int]:
        bits += _bits_below(x)
        right_angle, angle = pi(bits + exponent) >> 1, _fixed(x, bits + exponent)
        turns = (2 * angle + right_angle) // (2 * right_angle)
        rest = angle - turns * right_angle >> exponent
        odd = (turns + quarter) % 2
        total = term = 1 << bits if odd else rest
        square, number = rest * rest >> bits, 1 - odd
        while term not in (0, -1):
            term = -(term * square >> bits) // ((number + 1) * (number + 2))
            total += term
            number += 2
        return total if (turns + quarter) % 4 < 2 else -total, bits

    return _nearest(approximate)


def _arc(numerator: int, denominator: int, bits: int, hyperbolic: bool = False) -> Fixed:
    """The inverse tangent of a fraction from -1 to 1, by Taylor's series; or the hyperbolic one, to a half."""
    tangent, one, halved = (numerator << bits) // denominator, 1 << bits, 0
    while not hyperbolic and halved < 3:  # of half the angle
        tangent = (tangent << bits) // (one + math.isqrt((one << bits) + tangent * tangent))
        halved += 1
    square = tangent * tangent >> bits
    total, power_of_tangent, number = tangent, abs(tangent), 1
    sign = 1 if tangent >= 0 else -1
    while power_of_tangent:
        power_of_tangent = power_of_tangent * square >> bits
        number += 2
        sign = sign if hyperbolic else -sign
        total += sign * (power_of_tangent // number)
    return total << halved


@cache
def log_of_2(bits: int) -> Fixed:
    """The logarithm of 2, to a few units."""
    return 2 * _arc(1, 3, bits + 16, hyperbolic=True) >> 16


@cache
def pi(bits: int) -> Fixed:
    """Pi by Machin's formula (1706), to a few units."""
    return 4 * (4 * _arc(1, 5, bits + 24) - _arc(1, 239, bits + 24)) >> 24
