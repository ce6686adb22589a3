"""Sink through selects: ``select(i, [f(x), f(y)])`` becomes ``f(select(i, [x, y]))``, where the values serve nothing
else.

In and out: a forward graph. A model chooses one of the probabilities that it computed; after this pass the program
computes the chosen one alone, and `differentiate` finds every other value of a select in use elsewhere. Exact: the
chosen value's operations are carried out on the same numbers.
"""

from __future__ import annotations

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.ops import CONST, GATHER, OPS, POW, SELECT, Type
from ..ir.rewrite import Rewritten, renumber_outputs

__all__ = ["sink_through_selects"]


def sink_through_selects(graph: Graph) -> Rewritten:
    """Computes what selects choose from after the choice, where that is all it is for."""
    if SELECT not in graph.op:
        return Rewritten(graph, range(len(graph)))
    uses = _uses_with_gradient(graph)
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    special = (node for node, op in enumerate(graph.op) if op in (SELECT, CONST, GATHER))
    for node in special:
        build.copy(graph, ids, node)
        op, attribute = graph.op[node], graph.attribute[node]
        build.mark(graph.origin[node], graph.source[node])
        if op == SELECT:
            ids.append(_choose(graph, build, ids, uses, *graph.operands(node)))
        elif op == CONST:
            ids.append(build.const(graph.constants[attribute]))
        else:
            index = ids[graph.operands(node)[0]]
            ids.append(build.node(op, index, attribute=build.table(graph.tables[attribute])))
    build.copy(graph, ids, len(graph))
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def _uses_with_gradient(graph: Graph) -> list[int]:
    """How often each node is an output, or an operand of what hands a gradient on from an output.

    Other uses (a maximum, or what no output needs) take no part in the gradient: there, nothing changes.
    """
    uses = [0] * len(graph)
    for root in graph.roots():
        uses[root] += 1
    flows = [row.flows for row in OPS]
    rows = zip(reversed(graph.op), graph.all_operands(backwards=True), strict=True)
    for node, (op, operands) in zip(range(len(graph) - 1, -1, -1), rows, strict=True):
        if uses[node] and flows[op]:
            for operand in operands:
                uses[operand] += 1
    return uses


def _choose(graph: Graph, build: GraphBuilder, ids: list[int], uses: list[int], index: int, *values: int) -> int:
    """The new node for ``select(index, values)``. Descends as long as the values are alike and used only here."""
    # Two visits to each tuple of values: the first finds its operands, the second, once they are there, builds it.
    built: dict[tuple[int, ...], int] = {}
    stack = [values]
    while stack:
        chosen = stack[-1]
        columns = _columns(graph, uses, chosen)
        if columns is None:
            built[chosen] = build.select(ids[index], [ids[value] for value in chosen])
            stack.pop()
            continue
        wanted = [column for column in columns if column not in built]
        if wanted:
            stack += reversed(wanted)
            continue
        build.mark(graph.origin[chosen[0]], graph.source[chosen[0]])
        operands = (built[column] for column in columns)
        built[chosen] = build.node(graph.op[chosen[0]], *operands, attribute=graph.attribute[chosen[0]])
        stack.pop()
    return built[values]


def _columns(graph: Graph, uses: list[int], values: tuple[int, ...]) -> list[tuple[int, ...]] | None:
    """The first operands of alike values, their second operands, and so on; None where they have to be chosen from."""
    op = graph.op[values[0]]
    if len(set(values)) < len(values) or any(graph.op[value] != op or uses[value] != 1 for value in values):
        return None
    if op in (SELECT, GATHER):
        return None
    rows = [graph.operands(value) for value in values]
    if len(set(map(len, rows))) > 1:
        return None
    columns = list(zip(*rows, strict=True))
    for column, type_ in zip(columns, OPS[op].types_of(len(columns)), strict=True):
        if type_ is not Type.REAL and len(set(column)) > 1:  # one chooses among numbers alone
            return None
    if op == POW and len(set(columns[1])) > 1:  # an exponent stays a constant
        return None
    return columns or None
