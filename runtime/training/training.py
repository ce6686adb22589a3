"""Training and sampling: what microgpt.py does, on any backend.

The stream of random numbers is the reference's: shuffle the documents, draw the parameters, and later the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import isfinite
from typing import Any

from ...compiler.numerics import current
from ...data.corpus import Corpus
from ...data.tokenizer import Tokenizer
from ...model import adam, gpt
from ...model.config import AdamConfig, GPTConfig
from ..backends.backend import Backend, Document, State, split_document
from ..version import VERSION
from .checkpoint import Checkpoint
from .progress import Progress
from .random_stream import random_stream
from .sampling import sample

__all__ = ["NotFiniteError", "ResumeError", "Step", "Training", "sample", "windows"]


class NotFiniteError(ArithmeticError):
    """Training came to a NaN or an infinity, after which nothing can be learned.

    Attributes:
        step: where that happened, counted from 1.
        before: the state before it.
    """

    def __init__(self, step: int, before: State) -> None:
        super().__init__(f"step {step}: training has come to a number that is not finite")
        self.step, self.before = step, before


class ResumeError(ValueError):
    """A checkpoint does not belong to this run. The message says what differs.

    Attributes:
        reasons: what differs, but for arguments, in words.
        changed: the arguments of `microgpt.train` that differ: what each was and what it is.
    """

    def __init__(self, reasons: Sequence[str], changed: Mapping[str, tuple[Any, Any]]) -> None:
        self.reasons, self.changed = tuple(reasons), dict(changed)
        super().__init__(self.describe(str))

    def describe(self, spell: Callable[[str], str]) -> str:
        """The message, with the name of each argument as `spell` spells it."""
        changed = (f"{spell(name)} was {then}, not {now}" for name, (then, now) in self.changed.items())
        return "; ".join((*self.reasons, *changed))


@dataclass(frozen=True)
class Step:
    """What one step of training did.

    Attributes:
        number: counted from 1.
        loss: in nats, before the step.
        learning_rate: of this step.
        length: positions of its document, the first one of a batch.
    """

    number: int
    loss: float
    learning_rate: float
    length: int


class Training:
    """A run over a corpus, in the numerics in force; it is to be run in the same.

    Args:
        corpus: the documents.
        seed: of all that is random.
        steps: how many to take; the learning rate falls to zero over them.
        optimizer: Adam's constants.
        eval_fraction: the share of the documents that is held out and never trained on.
        pack: whether a document longer than the model looks back is split into windows, each a step, or
            cut.
        batch_size: documents of a step, see `Backend`; steps go on where the last one ended, around the corpus.
        shape: the sizes of `GPTConfig`, but for the vocabulary, which the corpus decides.

    Raises:
        ValueError: if the sizes do not fit together.

    Attributes:
        numerics: their name.
        config, tokenizer, state, rng: the model's shape, its alphabet, what is trained, and the stream of random
            numbers.
        held_out: the documents that are not trained on.
        fast: what a checkpoint says of a backend that is not exact.
    """

    def __init__(
        self,
        corpus: Corpus,
        seed: int,
        steps: int,
        optimizer: AdamConfig,
        eval_fraction: float = 0.0,
        pack: bool = False,
        batch_size: int = 1,
        /,
        **shape: int,
    ) -> None:
        self.corpus, self.seed, self.steps, self.optimizer = corpus, seed, steps, optimizer
        self.eval_fraction, self.pack = eval_fraction, pack
        self.batch_size = batch_size
        self.numerics, self.fast = current().name, ""
        self.rng = random_stream(seed)
        kept, held_out = corpus.split(eval_fraction, seed)
        self.held_out = held_out.documents
        texts = kept.shuffled(self.rng)
        self.tokenizer = Tokenizer.of(corpus.documents)
        self.config = GPTConfig(vocab_size=self.tokenizer.vocab_size, **shape)
        self.state = State(gpt.initial_parameters(self.config, self.rng))
        self._before: State | None = None
        documents = (document for text in texts for document in self._documents_of(text))
        self._documents = list(islice(documents, steps * batch_size))

    def _documents_of(self, text: str) -> list[Document]:
        if self.pack:
            return windows(self.config, self.tokenizer.encode(text))
        # Of a long text, one character more than positions: the first is read after the token that begins it.
        return [split_document(self.config, self.tokenizer.encode(text[: self.config.block_size + 1]))]

    def document(self, number: int) -> Document:
        """What is read in that place, counted from 0."""
        return self._documents[number % len(self._documents)]

    def batch(self, step: int) -> list[Document]:
        """What is read at a step, counted from 0."""
        return [self.document(number) for number in range(step * self.batch_size, (step + 1) * self.batch_size)]

    def text(self, document: Document) -> str:
        """A document as text."""
        tokens, targets = document
        return self.tokenizer.decode([*tokens, targets[-1]])

    def lengths(self) -> list[int]:
        """The lengths that occur, ascending."""
        return sorted({document.length for document in self._documents})

    def run(self, backend: Backend, stop_every: int | None = None) -> Generator[Step, None, None]:
        """Takes the steps that are left. `state` is up to date whenever one has been handed out, but for its slice.

        Args:
            stop_every: a slice ends, at the latest, at multiples of it.

        Raises:
            NotFiniteError: instead of handing out a step whose loss, or whose outcome, is NaN or infinite.
        """
        self.fast = getattr(backend, "fast", "") or self.fast
        return self._run(backend, backend.slice, stop_every)

    def _run(self, backend: Backend, most: int, stop_every: int | None) -> Generator[Step, None, None]:
        while self.state.step < self.steps:
            first = self.state.step
            count = min(most, self.steps - first)
            if stop_every:
                count = min(count, stop_every - first % stop_every)
            self._before = self.state.copy()
            losses = self._advance(backend, count)
            if not (all(map(isfinite, losses)) and self.state.is_finite()):
                if count > 1:
                    # Again, a step at a time: the good ones count, whatever the backend.
                    self.state = self._before
                    yield from self._run(backend, 1, stop_every)
                    return
                raise NotFiniteError(first + 1, self._before)
            for number, loss in enumerate(losses, first):
                if number + 1 == self.state.step:
                    self._before = None
                learning_rate = adam.learning_rate(self.optimizer, number, self.steps)
                yield Step(number + 1, loss, learning_rate, self.batch(number)[0].length)

    def _advance(self, backend: Backend, count: int) -> list[float]:
        documents = [document for step in range(count) for document in self.batch(self.state.step + step)]
        return backend.advance(self.state, documents, self.steps)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Goes back or forth to where `checkpoint` was made.

        Raises:
            ResumeError: if it is of another run.
        """
        progress = checkpoint.progress
        if progress is None:
            raise ResumeError(["it holds a model, but not what training needs to go on"], {})
        _check_same_run(self, checkpoint, progress)
        self.rng.setstate(progress.random_state)
        moments = list(progress.first_moment), list(progress.second_moment)
        self.fast = checkpoint.extra.get("fast", "")
        self.state, self._before = State(list(checkpoint.parameters), *moments, checkpoint.step), None

    def checkpoint(self) -> Checkpoint:
        """All of the run as it is now or, where an interrupt fell into a slice of steps, as it was before that."""
        state = (self._before or self.state).copy()
        progress = Progress(
            steps=self.steps,
            optimizer=self.optimizer,
            corpus=self.corpus.name,
            corpus_sha256=self.corpus.sha256,
            eval_fraction=self.eval_fraction,
            pack=self.pack,
            first_moment=state.first_moment,
            second_moment=state.second_moment,
            random_state=self.rng.getstate(),
            batch_size=self.batch_size,
        )
        return Checkpoint(
            self.config,
            self.tokenizer,
            self.seed,
            state.step,
            state.parameters,
            VERSION,
            {"fast": self.fast} if self.fast else {},
            progress,
            self.numerics,
        )


