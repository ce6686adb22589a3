"""Simplify: replaces operations whose result is known, or is one of their operands, by that.

In and out: any graph. Only what keeps every bit is done: IEEE 754 guarantees ``x * 1 == x`` and ``x + 0 == x`` (up to
the sign of a zero; where an infinity may depend on that sign, the addition stays), and constants are folded with the
arithmetic that the program would use. Not done, since it would change bits: reassociation, ``x**2`` to ``x*x``,
``x**-1`` to ``1/x`` (unless powers are correctly rounded), ``x*0`` to 0 (NaN).
"""

from __future__ import annotations

from itertools import chain, compress, repeat

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.ops import ADD, ATTACH, BRANCH, CHOOSE, CONST, DIV, MAX, MUL, NOT, OPS, POW, SELECT, UNLESS, WHERE, Type
from ..ir.rewrite import Rewritten, rewrite
from ..numerics import current
from .rename_sums import rename_sums

__all__ = ["simplify"]

# Operations that show the sign of a zero, so that another number results.
_SHOWING = frozenset(code for code, row in enumerate(OPS) if any(row.zeros.shown))


# Of operations, the constants for which there is a rule whatever the other operand is. There is one for negations, too.
_NEUTRAL = {ADD: (0.0,), MUL: (1.0,), POW: (0.0, 1.0), DIV: (1.0,)}

_IS_FLAG = tuple(row.result is Type.FLAG for row in OPS)
_IS_CHOICE = tuple(row.picks or row.result is Type.FLAG or code in (WHERE, UNLESS, MAX) for code, row in enumerate(OPS))


def simplify(graph: Graph) -> Rewritten:
    """Applies the rules of this module to every operation, operands first."""
    asked = _with_rules(graph)
    for node in _sums_with_a_visible_sign(graph):
        asked[node] = 0
    return rename_sums(graph, rewrite(graph, _Rules(), asked))


def _with_rules(graph: Graph) -> bytearray:
    """For each node, 1 if there may be a rule for it: it chooses, attaches a derivative, or has an operand that is, or
    becomes, a constant for which there is one.
    """
    asked, constant = bytearray(len(graph)), bytearray(len(graph))
    for node, (op, operands) in enumerate(zip(graph.op, graph.all_operands(), strict=True)):
        if _IS_CHOICE[op] or op == ATTACH:
            asked[node] = constant[node] = 1
            continue
        for operand in operands:
            if constant[operand]:
                if all(map(constant.__getitem__, operands)):
                    asked[node] = constant[node] = 1
                elif _has_rule(graph, op, operands, operand, asked):
                    asked[node], constant[node] = 1, op == POW  # zero as the exponent makes a constant
                break
        else:
            constant[node] = op == CONST
    return asked


def _has_rule(graph: Graph, op: int, operands: tuple[int, ...], constant: int, asked: bytearray) -> bool:
    """Whether there may be a rule for an operation of which one operand alone is, or becomes, a constant."""
    neutral = _NEUTRAL.get(op)
    if neutral is None or graph.op[constant] != CONST:
        return True
    known = graph.constants[graph.attribute[constant]]
    if op == MUL and known == -1.0:
        first, second = operands
        other = second if first == constant else first
        return bool(asked[other]) or (graph.op[other] == MUL and _is_minus_one(graph, graph.operands(other)[1]))
    return known in neutral or (op == POW and not current().libm)


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
        if graph.op[node] == ADD and all(OPS[graph.op[operand]].zeros.negative for operand in graph.operands(node))
    }


def _signed(graph: Graph, node: int, shown: bool) -> list[int]:
    """The operands of which the sign of a zero is shown, or handed on, by the result."""
    op = graph.op[node]
    if op == POW and not _odd(graph, node, negative=shown):
        return []
    flags = OPS[op].zeros.shown if shown else OPS[op].zeros.handed_on
    return list(compress(graph.operands(node), chain(flags, repeat(flags[-1]))))


