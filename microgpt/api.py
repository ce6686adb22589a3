"""Train and use a model from Python: the command line as functions.

import microgpt

model = microgpt.train(steps=1000)
print(model.sample(20))
model.save("names.safetensors")
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random

from .compiler.numerics import Numerics
from .compiler.numerics import numerics as in_force
from .data.corpus import Corpus, CorpusError, load_corpus
from .model.config import MOST_DOCUMENTS, MOST_PARAMETERS, AdamConfig, GPTConfig
from .runtime import arguments
from .runtime.backends.backend import Backend
from .runtime.backends.choose_backend import BACKENDS, choose_backend
from .runtime.reporting import compile_progress
from .runtime.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .runtime.training.evaluation import Evaluation, evaluate
from .runtime.training.recording import recorded_steps
from .runtime.training.runs import CHECKPOINT, newest_checkpoint
from .runtime.training.sampling import SamplingOptions, sample_texts
from .runtime.training.training import Step, Training

__all__ = ["Model", "load", "train"]


class Model:
    """A trained model, made by `train` or `load`.

    Attributes:
        checkpoint: the whole state of the model, as `save` writes it.
        steps: the steps that `train` took; empty for a loaded model.
    """

    def __init__(
        self, checkpoint: Checkpoint, backend: Backend, steps: Iterable[Step] = (), progress: bool = True
    ) -> None:
        self.checkpoint = checkpoint
        self.steps = tuple(steps)
        self._backend, self._progress = backend, progress
        self._rng = Random(checkpoint.seed)
        if checkpoint.progress:
            self._rng.setstate(checkpoint.progress.random_state)

    def __repr__(self) -> str:
        return f"<microgpt.Model of {len(self.parameters):,} parameters after {self.checkpoint.step} steps>"

    def _repr_html_(self) -> str:
        from .seeing import model_html

        return model_html(self.config, len(self.parameters), self.checkpoint.step, self.losses)

    @property
    def config(self) -> GPTConfig:
        """The sizes of the model."""
        return self.checkpoint.config

    @property
    def parameters(self) -> list[float]:
        """All weights, in the order of ``config.matrices()``."""
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
        """Samples documents from the model.

        Args:
            count: the number of documents.
            temperature: a number above 0; below 1, likely tokens become likelier.
            top_k: sample only among this many of the likeliest tokens.
            top_p: sample only among the likeliest tokens that together have this probability.
            min_length: the least number of characters.
            greedy: always take the likeliest token.
            prefix: the beginning of each document.
            seed: starts a new random stream; without it, the stream of the training run continues from call to call.

        Raises:
            TypeError: if an argument is of another type.
            ValueError: if an argument is out of range, `prefix` has a character that is not in the alphabet, or no
                token can be drawn.
        """
        config, tokenizer = self.config, self.checkpoint.tokenizer
        count = arguments.whole("count", count, 0)
        options = SamplingOptions(
            _above_zero("temperature", temperature, "above 0 (greedy=True always takes the likeliest token)"),
            None if top_k is None else arguments.whole("top_k", top_k, 1),
            arguments.real("top_p", top_p, "above 0 and at most 1", lambda number: 0.0 < number <= 1.0),
            arguments.whole("min_length", min_length, 0, config.block_size),
            arguments.boolean("greedy", greedy),
        )
        tokens = tokenizer.encode(arguments.string("prefix", prefix))[1:-1]
        if len(tokens) >= config.block_size:
            raise ValueError(f"prefix must have at most {config.block_size - 1} characters, not {len(tokens)}")
        rng = self._rng if seed is None else Random(arguments.whole("seed", seed, 0))
        with in_force(self.checkpoint.numerics):
            _prepare(self._backend, [], config.block_size, self._progress)
            return list(sample_texts(self._backend, config, tokenizer, self.parameters, rng, options, count, tokens))

    def evaluate(self, documents: Iterable[str], *, pack: bool = False) -> Evaluation:
        """Evaluates the model on documents: loss, bits per character, perplexity.

        Args:
            documents: at least one document.
            pack: split documents longer than the block size into windows; otherwise, truncate them.

        Raises:
            TypeError: if an argument is of another type; a single text belongs in a list.
            ValueError: if there is no document, or a document has a character that is not in the alphabet.
        """
        texts = list(arguments.documents("documents", documents))
        if not texts:
            raise ValueError("documents must have at least one document, not none")
        pack = arguments.boolean("pack", pack)
        with in_force(self.checkpoint.numerics):
            _prepare(self._backend, [], self.config.block_size, self._progress)
            return evaluate(self._backend, self.config, self.checkpoint.tokenizer, self.parameters, texts, pack)

    def perplexity(self, text: str) -> float:
        """The perplexity of `text`: e to the power of the mean loss per character."""
        return self.evaluate([arguments.string("text", text)], pack=True).perplexity

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a checkpoint, atomically; `load` and ``microgpt sample`` read it."""
        save_checkpoint(arguments.path("path", path), self.checkpoint)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        prefix: str = "microgpt",
        inference: bool = False,
        dtype: str = "double",
        plain: bool = False,
    ) -> list[Path]:
        """Writes the model as a C library that depends only on libm, as ``microgpt export --checkpoint`` does.

        Args:
            folder: the folder to write; created if it does not exist.
            prefix: the prefix of file names and of every exported C name.
            inference: whether it only samples, without heap or files and with weights in read-only memory.
            dtype: the type of numbers, ``double``, or with `inference` ``float``, whose results are others.
            plain: whether it is C99 without vectors, for any compiler; so it is with `inference`.

        Returns:
            The files: the library, its header, the weights, an example and a Makefile.

        Raises:
            ValueError: if the prefix is not a C identifier, the type is not one of these, or it is ``float`` in
                portable numerics or without `inference`.
            OSError: if the folder cannot be written.
        """
        from .runtime.programs.export import export_inference, export_library

        place, model = arguments.path("folder", folder), self.checkpoint
        name, characters = arguments.string("prefix", prefix), model.tokenizer.characters
        if arguments.choice("dtype", dtype, ("double", "float")) == "float" and not inference:
            raise ValueError("dtype='float' needs inference=True; training is exported as double")
        with in_force(model.numerics):
            if inference:
                return export_inference(place, model.config, characters, model.parameters, name, dtype)
            return export_library(place, model.config, model.optimizer, characters, model.parameters, name, plain)


