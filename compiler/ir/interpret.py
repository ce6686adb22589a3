"""Interpret: carries out a graph node by node. This is what a graph means; all backends are compared to it, as bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from ctypes import c_float

from .graph import Graph
from .ops import CHOOSE, CONST, GATHER, INDEX, INPUT, OPS, SELECT

__all__ = ["evaluate_nodes", "in_single_precision", "interpret"]

_single: ContextVar[bool] = ContextVar("microgpt_single_precision", default=False)


@contextmanager
def in_single_precision() -> Iterator[None]:
    """Rounds each number to single precision, to see how far that carries."""
    token = _single.set(True)
    try:
        yield
    finally:
        _single.reset(token)


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
    single = _single.get()
    for op, operands, attribute in zip(graph.op, graph.all_operands(), graph.attribute, strict=True):
        row = OPS[op]
        if row.evaluate is not None:
            known = [values[operand] for operand in operands]
            values.append(row.evaluate(*known, attribute) if row.is_marked else row.evaluate(*known))
        elif op == CONST:
            values.append(graph.constants[attribute])
        elif op == INPUT:
            values.append(inputs[attribute])
        elif op == INDEX:
            values.append(numbers[attribute])
        elif op == GATHER:
            table = graph.tables[attribute]
            values.append(inputs[table.base + table.stride * int(values[operands[0]])])
        elif op in (SELECT, CHOOSE):
            index, *choices = operands
            values.append(values[choices[int(values[index])]])
        if single and op != INDEX:
            values[-1] = c_float(values[-1]).value
    return values
