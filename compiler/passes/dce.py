"""DCE, dead code elimination: drops every operation, constant and table that no output needs.

In and out: any graph; afterwards every node is needed by an output. Exact: what remains is unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, compress

from ..ir.builder import GraphBuilder
from ..ir.graph import A_IS_NODE, B_IS_NODE, Graph
from ..ir.ops import CONST, GATHER, SELECT
from ..ir.rewrite import Rewritten, renumber_outputs

__all__ = ["dce"]


def dce(graph: Graph, outputs: Sequence[str] | None = None) -> Rewritten:
    """Keeps what the outputs need, in the same order.

    Args:
        outputs: the names of those that are needed; None for all.
    """
    if outputs is not None:
        graph = replace(graph, outputs=tuple(output for output in graph.outputs if output.name in outputs))
    needed = needed_nodes(graph)
    ids = [place - 1 if keep else -1 for keep, place in zip(needed, accumulate(needed), strict=True)]
    build = GraphBuilder(graph.name, graph.inputs, graph.indices, graph.origins)
    build.op, column_a, column_b, build.origin, build.source = (
        list(compress(column, needed)) for column in (graph.op, graph.a, graph.b, graph.origin, graph.source)
    )
    build.a = [ids[a] if A_IS_NODE[op] else a for op, a in zip(build.op, column_a, strict=True)]
    build.b = [ids[b] if B_IS_NODE[op] else b for op, b in zip(build.op, column_b, strict=True)]
    constants: dict[int, int] = {}
    for node, op in enumerate(build.op):
        if op == CONST:
            build.a[node] = constants.setdefault(column_a[node], len(constants))
        elif op == GATHER:
            build.b[node] = build.table(graph.tables[column_b[node]])
        elif op == SELECT:
            build.lists.append(tuple(ids[value] for value in graph.lists[column_b[node]]))
            build.b[node] = len(build.lists) - 1
    build.constants = [graph.constants[number] for number in constants]
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
