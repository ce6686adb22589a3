"""Printing samples, as `train` does at its end and `sample` does on demand."""

from __future__ import annotations

import sys
from random import Random

from ..data.tokenizer import Tokenizer
from ..model.config import GPTConfig
from ..runtime.backend import Backend
from ..runtime.training import sample_documents
from . import console
from .failures import BAD_INPUT, CommandError

__all__ = ["print_samples"]


def print_samples(
    count: int,
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    temperature: float,
    prefix: str = "",
) -> None:
    """Draws `count` documents and prints each on a line.

    Raises:
        CommandError: if the model's probabilities are no numbers.
    """
    lines = console.Lines(sys.stdout)
    texts = sample_documents(backend, config, tokenizer, parameters, rng, temperature, count, prefix)
    for number in range(1, count + 1):
        try:
            text = next(texts)
        except ValueError:  # of random.choices, for weights that are infinite, NaN or all zero
            lines.flush()
            raise CommandError(
                "the model's probabilities are not finite numbers; train with a lower --learning-rate, or use a higher "
                "--temperature",
                BAD_INPUT,
            ) from None
        lines.write(f"sample {number:2d}: {console.printable(text)}")
    lines.flush()
