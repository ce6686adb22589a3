"""A rival: the GPT in PyTorch, eager, with its Adam; a document at a time, so that nothing is padded.

Run as a script, it reads a job from standard input and prints the result (`job`).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ...model import adam
from ...model.config import GPTConfig
from .job import Job, Result, answer, time_runs

__all__ = ["run"]

# Imported without types, as it need not be installed.
torch: Any = import_module("torch")
functional: Any = import_module("torch.nn.functional")

Tensor = Any


def run(job: Job) -> Result:
    """Trains as `job` says."""
    torch.set_num_threads(1)
    kind = torch.float64 if job.precision == "f64" else torch.float32
    config, optimizer = job.config, job.optimizer
    documents = [tuple(map(torch.tensor, job.document(step))) for step in range(min(job.steps, len(job.documents)))]
    rates = [adam.step_constants(optimizer, step, job.steps)[0] for step in range(job.steps)]
    initial = torch.tensor(job.parameters, dtype=kind)

    def train() -> Sequence[float]:
        weights, start = {}, 0
        for name, rows, columns in config.matrices():
            part = initial[start : start + rows * columns].reshape(rows, columns)
            weights[name] = part.clone().requires_grad_()
            start += rows * columns
        betas = optimizer.beta1, optimizer.beta2
        update = torch.optim.Adam(weights.values(), betas=betas, eps=optimizer.epsilon, fused=True)
        losses = []
        for step, rate in enumerate(rates):
            update.param_groups[0]["lr"] = rate
            update.zero_grad()
            loss = _loss(config, weights, *documents[step % len(documents)])
            loss.backward()
            update.step()
            losses.append(loss.detach())
        return [loss.item() for loss in losses]

    return time_runs(train, job.repeats)


def _loss(config: GPTConfig, weights: dict[str, Tensor], tokens: Tensor, targets: Tensor) -> Tensor:
    length = len(tokens)
    x = _normalise(weights["wte"][tokens] + weights["wpe"][:length])
    for layer in range(config.n_layer):
        normal = _normalise(x)
        query, key, value = (
            (normal @ weights[f"layer{layer}.attn_{part}"].T)
            .reshape(1, length, config.n_head, config.head_size)
            .transpose(1, 2)
            for part in ("wq", "wk", "wv")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + mixed.transpose(1, 2).reshape(length, config.n_embd) @ weights[f"layer{layer}.attn_wo"].T
        hidden = functional.relu(_normalise(x) @ weights[f"layer{layer}.mlp_fc1"].T)
        x = x + hidden @ weights[f"layer{layer}.mlp_fc2"].T
    return functional.cross_entropy(x @ weights["lm_head"].T, targets)


def _normalise(x: Tensor) -> Tensor:
    return x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-5)


if __name__ == "__main__":
    answer(run)
