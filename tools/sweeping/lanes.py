"""Carrying out the runs of a sweep as lanes of JAX programs: fast, not exact.

Runs of one shape and number of steps are one program, in which they differ by their data: start, learning rate, decay
rates and the order of documents. A lane keeps its result and no folder of a run: its model has no bits to go on from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...compiler.errors import CompileError
from ...data.corpus import CorpusError
from ...runtime.backends.backend import Document
from ..options.backends import choose_backend
from ..options.new_training import OPTIMIZER, new_training, optimizer_of
from .grid import Job
from .job import LAST_STEPS, Result, in_words, keep_result

__all__ = ["run_lanes"]

# Runs in one call of a program. A GPU is busy with so many of the default model; results are kept after each call.
LANES = 8192


def run_lanes(jobs: Sequence[Job], folder: Path, done: Callable[[Result], None]) -> None:
    """Carries out all jobs, whose backend is one of JAX.

    Args:
        folder: of the sweep; each run keeps its result there.
        done: is told what became of each.
    """
    groups: dict[tuple[Any, ...], list[Job]] = {}
    for job in jobs:
        shape = tuple(job.settings[name] for name in ("data", "steps", "n_layer", "n_embd", "n_head", "block_size"))
        groups.setdefault(shape, []).append(job)
    for group in groups.values():
        for start in range(0, len(group), LANES):
            lanes = group[start : start + LANES]
            try:
                results = _results(lanes)
                for job, result in zip(lanes, results, strict=True):
                    (folder / job.name).mkdir(exist_ok=True)
                    keep_result(folder / job.name, job, result)
            except (CompileError, CorpusError, OSError) as error:
                results = [Result(job.name, job.varied, "failed", message=in_words(error)) for job in lanes]
            for result in results:
                done(result)


def _results(jobs: Sequence[Job]) -> list[Result]:
    begin = time.monotonic()
    numbers: dict[bytes, int] = {}
    documents: list[Document] = []
    runs: dict[tuple[Any, ...], tuple[list[float], list[int]]] = {}

    def number_of(document: Document) -> int:
        if document.packed not in numbers:
            numbers[document.packed] = len(documents)
            documents.append(document)
        return numbers[document.packed]

    starts, rows, optimizers = [], [], []
    for job in jobs:
        key = tuple(value for name, value in job.settings.items() if name not in OPTIMIZER)
        if key not in runs:  # neither start nor documents depend on the optimiser
            training = new_training(job.settings)
            if training.corpus.sha256 != job.corpus_sha256:
                raise CorpusError(f"{training.corpus.name} has changed since the sweep began")
            order = [number_of(training.document(step)) for step in range(training.steps)]
            runs[key] = training.state.parameters, order
        starts.append(runs[key][0])
        rows.append(runs[key][1])
        optimizers.append(optimizer_of(job.settings))
    backend: Any = choose_backend(jobs[0].backend, training.config, training.optimizer)
    losses, finite = backend.train_lanes(starts, documents, rows, optimizers)
    seconds = (time.monotonic() - begin) / len(jobs)
    return [_result(*each, seconds) for each in zip(jobs, losses, finite, strict=True)]


def _result(job: Job, losses: Sequence[float], finite: bool, seconds: float) -> Result:
    step = next((step for step, loss in enumerate(losses, 1) if not math.isfinite(loss)), 0)
    if step or not finite:
        message = f"step {step or len(losses)}: training has come to a number that is not finite"
        return Result(job.name, job.varied, "diverged", message=message, seconds=seconds)
    last = losses[-LAST_STEPS:]
    return Result(job.name, job.varied, "finished", math.fsum(last) / len(last), seconds=seconds)
