"""Replay: a function on the eager autograd, operation by operation from its trace, so that it is not called again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...compiler.ir.calculator import FLOATS
from ...compiler.ir.graph import A_IS_NODE, B_IS_NODE, Graph
from ...compiler.ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT, OPS, POW, SELECT
from ..value import Value

__all__ = ["replay"]


def replay(
    traced: Graph,
    gradient: str | None,
    arguments: Mapping[str, Sequence[float]],
    indices: Mapping[str, Sequence[int]],
    initial: str | None = None,
) -> dict[str, list[float]]:
    """What the eager autograd gives for a function that has been traced: its results, and ``gradient``.

    Args:
        traced: as the trace recorded it, before any pass.
        gradient: the argument to differentiate the first output in; None for none.
        initial: the argument that holds the gradient so far; None for zero.
    """
    inputs = [Value(number) for name in traced.arguments() for number in arguments[name]]
    numbers = [number for tensor in traced.indices for number in indices[tensor.name]]
    worth: list[Any] = []  # a Value, or the number of an index, or a truth value
    for op, a, b in zip(traced.op, traced.a, traced.b, strict=True):
        if op == CONST:
            worth.append(Value(traced.constants[a]))
        elif op == INPUT:
            worth.append(inputs[a])
        elif op == INDEX:
            worth.append(numbers[a])
        elif op == GATHER:
            table = traced.tables[b]
            worth.append(inputs[table.base + table.stride * worth[a]])
        elif op == SELECT:
            worth.append(worth[traced.lists[b][worth[a]]])
        elif op == EQUAL:
            worth.append(worth[a] == b)
        elif op == POW:
            worth.append(worth[a] ** worth[b].data)
        else:
            operands = [worth[a]] * A_IS_NODE[op] + ([worth[b]] if B_IS_NODE[op] else [])
            worth.append(_operation(op, operands))
    results = {output.name: [worth[node].data for node in output.nodes] for output in traced.outputs}
    if gradient is not None:
        (node,) = traced.outputs[0].nodes
        start, count = traced.arguments()[gradient]
        for value, so_far in zip(inputs[start:], arguments[initial] if initial else (), strict=False):
            value.grad = so_far
        # A node of its own: `backward` sets the gradient of what it is called on, and that may be an input.
        Value(worth[node].data, (worth[node],), (1.0,)).backward()
        results["gradient"] = [value.grad for value in inputs[start : start + count]]
    return results


def _operation(op: int, operands: Sequence[Any]) -> Value:
    """An operation of the table, with the derivative of its row."""
    row = OPS[op]
    if row.evaluate is None:
        raise TypeError(f"{row.name} has no value of its own")
    data = [operand.data if isinstance(operand, Value) else operand for operand in operands]
    result = row.evaluate(*data)
    values = tuple(operand for operand in operands if isinstance(operand, Value))
    if row.derivative is None or len(values) < len(operands):
        return Value(result)
    slopes = row.derivative(FLOATS, result, data[0], data[-1])
    return Value(result, values, slopes[: len(values)])
