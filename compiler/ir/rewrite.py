"""What the passes that rewrite a graph share: copying, dropping nodes, counting uses, renumbering outputs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import compress
from typing import NamedTuple

from .builder import GraphBuilder
from .graph import Graph, Output, Scatter
from .ops import CONST, GATHER

__all__ = ["Rewritten", "Rule", "count_uses", "keep", "renumber_outputs", "rewrite"]


class Rewritten(NamedTuple):
    """What a pass returns.

    Attributes:
        graph: the new graph.
        ids: for each node of the old graph, the node of the new one that is worth the same; -1 if there is none.
    """

    graph: Graph
    ids: Sequence[int]


# Operations with an attribute that is the number of a constant, or of a table.
_IS_NUMBERED = bytes(code in (CONST, GATHER) for code in range(256))

# From the builder of the new graph and an operation on its nodes (row, operands, attribute) to the node that stands for
# it; None to append it as it is.
Rule = Callable[[GraphBuilder, int, tuple[int, ...], int], int | None]


def rewrite(graph: Graph, rule: Rule, asked: bytearray) -> Rewritten:
    """Copies `graph`, with a say for `rule` in some operations.

    Equal constants become one.

    Args:
        asked: for each node, whether `rule` is asked about it. It is not asked about constants.
    """
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    numbered = graph.op.tobytes().translate(_IS_NUMBERED)
    for node in compress(range(len(graph)), map(operator.or_, asked, numbered)):
        build.copy(graph, ids, node)
        op, attribute = graph.op[node], graph.attribute[node]
        build.mark(graph.origin[node], graph.source[node])
        if op == CONST:
            ids.append(build.const(graph.constants[attribute]))
            continue
        if op == GATHER:
            attribute = build.table(graph.tables[attribute])
        operands = tuple(map(ids.__getitem__, graph.operands(node)))
        new = rule(build, op, operands, attribute) if asked[node] else None
        ids.append(build.node(op, *operands, attribute=attribute) if new is None else new)
    build.copy(graph, ids, len(graph))
    return Rewritten(build.finish(renumber_outputs(graph.outputs, ids)), ids)


def keep(graph: Graph, kept: Sequence[int], worth: Sequence[int] | None = None) -> Rewritten:
    """Drops nodes, and the constants and tables that were theirs alone.

    Args:
        kept: for each node, whether it stays.
        worth: for each node, an earlier one that stays and is worth the same; None if what goes is not needed.
    """
    build = GraphBuilder.like(graph)
    ids: list[int] = []
    for node in compress(range(len(graph)), map(operator.not_, kept)):
        build.copy(graph, ids, node)
        ids.append(-1 if worth is None else ids[worth[node]])
    build.copy(graph, ids, len(graph))
    constants: dict[int, int] = {}
    for node in compress(range(len(build.op)), build.op.tobytes().translate(_IS_NUMBERED)):
        number = build.attribute[node]
        if build.op[node] == CONST:
            build.attribute[node] = constants.setdefault(number, len(constants))
        else:
            build.attribute[node] = build.table(graph.tables[number])
    build.constants = [graph.constants[number] for number in constants]
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
