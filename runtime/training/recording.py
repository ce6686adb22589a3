"""Recording a run: what describes it in its folder, and taking its steps with each of them logged there.

The command `train` has more to do at each step and a person to talk to; this is for what trains without being watched.
"""

from __future__ import annotations

import platform
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from ..backends.backend import Backend
from ..version import VERSION
from .evaluation import Evaluation
from .runs import RunFolder
from .step_log import StepLog
from .training import NotFiniteError, Step, Training

__all__ = ["describe_result", "describe_run", "recorded_steps"]


def describe_run(training: Training, backend: Backend, options: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration that a run folder keeps, as plain data."""
    corpus = training.corpus
    return {
        "model": asdict(training.config),
        "optimizer": asdict(training.optimizer),
        "steps": training.steps,
        "batch_size": training.batch_size,
        "seed": training.seed,
        "data": {"name": corpus.name, "documents": len(corpus.documents), "sha256": corpus.sha256},
        "backend": backend.name,
        "numerics": getattr(backend, "fast", "") or training.numerics,
        "versions": {"microgpt": VERSION, "python": platform.python_version(), "system": platform.platform()},
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
    }


def describe_result(outcome: str, step: int, message: str = "", held_out: Evaluation | None = None) -> dict[str, Any]:
    """How a run ended, as plain data.

    Args:
        outcome: ``finished``, ``diverged`` or ``interrupted``.
        step: how many were taken in all.
        message: why it ended early.
        held_out: how well the model predicts what it was not trained on.
    """
    # JSON has no infinity.
    numbers = (
        {name: number if isfinite(number) else None for name, number in asdict(held_out).items()} if held_out else None
    )
    return {"outcome": outcome, "step": step, "message": message, "held_out": numbers}


def recorded_steps(
    training: Training,
    backend: Backend,
    path: Path,
    save_every: int | None,
    keep: int,
    options: Mapping[str, Any],
) -> Generator[Step, None, None]:
    """Takes the steps that are left; each is recorded in the folder before it is handed out, and the model at the end.

    To be closed if it is not used up, so that the folder and its log are free again.

    Args:
        path: of the folder.
        save_every, keep: write a checkpoint after so many steps, and keep the last so many; None for never.
        options: what the user has set, by name.

    Raises:
        OSError: if something cannot be written.
        NotFiniteError: if training comes to a NaN or an infinity.
    """
    with ExitStack() as stack:
        folder = RunFolder(path)
        stack.callback(folder.close)
        log = stack.enter_context(StepLog(folder.log_path))
        folder.begin(describe_run(training, backend, options), training.state.step)
        log.begin(training.state.step)
        try:
            for step in training.run(backend, save_every):
                log.write(step)
                if save_every and step.number == training.state.step and step.number % save_every == 0:
                    log.sync()
                    folder.save_step(training.checkpoint(), keep)
                yield step
        except NotFiniteError as error:
            folder.end(describe_result("diverged", training.checkpoint().step, str(error)))
            raise
        log.sync()
        folder.save(training.checkpoint())
        folder.end(describe_result("finished", training.state.step))
