"""Check portable: tries the correctly rounded functions in C on many millions of inputs.

    python -m microgpt.tools.checks.check_portable [MILLIONS] [FUNCTION ...]

The C library has the functions in more bits than doubles have (``long double`` of x86). Where its result is so near to
the middle of two doubles that its error could decide the rounding, where it is rounded to another double, and for every
thousandth input besides, MPFR decides (package gmpy2), whose results are correctly rounded. Where two independent
implementations agree, they are taken to be right.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.c.c_text import c_text
from ...compiler.ir.ops import LIBM
from ...compiler.numerics import numerics
from ...runtime.machine.find_toolchain import find_toolchain
from .built_library import built_library

__all__ = ["Findings", "check_portable"]

# Inputs at a time.
_CHUNK = 1_000_000
# From where functions have values; and how far they are tried evenly, where 1000 is not it.
_LEAST = {"log": 0.0, "log1p": -1.0, "pow": 0.0}
_MOST = {"cos": 1.05e6, "erf": 6.1, "pow": 20.0, "sin": 1.05e6, "tanh": 21.0}


@dataclass(frozen=True)
class Findings:
    """What was found for a function.

    Attributes:
        name: of the function.
        tried, decided: inputs, and those of them that MPFR decided.
        wrong: of these, the operands and the result that is not MPFR's.
        seconds: of the functions in C alone.
    """

    name: str
    tried: int
    decided: int
    wrong: list[tuple[float, float, float]]
    seconds: float


def check_portable(name: str, count: int, seed: int = 1, width: int | None = None) -> Findings:
    """Tries a function on `count` inputs.

    Args:
        width: of the vectors, 1 for C without them; None for the processor's.

    Raises:
        ToolchainError: if there is no C compiler.
        ImportError: if gmpy2 is not installed.
    """
    decided, seconds, wrong = 0, 0.0, []
    width = width or find_toolchain().vector_width
    with numerics("portable"), built_library("portable", _program(), width) as library:
        function = getattr(library, f"check_{name}")
        function.restype = ctypes.c_long
        found = (ctypes.c_double * (3 * _CHUNK))()
        for chunk in range(0, count, _CHUNK):
            start = time.process_time()
            kept = function(
                ctypes.c_ulonglong(seed << 32 | chunk), ctypes.c_longlong(min(_CHUNK, count - chunk)), found
            )
            seconds += time.process_time() - start
            decided += kept
            wrong += _wrong(name, found[: 3 * kept])
    return Findings(name, count, decided, wrong, seconds)


def _wrong(name: str, found: list[float]) -> list[tuple[float, float, float]]:
    """Of operands and results, three numbers each, those whose result is not MPFR's."""
    import gmpy2

    rule: Callable[..., Any] = getattr(gmpy2, name, pow)
    arity, wrong = LIBM[name], []
    with gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True):
        for x, y, result in zip(found[::3], found[1::3], found[2::3], strict=True):
            right = rule(gmpy2.mpfr(x)) if arity == 1 else rule(gmpy2.mpfr(x), gmpy2.mpfr(y))
            if result != right and (result == result or right == right):
                wrong.append((x, y, result))
    return wrong


def _program() -> str:
    checks = ""
    for name, arity in LIBM.items():
        operands, least, most = "x, y"[: 3 * arity - 2], _LEAST.get(name, "-INFINITY"), _MOST.get(name, 1000.0)
        checks += f"CHECK({name}, {arity}, {least}, {most}, portable_{name}({operands}), {name}l({operands}))\n"
    return c_text(__package__ or "", "check_portable.c", checks=checks)


def main(words: Sequence[str]) -> int:
    """Prints what was found; the status is 1 if a result was wrong."""
    millions = float(words[0]) if words else 1.0
    wrong = 0
    for name in words[1:] or LIBM:
        found = check_portable(name, round(millions * 1_000_000))
        wrong += len(found.wrong)
        print(
            f"{name:6} {found.tried:,} tried, {found.decided:,} decided by MPFR, {len(found.wrong)} wrong"
            f"{''.join(f' {tuple(map(float.hex, each))}' for each in found.wrong[:3])}; {found.seconds:.0f} s",
            flush=True,
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
