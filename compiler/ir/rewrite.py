"""What the passes that rewrite a graph share: the scan that copies it, counting uses, renumbering outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .builder import GraphBuilder
from .graph import Graph, Output, Scatter
from .ops import CONST, GATHER

__all__ = ["Rewritten", "Rule", "count_uses", "renumber_outputs", "rewrite"]


class Rewritten(NamedTuple):
    """What a pass returns.

    Attributes:
        graph: the new graph.
        ids: for each node of the old graph, the node of the new one that is worth the same; -1 if there is none.
    """

    graph: Graph
    ids: Sequence[int]


# From the builder of the new graph and an operation on its nodes (row, operands, attribute) to the node that stands for
# it; None to append it as it is.
Rule = Callable[[GraphBuilder, int, tuple[int, ...], int], int | None]


def rewrite(graph: Graph, rule: Rule, untouched: frozenset[int] | set[int] = frozenset()) -> Rewritten:
    """Copies `graph` operation by operation, with a say for `rule` in each.

    Equal constants become one. `rule` is not asked about constants and about the `untouched` nodes.
    """
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    # Nearly every operation is copied as it is, so that is done here, without a call.
    append_op, append_attribute, append_origin, append_source = (
        column.append for column in (build.op, build.attribute, build.origin, build.source)
    )
    flat, add_operands, append_start = build.flat, build.flat.extend, build.starts.append
    rows = zip(graph.op, graph.all_operands(ids.__getitem__), graph.attribute, graph.origin, graph.source, strict=True)
    for op, operands, attribute, origin, source in rows:
        build.current_origin, build.current_source = origin, source
        if op == CONST:
            ids.append(build.const(graph.constants[attribute]))
            continue
        if op == GATHER:
            attribute = build.table(graph.tables[attribute])
        new = None if untouched and len(ids) in untouched else rule(build, op, operands, attribute)
        if new is None:
            ids.append(len(build.op))
            append_op(op)
            add_operands(operands)
            append_start(len(flat))
            append_attribute(attribute)
            append_origin(origin)
            append_source(source)
        else:
            ids.append(new)
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def count_uses(graph: Graph) -> list[int]:
    """How often each node is an operand or an output."""
    uses = [0] * len(graph)
    for operand in graph.flat:
        uses[operand] += 1
    for root in graph.roots():
        uses[root] += 1
    return uses


def renumber_outputs(outputs: Sequence[Output], ids: Sequence[int]) -> tuple[Output, ...]:
    """The outputs of a graph whose node `n` is now node ``ids[n]``."""
    return tuple(
        Output(
            output.name,
            tuple(ids[node] if node >= 0 else -1 for node in output.nodes),
            tuple(Scatter(ids[scatter.node], ids[scatter.index], scatter.table) for scatter in output.scatters),
        )
        for output in outputs
    )
