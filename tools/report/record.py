"""The record of a run: what its folder, or a mere checkpoint, holds; and what is missing.

A run may be going on, may have been killed, or be of an older version: nothing but being a run is asked of it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...runtime.training.checkpoint import Checkpoint, load_checkpoint
from ...runtime.training.runs import CHECKPOINT, CHECKPOINTS, CONFIG, LOG, RESULT, last_model_path, newest_checkpoint
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError

__all__ = ["Record", "read_log", "read_record"]


@dataclass(frozen=True)
class Record:
    """What a run has left.

    Attributes:
        name: of the folder or the file.
        model: the newest sound checkpoint, if there is one.
        config: what ``config.json`` says; empty if there is none.
        result: what ``result.json`` says of how the run ended; empty if there is none.
        steps, losses: what the log says, in nats.
        missing: what a complete run would have, in sentences.
    """

    name: str
    model: Checkpoint | None = None
    config: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def planned_steps(self) -> int | None:
        """How many steps the run was to take, if that is known."""
        planned = self.config.get("steps")
        if isinstance(planned, int):
            return planned
        return self.model.progress.steps if self.model and self.model.progress else None

    @property
    def held_out_loss(self) -> float | None:
        """The mean loss of the documents that were held out, if any were and the run came to its end."""
        evaluation = self.result.get("held_out")
        loss = evaluation.get("document_loss") if isinstance(evaluation, dict) else None
        return loss if isinstance(loss, float) and math.isfinite(loss) else None


def read_record(path: Path | None) -> Record:
    """Reads the folder of a run, or a checkpoint, or the model last trained here.

    Raises:
        CommandError: if there is no such thing.
        CheckpointError: if `path` is a file, and no checkpoint.
    """
    if path is None:
        path = last_model_path()
        if not path.exists():
            raise CommandError("no model has been trained here yet; run `microgpt train`, or name a run", BAD_INPUT)
    if not path.is_dir():
        missing = ["There is no log: a checkpoint alone does not have its losses. Report on the folder of a run."]
        return Record(path.name, load_checkpoint(path), missing=missing)
    if not any((path / name).exists() for name in (CHECKPOINT, CHECKPOINTS, CONFIG, LOG)):
        raise CommandError(f"{path} is not the folder of a run; `microgpt train --out DIR` writes one", BAD_INPUT)
    found = newest_checkpoint(path, console.warn)
    config, result = _read_object(path / CONFIG), _read_object(path / RESULT)
    steps, losses, complaint = read_log(path / LOG)
    missing = [complaint] if complaint else []
    if not config:
        missing.append(f"There is no {CONFIG}: the settings are those that the checkpoint has.")
    if not found:
        missing.append("There is no sound checkpoint, and so no model to look into.")
    if not result:
        missing.append(f"There is no {RESULT}: the run is still going on, or was cut off, or is of an older version.")
    return Record(path.resolve().name, found[1] if found else None, config, result, steps, losses, missing)


def read_log(path: Path) -> tuple[list[int], list[float], str]:
    """The steps and losses of a log, as far as it is sound, and what is wrong with it, if anything."""
    steps: list[int] = []
    losses: list[float] = []
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    entry = json.loads(line)
                    step, loss = entry["step"], entry["loss"]
                except (ValueError, TypeError, KeyError, RecursionError):
                    return steps, losses, f"Line {number} of the log is damaged; what follows is left out."
                if (
                    type(step) is not int
                    or type(loss) is not float
                    or not math.isfinite(loss)
                    or step <= (steps or [0])[-1]
                ):
                    return steps, losses, f"Line {number} of the log is damaged; what follows is left out."
                steps.append(step)
                losses.append(loss)
    except OSError as error:
        return steps, losses, f"The log cannot be read ({error.strerror})."
    return steps, losses, "" if steps else "The log has no steps."


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
