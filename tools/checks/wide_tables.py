"""Wide tables: the constants of the accurate functions in C (`compiler/c/text/accurate.h`).

    python -m microgpt.tools.checks.wide_tables

writes ``compiler/c/text/wide_tables.h`` anew, from the integers of `correctly_rounded`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from ...compiler.c.prelude import WIDE_WORDS
from ...compiler.correctly_rounded import log_of_2, pi

__all__ = ["wide_tables"]

# Behind the point, and spare ones.
_BITS, _SPARE = 32 * (WIDE_WORDS - 1), 64
# An exponent of 971 skips 30 words of 2/pi, and WORDS + 3 are read.
_ANGLE_WORDS = 30 + WIDE_WORDS + 3


def wide_tables() -> str:
    """The text of the header."""
    inside = _BITS + _SPARE
    numbers = {
        "log_of_2": log_of_2(inside) >> _SPARE,
        "right_angle": pi(inside) >> _SPARE + 1,
        "two_over_root_of_pi": (2 << 2 * inside) // math.isqrt(pi(inside) << inside) >> _SPARE,
    }
    lines = ["/* Written by tools/checks/wide_tables.py. */"]
    for name, number in numbers.items():
        words = [number >> 32 * place & 0xFFFFFFFF for place in range(WIDE_WORDS)]
        lines += _table(f"static const wide wide_{name} = {{{{", words, "}};")
    bits = 32 * _ANGLE_WORDS
    angle = (2 << 2 * (bits + _SPARE)) // pi(bits + _SPARE) >> _SPARE
    words = [angle >> bits - 32 * (place + 1) & 0xFFFFFFFF for place in range(_ANGLE_WORDS)]
    lines.append("/* Behind the point, the highest first. */")
    lines += _table(f"static const uint32_t two_over_pi[{_ANGLE_WORDS}] = {{", words, "};")
    return "\n".join([*lines, ""])


def _table(head: str, words: Sequence[int], end: str) -> list[str]:
    rows = [", ".join(f"0x{word:08x}" for word in words[at : at + 8]) for at in range(0, len(words), 8)]
    return [head, *(f"    {row}," for row in rows), end]


def main() -> int:
    """Writes the header."""
    path = Path(__file__).parents[2] / "compiler" / "c" / "text" / "wide_tables.h"
    path.write_text(wide_tables(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
