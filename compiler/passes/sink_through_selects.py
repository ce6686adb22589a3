"""Sink through selects: ``select(i, [f(x), f(y)])`` becomes ``f(select(i, [x, y]))``, where the values serve nothing
else.

In and out: a forward graph. A model chooses one of the probabilities that it computed; after this pass the program
computes the chosen one alone, and `differentiate` finds every other value of a select in use elsewhere. Exact: the
chosen value's operations are carried out on the same numbers.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import A_IS_NODE, B_IS_NODE, Graph
from ..ir.ops import CONST, GATHER, INPUT, OPS, POW, SELECT
from ..ir.rewrite import Rewritten, renumber_outputs

__all__ = ["sink_through_selects"]


def sink_through_selects(graph: Graph) -> Rewritten:
    """Computes what selects choose from after the choice, where that is all it is for."""
    if not graph.lists:
        return Rewritten(graph, range(len(graph)))
    uses = _uses_with_gradient(graph)
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    for node, (op, a, b) in enumerate(zip(graph.op, graph.a, graph.b, strict=True)):
        build.mark(graph.origin[node], graph.source[node])
        if op == SELECT:
            ids.append(_choose(graph, build, ids, uses, a, graph.lists[b]))
        elif op == CONST:
            ids.append(build.const(graph.constants[a]))
        elif op == GATHER:
            ids.append(build.node(op, ids[a], build.table(graph.tables[b])))
        else:
            ids.append(build.node(op, ids[a] if A_IS_NODE[op] else a, ids[b] if B_IS_NODE[op] else b))
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def _uses_with_gradient(graph: Graph) -> list[int]:
    """How often each node is an output, or an operand of what hands a gradient on from an output.

    Other uses (a maximum, or what no output needs) take no part in the gradient: there, nothing changes.
    """
    uses = [0] * len(graph)
    for root in graph.roots():
        uses[root] += 1
    flows = [row.derivative is not None for row in OPS]
    rows = zip(reversed(graph.op), reversed(graph.a), reversed(graph.b), strict=True)
    for node, (op, a, b) in zip(range(len(graph) - 1, -1, -1), rows, strict=True):
        if not uses[node]:
            continue
        if flows[op]:
            if A_IS_NODE[op]:
                uses[a] += 1
            if B_IS_NODE[op]:
                uses[b] += 1
        elif op == SELECT:
            for value in graph.lists[b]:
                uses[value] += 1
    return uses


def _choose(
    graph: Graph, build: GraphBuilder, ids: list[int], uses: list[int], index: int, values: tuple[int, ...]
) -> int:
    """The new node for ``select(index, values)``. Descends as long as the values are alike and used only here."""
    # Two visits to each tuple of values: the first finds its operands, the second, once they are there, builds it.
    built: dict[tuple[int, ...], int] = {}
    stack = [values]
    while stack:
        tuple_ = stack[-1]
        op = graph.op[tuple_[0]]
        alike = (
            op not in (INPUT, SELECT)
            and (A_IS_NODE[op] or B_IS_NODE[op])
            and (op != POW or len({graph.b[value] for value in tuple_}) == 1)  # an exponent stays a constant
            and len(set(tuple_)) == len(tuple_)
            and all(graph.op[value] == op and uses[value] == 1 for value in tuple_)
        )
        if not alike:
            built[tuple_] = build.select(ids[index], [ids[value] for value in tuple_])
            stack.pop()
            continue
        fields = []
        for is_node, column in ((A_IS_NODE[op], graph.a), (B_IS_NODE[op], graph.b)):
            fields.append(tuple(column[value] for value in tuple_) if is_node else column[tuple_[0]])
        wanted = [entry for entry in fields if isinstance(entry, tuple) and entry not in built]
        if wanted:
            stack += reversed(wanted)
            continue
        a, b = (built[entry] if isinstance(entry, tuple) else entry for entry in fields)
        build.mark(graph.origin[tuple_[0]], graph.source[tuple_[0]])
        built[tuple_] = build.node(op, a, b)
        stack.pop()
    return built[values]