def windows(config: GPTConfig, tokens: Sequence[int]) -> list[Document]:
    """Splits a document, with the token that begins and ends it at both ends, so that each token is predicted once."""
    starts = range(0, len(tokens) - 1, config.block_size)
    return [split_document(config, tokens[start : start + config.block_size + 1]) for start in starts]


def _check_same_run(training: Training, checkpoint: Checkpoint, theirs: Progress) -> None:
    """Raises a `ResumeError` if a checkpoint, whose progress is `theirs`, is of another run than `training`."""
    found = []
    if training.corpus.sha256 != theirs.corpus_sha256:
        hashes = f"sha256 {theirs.corpus_sha256[:12]}... then, {training.corpus.sha256[:12]}... now"
        found.append(f"the corpus {training.corpus.name} is not the one that was trained on ({hashes})")
    elif training.tokenizer != checkpoint.tokenizer:
        found.append("its alphabet is another")
    pairs = {
        "steps": (theirs.steps, training.steps),
        "seed": (checkpoint.seed, training.seed),
        "numerics": (checkpoint.numerics, training.numerics),
        "eval_fraction": (theirs.eval_fraction, training.eval_fraction),
        "pack": (theirs.pack, training.pack),
        "batch_size": (theirs.batch_size, training.batch_size),
    }
    for ours_config, theirs_config in ((training.config, checkpoint.config), (training.optimizer, theirs.optimizer)):
        for name, value in asdict(theirs_config).items():
            if name != "vocab_size":  # the corpus decides it
                pairs[name] = value, getattr(ours_config, name)
    changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if found or changed:
        raise ResumeError(found, changed)
