"""Writes docs/operations.md from the rows of the table of operations; ``--check`` fails if the page is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from microgpt.compiler.ir.ops import CALLED, LETTERS, OPS, spell

PAGE = Path(__file__).with_name("operations.md")

HEAD = """\
# Operations

Written by `python docs/operations.py` from the rows of `compiler/ir/ops.py`.

## For your functions

All of these take plain numbers, constants, the eager `microgpt.Value` and traced scalars, with the same bits. Where
Python's floats raise an exception, the result is IEEE 754's: `microgpt.log(0.0)` is minus infinity,
`microgpt.sqrt(-1.0)` is NaN.

| Operator | Derivative |
|---|---|
| `x + y`, `x - y`, `-x`, `x * y` | |
| `x / y` | that of `x * y**-1`, as which it is computed |
| `x ** n`, `n` a number | `n * x**(n - 1)`; 0 for `n = 0`, whatever `x` is |
| `x ** y`, `y` a scalar or a constant | `y * x**(y - 1)` in `x`, and `x**y * log(x)` in `y` |
| `x < y`, `<=`, `>`, `>=`, `==`, `!=` | none: the result is a condition |
| `c & d`, `c \\| d`, `~c` of conditions | none |

The derivative in an exponent is NaN for `x` below 0, as `log(x)` is, and where 0 meets an infinity.

A function is also a method: `microgpt.tanh(x)` is `x.tanh()`.

| Function | Value | Derivative | Rounding |
|---|---|---|---|
"""

BETWEEN = """
`maximum` and `minimum` take several numbers or one list, and have no methods. A derivative of zero is a factor like any
other: times an infinite or undefined gradient, it gives NaN.

`constant_maximum(values)` is the largest value as a constant: no gradient flows through it, as a softmax requires.
`select(values, index)` is `values[index]` for an index that is only known at run time.

## Branches

`where(condition, x, y)` is `x` if the condition is true, else `y`. Both are computed, and the one taken receives the
gradient. The other receives nothing and propagates nothing: `where(x > 0, log(x), 0)` has the derivative 0 at -1 and at
0, where that of the logarithm is -1 and infinite. At the boundary, the derivative is that of the branch taken there;
the change of the condition with `x` contributes nothing.

`choose(values, index)` does the same for many values and an index: an int, or one that is only known at run time. It
takes any values. `select` is the selected value itself, as in Python's indexing, so the order of its gradient's sums
depends on the index. If no program can follow that order, the compiler's error suggests `choose`.

A condition is not a bool, since it may only be known at run time: an `if` on it is an error, eagerly and compiled.
`logical_and`, `logical_or` and `logical_not` are `&`, `|` and `~`, and take bools too (Python's `~True` is an int). A
comparison of two plain numbers is a bool, and `where` of a bool and plain numbers is a float. A comparison with a NaN
is false, except `!=`. A scalar or a float as a condition counts as `condition != 0`.

[Exactness](exactness.md#scalars-and-constants) explains the types of scalars.

## For the compiler

One row per operation, named as in dumps. An operation without vectors in C is computed lane by lane.

| Name | Python | C | Vectors in C | C library | Exactness |
|---|---|---|---|---|---|
"""


def page() -> str:
    """The text."""
    return HEAD + "\n".join(_functions()) + "\n" + BETWEEN + "\n".join(_rows()) + "\n"


def _functions() -> Iterator[str]:
    for code, row in enumerate(OPS):
        if row.doc:
            call = f"{row.name}(x)" if code in CALLED else f"{row.name}(x, y, ...)"
            rounding = ", ".join(f"`{name}`" for name in row.libm) or ("IEEE 754" if row.rounds else "none")
            yield f"| `{call}` | {row.doc} | {row.slope} | {rounding} |"


def _rows() -> Iterator[str]:
    for row in OPS:
        if row.evaluate is not None:
            lanes = f"`{_cell(row.c_lanes)}`" if row.c_lanes else ""
            spelled = (f"`{_cell(spelling)}`" for spelling in (row.python, row.c))
            yield f"| {' | '.join((f'`{row.name}`', *spelled, lanes, ', '.join(row.libm), row.exact))} |"


def _cell(spelling: str) -> str:
    """A spelling as it stands in a table, whose columns end at a bar."""
    return spell(spelling, LETTERS, "n", "N").replace("|", "\\|")


def main() -> int:
    """Writes the page, or with ``--check`` compares it."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text("utf-8") != page():
        print(f"{PAGE.name} is not what the rows say; run python docs/operations.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
