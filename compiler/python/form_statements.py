"""Form statements: gathers operations that serve one consumer into the expression of that consumer.

In: a clean graph. Out: `Statements`: each is a root operation with the operations folded into it, and stands for one
assignment in generated code. A sum of products, added up from the left, becomes one expression; so most operations
need no name. Afterwards every operation that is not a leaf belongs to exactly one statement, and a statement's
expression is no longer than `LONGEST` operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, LETTERS, MAX, MUL, OPS
from ..ir.rewrite import count_uses

__all__ = ["LEAVES", "LONGEST", "Statements", "form_statements"]

# Operations that are spelled out wherever they are used: numbers, and what is read from the caller.
LEAVES = frozenset((CONST, INPUT, INDEX, GATHER, EQUAL))

# CPython's compiler recurses into an expression; thousands of nested additions would exhaust its stack.
LONGEST = 400

# Nor does its tokenizer take more than 200 parentheses inside each other.
DEEPEST = 60

_FLAT = frozenset((ADD, MUL, MAX))

# Where a spelling mentions an operand twice, the operand must have a name; and so must all of a variadic row.
_NAMED_OPERANDS = {
    code: named
    for code, row in enumerate(OPS)
    if any(named := [row.python.count(f"{{{letter}}}") > 1 for letter in LETTERS])
}
_VARIADIC = frozenset(code for code, row in enumerate(OPS) if row.variadic)


@dataclass(frozen=True)
class Statements:
    """A partition of a graph's operations into expressions.

    Attributes:
        graph: the graph.
        roots: the node that each statement computes, ascending.
        bodies: for each statement its nodes, the root last, each after its operands; without leaves.
        operands: for each statement the roots of other statements that it uses, ascending.
        first_input: for each statement the lowest number of an input that it reads; -1 if it reads none.
        statement_of: for each node the number of its statement; -1 for leaves.
    """

    graph: Graph
    roots: Sequence[int]
    bodies: Sequence[Sequence[int]]
    operands: Sequence[Sequence[int]]
    first_input: Sequence[int]
    statement_of: Sequence[int]


def form_statements(graph: Graph) -> Statements:
    """Folds every operation with a single use into its consumer, as long as expressions stay short enough."""
    leaf = bytearray(code in LEAVES for code in graph.op)
    is_root = _roots(graph, leaf)
    roots = [node for node, root in enumerate(is_root) if root]
    bodies: list[list[int]] = [[] for _ in roots]
    operands: list[list[int]] = [[] for _ in roots]
    leaves: list[list[int]] = [[] for _ in roots]
    statement_of = [-1] * len(graph)
    statement = len(roots)
    # From the back, each node finds its consumer's statement already known.
    spans = graph.all_operands(backwards=True)
    for node, span in zip(range(len(graph) - 1, -1, -1), spans, strict=True):
        if leaf[node]:
            continue
        if is_root[node]:
            statement -= 1
            own = statement_of[node] = statement
        else:
            own = statement_of[node]
        bodies[own].append(node)
        for operand in span:
            if is_root[operand]:
                operands[own].append(operand)
            elif leaf[operand]:
                leaves[own].append(operand)
            else:
                statement_of[operand] = own
    for body in bodies:
        body.reverse()
    distinct = [sorted(set(own)) for own in operands]
    op, attribute = graph.op, graph.attribute
    first_input = [min((attribute[leaf] for leaf in own if op[leaf] == INPUT), default=-1) for own in leaves]
    return Statements(graph, roots, bodies, distinct, first_input, statement_of)


def _roots(graph: Graph, leaf: bytearray) -> bytearray:
    """For each node, 1 if it is computed by a statement of its own."""
    uses = count_uses(graph)
    # An output needs a name, and so does what is used twice.
    is_root = bytearray(count > 1 and not is_leaf for count, is_leaf in zip(uses, leaf, strict=True))
    for root in graph.roots():
        is_root[root] = not leaf[root]
    length = [0] * len(graph)
    depth = [0] * len(graph)  # of parentheses, at most
    ops = graph.op
    for node, (code, span) in enumerate(zip(graph.op, graph.all_operands(), strict=True)):
        if leaf[node]:
            continue
        if code in _NAMED_OPERANDS or code in _VARIADIC:
            for operand, named in zip(span, _NAMED_OPERANDS.get(code, repeat(True)), strict=False):
                is_root[operand] |= named and not leaf[operand]
        total, nested = 1, 0
        # Sums, products and maxima open no parenthesis for a first operand of their own kind.
        beginning = span[0] if code in _FLAT and ops[span[0]] == code else -1
        for operand in span:
            if leaf[operand]:
                continue
            if length[operand] >= LONGEST or depth[operand] >= DEEPEST:
                is_root[operand] = 1
            if not is_root[operand]:
                total += length[operand]
                inside = depth[operand] + (operand != beginning)
                if inside > nested:
                    nested = inside
        length[node] = total
        depth[node] = nested
    return is_root
