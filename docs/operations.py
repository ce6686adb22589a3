"""Writes docs/operations.md from the rows of the table of operations; with ``--check``, says whether it is so."""

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

All of these take plain numbers, constants, the eager `microgpt.Value` and the scalars of a function that is being
compiled, with the same bits. Where Python's floats raise an exception, the result is IEEE 754's: `microgpt.log(0.0)` is
minus infinity, `microgpt.sqrt(-1.0)` NaN.

| Operator | derivative |
|---|---|
| `x + y`, `x - y`, `-x`, `x * y` | |
| `x / y` | that of `x * y**-1`, which is how it is computed |
| `x ** n`, `n` a number | `n * x**(n - 1)`; 0 for `n = 0`, whatever `x` is |
| `x ** y`, `y` a scalar or a constant | `y * x**(y - 1)` in `x`, and `x**y * log(x)` in `y` |
| `x < y`, `<=`, `>`, `>=`, `==`, `!=` | none: these give a condition |
| `c & d`, `c \\| d`, `~c` of conditions | none |

The derivative in an exponent is NaN where `x` is below 0, as `log(x)` is, and where 0 is multiplied by an infinity.

A function is a method too: `microgpt.tanh(x)` is `x.tanh()`.

| Function | what it is | derivative | rounding |
|---|---|---|---|
"""

BETWEEN = """
`maximum` and `minimum` take several numbers or one list, and have no methods. A derivative of zero is a factor like any
other: where it meets an infinite or undefined gradient, the product is NaN.

`constant_maximum(values)` is the largest as a constant: no gradient flows through it, as a softmax needs.
`select(values, index)` is `values[index]` for an index that is only known when the program runs.

## Branches

`where(condition, x, y)` is `x` where the condition holds, else `y`. Both are computed, and the gradient goes to the one
taken. The other receives nothing, and what has received nothing hands nothing on: `where(x > 0, log(x), 0)` has the
derivative 0 at -1 and at 0, where that of the logarithm is -1 and infinite. At the boundary the derivative is that of
the branch taken there; that the condition changes with `x` has no part in it.

`choose(values, index)` does the same for many values and an index, an int or one that is only known when the program
runs. It takes any values; `select` is the chosen value itself, as Python's indexing gives it, so the order of its
gradient's sums depends on the index, and where no program can follow that, compiling says to write `choose`.

A condition is no bool, for it may only be known when the program runs: an `if` on it is an error, eagerly and compiled.
`logical_and`, `logical_or` and `logical_not` are `&`, `|` and `~` for bools too, of which `~True` is an int. Comparing
two plain numbers gives a bool, as ever, and `where` of a bool and plain numbers a float. A comparison with a NaN does
not hold, `!=` does. A scalar or a float as a condition counts as `condition != 0`.

[exactness.md](exactness.md) explains the kinds of scalars.

## For the compiler

A row each; the names are those of dumps. What C has no vectors for is computed lane by lane.

| Name | Python | C | vectors in C | of the C library | bits |
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
