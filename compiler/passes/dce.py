"""DCE, dead code elimination: drops every operation, constant and table that no output needs.

In and out: any graph; afterwards every node is needed by an output. Exact: what remains is unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain, compress

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph
from ..ir.ops import CONST, GATHER
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
    build.op, build.attribute, build.origin, build.source = (
        list(compress(column, needed)) for column in (graph.op, graph.attribute, graph.origin, graph.source)
    )
    spans = list(compress(graph.all_operands(ids.__getitem__), needed))
    build.starts, build.flat = list(accumulate(map(len, spans), initial=0)), list(chain.from_iterable(spans))
    attributes = build.attribute
    constants: dict[int, int] = {}
    for node, op in enumerate(build.op):
        if op == CONST:
            attributes[node] = constants.setdefault(attributes[node], len(constants))
        elif op == GATHER:
            attributes[node] = build.table(graph.tables[attributes[node]])
    build.constants = [graph.constants[number] for number in constants]
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def needed_nodes(graph: Graph) -> bytearray:
    """For each node, 1 if an output depends on it, else 0."""
    needed = bytearray(len(graph))
    for root in graph.roots():
        needed[root] = 1
    place = len(graph)
    for operands in graph.all_operands(backwards=True):
        place -= 1
        if needed[place]:
            for operand in operands:
                needed[operand] = 1
    return needed
