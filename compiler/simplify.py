"""Simplify: replaces operations whose result is known, or is one of their operands, by that.

In and out: any graph. Only what keeps every bit is done: IEEE 754 guarantees ``x * 1 == x`` and ``x + 0 == x`` (up to
the sign of a zero, which is outside the contract), and constants are folded with the arithmetic that the program
would use. Not done, since it would change bits: reassociation, ``x**2`` to ``x*x``, ``x**-1`` to ``1/x``, ``x*0`` to
0 (NaN).
"""

from __future__ import annotations

from .graph import A_IS_NODE, B_IS_NODE, Graph, GraphBuilder
from .ops import ADD, CONST, DIV, MAX, MUL, OPS, POW, UNLESS, WHERE
from .rewrite import Rewritten, rewrite

__all__ = ["simplify"]


def simplify(graph: Graph) -> Rewritten:
    """Applies the rules of this module to every operation, operands first."""
    return rewrite(graph, _rule)


def _rule(build: GraphBuilder, op: int, a: int, b: int) -> int | None:
    ops = build.op
    a_known = A_IS_NODE[op] and ops[a] == CONST
    b_known = B_IS_NODE[op] and ops[b] == CONST
    if op == MAX and a == b:
        return a
    if not a_known and not b_known:
        return None
    if a_known and (b_known or not B_IS_NODE[op]):
        evaluate = OPS[op].evaluate
        operands = [build.constant_of(node) for node in (a, b)[: 1 + B_IS_NODE[op]]]
        return None if evaluate is None else build.const(evaluate(*operands))
    known, other = (build.constant_of(a), b) if a_known else (build.constant_of(b), a)
    if op == ADD and known == 0.0:
        return other
    if op == MUL and known == 1.0:
        return other
    if op == MUL and known == -1.0 and ops[other] == MUL and _is_minus_one(build, build.b[other]):
        return build.a[other]
    if b_known and known == 1.0 and op in (POW, DIV):
        return other
    if op == POW and b_known and known == 0.0:
        return build.const(1.0)
    if op in (WHERE, UNLESS) and known == 0.0:
        return b
    return None


def _is_minus_one(build: GraphBuilder, node: int) -> bool:
    return build.op[node] == CONST and build.constant_of(node) == -1.0
