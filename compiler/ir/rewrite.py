"""What the passes that rewrite a graph share: the scan that copies it, counting uses, renumbering outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .builder import GraphBuilder
from .graph import A_IS_NODE, B_IS_NODE, Graph, Output, Scatter
from .ops import CONST, GATHER, SELECT

__all__ = ["Rewritten", "Rule", "count_uses", "renumber_outputs", "rewrite"]


class Rewritten(NamedTuple):
    """What a pass returns.

    Attributes:
        graph: the new graph.
        ids: for each node of the old graph, the node of the new one that is worth the same; -1 if there is none.
    """

    graph: Graph
    ids: Sequence[int]


# From the builder of the new graph and an operation on its nodes to the node that stands for it; None to append it as
# it is.
Rule = Callable[[GraphBuilder, int, int, int], int | None]


def rewrite(graph: Graph, rule: Rule, untouched: frozenset[int] | set[int] = frozenset()) -> Rewritten:
    """Copies `graph` operation by operation, with a say for `rule` in each. A select's `b` is the new list's number.

    Equal constants become one. `rule` is not asked about constants and about the `untouched` nodes.
    """
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    # Nearly every operation is copied as it is, so that is done here, without a call.
    append_op, append_a, append_b = build.op.append, build.a.append, build.b.append
    append_origin, append_source = build.origin.append, build.source.append
    for op, a, b, origin, source in zip(graph.op, graph.a, graph.b, graph.origin, graph.source, strict=True):
        build.current_origin, build.current_source = origin, source
        if A_IS_NODE[op]:
            a = ids[a]
        if B_IS_NODE[op]:
            b = ids[b]
        elif op == SELECT:
            build.lists.append(tuple(ids[value] for value in graph.lists[b]))
            b = len(build.lists) - 1
        elif op == GATHER:
            b = build.table(graph.tables[b])
        elif op == CONST:
            ids.append(build.const(graph.constants[a]))
            continue
        new = None if untouched and len(ids) in untouched else rule(build, op, a, b)
        if new is None:
            ids.append(len(build.op))
            append_op(op)
            append_a(a)
            append_b(b)
            append_origin(origin)
            append_source(source)
        else:
            ids.append(new)
            if op == SELECT:
                build.lists.pop()  # nothing refers to it
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def count_uses(graph: Graph) -> list[int]:
    """How often each node is an operand or an output."""
    uses = [0] * len(graph)
    for op, a, b in zip(graph.op, graph.a, graph.b, strict=True):
        if A_IS_NODE[op]:
            uses[a] += 1
        if B_IS_NODE[op]:
            uses[b] += 1
        elif op == SELECT:
            for value in graph.lists[b]:
                uses[value] += 1
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
