"""Form statements: gathers operations that serve one consumer into the expression of that consumer.

In: a clean graph. Out: `Statements`: each is a root operation with the operations folded into it, and stands for one
assignment in generated code. A sum of products, added up from the left, becomes one expression; so most operations
need no name. Afterwards every operation that is not a leaf belongs to exactly one statement, and a statement's
expression is no longer than `LONGEST` operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..ir.graph import A_IS_NODE, B_IS_NODE, Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, OPS, SELECT
from ..ir.rewrite import count_uses

__all__ = ["LEAVES", "LONGEST", "Statements", "form_statements"]

# Operations that are spelled out wherever they are used: numbers, and what is read from the caller.
LEAVES = frozenset((CONST, INPUT, INDEX, GATHER, EQUAL))

# CPython's compiler recurses into an expression; thousands of nested additions would exhaust its stack.
LONGEST = 400

# Nor does its tokenizer take more than 200 parentheses inside each other.
DEEPEST = 60

_FLAT = frozenset((ADD, MUL, MAX))

# Where a spelling mentions an operand twice, the operand must have a name.
_NAMED_OPERANDS = tuple((row.python.count("{a}") > 1, row.python.count("{b}") > 1) for row in OPS)


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
    rows = zip(reversed(graph.op), reversed(graph.a), reversed(graph.b), strict=True)
    for node, (code, a, b) in zip(range(len(graph) - 1, -1, -1), rows, strict=True):
        if leaf[node]:
            continue
        if is_root[node]:
            statement -= 1
            own = statement_of[node] = statement
        else:
            own = statement_of[node]
        bodies[own].append(node)
        if A_IS_NODE[code]:
            if is_root[a]:
                operands[own].append(a)
            elif leaf[a]:
                leaves[own].append(a)
            else:
                statement_of[a] = own
        if B_IS_NODE[code]:
            if is_root[b]:
                operands[own].append(b)
            elif leaf[b]:
                leaves[own].append(b)
            else:
                statement_of[b] = own
        elif code == SELECT:
            for value in graph.lists[b]:
                (operands if is_root[value] else leaves)[own].append(value)
    for body in bodies:
        body.reverse()
    distinct = [sorted(set(own)) for own in operands]
    first_input = [min((graph.a[leaf] for leaf in own if graph.op[leaf] == INPUT), default=-1) for own in leaves]
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
    for node, (code, a, b) in enumerate(zip(graph.op, graph.a, graph.b, strict=True)):
        if leaf[node]:
            continue
        total, nested = 1, 0
        if A_IS_NODE[code] and not leaf[a]:
            if _NAMED_OPERANDS[code][0] or length[a] >= LONGEST or depth[a] >= DEEPEST:
                is_root[a] = 1
            if not is_root[a]:
                total += length[a]
                # Sums, products and maxima open no parenthesis for a first operand of their own kind.
                nested = depth[a] + (code != graph.op[a] or code not in _FLAT)
        if B_IS_NODE[code] and not leaf[b]:
            if _NAMED_OPERANDS[code][1] or length[b] >= LONGEST or depth[b] >= DEEPEST:
                is_root[b] = 1
            if not is_root[b]:
                total += length[b]
                nested = max(nested, depth[b] + 1)
        elif code == SELECT:
            for value in graph.lists[b]:
                is_root[value] = not leaf[value]
        length[node] = total
        depth[node] = nested
    return is_root
