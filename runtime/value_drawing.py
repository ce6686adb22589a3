"""A `Value` and all that it was computed from, as a drawing: a box for each number with its gradient, a circle for each
operation, as in Andrej Karpathy's lecture on micrograd.

A value does not say which operation made it, since remembering would make the eager autograd slower; its number and the
local gradients say so: they are compared, as bits, with those of each row of the table.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from html import escape
from typing import Any, Protocol

from ..compiler.ir.calculator import FLOATS
from ..compiler.ir.ops import OPS, POW, Op

__all__ = ["MOST", "operation_of", "value_dot", "value_svg"]

# Values. More cannot be read, and dot takes minutes.
MOST = 150
# Seconds that dot may take.
_LIMIT = 20.0


class Drawn(Protocol):
    """What is read of a `Value`."""

    data: float
    grad: float

    @property
    def _operands(self) -> tuple[Drawn, ...]: ...

    @property
    def _local_grads(self) -> tuple[Any, ...]: ...


def value_svg(order: Sequence[Drawn]) -> str | None:
    """The drawing as SVG; a sentence in its place where it would be too large; None where there is no Graphviz.

    Args:
        order: all values, operands first; the last one is the result.
    """
    if len(order) > MOST:
        return _sentence(
            f"{order[-1]!r}, computed from {len(order) - 1:,} values: more than {MOST} are too many for a drawing"
        )
    try:
        drawn = subprocess.run(
            ["dot", "-Tsvg"], input=value_dot(order).encode(), capture_output=True, timeout=_LIMIT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    text = drawn.stdout.decode()
    return text[text.index("<svg") :]


def value_dot(order: Sequence[Drawn]) -> str:
    """The drawing in the language of Graphviz; see `value_svg`."""
    names = {value: f"v{number}" for number, value in enumerate(order)}
    lines = ['digraph value { rankdir=LR; bgcolor="transparent"; nodesep=0.15; ranksep=0.3;']
    lines.append('node [fontname="Helvetica,Arial,sans-serif", fontsize=11]; edge [arrowsize=0.6, color="#5b6875"];')
    for value, name in names.items():
        fill = "#ffe3a8" if value is order[-1] else "#cfe3fa" if not value._operands else "#ffffff"
        lines.append(
            f'{name} [shape=record, style=filled, fillcolor="{fill}", color="#1f2933", '
            f'label="data {_number(value.data)} | grad {_number(value.grad)}"];'
        )
        if value._operands:
            lines.append(f'{name}o [shape=circle, margin=0.02, width=0.35, label="{operation_of(value)}"];')
            lines.append(f"{name}o -> {name};")
            lines += (f"{names[operand]} -> {name}o;" for operand in value._operands)
    return "\n".join([*lines, "}", ""])


def operation_of(value: Drawn) -> str:
    """The sign or the name of the operation that has this result and these local gradients; ``?`` if none has."""
    if None in value._local_grads:  # where: what was not chosen gets no gradient
        return "where"
    data = [operand.data for operand in value._operands]
    found = "?"
    for code, row in enumerate(OPS):
        if code == POW and len(data) == 1:
            exponent = _exponent(value, data[0])
            if exponent is not None and _fits(value, row, [data[0], exponent]):
                found = f"^{exponent:g}"
                if exponent != 1:  # relu has the slope 1, too, and is likelier
                    return found
        elif _fits(value, row, data):
            return escape(row.symbol or row.name)
    return found


def _fits(value: Drawn, row: Op, data: Sequence[float]) -> bool:
    if row.evaluate is None or row.derivative is None or row.variadic or len(row.types) != len(data):
        return False
    try:
        result = row.evaluate(*data)
        slopes = row.derivative(FLOATS, result, *data)
    except (ArithmeticError, TypeError, ValueError):
        return False
    local = value._local_grads
    return _same(result, value.data) and all(
        slope is not None and _same(slope, own) for slope, own in zip(slopes, local, strict=False)
    )


def _exponent(value: Drawn, base: float) -> float | None:
    """d/dx x**n is n * x**(n-1), so n is that times x by x**n; people write halves and whole numbers."""
    if not base or not value.data:
        return None
    found = float(value._local_grads[0] * base / value.data)
    return round(2 * found) / 2 if abs(found) < 1e6 and abs(round(2 * found) / 2 - found) < 1e-6 else found


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _number(number: float) -> str:
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e6 or not number else f"{number:.4g}"


def _sentence(text: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{8 * len(text)}" height="30">'
        f'<text x="4" y="20" font-family="sans-serif" font-size="13">{escape(text)}</text></svg>'
    )
