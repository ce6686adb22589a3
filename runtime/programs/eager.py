"""The eager autograd, carrying out what is compiled elsewhere: every program must equal it, bit for bit.

The model and its optimiser run on `Value` and on floats as they are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...compiler import functions
from ...compiler.number import Number
from ...compiler.numerics import current
from ...model import adam, gpt
from ...model.config import AdamConfig, GPTConfig
from ..forward import Tangent
from ..value import Value

__all__ = ["batch_loss_and_gradient", "inference", "loss_along", "loss_and_gradient", "next_token", "update"]


def loss_and_gradient(
    config: GPTConfig,
    parameters: Sequence[float],
    tokens: Sequence[int],
    targets: Sequence[int],
    so_far: Sequence[float] | None = None,
) -> tuple[float, list[float]]:
    """The loss of one document, and its derivative in each parameter, added to what it is so far."""
    scalars = [Value(parameter) for parameter in parameters]
    if so_far is not None:
        for scalar, gradient in zip(scalars, so_far, strict=True):
            scalar.grad = gradient
    loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), tokens, targets)
    loss.backward()
    return loss.data, [scalar.grad for scalar in scalars]


def loss_along(
    config: GPTConfig,
    parameters: Sequence[float],
    direction: Sequence[float],
    tokens: Sequence[int],
    targets: Sequence[int],
) -> tuple[float, float]:
    """The loss of one document, and its derivative along a direction of the parameters, up to rounding; by forward
    mode, which keeps no graph."""
    scalars = [*map(Tangent, parameters, direction)]
    loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), tokens, targets)
    return loss.data, loss.slope


def batch_loss_and_gradient(
    config: GPTConfig, parameters: Sequence[float], documents: Sequence[Iterable[Sequence[int]]]
) -> tuple[float, list[float]]:
    """The mean loss of documents and its derivative: `backward` adds up their gradients, one document after the other,
    and the sums are divided by their number.
    """
    scalars = [Value(parameter) for parameter in parameters]
    total = 0.0
    for tokens, targets in documents:
        loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), tokens, targets)
        loss.backward()
        total += loss.data
    count = len(documents)
    return total / count, [scalar.grad / count for scalar in scalars]


def next_token(
    config: GPTConfig,
    parameters: Sequence[float],
    temperature: float,
    token: int,
    position: int,
    cache: list[float],
    kind: type[Any] = Value,
) -> list[float]:
    """The probability of each token after `token`; `cache` grows by what this position adds.

    Args:
        kind: of the scalars.
    """
    probabilities, entry = inference(config, parameters, temperature, token, position, cache, kind)
    cache += (unit.data for unit in entry)
    return [probability.data for probability in probabilities]


def inference(
    config: GPTConfig,
    parameters: Sequence[float],
    temperature: float,
    token: int,
    position: int,
    cache: Sequence[float],
    kind: type[Any] = Value,
) -> tuple[list[Any], list[Any]]:
    """The probability of each token after `token`, and what this position adds to `cache`: for each layer, a key vector
    and a value vector; all of a `kind` of scalars."""
    width = config.n_embd
    vectors = [[kind(unit) for unit in cache[start : start + width]] for start in range(0, len(cache), width)]
    keys = [vectors[2 * layer :: 2 * config.n_layer] for layer in range(config.n_layer)]
    values = [vectors[2 * layer + 1 :: 2 * config.n_layer] for layer in range(config.n_layer)]
    weights = gpt.weights_of(config, [kind(parameter) for parameter in parameters])
    probabilities = gpt.next_token_probabilities(config, functions, weights, token, position, keys, values, temperature)
    return probabilities, [unit for pair in zip(keys, values, strict=True) for rows in pair for unit in rows[-1]]


def update(
    config: AdamConfig, lanes: Sequence[Sequence[float]], constants: Sequence[float]
) -> tuple[list[float], list[float], list[float]]:
    """New parameters, first and second moments.

    Args:
        lanes: parameters, gradient, first and second moments.
        constants: the learning rate and the two bias corrections.
    """
    kind = float if current().libm else Number  # plain floats take powers from libm
    shared = [kind(number) for number in constants]
    results = [adam.update(config, *map(kind, lane), *shared) for lane in zip(*lanes, strict=True)]
    parameters, first_moment, second_moment = (list(map(float, column)) for column in zip(*results, strict=True))
    return parameters, first_moment, second_moment
