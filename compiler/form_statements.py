"""Form statements: gathers operations that serve one consumer into the expression of that consumer.

In: a clean graph. Out: `Statements`: each is a root operation with the operations folded into it, and stands for one
assignment in generated code. A sum of products, added up from the left, becomes one expression; so most operations
need no name. Afterwards every operation that is not a leaf belongs to exactly one statement, and a statement's
expression is no longer than `LONGEST` operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .graph import A_IS_NODE, B_IS_NODE, Graph
from .ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, OPS, SELECT
from .rewrite import count_uses

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
        statement_of: for each node the number of its statement; -1 for leaves.
    """

    graph: Graph
    roots: Sequence[int]
    bodies: Sequence[Sequence[int]]
    statement_of: Sequence[int]

    def operands(self, statement: int) -> list[int]:
        """The roots of other statements that `statement` uses, in order of first use, each once."""
        graph, statement_of = self.graph, self.statement_of
        op, column_a, column_b = graph.op, graph.a, graph.b
        found: dict[int, None] = {}
        for node in self.bodies[statement]:
            code = op[node]
            if A_IS_NODE[code]:
                found[column_a[node]] = None
            if B_IS_NODE[code]:
                found[column_b[node]] = None
            elif code == SELECT:
                found.update(dict.fromkeys(graph.lists[column_b[node]]))
        return [operand for operand in found if statement_of[operand] not in (-1, statement)]


def form_statements(graph: Graph) -> Statements:
    """Folds every operation with a single use into its consumer, as long as expressions stay short enough."""
    op, column_a, column_b = graph.op, graph.a, graph.b
    size = len(graph)
    leaf = tuple(code in LEAVES for code in range(len(OPS)))
    uses = count_uses(graph)
    is_root = bytearray(size)
    for root in graph.roots():
        is_root[root] = not leaf[op[root]]
    length = [0] * size
    depth = [0] * size  # at least the number of parentheses around a leaf
    for node in range(size):
        code, a, b = op[node], column_a[node], column_b[node]
        if leaf[code]:
            continue
        total, nested = 1, 0
        if A_IS_NODE[code] and not leaf[op[a]]:
            if uses[a] > 1 or _NAMED_OPERANDS[code][0] or length[a] >= LONGEST or depth[a] >= DEEPEST:
                is_root[a] = 1
            if not is_root[a]:
                total += length[a]
                # Sums, products and maxima open no parenthesis for a first operand of their own kind.
                nested = depth[a] + (code != op[a] or code not in _FLAT)
        if B_IS_NODE[code] and not leaf[op[b]]:
            if uses[b] > 1 or _NAMED_OPERANDS[code][1] or length[b] >= LONGEST or depth[b] >= DEEPEST:
                is_root[b] = 1
            if not is_root[b]:
                total += length[b]
                nested = max(nested, depth[b] + 1)
        elif code == SELECT:
            for value in graph.lists[b]:
                is_root[value] = not leaf[op[value]]
        length[node] = total
        depth[node] = nested
    # From the back, each node finds its consumer's statement already known.
    statement_of = [-1] * size
    roots: list[int] = []
    bodies: list[list[int]] = []
    for node in range(size - 1, -1, -1):
        code = op[node]
        if leaf[code]:
            continue
        if is_root[node]:
            statement_of[node] = len(roots)
            roots.append(node)
            bodies.append([])
        statement = statement_of[node]
        bodies[statement].append(node)
        for is_node, operand in ((A_IS_NODE[code], column_a[node]), (B_IS_NODE[code], column_b[node])):
            if is_node and not is_root[operand] and not leaf[op[operand]]:
                statement_of[operand] = statement
    last = len(roots) - 1
    roots.reverse()
    bodies.reverse()
    for body in bodies:
        body.reverse()
    return Statements(graph, roots, bodies, [last - number if number >= 0 else -1 for number in statement_of])
