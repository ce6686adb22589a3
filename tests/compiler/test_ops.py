"""The table of operations is complete, and its columns agree with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest

from microgpt.compiler import arithmetic
from microgpt.compiler.ir.ops import LETTERS, OPS, OPS_BY_NAME, Attribute, Op, Type, spell

VALUES = [0.0, -0.0, 1.0, -1.5, 2.0, 0.3, math.inf, -math.inf, math.nan, 1e308, 5e-324, 745.0]
NAMESPACE = vars(arithmetic)
RAISING = vars(math)

evaluated = pytest.mark.parametrize("row", [row for row in OPS if row.evaluate], ids=lambda row: row.name)


def test_names_are_distinct() -> None:
    assert len(OPS_BY_NAME) == len(OPS)
    assert all(OPS[code].name == name for name, code in OPS_BY_NAME.items())


@pytest.mark.parametrize("row", OPS, ids=lambda row: row.name)
def test_every_column_is_filled(row: Op) -> None:
    assert row.name.isidentifier()
    assert row.exact
    assert row.python
    assert row.c
    for spelling in (row.python, row.c):
        if row.evaluate:
            assert all(f"{{{letter}}}" in spelling for letter in LETTERS[: len(row.types)])
        assert ("{n}" in spelling) == row.is_marked
    assert not row.variadic or row.types
    # What the interpreter cannot compute from operands alone is looked up in the graph's tables.
    looked_up = row.attribute not in (Attribute.NOTHING, Attribute.NUMBER) or row.variadic
    assert (row.evaluate is None) == looked_up
    if row.commutative:
        assert row.types[0] is row.types[1]


@evaluated
def test_python_spelling_computes_what_the_row_says(row: Op) -> None:
    for operands, attribute in _operands(row):
        text = spell(row.python, [f"({operand!r})" for operand in operands], attribute)
        assert _same(eval(text, {**NAMESPACE, "inf": math.inf, "nan": math.nan}), _meant(row, operands, attribute)), (
            text
        )


@evaluated
def test_raising_spelling_computes_the_same_or_raises(row: Op) -> None:
    if not row.python_raising:
        return
    raised = 0
    for operands, attribute in _operands(row):
        text = spell(row.python_raising, [f"({operand!r})" for operand in operands], attribute)
        try:
            found = eval(text, {**RAISING, "inf": math.inf, "nan": math.nan})
        except (ArithmeticError, ValueError):
            raised += 1
            continue
        assert _same(found, _meant(row, operands, attribute)), text
    assert raised


@evaluated
def test_commutative_rows_commute(row: Op) -> None:
    if row.commutative:
        for operands, attribute in _operands(row):
            assert _same(_meant(row, operands, attribute), _meant(row, operands[::-1], attribute))


def _operands(row: Op) -> list[tuple[tuple[float, ...], int]]:
    """Operands of every kind, and attributes."""
    samples = {Type.REAL: VALUES, Type.FLAG: [True, False], Type.INDEX: [0, 1, 2]}
    attributes = range(3) if row.is_marked else (0,)
    return list(product(product(*(samples[type_] for type_ in row.types)), attributes))


def _meant(row: Op, operands: Sequence[float], attribute: int) -> float:
    assert row.evaluate is not None
    return row.evaluate(*operands, *(attribute,) * row.is_marked)


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
