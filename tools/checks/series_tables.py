"""Series tables: the factors of the series of functions that have no form in vectors (`compiler/c/text/series.h`).

    python -m microgpt.tools.checks.series_tables

writes ``compiler/c/text/series_tables.h`` anew. A table has a row for each multiple of 1/8 in a range: Taylor's series
around it, as long as what is left out is below 2^-72 of the function anywhere within 1/16. The first four factors have
two parts. Everything is computed to 60 digits and rounded once, so the text is the same everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, getcontext
from pathlib import Path

from ...compiler.correctly_rounded import pi

__all__ = ["series_tables"]

_DIGITS = 60
_BITS = 240
_STEP = Decimal(1) / 8
# Factors of a series, many more than are needed; those of them with two parts; and what may be left out.
_FACTORS, _PAIRS, _LEFT_OUT = 60, 4, Decimal(2) ** -72

_Factors = list[Decimal]
# A factor, from its number, the place that the series is around, and the two factors before: a differential equation.
_Rule = Callable[[int, Decimal, Decimal, Decimal], Decimal]


def series_tables() -> str:
    """The text of the header."""
    getcontext().prec = _DIGITS
    zero, one = Decimal(0), Decimal(1)
    circle, log_of_2 = Decimal(pi(_BITS)) / 2**_BITS, Decimal(2).ln()
    lines = [
        "",
        "/* Written by tools/checks/series_tables.py. */",
        *_parts("RIGHT_ANGLE", circle / 2, 32, 65),
        *_parts("LN2", log_of_2, 42),
        f"#define RIGHT_ANGLES {float(2 / circle).hex()} /* in one radian */",
        f"#define LOG2_OF_E {float(1 / log_of_2).hex()}",
        *_table("angle", 0, _rows(range(7), zero, one, _sine) + _rows(range(7), one, zero, _sine)),
        *_table("growth", -3, _from_middle(-3, 0, 3, zero, one, _growth)),
        *_table("logarithm", 11, _from_middle(11, 16, 23, zero, one / 2, _logarithm)),
        *_table("atan", 0, _rows(range(9), zero, one, _atan)),
        *_table("erf", 0, _rows(range(49), zero, 2 / circle.sqrt(), _erf)),
    ]
    return "\n".join([*lines, ""])


def _sine(n: int, x: Decimal, before: Decimal, last: Decimal) -> Decimal:
    """f'' = -f, of the cosine too."""
    return -before / (n * (n - 1))


def _growth(n: int, x: Decimal, before: Decimal, last: Decimal) -> Decimal:
    """f'' = f', of e^x - 1."""
    return last / n


def _logarithm(n: int, x: Decimal, before: Decimal, last: Decimal) -> Decimal:
    """x f'' = -f', of log(x/2): near 1, which 2 stands for, rows are half as wide."""
    return -last * (n - 1) / (n * x)


def _atan(n: int, x: Decimal, before: Decimal, last: Decimal) -> Decimal:
    """(1 + x^2) f'' = -2x f'."""
    return -(2 * x * (n - 1) * last + (n - 2) * before) / ((1 + x * x) * n)


def _erf(n: int, x: Decimal, before: Decimal, last: Decimal) -> Decimal:
    """f'' = -2x f'."""
    return -2 * (x * (n - 1) * last + (n - 2) * before) / (n * (n - 1))


def _rows(numbers: range, value: Decimal, slope: Decimal, rule: _Rule) -> list[_Factors]:
    """The series around so many steps. Known are value and slope in the first place, and then from row to row."""
    rows = []
    for number in numbers:
        factors = [value, slope]
        while len(factors) < _FACTORS:
            factors.append(rule(len(factors), number * _STEP, *factors[-2:]))
        rows.append(factors)
        value = _sum(factors, numbers.step * _STEP)
        slope = _sum([power * factor for power, factor in enumerate(factors)][1:], numbers.step * _STEP)
    return rows


def _from_middle(first: int, middle: int, last: int, value: Decimal, slope: Decimal, rule: _Rule) -> list[_Factors]:
    """The series from the first to the last. Known are value and slope in the middle one."""
    below = _rows(range(middle, first - 1, -1), value, slope, rule)
    return below[:0:-1] + _rows(range(middle, last + 1), value, slope, rule)


def _sum(factors: Sequence[Decimal], x: Decimal) -> Decimal:
    total = Decimal(0)
    for factor in reversed(factors):
        total = total * x + factor
    return total


def _degree(factors: _Factors) -> int:
    """The least that leaves out no more than is allowed, as a part of the function; of its slope, around its zero."""
    at_zero, half = int(factors[0] == 0), _STEP / 2
    least = abs(factors[1]) / 2 if at_zero else min(abs(_sum(factors, half)), abs(_sum(factors, -half)))
    degree, left_out = len(factors), Decimal(0)
    while left_out <= _LEFT_OUT * least:
        degree -= 1
        left_out += abs(factors[degree]) * half ** (degree - at_zero)
    return degree


def _parts(name: str, number: Decimal, *fraction_bits: int) -> list[str]:
    """A number as the sum of parts with so many bits behind the point, and of the nearest float to what is left."""
    lines = []
    for place, bits in enumerate([*fraction_bits, None], 1):
        part = float(number) if bits is None else float(int(number * 2**bits)) / 2.0**bits
        lines.append(f"#define {name}_{place} {part.hex()}")
        number -= Decimal(part)
    return lines


def _table(name: str, first: int, rows: Sequence[_Factors]) -> list[str]:
    degree = max(map(_degree, rows))
    lines = [
        f"#define {name.upper()}_FIRST {first}",
        f"#define {name.upper()}_DEGREE {degree}",
        f"static const double {name}_rows[{len(rows)} * {degree + 1 + _PAIRS}] = {{",
    ]
    for factors in rows:
        numbers: list[float] = []
        for place, factor in enumerate(factors[: degree + 1]):
            numbers.append(float(factor))
            if place < _PAIRS:
                numbers.append(float(factor - Decimal(numbers[-1])))
        texts = ["0.0" if number == 0 else number.hex() for number in numbers]
        lines += [f"    {', '.join(texts[at : at + 4])}," for at in range(0, len(texts), 4)]
    return [*lines, "};"]


def main() -> int:
    """Writes the header."""
    path = Path(__file__).parents[2] / "compiler" / "c" / "text" / "series_tables.h"
    path.write_text(series_tables(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
