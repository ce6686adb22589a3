"""Sampling: drawing documents from a model, token by token.

With the options as they are by default, this is what microgpt.py does: one number of the random stream for each token,
and every token possible. The other options take tokens out of the draw; whatever they do, a token costs one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ...compiler.arithmetic import add_up
from ...data.tokenizer import Tokenizer
from ...model.config import GPTConfig
from ..backends.backend import Backend

__all__ = [
    "Draw",
    "Sample",
    "SamplingError",
    "SamplingOptions",
    "sample",
    "sample_document",
    "sample_texts",
    "weights_of",
]


NOT_FINITE = (
    "the model's probabilities are not finite numbers; train with a lower learning rate, or use a higher temperature"
)


class SamplingError(ValueError):
    """No token can be drawn."""


@dataclass(frozen=True)
class SamplingOptions:
    """Which tokens can be drawn, and how often.

    Attributes:
        temperature: below 1 the likely becomes likelier.
        top_k: how many of the likeliest tokens take part; None means all.
        top_p: the likeliest tokens that together have at least this probability take part; 1 means all.
        min_length: the least number of characters; until then, the document cannot end.
        greedy: always take the likeliest token. Nothing is random then.
    """

    temperature: float = 0.5
    top_k: int | None = None
    top_p: float = 1.0
    min_length: int = 0
    greedy: bool = False


@dataclass(frozen=True)
class Draw:
    """How one token was chosen.

    Attributes:
        position: where, counted from 0.
        token: what was chosen.
        probabilities: of each token, as the model gives them.
        weights: of each token in the draw: the same, but 0 for tokens that take no part.
    """

    position: int
    token: int
    probabilities: list[float]
    weights: list[float]


@dataclass(frozen=True)
class Sample:
    """A document, and how each of its tokens was chosen. The last is the one that ends it, if there was room."""

    text: str
    draws: list[Draw]


def sample(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    temperature: float,
    prefix: Sequence[int] = (),
) -> str:
    """Draws one document as microgpt.py does, until it ends or the model has no further position.

    Args:
        temperature: below 1 the likely becomes likelier.
        prefix: tokens to begin with; they are part of the result.
    """
    options = SamplingOptions(temperature)
    return sample_document(backend, config, tokenizer, parameters, rng, options, prefix).text


def sample_document(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    options: SamplingOptions,
    prefix: Sequence[int] = (),
) -> Sample:
    """Draws one document.

    Raises:
        SamplingError: if the model's probabilities are no numbers, or no token is left to be drawn.
    """
    tokens = [tokenizer.bos, *prefix]
    cache: list[float] = []
    draws = []
    for position in range(config.block_size):
        probabilities = backend.next_token(parameters, options.temperature, tokens[position], position, cache)
        if position + 1 < len(tokens):
            continue
        barred = tokenizer.bos if position < options.min_length else None
        weights = weights_of(probabilities, options, barred)
        token = _choose(weights, rng, options.greedy)
        draws.append(Draw(position, token, probabilities, weights))
        if token == tokenizer.bos:
            break
        tokens.append(token)
    return Sample(tokenizer.decode(tokens), draws)


def sample_texts(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    options: SamplingOptions,
    count: int,
    prefix: Sequence[int] = (),
) -> Iterator[str]:
    """Draws `count` documents: what `sample_document` draws, many at a time where the backend can.

    Raises:
        SamplingError: if the model's probabilities are no numbers, or no token is left to be drawn.
    """
    many = getattr(backend, "sample_many", None)
    if many is not None and not prefix and options == SamplingOptions(options.temperature):
        try:
            drawn = many(parameters, rng, options.temperature, tokenizer.bos, count)
        except ValueError as error:
            raise SamplingError(NOT_FINITE) from error
        yield from map(tokenizer.decode, drawn)
        return
    for _ in range(count):
        yield sample_document(backend, config, tokenizer, parameters, rng, options, prefix).text


def weights_of(probabilities: Sequence[float], options: SamplingOptions, barred: int | None = None) -> list[float]:
    """The probabilities, with 0 for each token that takes no part in the draw."""
    weights = list(probabilities)
    if barred is not None:
        weights[barred] = 0.0
    if options.top_k is None and options.top_p >= 1.0:
        return weights
    # Equal ones in the order of their tokens, so that nothing depends on the sort.
    order = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    kept = order[: options.top_k]
    if options.top_p < 1.0:
        goal = options.top_p * add_up(weights[token] for token in kept)
        together = 0.0
        for count, token in enumerate(kept, 1):
            together += weights[token]
            if together >= goal:
                kept = kept[:count]
                break
    chosen = frozenset(kept)
    return [weight if token in chosen else 0.0 for token, weight in enumerate(weights)]


def _choose(weights: list[float], rng: Random, greedy: bool) -> int:
    try:
        if not greedy:
            return rng.choices(range(len(weights)), weights=weights)[0]
        if 0.0 < add_up(weights) < float("inf"):
            return weights.index(max(weights))
    except ValueError:  # of random.choices, for weights that are infinite, NaN or all zero
        pass
    if add_up(weights) == 0.0:
        raise SamplingError("every token that may be drawn has probability 0; allow more with other options")
    raise SamplingError(NOT_FINITE)
