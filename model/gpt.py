"""The GPT, written once, in plain scalars. The same lines run eagerly and under the trace.

A scalar is anything with ``+ - * / **``, ``log``, ``exp`` and ``relu``. What else the model needs comes in as `ops`:
the largest of some scalars, the choice of one by an index, and names for what is computed. A vector is a list of
scalars, a matrix a list of rows; `Weights` maps names to matrices. After GPT-2, with RMSNorm for LayerNorm, no
biases, and ReLU for GELU.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from random import Random
from typing import Any, Protocol

from .config import GPTConfig

__all__ = ["ScalarOps", "Weights", "initial_parameters", "logits", "loss", "next_token_probabilities", "weights_of"]

Vector = list[Any]
Weights = Mapping[str, Sequence[Sequence[Any]]]


class ScalarOps(Protocol):
    """What the model asks of its scalars beyond their operators."""

    def constant_maximum(self, values: Sequence[Any]) -> Any:
        """The largest of `values`, as a constant."""

    def select(self, values: Sequence[Any], index: Any) -> Any:
        """``values[index]`` for an index that may only be known later."""

    def scope(self, name: str, number: int | None = None) -> AbstractContextManager[None]:
        """A name for what is computed inside."""


def initial_parameters(config: GPTConfig, rng: Random) -> list[float]:
    """All parameters, normally distributed around 0 with deviation 0.08, in the order of ``config.matrices()``."""
    return [rng.gauss(0, 0.08) for _ in range(config.parameter_count)]


def weights_of(config: GPTConfig, parameters: Sequence[Any]) -> dict[str, list[list[Any]]]:
    """Arranges a flat sequence of scalars as the model's named matrices."""
    weights: dict[str, list[list[Any]]] = {}
    start = 0
    for name, rows, columns in config.matrices():
        weights[name] = [list(parameters[start + row * columns : start + (row + 1) * columns]) for row in range(rows)]
        start += rows * columns
    return weights


def loss(config: GPTConfig, ops: ScalarOps, weights: Weights, tokens: Sequence[Any], targets: Sequence[Any]) -> Any:
    """The mean over positions of ``-log p(target)``, in nats, where position t sees ``tokens[: t + 1]``."""
    keys: list[list[Vector]] = [[] for _ in range(config.n_layer)]
    values: list[list[Vector]] = [[] for _ in range(config.n_layer)]
    losses = []
    for position, (token, target) in enumerate(zip(tokens, targets, strict=True)):
        with ops.scope("position", position):
            scores = logits(config, ops, weights, token, position, keys, values)
            with ops.scope("loss"):
                losses.append(-ops.select(_softmax(ops, scores), target).log())
    with ops.scope("mean"):
        return (1 / len(losses)) * sum(losses)


def next_token_probabilities(
    config: GPTConfig,
    ops: ScalarOps,
    weights: Weights,
    token: Any,
    position: int,
    keys: list[list[Vector]],
    values: list[list[Vector]],
    temperature: Any,
) -> Vector:
    """The distribution of the token after `token`; `keys` and `values` grow by one position in each layer."""
    with ops.scope("position", position):
        scores = logits(config, ops, weights, token, position, keys, values)
        with ops.scope("sample"):
            return _softmax(ops, [score / temperature for score in scores])


def logits(
    config: GPTConfig,
    ops: ScalarOps,
    weights: Weights,
    token: Any,
    position: int,
    keys: list[list[Vector]],
    values: list[list[Vector]],
) -> Vector:
    """One score a token for what follows `token` at `position`.

    Args:
        keys: per layer, the key vector of every earlier position; this position's is appended.
        values: likewise for the value vectors. Attending to what is in them, and no further, is what makes it causal.
    """
    with ops.scope("embed"):
        x = _add(ops.select(weights["wte"], token), weights["wpe"][position])
        x = _rmsnorm(x)
    for layer in range(config.n_layer):
        with ops.scope("layer", layer):
            x = _add(_attention(config, ops, weights, layer, x, keys[layer], values[layer]), x)
            x = _add(_perceptron(ops, weights, layer, x), x)
    with ops.scope("logits"):
        return _linear(weights["lm_head"], x)


def _attention(
    config: GPTConfig,
    ops: ScalarOps,
    weights: Weights,
    layer: int,
    x: Vector,
    keys: list[Vector],
    values: list[Vector],
) -> Vector:
    with ops.scope("attn_norm"):
        x = _rmsnorm(x)
    with ops.scope("query"):
        query = _linear(weights[f"layer{layer}.attn_wq"], x)
    with ops.scope("key"):
        keys.append(_linear(weights[f"layer{layer}.attn_wk"], x))
    with ops.scope("value"):
        values.append(_linear(weights[f"layer{layer}.attn_wv"], x))
    mixed, root = [], ops.constant_maximum([config.head_size]) ** 0.5  # by the numerics in force
    for head in range(config.n_head):
        part = slice(head * config.head_size, (head + 1) * config.head_size)
        with ops.scope("head", head):
            with ops.scope("scores"):
                scores = [_dot(query[part], key[part]) / root for key in keys]
            with ops.scope("weights"):
                attention = _softmax(ops, scores)
            with ops.scope("mix"):
                mixed += [_dot(attention, column) for column in zip(*(value[part] for value in values), strict=True)]
    with ops.scope("attn_out"):
        return _linear(weights[f"layer{layer}.attn_wo"], mixed)


def _perceptron(ops: ScalarOps, weights: Weights, layer: int, x: Vector) -> Vector:
    with ops.scope("mlp_norm"):
        x = _rmsnorm(x)
    with ops.scope("mlp_up"):
        x = [unit.relu() for unit in _linear(weights[f"layer{layer}.mlp_fc1"], x)]
    with ops.scope("mlp_down"):
        return _linear(weights[f"layer{layer}.mlp_fc2"], x)


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _linear(matrix: Sequence[Sequence[Any]], x: Vector) -> Vector:
    return [_dot(row, x) for row in matrix]


def _add(a: Sequence[Any], b: Sequence[Any]) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


def _rmsnorm(x: Vector) -> Vector:
    """Scales `x` to a root mean square of 1 (Zhang and Sennrich, 2019), without gain."""
    mean_square = sum(unit * unit for unit in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [unit * scale for unit in x]


def _softmax(ops: ScalarOps, scores: Sequence[Any]) -> Vector:
    """``exp(scores)`` over its sum; the largest score is subtracted first, so that nothing overflows."""
    highest = ops.constant_maximum(scores)
    powers = [(score - highest).exp() for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def weighted_loss(
    config: GPTConfig,
    ops: ScalarOps,
    weights: Weights,
    tokens: Sequence[Any],
    targets: Sequence[Any],
    shares: Sequence[Any],
) -> Any:
    """As `loss`, but for rounding, with the share of each position in the mean given: that of documents of several
    lengths side by side, where a position beyond a document's end has the share 0. Nothing there may be infinite, so
    the logarithm is that of the sum of the softmax.
    """
    keys: list[list[Vector]] = [[] for _ in range(config.n_layer)]
    values: list[list[Vector]] = [[] for _ in range(config.n_layer)]
    losses = []
    for position, (token, target) in enumerate(zip(tokens, targets, strict=True)):
        with ops.scope("position", position):
            scores = logits(config, ops, weights, token, position, keys, values)
            with ops.scope("loss"):
                highest = ops.constant_maximum(scores)
                below = [score - highest for score in scores]
                losses.append(sum(each.exp() for each in below).log() - ops.select(below, target))
    with ops.scope("mean"):
        return _dot(shares, losses)
