"""Evaluation: how well a model predicts documents, by the programs that also sample: forward only, nothing is learned.

A document's loss is the very number that training would print for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...compiler.arithmetic import add_up
from ...data.tokenizer import Tokenizer
from ...model.config import GPTConfig
from ..backends.backend import Backend, split_document
from .training import windows

__all__ = ["Evaluation", "evaluate", "mean_loss", "next_token_probabilities", "token_losses"]


@dataclass(frozen=True)
class Evaluation:
    """Losses over a set of documents, in nats unless said.

    Attributes:
        documents, tokens: how many were predicted; the end of a document is a token.
        document_loss: the mean over documents of their mean losses, as training shows them.
        loss: the mean over tokens.
    """

    documents: int
    tokens: int
    document_loss: float
    loss: float

    @property
    def bits_per_character(self) -> float:
        """The mean over tokens, in bits. The end of a document counts as a character."""
        return self.loss / math.log(2)

    @property
    def perplexity(self) -> float:
        """Among how many equally likely tokens the model would hesitate as much."""
        try:
            return math.exp(self.loss)
        except OverflowError:
            return math.inf


def token_losses(
    backend: Backend, config: GPTConfig, tokenizer: Tokenizer, parameters: list[float], text: str, whole: bool
) -> list[list[float]]:
    """The loss of each token of a text, by window.

    Args:
        whole: whether a text longer than the model looks back is split into windows; otherwise it is cut.

    Raises:
        UnknownCharacterError: if a character of `text` is not in the alphabet.
    """
    tokens = tokenizer.encode(text)
    found = []
    for document in windows(config, tokens) if whole else [split_document(config, tokens)]:
        read, targets = document
        losses = []
        for probabilities, target in zip(next_token_probabilities(backend, parameters, read), targets, strict=True):
            probability = probabilities[target]
            losses.append(-math.log(probability) if probability > 0.0 else math.inf if probability == 0.0 else math.nan)
        found.append(losses)
    return found


def next_token_probabilities(backend: Backend, parameters: list[float], tokens: Sequence[int]) -> Iterator[list[float]]:
    """At each position of a document, the probability of each token as the next one."""
    cache: list[float] = []
    for position, token in enumerate(tokens):
        # At temperature 1 these are the probabilities of training, to the bit: x/1 is x.
        yield backend.next_token(parameters, 1.0, token, position, cache)


def mean_loss(losses: list[float]) -> float:
    """As the model computes it, so that the bits are those of training."""
    return (1 / len(losses)) * add_up(losses)


def evaluate(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    texts: Iterable[str],
    whole: bool = False,
    progress: Callable[[str], None] = lambda words: None,
) -> Evaluation:
    """Predicts every document; each window of a long one counts as one.

    Raises:
        UnknownCharacterError: if a character is not in the alphabet.
        ValueError: if there is no document.
    """
    documents, all_losses = [], []
    for text in texts:
        for losses in token_losses(backend, config, tokenizer, parameters, text, whole):
            documents.append(mean_loss(losses))
            all_losses += losses
        progress("evaluating")
    if not documents:
        raise ValueError("there is no document to evaluate")
    # fsum: the mean is the same in whatever order the documents come.
    mean, document_mean = (math.fsum(numbers) / len(numbers) for numbers in (all_losses, documents))
    return Evaluation(len(documents), len(all_losses), document_mean, mean)
