"""One run of a sweep, in whatever process: from a `Job` to a `Result`, and a folder as ``microgpt train --out`` writes.

What comes out does not depend on where or in which order runs are carried out: it has the bits of that command.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...compiler.errors import CompileError
from ...compiler.numerics import numerics
from ...data.corpus import CorpusError
from ...runtime.backends.backend import Backend
from ...runtime.backends.choose_backend import choose_backend as choose_silently
from ...runtime.executable.estimate import Estimate
from ...runtime.machine.memory import LimitError
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import silent
from ...runtime.storage.files import write_atomically
from ...runtime.training.divergence import find_cause
from ...runtime.training.evaluation import evaluate
from ...runtime.training.recording import recorded_steps
from ...runtime.training.runs import LOG, newest_checkpoint
from ...runtime.training.training import NotFiniteError, ResumeError, Training
from ..options.backends import choose_backend
from ..options.new_training import new_training
from ..terminal.failures import CommandError
from .grid import Job

__all__ = [
    "LAST_STEPS",
    "RESULT",
    "Result",
    "estimate_programs",
    "in_words",
    "keep_result",
    "make_programs",
    "read_result",
    "run_job",
    "stored_identity",
]

RESULT = "sweep.json"
# Over how many steps at the end the loss is averaged: that of a single document says little.
LAST_STEPS = 100
# Names are short: there is little to gain from threads in a program, and the cores have runs of their own.
COMPILE_JOBS = 1


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Attributes:
        name, varied: those of the job.
        outcome: ``finished``; ``diverged`` if it came to a number that is not finite; ``failed`` if it could not be
            carried out, and may be tried again.
        loss: the mean of the last steps, in nats; None unless it finished.
        held_out: the loss of what was held out, document by document; None if nothing was.
        bits_per_character: of the same.
        message: what went wrong.
        seconds: that it took.
    """

    name: str
    varied: Mapping[str, Any]
    outcome: str
    loss: float | None = None
    held_out: float | None = None
    bits_per_character: float | None = None
    message: str = ""
    seconds: float = 0.0


def make_programs(job: Job) -> str:
    """Makes the programs of a run, so that others like it find them. Returns what went wrong, if anything."""
    try:
        with numerics(job.settings["numerics"]):
            training = new_training(job.settings)
            backend = choose_backend(
                job.backend, training.config, training.optimizer, COMPILE_JOBS, training.batch_size
            )
            _prepare(training, backend)
    except _EXPECTED as error:
        return in_words(error)
    return ""


def estimate_programs(job: Job) -> Estimate | None:
    """What `make_programs` will take; None if that is little, or it will fail and say why."""
    try:
        with numerics(job.settings["numerics"]):
            training = new_training(job.settings)
            what = job.backend, training.config, training.optimizer, COMPILE_JOBS, lambda message: None
            return choose_silently(*what, training.batch_size).estimate(training.lengths(), _positions(training))
    except _EXPECTED:
        return None


def run_job(job: Job, folder: Path, overwrite: bool) -> Result:
    """Carries out a run, or what is left of it, and keeps its result.

    Args:
        folder: of the sweep; the run gets one of its own in it.
        overwrite: begin anew, whatever is there.
    """
    start = time.monotonic()
    place = folder / job.name
    try:
        with numerics(job.settings["numerics"]):
            result = _run(job, place, overwrite, start)
        if result.outcome != "failed":
            keep_result(place, job, result)
    except _EXPECTED as error:
        return Result(job.name, job.varied, "failed", message=in_words(error), seconds=time.monotonic() - start)
    return result


# What can go wrong with one run and is no reason to give up the others.
_EXPECTED = (OSError, CorpusError, CompileError, ToolchainError, CommandError, ResumeError, MemoryError, LimitError)


def _run(job: Job, place: Path, overwrite: bool, start: float) -> Result:
    # Only a run that is done has one.
    (place / RESULT).unlink(missing_ok=True)
    training = new_training(job.settings)
    if training.corpus.sha256 != job.corpus_sha256:
        raise CorpusError(f"{training.corpus.name} has changed since the sweep began")
    found = None if overwrite else newest_checkpoint(place, lambda message: None)
    if found:
        training.restore(found[1])
    backend = choose_backend(job.backend, training.config, training.optimizer, COMPILE_JOBS, training.batch_size)
    _prepare(training, backend)
    options = {**job.settings, "backend": job.backend, "save_every": job.save_every, "keep": job.keep}
    steps = recorded_steps(training, backend, place, job.save_every, job.keep, options)
    try:
        with closing(steps):
            for _ in steps:
                pass
    except NotFiniteError as error:
        message = str(find_cause(training, error) or error)
        return Result(job.name, job.varied, "diverged", message=message, seconds=time.monotonic() - start)
    held_out = bits = None
    if training.held_out:
        what = backend, training.config, training.tokenizer, training.state.parameters, training.held_out
        evaluation = evaluate(*what, training.pack)
        held_out, bits = evaluation.document_loss, evaluation.bits_per_character
        if not math.isfinite(held_out) or not math.isfinite(bits):
            message = "the loss of what was held out is not finite"
            return Result(job.name, job.varied, "diverged", message=message, seconds=time.monotonic() - start)
    loss = _last_loss(place)
    return Result(job.name, job.varied, "finished", loss, held_out, bits, seconds=time.monotonic() - start)


def _prepare(training: Training, backend: Backend) -> None:
    lengths = training.lengths() if training.state.step < training.steps else []
    backend.prepare(lengths, _positions(training), silent)


def _positions(training: Training) -> int:
    """How many the backend has to predict at: those of documents that are held out."""
    return training.config.block_size if training.held_out else 0


def _last_loss(place: Path) -> float:
    """The mean loss of the last steps, from the log: some of them may have been taken before an interruption."""
    lines = (place / LOG).read_bytes().splitlines()[-LAST_STEPS:]
    losses = [json.loads(line)["loss"] for line in lines]
    return math.fsum(losses) / len(losses)


def keep_result(place: Path, job: Job, result: Result) -> None:
    """Writes the result of a run that is done to its folder."""
    text = json.dumps({"identity": job.identity, "result": asdict(result)}, indent=1, allow_nan=False)
    write_atomically(place / RESULT, text.encode() + b"\n")


def read_result(folder: Path, job: Job) -> Result | None:
    """The result of a run that is done; None if there is none that can be read, or it is of another run."""
    found = _stored(folder / job.name)
    if found is None or found["identity"] != job.identity:
        return None
    try:
        result = Result(**{**found["result"], "name": job.name, "varied": job.varied})
    except TypeError:
        return None
    if result.outcome == "finished" and not isinstance(result.loss, float):
        return None
    return result


def stored_identity(folder: Path, job: Job) -> Mapping[str, Any] | None:
    """What decided the bits of the run that has the folder of `job`, if one is done there."""
    found = _stored(folder / job.name)
    return found and found["identity"]


def _stored(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((place / RESULT).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    is_result = isinstance(found, dict) and all(isinstance(found.get(part), dict) for part in ("identity", "result"))
    return found if is_result else None


def in_words(error: Exception) -> str:
    """What went wrong, on one line."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return " ".join(str(error).split()) or type(error).__name__
