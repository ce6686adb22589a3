"""Stored nodes: which values of a graph have a statement of their own.

In: a graph. Out: a mark for each node. A value is stored if it is used more than once, is a result, or would make the
statement that uses it too long; all others are part of that statement.
"""

from __future__ import annotations

from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, EQUAL, GATHER, INDEX, INPUT, MAX, OPS, SELECT
from ..ir.rewrite import count_uses

__all__ = ["FOLDED", "stored_nodes"]

# The operations that folds are made of.
FOLDED = (ADD, MAX)

# Expressions are nested no deeper than this, so that generated lines stay short and recursion over them stays bounded.
_HEIGHT = 8
_INLINE = (CONST, INPUT, INDEX, EQUAL, GATHER)

_READ, _FOLD, _COMPUTED = range(3)
_KINDS = tuple(_READ if op in _INLINE else _FOLD if op in FOLDED else _COMPUTED for op in range(len(OPS)))


def stored_nodes(graph: Graph) -> bytearray:
    """For each node, 1 if its value has a statement of its own."""
    uses = count_uses(graph)
    stored = bytearray(len(graph))
    height = bytearray(len(graph))
    # Whether the expression of an unstored node contains a fold of three or more terms; folds do not nest.
    folds = bytearray(len(graph))
    terms = [0] * len(graph)
    for root in graph.roots():
        stored[root] = 1
    if SELECT in graph.op:
        for op, operands in zip(graph.op, graph.all_operands(), strict=True):
            if op == SELECT:
                for value in operands[1:]:
                    stored[value] = 1
    ops = graph.op
    for node, (op, operands) in enumerate(zip(ops, graph.all_operands(), strict=True)):
        kind = _KINDS[op]
        if kind == _READ:
            if op != GATHER:
                stored[node] = 0
            continue
        top = 0
        if kind == _FOLD:
            a, b = operands
            if ops[a] == op and not stored[a]:  # a sum that begins with an unstored sum is one fold with it
                link, operands = a, (b,)
            elif ops[b] == op and not stored[b] and op == ADD and a != b:
                link, operands = b, (a,)
            else:
                link = -1
            count = len(operands)
            if link >= 0:
                count += terms[link]
                top = height[link]
            terms[node] = count
            for operand in operands:
                if folds[operand]:
                    stored[operand] = 1
                if not stored[operand] and height[operand] >= top:
                    top = height[operand] + 1
            if count > 2:
                folds[node] = 1
                if count == 3 and link >= 0:
                    for operand in graph.operands(link):
                        if folds[operand]:
                            stored[operand] = 1
        else:
            for operand in operands:
                if not stored[operand]:
                    if height[operand] >= top:
                        top = height[operand] + 1
                    if folds[operand]:
                        if folds[node]:
                            stored[operand] = 1  # a statement has one fold
                        folds[node] = 1
        height[node] = top
        if uses[node] > 1:
            stored[node] = 1
        elif height[node] >= _HEIGHT:
            _cut(graph, stored, height, node)
        if stored[node]:
            folds[node] = height[node] = 0
            if kind == _FOLD:
                terms[node] = 0
    return stored


def _cut(graph: Graph, stored: bytearray, height: bytearray, node: int) -> None:
    """Stores `node`, whose expression is too high, or what is below it and like the stored value that it begins with.

    So a chain of steps, of which each is used in the next one alone, is cut at the same place of each few steps.
    """
    path, bottom = [node], -1
    while bottom < 0:
        inside = [operand for operand in graph.operands(path[-1]) if graph.op[operand] not in _INLINE]
        open_ = [operand for operand in inside if not stored[operand]]
        if not open_:
            bottom = next(iter(inside), path[-1])
        else:
            path.append(max(open_, key=height.__getitem__))
    like = (graph.op[bottom], graph.origin[bottom], graph.is_backward(bottom))
    for place, below in enumerate(path):
        is_link = place and graph.op[below] in FOLDED and graph.op[below] == graph.op[path[place - 1]]
        if not is_link and (graph.op[below], graph.origin[below], graph.is_backward(below)) == like:
            break
    else:
        place = 0
    stored[path[place]], height[path[place]] = 1, 0
    for above in reversed(path[:place]):
        height[above] = max((height[each] + 1 for each in graph.operands(above) if not stored[each]), default=0)
