"""Training and using a model from Python: what the command line does, as functions.

import microgpt

model = microgpt.train(steps=1000)
print(model.sample(20))
model.save("names.safetensors")
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from random import Random

from .data.corpus import Corpus, CorpusError, load_corpus
from .model.config import AdamConfig, GPTConfig
from .runtime.backend import Backend
from .runtime.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .runtime.evaluation import Evaluation, evaluate
from .runtime.recording import recorded_steps
from .runtime.runs import CHECKPOINT, newest_checkpoint
from .runtime.sampling import SamplingOptions, sample_texts
from .runtime.training import Step, Training
from .tools import console
from .tools.backends import choose_backend
from .tools.models import optimizer_of

__all__ = ["Model", "load", "train"]


class Model:
    """A trained model.

    Made by `train` and `load`.

    Attributes:
        checkpoint: all of it, as it is saved.
        steps: what each step of `train` did; empty for a loaded model.
    """

    def __init__(self, checkpoint: Checkpoint, backend: Backend, steps: Iterable[Step] = ()) -> None:
        self.checkpoint = checkpoint
        self.steps = tuple(steps)
        self._backend = backend
        self._rng = Random(checkpoint.seed)
        if checkpoint.progress:
            self._rng.setstate(checkpoint.progress.random_state)

    def __repr__(self) -> str:
        return f"<microgpt.Model of {len(self.parameters):,} parameters after {self.checkpoint.step} steps>"

    @property
    def config(self) -> GPTConfig:
        """Its shape."""
        return self.checkpoint.config

    @property
    def parameters(self) -> list[float]:
        """Every weight, in the order of ``config.matrices()``."""
        return self.checkpoint.parameters

    @property
    def losses(self) -> list[float]:
        """The loss of each step of `train`, in nats."""
        return [step.loss for step in self.steps]

    def sample(
        self,
        count: int = 1,
        *,
        temperature: float = 0.5,
        top_k: int | None = None,
        top_p: float = 1.0,
        min_length: int = 0,
        greedy: bool = False,
        prefix: str = "",
        seed: int | None = None,
    ) -> list[str]:
        """Invents documents.

        Args:
            count: how many.
            temperature: below 1 the likely becomes likelier.
            top_k: choose among so many of the likeliest tokens only.
            top_p: choose among the likeliest tokens that together have this probability.
            min_length: at least so many characters.
            greedy: always take the likeliest token.
            prefix: what each begins with.
            seed: begins a random stream; without it, that of the training goes on, from call to call.

        Raises:
            ValueError: if an option is out of its range, or nothing can be drawn.
        """
        config, tokenizer = self.config, self.checkpoint.tokenizer
        tokens = tokenizer.encode(prefix)[1:-1]
        if not 0.0 < temperature < float("inf"):
            raise ValueError(f"temperature must be a finite number above zero, not {temperature!r}")
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k!r}")
        if not 0.0 < top_p <= 1.0:
            raise ValueError(f"top_p must be above 0 and at most 1, not {top_p!r}")
        if not 0 <= min_length <= config.block_size:
            raise ValueError(f"min_length must be from 0 to {config.block_size}, not {min_length!r}")
        if len(tokens) >= config.block_size:
            raise ValueError(f"the prefix can have at most {config.block_size - 1} characters, not {len(tokens)}")
        options = SamplingOptions(temperature, top_k, top_p, min_length, greedy)
        rng = self._rng if seed is None else Random(seed)
        self._backend.prepare([], config.block_size, lambda done, total: None)
        return list(sample_texts(self._backend, config, tokenizer, self.parameters, rng, options, count, tokens))

    def evaluate(self, documents: Iterable[str], *, pack: bool = False) -> Evaluation:
        """How well the model predicts documents: loss, bits per character, perplexity.

        Args:
            pack: whether documents that are too long are split into windows; otherwise they are cut.
        """
        config = self.config
        self._backend.prepare([], config.block_size, lambda done, total: None)
        return evaluate(self._backend, config, self.checkpoint.tokenizer, self.parameters, documents, pack)

    def perplexity(self, text: str) -> float:
        """Among how many equally likely characters the model would hesitate as much as it does over `text`."""
        return self.evaluate([text], pack=True).perplexity

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a checkpoint, whole or not at all, from which `load` and ``microgpt sample`` read."""
        save_checkpoint(path, self.checkpoint)

    def export(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes the model as a C library that stands alone, as ``microgpt export --checkpoint`` does.

        Args:
            folder: made if it is not there.

        Returns:
            the files: the library, its header, the weights, an example and a Makefile.

        Raises:
            OSError: if the folder cannot be written.
        """
        from .runtime.export import export_library

        characters = self.checkpoint.tokenizer.characters
        return export_library(
            Path(folder), self.config, optimizer_of(self.checkpoint), characters, self.checkpoint.parameters
        )


def load(path: str | os.PathLike[str], *, backend: str = "auto") -> Model:
    """The model in a checkpoint, or in the folder of a run.

    Raises:
        ValueError: if there is no sound checkpoint.
    """
    place = Path(path)
    found = newest_checkpoint(place, console.warn) if place.is_dir() else None
    checkpoint = found[1] if found else load_checkpoint(place / CHECKPOINT if place.is_dir() else place)
    return Model(checkpoint, choose_backend(backend, checkpoint.config, optimizer_of(checkpoint)))


def train(
    data: str | os.PathLike[str] | Iterable[str] = "names",
    *,
    steps: int = 1000,
    seed: int = 42,
    learning_rate: float = 0.01,
    beta1: float = 0.85,
    beta2: float = 0.99,
    epsilon: float = 1e-8,
    n_layer: int = 1,
    n_embd: int = 16,
    n_head: int = 4,
    block_size: int = 16,
    eval_fraction: float = 0.0,
    pack: bool = False,
    backend: str = "auto",
    out: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    keep: int = 3,
    resume: bool = False,
    on_step: Callable[[Step], object] = lambda step: None,
) -> Model:
    """Trains a model, bit for bit as ``microgpt train`` and microgpt.py do.

    Args:
        data: a path, a name such as ``names``, or the documents.
        steps: how many to take, one document each.
        seed: of all that is random.
        learning_rate: at the first step; it falls to zero.
        beta1, beta2, epsilon: the other constants of Adam.
        n_layer, n_embd, n_head, block_size: the sizes of the model.
        eval_fraction: the share of the documents that is held out.
        pack: whether documents that are too long are split into windows; otherwise they are cut.
        backend: ``auto``, ``c``, ``python`` or ``eager``.
        out: a folder for the log and the checkpoints.
        save_every, keep: write a checkpoint to it after so many steps, and keep the last so many.
        resume: go on with what `out` holds, if it holds anything.
        on_step: called after each step.

    Raises:
        ValueError: if the corpus or a size cannot be used, or `resume` meets another run (`ResumeError`).
        NotFiniteError: if training comes to a NaN or an infinity.
    """
    if steps < 1 or (save_every is not None and save_every < 1) or keep < 1:
        raise ValueError("steps, save_every and keep must be at least 1")
    if out is None and (save_every or resume):
        raise ValueError("save_every and resume need a folder `out`")
    if not 0.0 <= eval_fraction < 1.0:
        raise ValueError(f"eval_fraction must be from 0 to less than 1, not {eval_fraction!r}")
    shape = {"n_layer": n_layer, "n_embd": n_embd, "n_head": n_head, "block_size": block_size}
    optimizer = AdamConfig(learning_rate, beta1, beta2, epsilon)
    training = Training(_corpus(data), seed, steps, optimizer, eval_fraction, pack, **shape)
    if resume and out is not None and (found := newest_checkpoint(Path(out), console.warn)):
        training.restore(found[1])
    engine = choose_backend(backend, training.config, optimizer)
    if training.state.step < steps:
        engine.prepare(training.lengths(), 0, lambda done, total: None)
    taken = []
    settings = {"data": training.corpus.name, "save_every": save_every, "keep": keep}
    steps_left = (
        training.run(engine) if out is None else recorded_steps(training, engine, Path(out), save_every, keep, settings)
    )
    # Closed whatever happens, so that the folder and its log are free again.
    with closing(steps_left):
        for step in steps_left:
            taken.append(step)
            on_step(step)
    return Model(training.checkpoint(), engine, taken)


def _corpus(data: str | os.PathLike[str] | Iterable[str]) -> Corpus:
    if isinstance(data, str | os.PathLike):
        return load_corpus(data)
    documents = tuple(text for document in data if (text := document.strip()))
    if not documents:
        raise CorpusError("there is no document to train on")
    content = "\n".join(documents).encode("utf-8", "surrogatepass")
    return Corpus("documents given to microgpt.train", documents, hashlib.sha256(content).hexdigest())
