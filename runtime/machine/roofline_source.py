"""The C that measures what a machine can do: arithmetic, bandwidth, functions of libm, and how long one operation waits
for another.
"""

from __future__ import annotations

from ...compiler.c.c_text import c_text, plain_text
from ...compiler.ir.ops import LIBM

__all__ = ["CALLS", "DIVISIONS", "LATENCIES", "SOURCE"]

# What the unit that divides computes.
DIVISIONS = ("div", "root")

# By operation of `compiler/ir/ops.py`, the body of a loop that hands one double on from turn to turn. `y` is 1, but the
# compiler does not know. Where the chain needs another operation to stay among usual numbers, that one stands behind.
LATENCIES: dict[str, tuple[str, str]] = {
    "add": ("x = x + y;", ""),
    "mul": ("x = x * y;", ""),
    "div": ("x = y / x;", ""),
    "max": ("x = (y > x ? y : x) - 0.5 * y;", "add"),
    "relu": ("x = (x > 0.0 ? x : 0.0) + y;", "add"),
    "pow": ("x = pow(x, -0.5 * y) + y;", "add"),
    "log": ("x = log(x) + (y + 1.0);", "add"),
    "exp": ("x = exp(-x);", ""),
}

# Functions of libm, called for one number after the other that do not wait for each other.
CALLS = {
    **{name: f"{name}(x[i])" if arity == 1 else f"{name}(x[i], y)" for name, arity in LIBM.items()},
    "pow": "pow(x[i], -0.5 * y)",
    "exp": "exp(-x[i])",
}

_PACKAGE = __package__ or ""

SOURCE = "".join(
    [
        plain_text(_PACKAGE, "roofline.c"),
        *(c_text(_PACKAGE, "latency.c", name=name, body=body) for name, (body, _) in LATENCIES.items()),
        *(c_text(_PACKAGE, "calls.c", name=name, expression=expression) for name, expression in CALLS.items()),
    ]
)
