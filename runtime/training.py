"""Training and sampling: what microgpt.py does, on any backend.

The stream of random numbers is the reference's: shuffle the documents, draw the parameters, and later the samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..data.corpus import Corpus
from ..data.tokenizer import Tokenizer
from ..model import adam, gpt
from ..model.config import AdamConfig, GPTConfig
from .backend import Backend, Document, State, split_document

__all__ = ["Step", "Training", "sample", "sample_documents"]


@dataclass(frozen=True)
class Step:
    """What one step of training did.

    Attributes:
        number: counted from 1.
        loss: in nats, before the step.
        learning_rate: of this step.
        length: positions of its document.
    """

    number: int
    loss: float
    learning_rate: float
    length: int


class Training:
    """A run over a corpus, one document a step.

    Args:
        corpus: the documents.
        seed: of all that is random.
        steps: how many to take; the learning rate falls to zero over them.
        optimizer: Adam's constants.
        shape: the sizes of `GPTConfig`, but for the vocabulary, which the corpus decides.

    Raises:
        ValueError: if the sizes do not fit together.

    Attributes:
        config, tokenizer, state, rng: the model's shape, its alphabet, what is trained, and the stream of random
            numbers.
    """

    def __init__(self, corpus: Corpus, seed: int, steps: int, optimizer: AdamConfig, **shape: int) -> None:
        self.seed, self.steps, self.optimizer = seed, steps, optimizer
        self.rng = Random(seed)
        documents = corpus.shuffled(self.rng)
        self.tokenizer = Tokenizer.of(documents)
        self.config = GPTConfig(vocab_size=self.tokenizer.vocab_size, **shape)
        self.state = State(gpt.initial_parameters(self.config, self.rng))
        self._documents = [documents[step % len(documents)] for step in range(min(steps, len(documents)))]

    def document(self, step: int) -> Document:
        """What is read at a step, counted from 0."""
        return split_document(self.config, self.tokenizer.encode(self._documents[step % len(self._documents)]))

    def lengths(self) -> list[int]:
        """The lengths that occur, ascending."""
        return sorted({len(self.document(step)[0]) for step in range(len(self._documents))})

    def run(self, backend: Backend) -> Iterator[Step]:
        """Takes the steps that are left. `state` is up to date whenever one has been handed out, but for its slice."""
        while self.state.step < self.steps:
            first = self.state.step
            documents = [self.document(step) for step in range(first, min(first + backend.slice, self.steps))]
            losses = backend.advance(self.state, documents, self.steps)
            for number, (loss, document) in enumerate(zip(losses, documents, strict=True), first):
                learning_rate = adam.step_constants(self.optimizer, number, self.steps)[0]
                yield Step(number + 1, loss, learning_rate, len(document[0]))


def sample(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    temperature: float,
    prefix: Sequence[int] = (),
) -> str:
    """Draws one document, token by token, until it ends or the model has no further position.

    Args:
        temperature: below 1 the likely becomes likelier.
        prefix: tokens to begin with; they are part of the result.
    """
    tokens = [tokenizer.bos, *prefix]
    cache: list[float] = []
    for position in range(config.block_size):
        probabilities = backend.next_token(parameters, temperature, tokens[position], position, cache)
        if position + 1 < len(tokens):
            continue
        token = rng.choices(range(config.vocab_size), weights=probabilities)[0]
        if token == tokenizer.bos:
            break
        tokens.append(token)
    return tokenizer.decode(tokens)


def sample_documents(
    backend: Backend,
    config: GPTConfig,
    tokenizer: Tokenizer,
    parameters: list[float],
    rng: Random,
    temperature: float,
    count: int,
    prefix: str = "",
) -> Iterator[str]:
    """Draws `count` documents that begin with `prefix`: what `sample` draws, many at a time where the backend can."""
    many = getattr(backend, "sample_many", None)
    if many is not None and not prefix:
        yield from map(tokenizer.decode, many(parameters, rng, temperature, tokenizer.bos, count))
        return
    tokens = tokenizer.encode(prefix)[1:-1]
    for _ in range(count):
        yield sample(backend, config, tokenizer, parameters, rng, temperature, tokens)
