"""The eager autograd, carrying out what is compiled elsewhere: every program must equal it, bit for bit.

The model and its optimiser run on `Value` and on floats as they are written. A user's function is carried out
from its trace, operation by operation, so that it need not be called again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..compiler import functions
from ..compiler.ir.calculator import FLOATS
from ..compiler.ir.graph import Graph
from ..compiler.ir.ops import CHOOSE, CONST, EQUAL, GATHER, INDEX, INPUT, OPS, POW, SELECT, Type
from ..model import adam, gpt
from ..model.config import AdamConfig, GPTConfig
from .value import Value

__all__ = ["loss_and_gradient", "next_token", "replay", "update"]


def loss_and_gradient(
    config: GPTConfig, parameters: Sequence[float], tokens: Sequence[int], targets: Sequence[int]
) -> tuple[float, list[float]]:
    """The loss of one document, and its derivative in each parameter."""
    scalars = [Value(parameter) for parameter in parameters]
    loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), tokens, targets)
    loss.backward()
    return loss.data, [scalar.grad for scalar in scalars]


def next_token(
    config: GPTConfig, parameters: Sequence[float], temperature: float, token: int, position: int, cache: list[float]
) -> list[float]:
    """The probability of each token after `token`; `cache` grows by what this position adds."""
    width = config.n_embd
    vectors = [[Value(unit) for unit in cache[start : start + width]] for start in range(0, len(cache), width)]
    keys = [vectors[2 * layer :: 2 * config.n_layer] for layer in range(config.n_layer)]
    values = [vectors[2 * layer + 1 :: 2 * config.n_layer] for layer in range(config.n_layer)]
    weights = gpt.weights_of(config, [Value(parameter) for parameter in parameters])
    probabilities = gpt.next_token_probabilities(config, functions, weights, token, position, keys, values, temperature)
    for layer in range(config.n_layer):
        cache += (unit.data for unit in keys[layer][-1] + values[layer][-1])
    return [probability.data for probability in probabilities]


def update(
    config: AdamConfig, lanes: Sequence[Sequence[float]], constants: Sequence[float]
) -> tuple[list[float], list[float], list[float]]:
    """New parameters, first and second moments.

    Args:
        lanes: parameters, gradient, first and second moments.
        constants: the learning rate and the two bias corrections.
    """
    results = [adam.update(config, *lane, *constants) for lane in zip(*lanes, strict=True)]
    parameters, first_moment, second_moment = (list(column) for column in zip(*results, strict=True))
    return parameters, first_moment, second_moment


def replay(
    traced: Graph, gradient: str | None, arguments: Mapping[str, Sequence[float]], indices: Mapping[str, Sequence[int]]
) -> dict[str, list[float]]:
    """What the eager autograd gives for a function that has been traced: its results, and ``gradient``.

    Args:
        traced: as the trace recorded it, before any pass.
        gradient: the argument to differentiate in; None for none.
    """
    inputs = [Value(number) for name in traced.arguments() for number in arguments[name]]
    numbers = [number for tensor in traced.indices for number in indices[tensor.name]]
    worth: list[Any] = []  # a Value, or the number of an index, or a truth value
    for op, nodes, attribute in zip(traced.op, traced.all_operands(), traced.attribute, strict=True):
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
        else:
            worth.append(_operation(op, operands))
    results = {output.name: [worth[node].data for node in output.nodes] for output in traced.outputs}
    if gradient is not None:
        (result,) = (worth[node] for output in traced.outputs for node in output.nodes)
        result.backward()
        start, count = traced.arguments()[gradient]
        results["gradient"] = [value.grad for value in inputs[start : start + count]]
    return results


def _operation(op: int, operands: Sequence[Any]) -> Any:
    """An operation of the table, with the derivative of its row; of a comparison a bool."""
    row = OPS[op]
    if row.picks:
        decider, *choices = operands
        return Value._choose_fixed(choices, decider if op == CHOOSE else 1 - decider)
    if row.evaluate is None:
        raise TypeError(f"{row.name} has no value of its own")
    data = [operand.data if isinstance(operand, Value) else operand for operand in operands]
    result = row.evaluate(*data)
    if row.result is Type.FLAG:
        return result
    values = tuple(operand for operand in operands if isinstance(operand, Value))
    if row.derivative is None or len(values) < len(operands):
        return Value(result)
    return Value(result, values, row.derivative(FLOATS, result, *data))
