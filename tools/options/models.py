"""Finding the trained model that a command is about."""

from __future__ import annotations

from pathlib import Path

import click

from ...compiler.numerics import numerics
from ...runtime.training.checkpoint import Checkpoint, load_checkpoint
from ...runtime.training.runs import CHECKPOINT, CHECKPOINTS, CONFIG, last_model_path, newest_checkpoint
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError

__all__ = ["load_model"]


def load_model(path: Path | None) -> Checkpoint:
    """The model in a file, or the one furthest on in the folder of a run, or the last one trained here.

    The numerics that it was trained in are in force while the command runs.
    """
    model = _found(path)
    click.get_current_context().with_resource(numerics(model.numerics))
    return model


def _found(path: Path | None) -> Checkpoint:
    if path is None:
        path = last_model_path()
        if not path.exists():
            raise CommandError(
                "no model has been trained here yet; run `microgpt train`, or name a checkpoint", BAD_INPUT
            )
    elif path.is_dir() and not (path / CHECKPOINT).is_file() and (path / CHECKPOINTS).is_dir():
        # The run is still going on, or was killed.
        found = newest_checkpoint(path, console.warn)
        if found:
            return found[1]
    elif path.is_dir() and (path / CHECKPOINT).is_file():
        path = path / CHECKPOINT
    elif (path / CONFIG).is_file():
        raise CommandError(f"{path} is a run that has saved no checkpoint; train with --save-every", BAD_INPUT)
    return load_checkpoint(path)
