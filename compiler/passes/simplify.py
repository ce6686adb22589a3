"""Simplify: replaces operations whose result is known, or is one of their operands, by that.

In and out: any graph. Only what keeps every bit is done: IEEE 754 guarantees ``x * 1 == x`` and ``x + 0 == x`` (up to
the sign of a zero; where an infinity may depend on that sign, the addition stays), and constants are folded with the
arithmetic that the program would use. Not done, since it would change bits: reassociation, ``x**2`` to ``x*x``,
``x**-1`` to ``1/x``, ``x*0`` to 0 (NaN).
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import A_IS_NODE, B_IS_NODE, Graph
from ..ir.ops import ADD, CONST, DIV, MAX, MUL, OPS, POW, SELECT, UNLESS, WHERE
from ..ir.rewrite import Rewritten, rewrite
from .rename_sums import rename_sums

__all__ = ["simplify"]

# Operations that show the sign of a zero, so that another number results.
_SHOWING = frozenset(code for code, row in enumerate(OPS) if any(row.zeros.shown))


def simplify(graph: Graph) -> Rewritten:
    """Applies the rules of this module to every operation, operands first."""
    return rename_sums(graph, rewrite(graph, _rule, untouched=_sums_with_a_visible_sign(graph)))


def _sums_with_a_visible_sign(graph: Graph) -> set[int]:
    """The additions on whose result's sign, when it is zero, something else may depend; ``-0 + 0`` is not ``-0``.

    The sign of a zero shows in a denominator, and under a negative odd exponent (``1 / -0.0``). From there, every
    operation is followed back that may hand on a zero of its operands.
    """
    showing = [node for node, op in enumerate(graph.op) if op in _SHOWING]
    waiting = [operand for node in showing for operand in _signed(graph, node, shown=True)]
    seen = set(waiting)
    while waiting:
        new = [operand for operand in _signed(graph, waiting.pop(), shown=False) if operand not in seen]
        seen.update(new)
        waiting += new
    return {
        node
        for node in seen
        if graph.op[node] == ADD
        and OPS[graph.op[graph.a[node]]].zeros.negative
        and OPS[graph.op[graph.b[node]]].zeros.negative
    }


def _signed(graph: Graph, node: int, shown: bool) -> list[int]:
    """The operands of which the sign of a zero is shown, or handed on, by the result."""
    op, a, b = graph.op[node], graph.a[node], graph.b[node]
    if op == POW and not _odd(graph, node, negative=shown):
        return []
    flags = OPS[op].zeros.shown if shown else OPS[op].zeros.handed_on
    operands = [a] if flags[0] and A_IS_NODE[op] else []
    if flags[1] and B_IS_NODE[op]:
        operands.append(b)
    elif flags[1] and op == SELECT:
        operands += graph.lists[b]
    return operands


def _odd(graph: Graph, power: int, negative: bool) -> bool:
    exponent = graph.constants[graph.a[graph.b[power]]]
    return exponent % 2.0 == 1.0 and (exponent < 0.0) == negative


def _rule(build: GraphBuilder, op: int, a: int, b: int) -> int | None:
    ops = build.op
    a_known = A_IS_NODE[op] and ops[a] == CONST
    b_known = B_IS_NODE[op] and ops[b] == CONST
    if op == MAX and a == b:
        return a
    if op == SELECT:  # the values may have become inputs
        return build.plain_choice(a, build.lists[b])
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
