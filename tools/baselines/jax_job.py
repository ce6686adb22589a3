"""A rival: the GPT in JAX, the whole training loop in one compiled program.

The program scans over the steps and switches over the lengths of documents, so that nothing is padded and no step
goes through Python. Of what was tried this is the fastest: one program for the longest length, with a mask, takes half
as long again; so do rows gathered by token instead of multiplied by a one-hot matrix, since a gather's gradient is
scattered row by row. Adam is outside the switch, which makes for less to compile and to copy.

Run as a script, it reads a job from standard input and prints the result (`job`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ...model import adam
from ...model.config import AdamConfig, GPTConfig
from .job import Job, Result, answer, time_runs

__all__ = ["run"]

Array = Any
Tree = dict[str, Any]

# Imported without types: those that JAX has change from release to release, and it need not be installed.
jax: Any = import_module("jax")
jnp: Any = import_module("jax.numpy")
np: Any = import_module("numpy")


def run(job: Job) -> Result:
    """Trains as `job` says."""
    jax.config.update("jax_enable_x64", job.precision == "f64")
    kind = np.float64 if job.precision == "f64" else np.float32
    config, steps = job.config, range(job.steps)
    documents = [job.document(step) for step in steps]
    lengths = sorted({len(tokens) for tokens, _ in documents})
    inputs = (
        np.array([_pad(tokens, config.block_size) for tokens, _ in documents], np.int32),
        np.array([_pad(targets, config.block_size) for _, targets in documents], np.int32),
        np.array([lengths.index(len(tokens)) for tokens, _ in documents], np.int32),
        np.array([adam.step_constants(job.optimizer, step, job.steps) for step in steps], kind),
    )
    start = time.perf_counter()
    arguments = jax.device_put((_tree(config, np.array(job.parameters, kind)), *inputs))
    program = jax.jit(_training(config, job.optimizer, lengths)).lower(*arguments).compile()
    seconds = time.perf_counter() - start
    last: list[Any] = []

    def train() -> Sequence[float]:
        last[:] = jax.block_until_ready(program(*arguments))
        return ()

    result = time_runs(train, job.repeats, seconds)
    return Result(seconds, result.runs, np.asarray(last[1], np.float64).tolist())


def _pad(numbers: Sequence[int], size: int) -> list[int]:
    return [*numbers, *[0] * (size - len(numbers))]


def _tree(config: GPTConfig, vector: Array) -> Tree:
    """The model's matrices by their names; query, key and value of a layer are one."""
    tree: Tree = {}
    start = 0
    for name, rows, columns in config.matrices():
        tree[name] = vector[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    for layer in range(config.n_layer):
        parts = [tree.pop(f"layer{layer}.attn_{part}") for part in ("wq", "wk", "wv")]
        tree[f"layer{layer}.qkv"] = np.concatenate(parts)
    return tree


def _training(config: GPTConfig, optimizer: AdamConfig, lengths: Sequence[int]) -> Callable[..., Any]:
    """The function from parameters, tokens, targets, lengths and Adam's constants to final parameters and losses."""

    def gradient_at(length: int) -> Callable[[Tree, Array, Array], Any]:
        gradient = jax.value_and_grad(lambda weights, tokens, targets: _loss(config, weights, tokens, targets))
        return lambda weights, tokens, targets: gradient(weights, tokens[:length], targets[:length])

    branches = [gradient_at(length) for length in lengths]

    def step(carry: Any, inputs: Any) -> Any:
        weights, first, second = carry
        tokens, targets, length, (learning_rate, correction1, correction2) = inputs
        loss, gradient = jax.lax.switch(length, branches, weights, tokens, targets)
        first = jax.tree.map(lambda m, g: optimizer.beta1 * m + (1 - optimizer.beta1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: optimizer.beta2 * v + (1 - optimizer.beta2) * g * g, second, gradient)
        # One division a parameter instead of three.
        rate, unbias = learning_rate / correction1, 1 / correction2
        weights = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v * unbias) + optimizer.epsilon), weights, first, second
        )
        return (weights, first, second), loss

    def train(weights: Tree, *inputs: Array) -> Any:
        zeros = jax.tree.map(jnp.zeros_like, weights)
        (weights, _, _), losses = jax.lax.scan(step, (weights, zeros, zeros), inputs)
        return weights, losses

    return train


def _loss(config: GPTConfig, weights: Tree, tokens: Array, targets: Array) -> Array:
    length = tokens.shape[0]
    read, said = (jax.nn.one_hot(row, config.vocab_size, dtype=weights["wte"].dtype) for row in (tokens, targets))
    x = _normalise(read @ weights["wte"] + weights["wpe"][:length])
    past = np.tril(np.ones((length, length), bool))
    for layer in range(config.n_layer):
        joint = _normalise(x) @ weights[f"layer{layer}.qkv"].T
        joint = joint.reshape(length, 3, config.n_head, config.head_size)
        scores = jnp.einsum("qhd,khd->hqk", joint[:, 0], joint[:, 1]) / config.head_size**0.5
        attention = jax.nn.softmax(jnp.where(past, scores, -jnp.inf), axis=-1)
        mixed = jnp.einsum("hqk,khd->qhd", attention, joint[:, 2]).reshape(length, config.n_embd)
        x = x + mixed @ weights[f"layer{layer}.attn_wo"].T
        hidden = jnp.maximum(_normalise(x) @ weights[f"layer{layer}.mlp_fc1"].T, 0)
        x = x + hidden @ weights[f"layer{layer}.mlp_fc2"].T
    scores = x @ weights["lm_head"].T
    scores = scores - jax.lax.stop_gradient(scores.max(1, keepdims=True))
    return (jnp.log(jnp.exp(scores).sum(1)) - (scores * said).sum(1)).mean()


def _normalise(x: Array) -> Array:
    return x / jnp.sqrt((x * x).mean(1, keepdims=True) + 1e-5)


if __name__ == "__main__":
    answer(run)
