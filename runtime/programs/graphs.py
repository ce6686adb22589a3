"""The graphs of the model: what is traced for training, for sampling and for the optimiser.

Here the model's functions meet the trace: the arguments of each program are declared, flat, and arranged as the model
wants them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...compiler import functions
from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.trace import trace
from ...compiler.tracing.traced_scalar import TracedNumber
from ...model import adam, gpt
from ...model.config import AdamConfig, GPTConfig

__all__ = [
    "MAPPED",
    "SHARES",
    "SO_FAR",
    "gradient_tensors",
    "inference_graph",
    "inference_interface",
    "optimizer_graph",
    "parameter_tensors",
    "training_graph",
    "training_interface",
]

# The argument of an accumulating program that holds the gradient of the documents before.
SO_FAR = "so_far"
# The one that holds the share of each position in the loss.
SHARES = "shares"
# The arguments of the optimiser's program that hold a number for each parameter.
MAPPED = ("parameter", "gradient", "first_moment", "second_moment")


def parameter_tensors(config: GPTConfig) -> list[Tensor]:
    """The weight matrices, as inputs of the argument ``parameters``."""
    tensors: list[Tensor] = []
    start = 0
    for name, rows, columns in config.matrices():
        tensors.append(Tensor(name, "parameters", start, (rows, columns)))
        start += rows * columns
    return tensors


def training_graph(config: GPTConfig, length: int, kind: str = "training") -> Graph:
    """The loss of one document of `length` positions: ``loss(parameters, tokens, targets)``.

    Args:
        kind: for ``accumulation``, it also takes `SO_FAR`, the gradient of the documents before, which the gradient is
            added to: ``loss(parameters, so_far, tokens, targets)``; for ``lanes`` the `SHARES` of positions, too.
    """

    def function(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        weights = gpt.weights_of(config, inputs["parameters"])
        document = indices["tokens"], indices["targets"]
        if kind == "lanes":
            return {"loss": [gpt.weighted_loss(config, functions, weights, *document, inputs[SHARES])]}
        return {"loss": [gpt.loss(config, functions, weights, *document)]}

    tensors, indices = training_interface(config, length)
    if kind == "training":
        return trace(function, f"gpt_loss_length{length}", tensors, indices)
    tensors += gradient_tensors(config)
    if kind == "lanes":
        tensors.append(Tensor(SHARES, SHARES, 2 * config.parameter_count, (length,)))
    return trace(function, f"gpt_{kind}_length{length}", tensors, indices)


def training_interface(config: GPTConfig, length: int) -> tuple[list[Tensor], list[IndexTensor]]:
    """What the program of a document is called with: its inputs and its indices."""
    indices = [
        IndexTensor("tokens", 0, length, config.vocab_size),
        IndexTensor("targets", length, length, config.vocab_size),
    ]
    return parameter_tensors(config), indices


def gradient_tensors(config: GPTConfig) -> list[Tensor]:
    """The gradient of the documents before, a tensor for each weight matrix."""
    return [
        Tensor(f"{tensor.name}_grad", SO_FAR, config.parameter_count + tensor.start, tensor.shape)
        for tensor in parameter_tensors(config)
    ]


def inference_graph(config: GPTConfig, position: int) -> Graph:
    """One step of sampling: ``probabilities, entry (parameters, temperature, cache, token)``.

    ``cache`` holds, for each earlier position and layer, the key and the value vector; ``entry`` is what this
    position adds.
    """
    width = config.n_embd

    def function(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        cache = inputs["cache"]
        vectors = [cache[start : start + width] for start in range(0, len(cache), width)]
        # By position, then layer, then key and value.
        keys = [vectors[2 * layer :: 2 * config.n_layer] for layer in range(config.n_layer)]
        values = [vectors[2 * layer + 1 :: 2 * config.n_layer] for layer in range(config.n_layer)]
        weights = gpt.weights_of(config, inputs["parameters"])
        (token,), (temperature,) = indices["token"], inputs["temperature"]
        probabilities = gpt.next_token_probabilities(
            config, functions, weights, token, position, keys, values, temperature
        )
        entry = [unit for pair in zip(keys, values, strict=True) for vectors in pair for unit in vectors[-1]]
        return {"probabilities": probabilities, "entry": entry}

    return trace(function, f"gpt_inference_position{position}", *inference_interface(config, position))


def inference_interface(config: GPTConfig, position: int) -> tuple[list[Tensor], list[IndexTensor]]:
    """What the program of a position is called with: its inputs and its indices."""
    tensors = parameter_tensors(config)
    start = config.parameter_count
    tensors.append(Tensor("temperature", "temperature", start, ()))
    tensors.append(Tensor("cache", "cache", start + 1, (position, config.n_layer, 2, config.n_embd)))
    return tensors, [IndexTensor("token", 0, 1, config.vocab_size)]


def optimizer_graph(config: AdamConfig) -> Graph:
    """Adam's update of one parameter; its arguments are scalars, and its outputs replace three of them."""
    names = [*MAPPED, "learning_rate", "correction1", "correction2"]

    def function(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        results = adam.update(config, *(inputs[name][0] for name in names))
        return dict(zip(("parameter", "first_moment", "second_moment"), ([result] for result in results), strict=True))

    return trace(
        function, "adam", [Tensor(name, name, place, ()) for place, name in enumerate(names)], (), TracedNumber
    )
