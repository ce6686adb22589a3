"""Elementary tables: the constants of the vector forms of exp(), log() and pow() (`compiler/c/text/elementary.h`).

    python -m microgpt.tools.checks.elementary_tables

writes ``compiler/c/text/elementary_tables.h`` anew. Everything is computed to 60 digits and rounded once, so the text
is the same everywhere.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

__all__ = ["elementary_tables"]

_DIGITS = 60
# Entries of a table: two vectors of eight, from which AVX-512 picks by one instruction.
_ENTRIES = 16
# The fraction bits of what is added up exactly: multiples of log(2), of up to 11 bits, and logarithms of the table.
_FRACTION_BITS = 42
# The fraction bits of the reciprocals: a product with one is near enough to 1.
_RECIPROCAL_BITS = 8
# Where the first interval of the logarithm's table begins, so that one interval has 1 in its middle: intervals below 1
# are half as wide as those above, and two thirds of that one lie below.
_FIRST = Fraction(1) - Fraction(1, 32) * (9 + Fraction(2, 3))


def elementary_tables() -> str:
    """The text of the header."""
    getcontext().prec = _DIGITS
    two = Decimal(2).ln()
    steps = [two * place / _ENTRIES for place in range(_ENTRIES)]
    powers = [float(step.exp()) for step in steps]
    rests = [float(step - Decimal(power).ln()) for step, power in zip(steps, powers, strict=True)]
    first = _bits(float(_FIRST)) & ~((1 << 32) - 1)
    reciprocals = [_reciprocal(first, place) for place in range(_ENTRIES)]
    logarithms = [_parts(-_decimal(number).ln(), _FRACTION_BITS) for number in reciprocals]
    shared = _parts(two / _ENTRIES, _FRACTION_BITS)
    lines = [
        "",
        "/* Written by tools/checks/elementary_tables.py. */",
        f"#define LOG_FIRST {first:#x}LL",
        *_constants("LN2", _parts(two, _FRACTION_BITS)),
        *_constants("STEP", shared),
        f"#define STEPS {(float(_ENTRIES / two)).hex()}",
        *(f"#define EXP_{degree} {factor.hex()}" for degree, factor in enumerate(_curve(two / _ENTRIES / 2), 2)),
        *_table("step_power", powers),
        *_table("step_rest", rests),
        *_table("reciprocals", [float(number) for number in reciprocals]),
        *_table("log_high", [high for high, _ in logarithms]),
        *_table("log_low", [low for _, low in logarithms]),
    ]
    return "\n".join([*lines, ""])


def _curve(most: Decimal) -> list[float]:
    """The factors of the polynomial, from r^2 to r^7, that is nearest to e^r - 1 - r for r of at most this size.

    It is right at 0 and where the Chebyshev polynomial of degree 4 in r^2 is zero, scaled so that its first zero is at
    0, and its last extreme at the end. Then the error has the same size between all these places.
    """
    half, root = Decimal("0.5"), Decimal(2).sqrt()
    first, other = ((2 + sign * root).sqrt() * half for sign in (1, -1))
    squares = [most * most * (zero + first) / (1 + first) for zero in (-other, other, first)]
    places = [sign * square.sqrt() for square in squares for sign in (-1, 1)]
    # Newton's divided differences, and the factors by Horner's scheme.
    differences = [(place.exp() - 1 - place) / place**2 for place in places]
    for order in range(1, len(places)):
        for at in range(len(places) - 1, order - 1, -1):
            differences[at] = (differences[at] - differences[at - 1]) / (places[at] - places[at - order])
    factors: list[Decimal] = []
    for place, difference in zip(reversed(places), reversed(differences), strict=True):
        shifted, scaled = [Decimal(0), *factors], [*(-place * factor for factor in factors), Decimal(0)]
        factors = [one + another for one, another in zip(shifted, scaled, strict=True)]
        factors[0] += difference
    return [float(factor) for factor in factors]


def _bits(number: float) -> int:
    return int.from_bytes(struct.pack(">d", number), "big")


def _float(bits: int) -> float:
    return float(struct.unpack(">d", bits.to_bytes(8, "big"))[0])


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)


def _parts(number: Decimal, fraction_bits: int | None = None) -> tuple[float, float]:
    """The nearest float, or one with so many bits behind the point, and the rest."""
    high = float(number) if fraction_bits is None else float(round(number * 2**fraction_bits)) / 2**fraction_bits
    return high, float(number - Decimal(high))


def _reciprocal(first: int, place: int) -> Fraction:
    """One over about the middle of an interval, with few bits; 1 for the interval around 1."""
    width = 1 << 48
    begin, end = (Fraction(_float(first + width * at)) for at in (place, place + 1))
    if begin < 1 < end:
        return Fraction(1)
    return Fraction(round(2 / (begin + end) * 2**_RECIPROCAL_BITS), 2**_RECIPROCAL_BITS)


def _constants(name: str, parts: tuple[float, float]) -> list[str]:
    return [f"#define {name}_HIGH {parts[0].hex()}", f"#define {name}_LOW {parts[1].hex()}"]


def _table(name: str, numbers: Sequence[float]) -> list[str]:
    rows = [", ".join(number.hex() for number in numbers[at : at + 4]) for at in range(0, len(numbers), 4)]
    return [f"static const double {name}[{_ENTRIES}] = {{", *(f"    {row}," for row in rows), "};"]


def main() -> int:
    """Writes the header."""
    path = Path(__file__).parents[2] / "compiler" / "c" / "text" / "elementary_tables.h"
    path.write_text(elementary_tables(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
