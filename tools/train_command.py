"""``microgpt train``: trains a model, line for line as microgpt.py does, and keeps what was trained."""

from __future__ import annotations

import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..data.corpus import Corpus, load_corpus
from ..model.config import AdamConfig
from ..runtime.backend import Backend
from ..runtime.checkpoint import Checkpoint
from ..runtime.runs import RunFolder, StepLog, keep_last_model
from ..runtime.training import Step, Training
from . import console, options
from .backends import BACKENDS, choose_backend
from .failures import ENVIRONMENT, CommandError, StoppedError
from .sampling import print_samples

__all__ = ["train"]


@click.command()
@options.data_option
@click.option("--steps", type=options.POSITIVE, default=1000, show_default=True, metavar="N", help="One document each.")
@options.seed_option
@options.model_options
@click.option(
    "--learning-rate",
    type=options.positive_number,
    default=0.01,
    show_default=True,
    help="At the first step; it falls to zero.",
)
@options.backend_option(*BACKENDS)
@click.option(
    "--samples", type=click.IntRange(min=0), default=20, show_default=True, metavar="N", help="To invent at the end."
)
@options.temperature_option
@click.option("--log", type=click.Path(path_type=Path), metavar="FILE", help="Write a JSON line for each step.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write checkpoint, log and configuration.")
@options.jobs_option
def train(
    data: str,
    steps: int,
    seed: int,
    learning_rate: float,
    backend: str,
    samples: int,
    temperature: float,
    log: Path | None,
    out: Path | None,
    jobs: int | None,
    **shape: int,
) -> None:
    """Train a model and invent names with it.

    The model is also kept in your data folder, where `microgpt sample` finds
    it. Ctrl-C stops after the step at hand; with --out, what was trained until
    then is saved.

    \b
    Examples:
      microgpt train
      microgpt train --data poems.txt --block-size 32 --steps 5000
      microgpt train --n-layer 2 --n-embd 32 --out runs/wide
      microgpt train --backend eager --steps 20    the slow, plain autograd
      microgpt train --log loss.jsonl | tail -20   nothing but the samples
    """
    options.check_shape(shape)
    corpus = load_corpus(data)
    training = Training(corpus, seed, steps, AdamConfig(learning_rate=learning_rate), **shape)
    engine = choose_backend(backend, training.config, training.optimizer, jobs)
    with ExitStack() as stack:
        run = _Run(training, engine, corpus, *_open_outputs(out, log, stack))
        print(f"num docs: {len(corpus.documents)}")
        print(f"vocab size: {training.config.vocab_size}")
        print(f"num params: {training.config.parameter_count}", flush=True)
        run.prepare(training.config.block_size if samples else 0)
        run.take_steps()
    run.keep()
    if samples:
        print("\n--- inference (new, hallucinated names) ---")
        state, prefix = training.state, ""
        print_samples(
            samples, engine, training.config, training.tokenizer, state.parameters, training.rng, temperature, prefix
        )


def _open_outputs(out: Path | None, log: Path | None, stack: ExitStack) -> tuple[RunFolder | None, list[StepLog]]:
    """What is to be written, opened before any work is done."""
    option: str = "--out"
    try:
        folder = RunFolder(out) if out else None
        logs = [stack.enter_context(StepLog(folder.log_path))] if folder else []
        option = "--log"
        if log:
            logs.append(stack.enter_context(StepLog(log)))
    except OSError as error:
        path = out if option == "--out" else log
        raise CommandError(f"{option} {path} cannot be written: {error.strerror}", ENVIRONMENT) from None
    return folder, logs


class _Run:
    """One run of the command: the training and where it is recorded."""

    def __init__(
        self, training: Training, backend: Backend, corpus: Corpus, folder: RunFolder | None, logs: list[StepLog]
    ) -> None:
        self.training, self.backend, self.corpus, self.folder, self.logs = training, backend, corpus, folder, logs

    def prepare(self, positions: int) -> None:
        """Makes the programs."""
        try:
            with console.compile_progress() as progress:
                self.backend.prepare(self.training.lengths(), positions, progress)
        except KeyboardInterrupt:
            raise StoppedError("interrupted before the first step; nothing has been trained") from None

    def take_steps(self) -> None:
        """Trains and records every step. If that ends early, what was trained is saved, given a folder for it."""
        training, start = self.training, time.monotonic()
        if self.folder:
            self.folder.write_config(self._description())
        for log in self.logs:
            log.begin()
        try:
            self._take_steps()
        except (KeyboardInterrupt, OSError) as error:
            done = f"{training.state.step} of {training.steps} steps"
            saved = self.folder and self.folder.save(self.checkpoint())
            if isinstance(error, KeyboardInterrupt):
                rest = f"saved as {saved}" if saved else "not saved, for want of --out"
                raise StoppedError(f"interrupted after {done}; the model is {rest}") from None
            raise
        seconds = time.monotonic() - start
        steps = f"{training.steps} step{'s' * (training.steps != 1)}"
        per_step = f"{1e3 * seconds / training.steps:.2f} ms each"
        console.say(f"trained {steps} in {seconds:.1f} s ({per_step}) with the {self.backend.name} backend")

    def _take_steps(self) -> None:
        training, lines = self.training, console.Lines(sys.stdout)
        with console.step_progress(training.steps) as progress, _deferred_interrupt() as interrupted:
            for step in training.run(self.backend):
                for log in self.logs:
                    log.write(step)
                text = describe_step(step, training.steps)
                lines.write(text)
                progress(text)
                # Between two slices of the backend, state and log tell the same.
                if interrupted() and step.number == training.state.step:
                    raise KeyboardInterrupt
        lines.flush()

    def keep(self) -> None:
        """Saves the trained model."""
        checkpoint = self.checkpoint()
        if self.folder:
            console.say(f"saved {self.folder.save(checkpoint)}")
        try:
            keep_last_model(checkpoint)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            console.warn(f"the model could not be kept for `microgpt sample` ({place}{error.strerror})")

    def checkpoint(self) -> Checkpoint:
        """The model as it is now."""
        training = self.training
        origin = {"corpus": self.corpus.name, "corpus_sha256": self.corpus.sha256, "steps": str(training.steps)}
        state, extra = training.state, {**origin, "learning_rate": repr(training.optimizer.learning_rate)}
        return Checkpoint(
            training.config, training.tokenizer, training.seed, state.step, state.parameters, __version__, extra
        )

    def _description(self) -> dict[str, Any]:
        training = self.training
        return {
            "model": asdict(training.config),
            "optimizer": asdict(training.optimizer),
            "steps": training.steps,
            "seed": training.seed,
            "data": {"name": self.corpus.name, "documents": len(self.corpus.documents), "sha256": self.corpus.sha256},
            "backend": self.backend.name,
            "versions": {"microgpt": __version__, "python": platform.python_version()},
        }


def describe_step(step: Step, steps: int) -> str:
    """The line that microgpt.py prints."""
    return f"step {step.number:4d} / {steps:4d} | loss {step.loss:.4f}"


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Within, Ctrl-C is only noted, so that a step is taken whole or not at all. A second one interrupts at once."""
    noted: list[int] = []

    def note(signum: int, frame: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(signum)

    if (
        signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):  # ours to defer only if nobody else handles it
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
