"""Check portable: tries the correctly rounded functions in C on many millions of inputs.

    python -m microgpt.tools.checks.check_portable [MILLIONS] [FUNCTION ...]

Every input for which the C library gives something else, and every thousandth besides, is decided by MPFR (package
gmpy2), whose results are correctly rounded. Where two independent implementations agree, they are taken to be right.
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

# Inputs at a time, and how many of them may be decided by MPFR.
_CHUNK = 1_000_000


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


def check_portable(name: str, count: int, seed: int = 1) -> Findings:
    """Tries a function on `count` inputs.

    Raises:
        ToolchainError: if there is no C compiler.
        ImportError: if gmpy2 is not installed.
    """
    decided, seconds, wrong = 0, 0.0, []
    with numerics("portable"), built_library("portable", _program(), find_toolchain().vector_width) as library:
        function = getattr(library, f"check_{name}")
        function.restype = ctypes.c_long
        found = (ctypes.c_double * (3 * _CHUNK))()
        for chunk in range(0, count, _CHUNK):
            start = time.process_time()
            kept = function(
                ctypes.c_ulonglong(seed << 32 | chunk), ctypes.c_longlong(min(_CHUNK, count - chunk)), found, _CHUNK
            )
            seconds += time.process_time() - start
            decided += kept
            for place in range(kept):
                x, y, result = found[3 * place : 3 * place + 3]
                right = _right(name, x, y)
                if result != right and (result == result or right == right):
                    wrong.append((x, y, result))
    return Findings(name, count, decided, wrong, seconds)


def _right(name: str, x: float, y: float) -> float:
    import gmpy2

    with gmpy2.context(precision=53, emax=1024, emin=-1073, subnormalize=True):
        if name == "pow":
            return float(gmpy2.mpfr(x) ** gmpy2.mpfr(y))
        rule: Callable[[Any], Any] = getattr(gmpy2, name)
        return float(rule(gmpy2.mpfr(x)))


def _program() -> str:
    rules = "".join(
        f"static double (*const volatile of_libm_{name})({', '.join(['double'] * arity)}) = ({name});\n"
        for name, arity in LIBM.items()
    )
    operands = {1: "x", 2: "x, y"}
    checks = "".join(
        f"CHECK({name}, {arity}, portable_{name}({operands[arity]}), of_libm_{name}({operands[arity]}))\n"
        for name, arity in LIBM.items()
    )
    return c_text(__package__ or "", "check_portable.c", rules=rules, checks=checks)


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
