"""Check elementary: tries the vector forms of exp(), log() and pow() on hundreds of millions of inputs.

    python -m microgpt.tools.checks.check_elementary [MILLIONS]

The forms leave to libm what they cannot be sure of: results so close to a midpoint between two doubles that libm may
round another way (`compiler/c/text/elementary.h`). How close that is, is a margin, and this program looks for inputs
that disprove it: it compares every result with libm's, and prints up to which part of the margin libm was seen to
differ.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from ...compiler.c.c_text import plain_text
from ...runtime.machine.find_toolchain import find_toolchain
from .built_library import built_library

__all__ = ["RANGES", "Findings", "check_elementary"]

# In the order of ``text/check_elementary.c``.
RANGES = (
    ("exp", "x from -40 to 40"),
    ("exp", "x from -760 to 760"),
    ("exp", "x of all sizes"),
    ("log", "x from 0.5 to 2"),
    ("log", "x from 0.9 to 1.1"),
    ("log", "x near 1"),
    ("log", "x of all sizes"),
    ("pow", "usual exponents"),
    ("pow", "x from 0.5 to 2, y from -50 to 50"),
    ("pow", "x and y of all sizes"),
    ("pow", "x near 1, y large"),
)


class _Findings(ctypes.Structure):
    _fields_ = (("wrong", ctypes.c_longlong), ("unsure", ctypes.c_longlong), ("farthest", ctypes.c_double))


@dataclass(frozen=True)
class Findings:
    """What was found for one function and one range of inputs.

    Attributes:
        name: of the function.
        inputs: what they were.
        tried, unsure, wrong: how many inputs; those that the margin leaves to libm; and those for which the vector form
            gave something else than libm.
        farthest: from a midpoint at which libm was seen to round another way, in parts of the margin.
    """

    name: str
    inputs: str
    tried: int
    unsure: int
    wrong: int
    farthest: float


def check_elementary(rounds: int, seed: int = 1, width: int | None = None) -> list[Findings]:
    """Tries `rounds` vectors of inputs for each range.

    Args:
        width: of the vectors; None for the processor's.

    Raises:
        ToolchainError: if there is no C compiler.
    """
    width = width or find_toolchain().vector_width
    with built_library("elementary", plain_text(__package__ or "", "check_elementary.c"), width) as library:
        function = library.check_elementary
        function.argtypes, function.restype = [ctypes.c_int, ctypes.c_longlong, ctypes.c_ulonglong], _Findings
        found = []
        for number, (name, inputs) in enumerate(RANGES):
            result = function(number, rounds, seed * 1_000_003 + number)
            found.append(Findings(name, inputs, width * rounds, result.unsure, result.wrong, result.farthest))
        return found


def main() -> int:
    """Prints what was found; the status is 1 if a result was wrong."""
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    wrong = 0
    for found in check_elementary(millions * 1_000_000 // find_toolchain().vector_width):
        wrong += found.wrong
        print(
            f"{found.name}, {found.inputs:34} {found.tried:,} tried, {found.unsure:,} left to libm, "
            f"{found.wrong} wrong, libm differs up to {found.farthest:.3f} of the margin",
            flush=True,
        )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
