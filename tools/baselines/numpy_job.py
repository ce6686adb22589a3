"""A rival: the GPT in NumPy, forward and backward by hand, all positions of a document at once; Adam on all parameters.

Run as a script, it reads a job from standard input and prints the result (`job`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...model import adam
from ...model.config import GPTConfig
from .job import Job, Result, answer, time_runs

__all__ = ["run"]

Array = np.ndarray[Any, Any]


def run(job: Job) -> Result:
    """Trains as `job` says."""
    documents = [tuple(map(np.array, job.document(step))) for step in range(min(job.steps, len(job.documents)))]
    constants = [adam.step_constants(job.optimizer, step, job.steps) for step in range(job.steps)]
    initial = np.array(job.parameters, np.float32 if job.precision == "f32" else np.float64)

    def train() -> Sequence[float]:
        model, optimizer = _Model(job.config, initial.copy()), job.optimizer
        parameters, gradient = model.parameters, model.gradient
        first, second = np.zeros_like(parameters), np.zeros_like(parameters)
        losses = []
        for step, (learning_rate, correction1, correction2) in enumerate(constants):
            losses.append(model.loss_and_gradient(*documents[step % len(documents)]))
            first *= optimizer.beta1
            first += (1 - optimizer.beta1) * gradient
            second *= optimizer.beta2
            second += (1 - optimizer.beta2) * (gradient * gradient)
            root = np.sqrt(second * (1 / correction2))
            root += optimizer.epsilon
            parameters -= first * (learning_rate / correction1) / root
        return losses

    return time_runs(train, job.repeats)


class _Model:
    """Parameters and their gradient, each one vector, with a matrix as a view wherever one is wanted."""

    def __init__(self, config: GPTConfig, parameters: Array) -> None:
        self.config, self.parameters, self.gradient = config, parameters, np.zeros_like(parameters)
        self._weights, self._gradients = _views(config, self.parameters), _views(config, self.gradient)
        self._rows = np.eye(config.vocab_size, dtype=parameters.dtype)
        self._positions = np.arange(config.block_size)
        later = np.triu(np.full((config.block_size,) * 2, -np.inf), 1)
        self._later = later.astype(parameters.dtype)

    def loss_and_gradient(self, tokens: Array, targets: Array) -> float:
        """The loss of one document; its gradient is left in `gradient`."""
        config, weights, gradients, length = self.config, self._weights, self._gradients, len(tokens)
        x, embed_scale = _normalise(weights["wte"][tokens] + weights["wpe"][:length])
        embedded = x
        tapes = []
        for layer in range(config.n_layer):
            x, attention = self._attend(layer, x)
            x, perceptron = self._perceive(layer, x)
            tapes.append((attention, perceptron))
        scores = x @ weights["lm_head"].T
        scores -= scores.max(1, keepdims=True)
        powers = np.exp(scores)
        totals = powers.sum(1, keepdims=True)
        positions = self._positions[:length]
        loss = (np.log(totals[:, 0]) - scores[positions, targets]).mean()

        powers /= totals
        powers[positions, targets] -= 1
        powers /= length
        np.matmul(powers.T, x, out=gradients["lm_head"])
        dx = powers @ weights["lm_head"]
        for layer, (attention, perceptron) in reversed(list(enumerate(tapes))):
            dx = self._perceive_back(layer, dx, *perceptron)
            dx = self._attend_back(layer, dx, *attention)
        dx = _normalise_back(dx, embedded, embed_scale)
        np.matmul(self._rows[tokens].T, dx, out=gradients["wte"])
        gradients["wpe"][:length] = dx
        gradients["wpe"][length:] = 0
        return float(loss)

    def _attend(self, layer: int, x: Array) -> tuple[Array, tuple[Array, ...]]:
        config, weights, length = self.config, self._weights, len(x)
        normal, scale = _normalise(x)
        joint = normal @ weights[f"layer{layer}.qkv"].T
        query, key, value = joint.reshape(length, 3, config.n_head, config.head_size).transpose(1, 2, 0, 3)
        attention = query @ key.transpose(0, 2, 1)
        attention /= config.head_size**0.5
        attention += self._later[:length, :length]
        attention -= attention.max(2, keepdims=True)
        np.exp(attention, out=attention)
        attention /= attention.sum(2, keepdims=True)
        mixed = (attention @ value).transpose(1, 0, 2).reshape(length, config.n_embd)
        out = mixed @ weights[f"layer{layer}.attn_wo"].T
        out += x
        return out, (normal, scale, query, key, value, attention, mixed)

    def _attend_back(
        self,
        layer: int,
        dout: Array,
        normal: Array,
        scale: Array,
        query: Array,
        key: Array,
        value: Array,
        attention: Array,
        mixed: Array,
    ) -> Array:
        config, weights, gradients, length = self.config, self._weights, self._gradients, len(dout)
        np.matmul(dout.T, mixed, out=gradients[f"layer{layer}.attn_wo"])
        dmixed = dout @ weights[f"layer{layer}.attn_wo"]
        dmixed = dmixed.reshape(length, config.n_head, config.head_size).transpose(1, 0, 2)
        dscores = dmixed @ value.transpose(0, 2, 1)
        dscores -= (dscores * attention).sum(2, keepdims=True)
        dscores *= attention
        dscores /= config.head_size**0.5
        djoint = np.empty((length, 3, config.n_head, config.head_size), dout.dtype)
        dquery, dkey, dvalue = djoint.transpose(1, 2, 0, 3)
        np.matmul(dscores, key, out=dquery)
        np.matmul(dscores.transpose(0, 2, 1), query, out=dkey)
        np.matmul(attention.transpose(0, 2, 1), dmixed, out=dvalue)
        rows = djoint.reshape(length, 3 * config.n_embd)
        np.matmul(rows.T, normal, out=gradients[f"layer{layer}.qkv"])
        return dout + _normalise_back(rows @ weights[f"layer{layer}.qkv"], normal, scale)

    def _perceive(self, layer: int, x: Array) -> tuple[Array, tuple[Array, ...]]:
        normal, scale = _normalise(x)
        hidden = normal @ self._weights[f"layer{layer}.mlp_fc1"].T
        np.maximum(hidden, 0, out=hidden)
        out = hidden @ self._weights[f"layer{layer}.mlp_fc2"].T
        out += x
        return out, (normal, scale, hidden)

    def _perceive_back(self, layer: int, dout: Array, normal: Array, scale: Array, hidden: Array) -> Array:
        weights, gradients = self._weights, self._gradients
        np.matmul(dout.T, hidden, out=gradients[f"layer{layer}.mlp_fc2"])
        dhidden = dout @ weights[f"layer{layer}.mlp_fc2"]
        dhidden *= hidden > 0
        np.matmul(dhidden.T, normal, out=gradients[f"layer{layer}.mlp_fc1"])
        return dout + _normalise_back(dhidden @ weights[f"layer{layer}.mlp_fc1"], normal, scale)


def _views(config: GPTConfig, vector: Array) -> dict[str, Array]:
    """The model's matrices; query, key and value stand one below the other, and are also one."""
    views: dict[str, Array] = {}
    start = 0
    for name, rows, columns in config.matrices():
        views[name] = vector[start : start + rows * columns].reshape(rows, columns)
        if name.endswith("attn_wq"):
            views[name.replace("attn_wq", "qkv")] = vector[start : start + 3 * rows * columns].reshape(-1, columns)
        start += rows * columns
    return views


def _normalise(x: Array) -> tuple[Array, Array]:
    scale = 1 / np.sqrt((x * x).sum(1, keepdims=True) / x.shape[1] + 1e-5)
    return x * scale, scale


def _normalise_back(dout: Array, out: Array, scale: Array) -> Array:
    result: Array = scale * (dout - out * ((dout * out).sum(1, keepdims=True) / out.shape[1]))
    return result


if __name__ == "__main__":
    answer(run)
