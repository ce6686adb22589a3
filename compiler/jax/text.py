"""Texts of whole-array expressions: what they say, how tightly it binds, and which loop variables their axes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ATOM", "COMPARE", "PRODUCT", "SUM", "UNARY", "Text", "aligned", "bracketed"]

ATOM, UNARY, PRODUCT, SUM, BITS, COMPARE = range(6)


@dataclass(frozen=True, slots=True)
class Text:
    """An expression.

    Attributes:
        code: its text.
        binds: `ATOM` and so on: how tightly.
        axes: the variables that its dimensions count, in order.
    """

    code: str
    binds: int = ATOM
    axes: tuple[str, ...] = ()


def bracketed(text: Text, most: int) -> str:
    """The code, in parentheses if it binds less tightly than `most`."""
    return f"({text.code})" if text.binds > most else text.code


def aligned(text: Text, axes: Sequence[str]) -> Text:
    """The expression as what can be combined with an array of these axes: in their order, with gaps filled."""
    own = [axis for axis in axes if axis in text.axes]
    code, binds = text.code, text.binds
    if tuple(own) != text.axes:
        order = tuple(text.axes.index(axis) for axis in own)
        code = bracketed(text, ATOM) + (".T" if order == (1, 0) else f".transpose{order}")
        binds = ATOM
    if own:
        missing = axes[axes.index(own[0]) :]
        if len(missing) > len(own):
            entries = [":" if axis in own else "None" for axis in missing]
            code = f"{bracketed(Text(code, binds), ATOM)}[{', '.join(entries)}]"
            binds = ATOM
    return Text(code, binds, tuple(own))
