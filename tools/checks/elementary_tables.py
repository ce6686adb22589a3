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
    powers = [_parts((two * place / _ENTRIES).exp()) for place in range(_ENTRIES)]
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
        *_table("power_high", [high for high, _ in powers]),
        *_table("power_low", [low for _, low in powers]),
        *_table("reciprocals", [float(number) for number in reciprocals]),
        *_table("log_high", [high for high, _ in logarithms]),
        *_table("log_low", [low for _, low in logarithms]),
    ]
    return "\n".join([*lines, ""])


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
