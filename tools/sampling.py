"""Printing samples, as `train` does at its end and `sample` does on demand."""

from __future__ import annotations

import sys
from random import Random

from ..data.tokenizer import Tokenizer
from ..model.config import GPTConfig
from ..runtime.backend import Backend
from ..runtime.sampling import SamplingError, SamplingOptions, sample_document
from . import console

__all__ = ["print_samples"]


def print_samples(
    count: int,
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    options: SamplingOptions,
    prefix: str = "",
) -> None:
    """Draws `count` documents and prints each on a line.

    Raises:
        SamplingError: if nothing can be drawn.
    """
    tokens = tokenizer.encode(prefix)[1:-1]
    lines = console.Lines(sys.stdout)
    for number in range(1, count + 1):
        try:
            text = sample_document(backend, config, tokenizer, parameters, rng, options, tokens).text
        except SamplingError:
            lines.flush()
            raise
        lines.write(f"sample {number:2d}: {console.printable(text)}")
    lines.flush()
