"""Calculator: what derivatives are written in.

A derivative stands once, in its row of `ops`, as operations of a calculator. On a `GraphBuilder` these append nodes, as
`differentiate` needs; on `FLOATS` they are carried out, as the eager autograd needs. So the two have the same bits.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from .ops import ADD, AND, DIV, MAX, MUL, NOT, OPS, OPS_BY_NAME, OR, POW, STEP, UNLESS, WHERE

__all__ = ["FLOATS", "Calculator"]

N = TypeVar("N")


class Calculator(Generic[N]):
    """Operations on numbers, whatever these are: nodes of a graph, or floats."""

    @property
    def one(self) -> N:
        """A local gradient of exactly one."""
        raise NotImplementedError

    def const(self, value: float) -> N:
        """A constant."""
        raise NotImplementedError

    def constant_of(self, node: N) -> float:
        """The value of a constant."""
        raise NotImplementedError

    def node(self, op: int, *operands: N) -> N:
        """An operation of the table."""
        raise NotImplementedError

    def call(self, name: str, a: N) -> N:
        """A function of the table, by its name."""
        return self.node(OPS_BY_NAME[name], a)

    def add(self, a: N, b: N) -> N:
        """``a + b``"""
        return self.node(ADD, a, b)

    def sub(self, a: N, b: N) -> N:
        """``a - b``, which is ``a + b * -1``."""
        return self.add(a, self.neg(b))

    def neg(self, a: N) -> N:
        """``-a``, which is ``a * -1``."""
        return self.mul(a, self.const(-1.0))

    def mul(self, a: N, b: N) -> N:
        """``a * b``"""
        return self.node(MUL, a, b)

    def div(self, a: N, b: N) -> N:
        """``a / b``, one correctly rounded division."""
        return self.node(DIV, a, b)

    def pow(self, base: N, exponent: float) -> N:
        """``base ** exponent``"""
        return self.node(POW, base, self.const(exponent))

    def step(self, a: N) -> N:
        """1 where ``a > 0``, else 0."""
        return self.node(STEP, a)

    def max(self, a: N, b: N) -> N:
        """The larger of two."""
        return self.node(MAX, a, b)

    def where(self, flag: N, a: N) -> N:
        """`a` where the flag holds, else zero."""
        return self.node(WHERE, flag, a)

    def both(self, a: N, b: N) -> N:
        """Whether two flags hold."""
        return self.node(AND, a, b)

    def either(self, a: N, b: N) -> N:
        """Whether one of two flags holds."""
        return self.node(OR, a, b)

    def negated(self, flag: N) -> N:
        """Whether a flag does not hold."""
        return self.node(NOT, flag)

    def unless(self, flag: N, a: N) -> N:
        """Zero where the flag holds, else `a`."""
        return self.node(UNLESS, flag, a)


class _Floats(Calculator[float]):
    """Carries every operation out, as its row means it."""

    @property
    def one(self) -> float:
        return 1.0

    def const(self, value: float) -> float:
        return value

    def constant_of(self, node: float) -> float:
        return node

    def node(self, op: int, *operands: float) -> float:
        row = OPS[op]
        assert row.evaluate is not None, row.name
        return row.evaluate(*operands)


FLOATS = _Floats()
