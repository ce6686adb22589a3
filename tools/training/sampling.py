"""Printing samples, as `train` does at its end and `sample` does on demand; and how likely each token was."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from ...data.tokenizer import Tokenizer
from ...model.config import GPTConfig
from ...runtime.backends.backend import Backend
from ...runtime.training.sampling import Draw, Sample, SamplingError, SamplingOptions, sample_document, sample_texts
from ..terminal import console
from ..text.schema import without_infinities

__all__ = ["draw_to_json", "print_samples", "sample_to_json", "trace_lines"]

# How many of the likeliest tokens a line of a trace shows.
SHOWN = 5


def print_samples(
    count: int,
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    options: SamplingOptions,
    prefix: str = "",
    trace: bool = False,
) -> list[str]:
    """Draws `count` documents and prints each on a line; with `trace`, and how each of its tokens was chosen.

    Returns:
        the documents.

    Raises:
        SamplingError: if nothing can be drawn.
    """
    tokens = tokenizer.encode(prefix)[1:-1]
    what = backend, config, tokenizer, parameters, rng, options
    lines = console.Lines(sys.stdout)
    texts = []
    try:
        if trace:
            for number in range(1, count + 1):
                drawn = sample_document(*what, tokens)
                texts.append(drawn.text)
                lines.write(f"sample {number:2d}: {console.printable(drawn.text)}")
                lines.flush()
                for line in trace_lines(drawn.draws, tokenizer):
                    console.echo_wrapped(line, indent="       ")
        else:
            for number, text in enumerate(sample_texts(*what, count, tokens), 1):
                texts.append(text)
                lines.write(f"sample {number:2d}: {console.printable(text)}")
    except SamplingError:
        lines.flush()
        raise
    lines.flush()
    return texts


def trace_lines(draws: Iterable[Draw], tokenizer: Tokenizer) -> Iterator[str]:
    """A line for each token: its position, its probability, and the likeliest; in brackets what is not in the draw."""
    for draw in draws:
        chosen = f"{_name(tokenizer, draw.token)} {draw.probabilities[draw.token]:.4f}"
        order = sorted(range(len(draw.weights)), key=lambda token: (-draw.probabilities[token], token))
        yield f"  {draw.position:3d}  {chosen:<11} of {'  '.join(_shown(draw, tokenizer, t) for t in order[:SHOWN])}"


def _shown(draw: Draw, tokenizer: Tokenizer, token: int) -> str:
    text = f"{_name(tokenizer, token)} {draw.probabilities[token]:.4f}"
    return text if draw.weights[token] else f"({text})"


def _name(tokenizer: Tokenizer, token: int) -> str:
    if token == tokenizer.bos:
        return "end"
    character = tokenizer.characters[token]
    return character if character.isprintable() and not character.isspace() else ascii(character)


def sample_to_json(drawn: Sample, tokenizer: Tokenizer, trace: bool) -> dict[str, Any]:
    """A sample as plain data. The end of a document is the token ``null``."""
    if not trace:
        return {"text": drawn.text}
    draws = [
        {**draw_to_json(draw, tokenizer), "in_draw": [weight > 0 for weight in draw.weights]} for draw in drawn.draws
    ]
    return {"text": drawn.text, "draws": draws}


def draw_to_json(draw: Draw, tokenizer: Tokenizer) -> dict[str, Any]:
    """A token, and how likely each was, as plain data. The end of a document is ``null``, and so is a NaN."""
    probabilities = without_infinities(draw.probabilities)
    return {
        "position": draw.position,
        "token": [*tokenizer.characters, None][draw.token],
        "probability": probabilities[draw.token],
        "probabilities": probabilities,
    }