def load(path: str | os.PathLike[str], *, backend: str = "auto", progress: bool = True) -> Model:
    """Loads the model from a checkpoint or from the folder of a run.

    Args:
        path: the file or the folder.
        backend: ``auto``, ``c``, ``python`` or ``eager``.
        progress: as for `train`.

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if there is no valid checkpoint, or no such backend.
        ToolchainError: if `backend` is ``c`` and there is no C compiler that keeps every bit.
    """
    place = arguments.path("path", path)
    backend = arguments.choice("backend", backend, BACKENDS)
    progress = arguments.boolean("progress", progress)
    found = newest_checkpoint(place, _warn) if place.is_dir() else None
    checkpoint = found[1] if found else load_checkpoint(place / CHECKPOINT if place.is_dir() else place)
    with in_force(checkpoint.numerics):
        engine = choose_backend(backend, checkpoint.config, checkpoint.optimizer, None, _warn)
    return Model(checkpoint, engine, progress=progress)


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
    batch_size: int = 1,
    backend: str = "auto",
    threads: int = 1,
    out: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    keep: int = 3,
    resume: bool = False,
    on_step: Callable[[Step], object] = lambda step: None,
    progress: bool = True,
    numerics: Numerics | str | None = None,
) -> Model:
    """Trains a model, bit for bit as ``microgpt train`` and microgpt.py do.

    Args:
        data: a path, the name of a corpus such as ``names``, or the documents, in order.
        steps: the number of steps, each an update.
        seed: the seed of everything random; not negative.
        learning_rate: the rate of the first step; it falls linearly to zero.
        beta1, beta2, epsilon: the other constants of Adam.
        n_layer, n_embd, n_head, block_size: the sizes of the model.
        eval_fraction: the fraction of the documents to hold out.
        pack: split documents longer than the block size into windows; otherwise, truncate them.
        batch_size: the number of documents of a step. Their gradients are added up as by a loop of ``backward()``, in
            order; the step takes the mean.
        backend: ``auto``, ``c``, ``python`` or ``eager``.
        threads: that compute in C: documents of a batch, or parts of a long document; the bits do not depend on it.
        out: a folder for the log and the checkpoints.
        save_every: write a checkpoint after every so many steps.
        keep: the number of checkpoints to keep.
        resume: continue the run in `out`, if there is one.
        on_step: called after each step.
        progress: show the progress of a compilation that takes longer than a second, on stderr if that is a terminal,
            or in a notebook. A long compilation announces its seconds and memory there. ``MICROGPT_PROGRESS=0`` in the
            environment switches this off.
        numerics: ``exact``, for the bits of this machine's C library; ``portable``, for correctly rounded functions and
            the same bits everywhere; ``fast`` or ``fast-float64``, not exact; by default, those in force
            (`microgpt.numerics`).

    Raises:
        TypeError: if an argument is of another type.
        ValueError: if an argument is out of range, the corpus or a size cannot be used, or `out` contains a different
            run (`ResumeError`).
        ToolchainError: if `backend` is ``c`` and there is no C compiler that keeps every bit.
        MemoryError: if compiling the model needs more than the available memory (`TooLargeError`).
        NotFiniteError: if training produces a NaN or an infinity.
        OSError: if `out` cannot be written.
    """
    steps = arguments.whole("steps", steps, 1)
    seed = arguments.whole("seed", seed, 0)
    sizes = {"n_layer": n_layer, "n_embd": n_embd, "n_head": n_head, "block_size": block_size}
    shape = {name: arguments.whole(name, size, 1) for name, size in sizes.items()}
    count = GPTConfig(vocab_size=1, **shape).parameter_count
    if count > MOST_PARAMETERS:
        given = ", ".join(f"{name} {size}" for name, size in shape.items())
        raise ValueError(f"a model of {given} has {count:,} parameters; {MOST_PARAMETERS:,} are the most")
    optimizer = AdamConfig(
        _above_zero("learning_rate", learning_rate),
        _fraction("beta1", beta1),
        _fraction("beta2", beta2),
        _above_zero("epsilon", epsilon),
    )
    eval_fraction = _fraction("eval_fraction", eval_fraction)
    pack = arguments.boolean("pack", pack)
    batch_size = arguments.whole("batch_size", batch_size, 1, MOST_DOCUMENTS)
    backend = arguments.choice("backend", backend, BACKENDS)
    threads = arguments.whole("threads", threads, 1)
    folder = None if out is None else arguments.path("out", out)
    save_every = None if save_every is None else arguments.whole("save_every", save_every, 1)
    keep = arguments.whole("keep", keep, 1)
    resume = arguments.boolean("resume", resume)
    on_step = arguments.function("on_step", on_step)
    progress = arguments.boolean("progress", progress)
    if folder is None and (save_every or resume):
        raise ValueError(f"{'save_every' if save_every else 'resume'} needs `out`, a folder for the checkpoints")
    with in_force(numerics):
        training = Training(_corpus(data), seed, steps, optimizer, eval_fraction, pack, batch_size, **shape)
        if resume and folder is not None and (found := newest_checkpoint(folder, _warn)):
            training.restore(found[1])
        engine = choose_backend(backend, training.config, optimizer, None, _warn, batch_size, threads)
        if training.state.step < steps:
            _prepare(engine, training.lengths(), 0, progress)
        taken = []
        settings = {"data": training.corpus.name, "save_every": save_every, "keep": keep, "numerics": training.numerics}
        steps_left = (
            training.run(engine)
            if folder is None
            else recorded_steps(training, engine, folder, save_every, keep, settings)
        )
        # Closed whatever happens, so that the folder and its log are free again.
        with closing(steps_left):
            for step in steps_left:
                taken.append(step)
                on_step(step)
        return Model(training.checkpoint(), engine, taken, progress)


def _prepare(backend: Backend, lengths: Sequence[int], positions: int, progress: bool) -> None:
    """Compiles the programs of a backend, and shows the progress."""
    estimate = backend.estimate(lengths, positions)
    with compile_progress(progress, announcement=estimate.announcement if estimate else "") as report:
        backend.prepare(lengths, positions, report)


def _above_zero(name: str, value: float, allowed: str = "above 0") -> float:
    return arguments.real(name, value, allowed, lambda number: number > 0.0)


def _fraction(name: str, value: float) -> float:
    return arguments.real(name, value, "from 0 to less than 1", lambda number: 0.0 <= number < 1.0)


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=2)


def _corpus(data: str | os.PathLike[str] | Iterable[str]) -> Corpus:
    if isinstance(data, str | os.PathLike):
        # A path object is always a path, whatever its name.
        place = arguments.path("data", data)
        return load_corpus(data if isinstance(data, str) else place)
    documents = tuple(text for document in arguments.documents("data", data) if (text := document.strip()))
    if not documents:
        raise CorpusError("there is no document to train on")
    content = "\n".join(documents).encode("utf-8", "surrogatepass")
    return Corpus("documents given to microgpt.train", documents, hashlib.sha256(content).hexdigest())
