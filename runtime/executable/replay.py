"""Replay: a function on the eager autograd, operation by operation from its trace, so that it is not called again."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from ...compiler.ir.calculator import FLOATS
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import (
    ADD,
    BRANCH,
    CHOOSE,
    CONST,
    EQUAL,
    GATHER,
    INDEX,
    INPUT,
    MUL,
    OPS,
    POW,
    SELECT,
    UNLESS,
    WHERE,
    Type,
)
from ..value import Value

__all__ = ["replay"]


def replay(
    traced: Graph,
    gradient: str | None,
    arguments: Mapping[str, Sequence[float]],
    indices: Mapping[str, Sequence[int]],
    derivative: str = "gradient",
    initial: str | None = None,
) -> dict[str, list[float]]:
    """What the eager autograd gives for a function that has been traced: its results, and their ``derivative``.

    Args:
        traced: as the trace recorded it, before any pass; for a ``hessian`` or ``hvp`` with its gradient.
        gradient: the argument to differentiate in; None for none.
        derivative: the ``gradient`` of the first output, its ``jacobian``, the ``hessian``, or the product of that with
            the last inputs, ``hvp``.
        initial: the argument that holds the gradient or Jacobian so far, which ``backward()`` adds to; None for zero.
    """
    inputs = [Value(number) for name in traced.arguments() for number in arguments[name]]
    numbers = [number for tensor in traced.indices for number in indices[tensor.name]]
    worth: list[Any] = []  # a Value, or the number of an index, or a truth value
    for op, nodes, attribute in zip(traced.op, traced.all_operands(), traced.attribute, strict=True):
        if op == ADD:  # most operations are sums and products
            first, second = nodes
            worth.append(worth[first] + worth[second])
            continue
        if op == MUL:
            first, second = nodes
            worth.append(worth[first] * worth[second])
            continue
        operands = [worth[node] for node in nodes]
        if op == CONST:
            worth.append(Value(traced.constants[attribute]))
        elif op == INPUT:
            worth.append(inputs[attribute])
        elif op == INDEX:
            worth.append(numbers[attribute])
        elif op == GATHER:
            table = traced.tables[attribute]
            worth.append(inputs[table.base + table.stride * operands[0]])
        elif op == SELECT:
            worth.append(operands[1 + operands[0]])
        elif op == EQUAL:
            worth.append(operands[0] == attribute)
        elif op == POW:
            worth.append(operands[0] ** operands[1].data)
        elif op in (WHERE, UNLESS) and traced.op[nodes[0]] != EQUAL:  # the mask of a branch, and not of a choice
            flag, value = operands
            taken = flag == (op == WHERE)
            worth.append(Value(value.data if taken else 0.0, (value,), (1.0 if taken else None,)))
        else:
            worth.append(_operation(op, operands))
    results = {
        output.name: [worth[node].data if node >= 0 else 0.0 for node in output.nodes] for output in traced.outputs
    }
    if gradient is not None:
        start, count = traced.arguments()[gradient]
        wrt = inputs[start : start + count]
        of = traced.outputs[0] if derivative in ("gradient", "jacobian") else traced.output("gradient")
        rows: list[Any] = [worth[node] if node >= 0 else Value(0.0) for node in of.nodes]
        if derivative == "hvp":
            terms = [
                row * number for row, number, node in zip(rows, inputs[-count:], of.nodes, strict=True) if node >= 0
            ]
            rows = [reduce(operator.add, terms)] if terms else [Value(0.0)]
        results[derivative] = []
        values = [value for value in (*inputs, *worth) if isinstance(value, Value)]
        before = iter(arguments[initial] if initial else ())
        for row in rows:
            for value in values:
                value.grad = 0.0
            for value, so_far in zip(wrt, before, strict=False):
                value.grad = so_far
            # A node of its own: `backward` sets the gradient of what it is called on, and that may be an input.
            Value(row.data, (row,), (1.0,)).backward()
            results[derivative] += (value.grad for value in wrt)
    return results


def _operation(op: int, operands: Sequence[Any]) -> Any:
    """An operation of the table, with the derivative of its row; of a comparison, whether it holds."""
    row = OPS[op]
    if op in (BRANCH, CHOOSE):
        decider, *choices = operands
        return Value._choose_fixed(choices, decider if op == CHOOSE else 1 - decider)
    if row.evaluate is None:
        raise TypeError(f"{row.name} has no value of its own")
    data = [operand.data if isinstance(operand, Value) else operand for operand in operands]
    result = row.evaluate(*data)
    if row.result is Type.FLAG:
        return result
    if row.derivative is None:
        return Value(result)
    slopes = row.derivative(FLOATS, result, *data)
    # Through the flag that decides whether a contribution counts, no gradient flows.
    pairs = [
        (operand, slope)
        for operand, slope in zip(operands, slopes, strict=False)
        if isinstance(operand, Value) and slope is not None
    ]
    return Value(result, tuple(operand for operand, _ in pairs), tuple(slope for _, slope in pairs))
