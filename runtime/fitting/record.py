"""What a fit leaves in its folder: a log, a JSON line a step, and a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..training.runs import LockedFolder
from ..training.step_log import StepLog
from .checkpoint import CHECKPOINT, LOG, identity_of, load_state, save_state
from .run import FitStep, Run

__all__ = ["Record"]


class Record:
    """The folder of a fit.

    Args:
        path: made if it is not there.
        run: the fit.
        save_every: write the checkpoint after so many steps; None for the end alone.

    Raises:
        OSError: if it cannot be written, or another process is writing to it.
    """

    def __init__(self, path: Path, run: Run, save_every: int | None) -> None:
        self._run, self._save_every = run, save_every
        self._identity = identity_of(run.problem, run.rows, run.batch, run.order)
        self._folder = LockedFolder(path)
        self._log = StepLog(path / LOG)
        self._path = path / CHECKPOINT

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._log.__exit__(*error)
        finally:
            self._folder.close()

    def begin(self, resume: bool, steps: int) -> None:
        """Goes on with what is there, or begins anew.

        Raises:
            CheckpointError: if the checkpoint is damaged, or none of a fit.
            ResumeError: if it is of another fit.
            ValueError: if it is beyond `steps`.
        """
        if resume and self._path.exists():
            state = load_state(self._path, self._run.problem, self._identity)
            if state.step > steps:
                raise ValueError(f"{self._path} is at step {state.step:,}, beyond steps={steps}")
            self._run.begin(state)
        else:
            self._path.unlink(missing_ok=True)
        self._folder.remove_leftovers()
        self._log.begin(self._run.state.step)

    def write(self, steps: Sequence[FitStep]) -> None:
        """Logs steps; writes the checkpoint if it is time."""
        for step in steps:
            self._log.add({"step": step.number, "loss": step.loss, **step.constants})
        if self._save_every and steps[-1].number % self._save_every == 0:
            self.save()

    def save(self) -> None:
        """Writes the checkpoint, and makes sure that the log is on the disk."""
        self._log.sync()
        save_state(self._path, self._run.problem, self._run.state, self._identity)
