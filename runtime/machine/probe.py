"""Probe: the checks that a compiled library has the bits that Python computes. Run as a program, with the library as
its argument and `ProbeSource.expected` on its stdin.

It imports nothing but the standard library, so that it starts quickly. What is wrong is printed, and the status is then
1; else, how many doubles the widest vector of the processor has.
"""

from __future__ import annotations

import ctypes
import json
import math
import struct
import sys
from array import array
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

__all__ = ["problem"]

# By function: how many operands, and what Python computes of them.
_RULES: dict[str, tuple[int, Callable[..., float]]] = {
    "power": (2, math.pow),
    "square": (1, lambda x: math.pow(x, 2.0)),
    "root": (1, lambda x: math.pow(x, 0.5)),
    "inverse": (1, lambda x: math.pow(x, -1.0)),
    "exp": (1, math.exp),
    "log": (1, math.log),
    **{
        name: (1, getattr(math, name))
        for name in ("atan", "cos", "cosh", "erf", "expm1", "log1p", "sin", "sinh", "sqrt", "tanh")
    },
    "muladd": (3, lambda a, b, c: a * b + c),
    "sum": (3, lambda a, b, c: (a + b) + c),
    "quotient": (2, lambda a, b: a / b),
    "half": (1, lambda x: x * 0.5),
}


def problem(library: ctypes.CDLL, expected: Mapping[str, Any]) -> str:
    """The first thing that differs from Python; empty if nothing does.

    Args:
        library: what the compiler made of `ProbeSource.text`.
        expected: `ProbeSource.expected`, parsed.
    """
    random = Random(20)
    numbers = [[random.gauss(0.0, 3.0) for _ in range(2000)] for _ in range(3)]
    subnormals = [random.gauss(0.0, 1e-309) for _ in range(100)]
    for name, (count, rule) in _RULES.items():
        function = getattr(library, f"probe_{name}")
        function.argtypes, function.restype = [ctypes.c_double] * count, ctypes.c_double
        columns = numbers[:count]
        if name in ("power", "root", "log", "log1p", "sqrt"):
            columns = [[*map(abs, columns[0])], *columns[1:]]
        if name == "half":
            columns = [columns[0] + subnormals]
        right, found = array("d", map(rule, *columns)), array("d", map(function, *columns))
        if right.tobytes() != found.tobytes():
            place = next(place for place, pair in enumerate(zip(right, found, strict=True)) if _differ(*pair))
            shown = ", ".join(column[place].hex() for column in columns)
            return f"does not keep every bit: {name}({shown}) is {found[place].hex()} instead of {right[place].hex()}"
    return _neighbours_problem(library) or _emitted_problem(library, expected)


def _differ(first: float, second: float) -> bool:
    """Whether two numbers differ in a bit."""
    return struct.pack("d", first) != struct.pack("d", second)


def _neighbours_problem(library: ctypes.CDLL) -> str:
    """Likewise, for a sum and a difference side by side, which vectorisers contract where nothing else does."""
    random = Random(20)
    for _ in range(100):
        a, b, c, d, e, f = operands = [random.gauss(0.0, 3.0) for _ in range(6)]
        memory = (ctypes.c_double * 8)(0.0, 0.0, *operands)
        library.probe_neighbours(memory)
        if memory[:2] != [a * c - e, b * d + f]:
            return f"does not keep every bit: {a!r} * {c!r} - {e!r} beside {b!r} * {d!r} + {f!r} is {memory[:2]}"
    return ""


def _emitted_problem(library: ctypes.CDLL, expected: Mapping[str, Any]) -> str:
    """Likewise, for the code that was emitted."""
    size = expected["memory"]
    buffer = ctypes.create_string_buffer(8 * size + 64)
    memory = (ctypes.c_double * size).from_buffer(buffer, -ctypes.addressof(buffer) % 64)
    library.probe_begin(memory)
    for start, *numbers in expected["inputs"]:
        memory[start : start + len(numbers)] = [float.fromhex(number) for number in numbers]
    library.probe(memory, (ctypes.c_int * 1)())
    for start, *numbers in expected["outputs"]:
        for place, right in enumerate(numbers):
            found = memory[start + place]
            # The sign of zero is free.
            if found != float.fromhex(right):
                return f"does not keep every bit: in emitted code, {found.hex()} instead of {right}"
    return ""


if __name__ == "__main__":
    library = ctypes.CDLL(sys.argv[1])
    wrong = problem(library, json.load(sys.stdin))
    print(wrong or library.probe_vector_width())
    sys.exit(bool(wrong))
