"""The table of operations is complete, and its columns agree with each other."""

from __future__ import annotations

import math

import pytest

from microgpt.compiler import arithmetic
from microgpt.compiler.ir.ops import OPS, OPS_BY_NAME, Field, Op, Type

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
    assert len(row.types) == (row.a is Field.NODE) + (row.b is Field.NODE)
    assert (row.a is Field.NOTHING) <= (row.b is Field.NOTHING)
    for spelling in (row.python, row.c):
        assert ("{a}" in spelling) or row.name == "gather" or (row.name == "select" and "{b}" in spelling)
        assert ("{b}" in spelling) <= (row.b is not Field.NOTHING)
    # What the interpreter cannot compute from operands alone is looked up in the graph's tables.
    looked_up = {Field.CONSTANT, Field.INPUT, Field.INDEX, Field.TABLE, Field.LIST}
    assert (row.evaluate is None) == bool({row.a, row.b} & looked_up)
    if row.commutative:
        assert row.types[0] is row.types[1]


@evaluated
def test_python_spelling_computes_what_the_row_says(row: Op) -> None:
    assert row.evaluate is not None
    for a, b in _operands(row):
        text = row.python.format(a=_spelled(a), b=_spelled(b))
        expected = row.evaluate(*((a, b) if row.b is not Field.NOTHING else (a,)))
        assert _same(eval(text, {**NAMESPACE, "inf": math.inf, "nan": math.nan}), expected), text


@evaluated
def test_raising_spelling_computes_the_same_or_raises(row: Op) -> None:
    assert row.evaluate is not None
    if not row.python_raising:
        return
    raised = 0
    for a, b in _operands(row):
        text = row.python_raising.format(a=_spelled(a), b=_spelled(b))
        try:
            found = eval(text, {**RAISING, "inf": math.inf, "nan": math.nan})
        except (ArithmeticError, ValueError):
            raised += 1
            continue
        assert _same(found, row.evaluate(*((a, b) if row.b is not Field.NOTHING else (a,)))), text
    assert raised


@evaluated
def test_commutative_rows_commute(row: Op) -> None:
    assert row.evaluate is not None
    if row.commutative:
        assert all(_same(row.evaluate(a, b), row.evaluate(b, a)) for a, b in _operands(row))


def _operands(row: Op) -> list[tuple[float, float]]:
    firsts: list[float] = VALUES
    if row.types[0] is Type.FLAG:
        firsts = [True, False]
    elif row.types[0] is Type.INDEX:
        firsts = [0, 1, 2]
    if row.b is Field.NOTHING:
        return [(a, 0.0) for a in firsts]
    return [(a, b) for a in firsts for b in ([0, 1, 2] if row.b is Field.NUMBER else VALUES)]


def _spelled(value: float) -> str:
    return f"({value!r})"


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
