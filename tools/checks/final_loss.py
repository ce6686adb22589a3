"""Final loss: whether training in fast numerics ends where training in exact ones does.

    python -m microgpt.tools.checks.final_loss [--seeds 20] [--steps 1000] [--batch-size N] [--threads N]

For each seed, the default model is trained in both. The final loss of a run is the mean of its last tenth of steps. The
two runs of a seed read the same documents, so it is their difference that is measured: its mean over seeds, as a share
of the exact loss, with a 95 % confidence interval by Student's t distribution.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, pi, sqrt

from ...compiler.numerics import NUMERICS, numerics
from ...data.corpus import load_corpus
from ...model.config import AdamConfig
from ...runtime.backends.c_backend import CBackend
from ...runtime.storage.cache import Cache
from ...runtime.training.training import Training

__all__ = ["Comparison", "Interval", "compare", "interval"]


@dataclass(frozen=True)
class Interval:
    """A mean, and how far from it the true one is at most, with 95 % confidence."""

    mean: float
    margin: float


@dataclass(frozen=True)
class Comparison:
    """Final losses in nats; of `difference`, shares of the exact ones."""

    exact: Interval
    other: Interval
    difference: Interval


def interval(sample: Sequence[float]) -> Interval:
    """That of the mean of at least two numbers."""
    count = len(sample)
    mean = fsum(sample) / count
    variance = fsum((number - mean) ** 2 for number in sample) / (count - 1)
    return Interval(mean, _student(count - 1) * sqrt(variance / count))


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t distribution: the density is integrated by the trapezoidal rule."""
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / sqrt(freedom * pi)
    step, at, area = 1e-4, 0.0, 0.5
    before = scale
    while area < 0.975:
        at += step
        density = scale * (1.0 + at * at / freedom) ** (-(freedom + 1) / 2)
        area, before = area + step * (before + density) / 2, density
    return at


def compare(
    documents: str, seeds: Sequence[int], steps: int, other: str, batch_size: int = 1, threads: int = 1, **shape: int
) -> Comparison:
    """Trains in exact and in `other` numerics.

    Args:
        documents: a corpus, as `load_corpus` takes it.
        shape: sizes of the model that are not the default ones.
    """
    corpus, cache = load_corpus(documents), Cache.open()
    sizes = {"n_layer": 1, "n_embd": 16, "n_head": 4, "block_size": 16, **shape}
    losses: dict[str, list[float]] = {"exact": [], other: []}
    for seed in seeds:
        for name, found in losses.items():
            with numerics(name):
                training = Training(corpus, seed, steps, AdamConfig(), 0.0, False, batch_size, **sizes)
                backend = CBackend(training.config, training.optimizer, cache, batch_size=batch_size, threads=threads)
                last = [step.loss for step in training.run(backend)][-max(steps // 10, 1) :]
            found.append(fsum(last) / len(last))
    apart = [b / a - 1.0 for a, b in zip(losses["exact"], losses[other], strict=True)]
    return Comparison(interval(losses["exact"]), interval(losses[other]), interval(apart))


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m microgpt.tools.checks.final_loss", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", default="names", help="a file or a named corpus")
    parser.add_argument("--numerics", choices=NUMERICS, default="fast")
    for name, default in (("seeds", 20), ("steps", 1000), ("batch-size", 1), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    if chosen.seeds < 2:
        parser.error("--seeds must be at least 2")
    what = chosen.data, range(chosen.seeds), chosen.steps, chosen.numerics, chosen.batch_size, chosen.threads
    found = compare(*what)
    for name, each in (("exact", found.exact), (chosen.numerics, found.other)):
        print(f"{name:14} {each.mean:.4f} +- {each.margin:.4f}")
    print(f"{'difference':14} {found.difference.mean:+.4%} +- {found.difference.margin:.4%}")


if __name__ == "__main__":
    _main()
