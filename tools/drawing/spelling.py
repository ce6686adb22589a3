"""Spelling: operations in mathematical notation: ``a·b``, ``1/√x``, ``[x > 0]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...compiler.ir.ops import (
    ADD,
    AND,
    BRANCH,
    DIV,
    LESS,
    LESS_EQUAL,
    MUL,
    NOT,
    OPS,
    OR,
    POW,
    SAME,
    STEP,
    UNLESS,
    WHERE,
)

__all__ = ["PRODUCT_TIGHT", "SUM_TIGHT", "Spelled", "number_text", "spell"]

# How tightly a text binds.
SUM_TIGHT, PRODUCT_TIGHT, POWER_TIGHT, ATOM_TIGHT = range(4)


_COMPARISONS = (LESS, LESS_EQUAL, SAME)


class Spelled(NamedTuple):
    """A text and how tightly it binds."""

    text: str
    tightness: int

    @classmethod
    def atom(cls, text: str) -> Spelled:
        """A text that never needs brackets."""
        return cls(text, ATOM_TIGHT)

    def within(self, tightness: int) -> str:
        """The text, in brackets if what stands around it binds more tightly."""
        return self.text if self.tightness >= tightness else f"({self.text})"


def number_text(value: float) -> str:
    """A number for people: six digits."""
    return f"{value:.6g}".replace("-", "−")


def spell(op: int, operands: Sequence[Spelled]) -> Spelled:
    """An operation on its operands."""
    first, second = operands[0], operands[-1]
    if op == ADD:
        if second.text.startswith("−") and second.tightness >= PRODUCT_TIGHT:
            return Spelled(f"{first.within(SUM_TIGHT)} − {second.text[1:]}", SUM_TIGHT)
        return Spelled(f"{first.within(SUM_TIGHT)} + {second.within(PRODUCT_TIGHT)}", SUM_TIGHT)
    if op == MUL:
        return _product(first, second)
    if op == DIV:
        return Spelled(f"{first.within(PRODUCT_TIGHT)}/{second.within(POWER_TIGHT)}", PRODUCT_TIGHT)
    if op == POW:
        base = first.within(ATOM_TIGHT)
        inverse = {"−1": f"1/{base}", "−0.5": f"1/√{base}", "−2": f"1/{base}²"}.get(second.text)
        if inverse:
            return Spelled(inverse, PRODUCT_TIGHT)
        return Spelled({"0.5": f"√{base}", "2": f"{base}²"}.get(second.text, f"{base}^{second.text}"), POWER_TIGHT)
    if op == STEP:
        return Spelled.atom(f"[{first.text} > 0]")
    if op in (WHERE, UNLESS):
        condition = first.text if op == WHERE else _negated(first.text)
        return Spelled(f"[{condition}]·{second.within(PRODUCT_TIGHT)}", PRODUCT_TIGHT)
    if op == NOT:
        return Spelled.atom(_negated(first.text))
    if op in _COMPARISONS:
        return Spelled(f"{first.text} {OPS[op].symbol} {second.text}", SUM_TIGHT)
    if op in (AND, OR):
        return Spelled.atom(f"({first.text} {OPS[op].symbol} {second.text})")
    if op == BRANCH:
        return Spelled.atom(f"where({', '.join(operand.text for operand in operands)})")
    return Spelled.atom(f"{OPS[op].name}({', '.join(operand.text for operand in operands)})")


def _negated(condition: str) -> str:
    is_equation = condition.count("=") == 1 and not any(sign in condition for sign in "<≤∧∨¬")
    return condition.replace("=", "≠") if is_equation else f"¬({condition})"


def _product(first: Spelled, second: Spelled) -> Spelled:
    for one, other in ((first, second), (second, first)):
        if one.text == "−1":
            return Spelled(f"−{other.within(PRODUCT_TIGHT)}", PRODUCT_TIGHT)
    if first == second:
        return Spelled(f"{first.within(ATOM_TIGHT)}²", POWER_TIGHT)
    # What stands without brackets is worked out from the left: a·(b·c) has other bits than a·b·c.
    left, right = first.within(PRODUCT_TIGHT), second.within(POWER_TIGHT)
    # Σ reaches as far as it can: what follows a sum must not become part of it.
    if left.startswith(("Σ", "max_")):
        left = f"({left})"
    return Spelled(f"{left}·({right})" if right.startswith("−") else f"{left}·{right}", PRODUCT_TIGHT)
