"""Probe: a small C library, and the checks that it has the bits that Python computes. Run as a script on the compiled
library.

It imports nothing of ours, so that it starts quickly. What is wrong is printed, and the status is then 1; else,
how many doubles the widest vector of the processor has.
"""

from __future__ import annotations

import ctypes
import math
import struct
import sys
from collections.abc import Callable
from random import Random

__all__ = ["SOURCE", "problem"]

SOURCE = """\
#include <math.h>
double probe_power(double x, double y) { return pow(x, y); }
double probe_square(double x) { return pow(x, 2.0); }
double probe_root(double x) { return pow(x, 0.5); }
double probe_inverse(double x) { return pow(x, -1.0); }
double probe_exp(double x) { return exp(x); }
double probe_log(double x) { return log(x); }
double probe_muladd(double a, double b, double c) { return a * b + c; }
double probe_sum(double a, double b, double c) { return (a + b) + c; }
double probe_quotient(double a, double b) { return a / b; }
double probe_half(double x) { return x * 0.5; }
double probe_atan(double x) { return atan(x); }
double probe_cos(double x) { return cos(x); }
double probe_erf(double x) { return erf(x); }
double probe_expm1(double x) { return expm1(x); }
double probe_log1p(double x) { return log1p(x); }
double probe_sin(double x) { return sin(x); }
double probe_sqrt(double x) { return sqrt(x); }
double probe_tanh(double x) { return tanh(x); }
int probe_vector_width(void)
{
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    return 8;
#elif defined(__AVX__)
    return 4;
#else
    return 2;
#endif
}
"""

# By function: how many operands, and what Python computes of them.
_RULES: dict[str, tuple[int, Callable[..., float]]] = {
    "power": (2, math.pow),
    "square": (1, lambda x: math.pow(x, 2.0)),
    "root": (1, lambda x: math.pow(x, 0.5)),
    "inverse": (1, lambda x: math.pow(x, -1.0)),
    "exp": (1, math.exp),
    "log": (1, math.log),
    **{name: (1, getattr(math, name)) for name in ("atan", "cos", "erf", "expm1", "log1p", "sin", "sqrt", "tanh")},
    "muladd": (3, lambda a, b, c: a * b + c),
    "sum": (3, lambda a, b, c: (a + b) + c),
    "quotient": (2, lambda a, b: a / b),
    "half": (1, lambda x: x * 0.5),
}


def problem(library: ctypes.CDLL) -> str:
    """The first thing that differs from Python; empty if nothing does."""
    random = Random(20)
    subnormals = [(random.gauss(0.0, 1e-309),) for _ in range(100)]
    for name, (count, rule) in _RULES.items():
        function = getattr(library, f"probe_{name}")
        function.argtypes, function.restype = [ctypes.c_double] * count, ctypes.c_double
        trials = [tuple(random.gauss(0.0, 3.0) for _ in range(count)) for _ in range(2000)]
        if name in ("power", "root", "log", "log1p", "sqrt"):
            trials = [(abs(first), *rest) for first, *rest in trials]
        for operands in trials + (subnormals if name == "half" else []):
            expected, found = rule(*operands), function(*operands)
            if struct.pack("d", expected) != struct.pack("d", found):
                shown = ", ".join(operand.hex() for operand in operands)
                return f"does not keep every bit: {name}({shown}) is {found.hex()} instead of {expected.hex()}"
    return ""


if __name__ == "__main__":
    library = ctypes.CDLL(sys.argv[1])
    wrong = problem(library)
    print(wrong or library.probe_vector_width())
    sys.exit(bool(wrong))