def _odd(graph: Graph, power: int, negative: bool) -> bool:
    exponent = graph.constants[graph.attribute[graph.operands(power)[1]]]
    return exponent % 2.0 == 1.0 and (exponent < 0.0) == negative


class _Rules:
    """The rules, and what they know of the flags of one graph."""

    def __init__(self) -> None:
        # Of flags that are computed from constants alone, whether they hold.
        self.known: dict[int, bool] = {}

    def __call__(self, build: GraphBuilder, op: int, operands: tuple[int, ...], attribute: int) -> int | None:
        if _IS_CHOICE[op]:
            return self._of_choices(build, op, operands)
        if op == ATTACH:  # the graph has been differentiated
            return operands[0]
        ops = build.op
        for operand in operands:
            if ops[operand] == CONST:
                return _with_constant(build, op, operands, operand)
        return None

    def _of_choices(self, build: GraphBuilder, op: int, operands: tuple[int, ...]) -> int | None:
        if op == SELECT:  # the values may have become inputs
            return build.plain_choice(operands[0], operands[1:])
        if op == CHOOSE:
            index, *values = operands
            return build.select(index, values[: build.limit(index)])
        return self._of_flags(build, op, operands)

    def _of_flags(self, build: GraphBuilder, op: int, operands: tuple[int, ...]) -> int | None:
        if op == NOT and build.op[operands[0]] == NOT:
            return build.operands(operands[0])[0]
        if _IS_FLAG[op]:
            evaluate, known = OPS[op].evaluate, [self._value(build, operand) for operand in operands]
            if evaluate is not None and None not in known:
                self.known[len(build.op)] = bool(evaluate(*known))  # for the node that will stand there
            return None
        if op == MAX:  # of one value alone: it was compared to itself
            if operands[0] == operands[1]:
                return operands[0]
            constant = next((operand for operand in operands if build.op[operand] == CONST), -1)
            return _with_constant(build, op, operands, constant) if constant >= 0 else None
        flag, first, second = operands if op == BRANCH else (*operands, -1)
        if first == second:
            return first
        holds = self.known.get(flag)
        if holds is not None:
            if op == BRANCH:
                return first if holds else second
            return first if holds == (op == WHERE) else build.const(0.0)
        return first if op != BRANCH and build.op[first] == CONST and build.constant_of(first) == 0.0 else None

    def _value(self, build: GraphBuilder, node: int) -> float | bool | None:
        return build.constant_of(node) if build.op[node] == CONST else self.known.get(node)


def _with_constant(build: GraphBuilder, op: int, operands: tuple[int, ...], constant: int) -> int | None:
    ops = build.op
    if all(ops[operand] == CONST for operand in operands):
        evaluate = OPS[op].evaluate
        return None if evaluate is None else build.const(evaluate(*map(build.constant_of, operands)))
    place = operands.index(constant)
    known, other = build.constant_of(operands[place]), operands[1 - place]
    if op == ADD and known == 0.0:
        return other
    if op == MUL and known == 1.0:
        return other
    if op == MUL and known == -1.0 and ops[other] == MUL and _is_minus_one(build, build.operands(other)[1]):
        return build.operands(other)[0]
    if op in (POW, DIV) and place == 1 and known == 1.0:
        return other
    if op == POW and place == 1 and known == 0.0:
        return build.const(1.0)
    if op == POW and place == 1 and not current().libm:
        return _as_one_operation(build, other, known)
    return None


def _as_one_operation(build: GraphBuilder, base: int, exponent: float) -> int | None:
    """A correctly rounded power that a correctly rounded operation is."""
    if exponent == 2.0:
        return build.mul(base, base)
    return build.div(build.const(1.0), base) if exponent == -1.0 else None


def _is_minus_one(build: GraphBuilder | Graph, node: int) -> bool:
    return build.op[node] == CONST and build.constants[build.attribute[node]] == -1.0
