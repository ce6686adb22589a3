"""Check powers: tries the vector forms of some powers, and of division, on hundreds of millions of inputs.

    python -m microgpt.tools.checks.check_powers [MILLIONS]

The forms call pow() only where the exact result lies so close to a rounding boundary that pow() may round it another
way (`compiler/c/text/powers.h`). How close that is, is a margin, and this program looks for inputs that disprove it:
random ones, of which those near the boundary are compared with pow(). It also prints how close a result must be for
pow() to differ, as far as was seen.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from ...compiler.c.c_text import plain_text
from ...runtime.machine.find_toolchain import find_toolchain
from .built_library import built_library

__all__ = ["Findings", "check_powers"]


class _Findings(ctypes.Structure):
    _fields_ = (
        ("wrong", ctypes.c_longlong),
        ("near", ctypes.c_longlong),
        ("unsure", ctypes.c_longlong),
        ("farthest", ctypes.c_double),
    )


@dataclass(frozen=True)
class Findings:
    """What was found for one function and one range of exponents.

    Attributes:
        name: of the function.
        spread: exponents went from minus this to this.
        tried, near, unsure, wrong: inputs; those compared with the truth; those that are left to pow() anyway; and
            those for which the vector form gave something else.
        farthest: from a rounding boundary, relative to the power and in 2^-53, at which pow() was seen to differ.
    """

    name: str
    spread: int
    tried: int
    near: int
    unsure: int
    wrong: int
    farthest: float


def check_powers(rounds: int, seed: int = 1) -> list[Findings]:
    """Tries `rounds` vectors of inputs for each function and range.

    Raises:
        ToolchainError: if there is no C compiler.
    """
    width = find_toolchain().vector_width
    with built_library("powers", plain_text(__package__ or "", "check_powers.c"), width) as library:
        found = []
        for name, spreads in (
            ("square", (8, 20, 48, 130, 600)),
            ("root", (8, 40, 96, 260, 1000)),
            ("inverse", (8, 48, 96, 600)),
            ("inverse_root", (8, 96, 192, 1000)),
            ("inverse_square", (8, 48, 96, 540)),
            ("inverse_root_cube", (8, 64, 128, 700)),
            ("enclosed_square", (8, 48, 96, 300, 540)),
            ("enclosed_root", (8, 96, 192, 400, 1070)),
            ("quotient", (8, 100, 600)),
            ("ratio", (8, 100, 600)),
        ):
            function = getattr(library, f"check_{name}")
            function.argtypes, function.restype = [ctypes.c_longlong, ctypes.c_ulonglong, ctypes.c_int], _Findings
            for spread in spreads:
                result = function(rounds, seed * 1_000_003 + spread, spread)
                numbers = (result.near, result.unsure, result.wrong, result.farthest)
                found.append(Findings(name, spread, width * rounds, *numbers))
        return found


def main() -> int:
    """Prints what was found; the status is 1 if a result was wrong."""
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    wrong = 0
    for found in check_powers(millions * 125_000):
        wrong += found.wrong
        print(
            f"{found.name:15}  exponents within {found.spread:4}: {found.tried} tried, {found.near} near a boundary, "
            f"{found.unsure} left to pow, {found.wrong} wrong; pow differs up to {found.farthest:.5f} * 2^-53 away"
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
