"""Remove dead nodes: drops every operation, constant and table that no output needs.

In and out: any graph; afterwards every node is needed by an output. Exact: what remains is unchanged.
"""

from __future__ import annotations

from .graph import A_IS_NODE, B_IS_NODE, Graph, GraphBuilder
from .ops import CONST, GATHER, SELECT
from .rewrite import Rewritten, renumber_outputs

__all__ = ["remove_dead_nodes"]


def remove_dead_nodes(graph: Graph) -> Rewritten:
    """Keeps what the outputs need, in the same order."""
    needed = needed_nodes(graph)
    build = GraphBuilder(graph.name, graph.inputs, graph.indices, graph.origins)
    constant_numbers: dict[int, int] = {}
    ids: list[int] = []
    rows = zip(graph.op, graph.a, graph.b, graph.origin, graph.source, needed, strict=True)
    for op, a, b, origin, source, keep in rows:
        if not keep:
            ids.append(-1)
            continue
        build.current_origin, build.current_source = origin, source
        if A_IS_NODE[op]:
            a = ids[a]
        elif op == CONST:
            number = constant_numbers.setdefault(a, len(build.constants))
            if number == len(build.constants):
                build.constants.append(graph.constants[a])
            a = number
        if B_IS_NODE[op]:
            b = ids[b]
        elif op == SELECT:
            build.lists.append(tuple(ids[value] for value in graph.lists[b]))
            b = len(build.lists) - 1
        elif op == GATHER:
            b = build.table(graph.tables[b])
        ids.append(build.node(op, a, b))
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def needed_nodes(graph: Graph) -> bytearray:
    """For each node, 1 if an output depends on it, else 0."""
    needed = bytearray(len(graph))
    for root in graph.roots():
        needed[root] = 1
    op, column_a, column_b = graph.op, graph.a, graph.b
    for node in range(len(graph) - 1, -1, -1):
        if needed[node]:
            code = op[node]
            if A_IS_NODE[code]:
                needed[column_a[node]] = 1
            if B_IS_NODE[code]:
                needed[column_b[node]] = 1
            elif code == SELECT:
                for value in graph.lists[column_b[node]]:
                    needed[value] = 1
    return needed
