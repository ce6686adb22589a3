"""Interpret: carries out a graph node by node. This is what a graph means; all backends are compared to it, as bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .graph import A_IS_NODE, B_IS_NODE, Graph
from .ops import CONST, GATHER, INDEX, INPUT, OPS, SELECT

__all__ = ["evaluate_nodes", "interpret"]


def interpret(
    graph: Graph, arguments: Mapping[str, Sequence[float]], indices: Mapping[str, Sequence[int]] | None = None
) -> dict[str, list[float]]:
    """The outputs of `graph`, by name.

    Args:
        arguments: by name, a flat sequence of doubles for each argument of ``graph.inputs``.
        indices: by name, the whole numbers of ``graph.indices``.
    """
    values = evaluate_nodes(graph, arguments, indices or {})
    results: dict[str, list[float]] = {}
    for output in graph.outputs:
        elements = [values[node] if node >= 0 else 0.0 for node in output.nodes]
        for scatter in output.scatters:
            elements[scatter.table.base + scatter.table.stride * int(values[scatter.index])] += values[scatter.node]
        results[output.name] = elements
    return results


def evaluate_nodes(
    graph: Graph, arguments: Mapping[str, Sequence[float]], indices: Mapping[str, Sequence[int]]
) -> list[float]:
    """The value of every node; of an index node, a whole number."""
    inputs = [value for name in graph.arguments() for value in arguments[name]]
    numbers = [value for tensor in graph.indices for value in indices[tensor.name]]
    values: list[float] = []
    for op, a, b in zip(graph.op, graph.a, graph.b, strict=True):
        rule = OPS[op].evaluate
        if rule is not None:
            operands = [values[a]] * A_IS_NODE[op]
            if op not in _UNARY:
                operands.append(values[b] if B_IS_NODE[op] else b)
            values.append(rule(*operands))
        elif op == CONST:
            values.append(graph.constants[a])
        elif op == INPUT:
            values.append(inputs[a])
        elif op == INDEX:
            values.append(numbers[a])
        elif op == GATHER:
            table = graph.tables[b]
            values.append(inputs[table.base + table.stride * int(values[a])])
        elif op == SELECT:
            values.append(values[graph.lists[b][int(values[a])]])
    return values


_UNARY = frozenset(code for code, row in enumerate(OPS) if row.b.value == "-")
