"""What a run of training leaves behind: a folder of its own if the user names one, a log, and the last model.

Places are checked before the work begins, so that hours of training do not end at a folder that cannot be written.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .checkpoint import Checkpoint, save_checkpoint
from .files import write_atomically
from .training import Step

__all__ = ["CHECKPOINT", "RunFolder", "StepLog", "keep_last_model", "last_model_path"]

CHECKPOINT, CONFIG, LOG = "checkpoint.safetensors", "config.json", "log.jsonl"
ENVIRONMENT_VARIABLE = "MICROGPT_DATA_DIR"

# Seconds that a line of the log may wait for others, to be written with them.
PATIENCE = 0.2


def last_model_path() -> Path:
    """Where the model of the last training is kept: in the user's data folder, or in that of `MICROGPT_DATA_DIR`."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    if given:
        return Path(os.path.expanduser(given)) / "last.safetensors"
    from platformdirs import user_data_path

    return user_data_path("microgpt", appauthor=False) / "last.safetensors"


def keep_last_model(checkpoint: Checkpoint) -> None:
    """Keeps `checkpoint` as the last model.

    Raises:
        OSError: if the user's data folder cannot be written.
    """
    path = last_model_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, checkpoint)


class RunFolder:
    """The folder of one run: ``checkpoint.safetensors``, ``config.json``, ``log.jsonl``.

    Args:
        path: made if it is not there. What an earlier run left in it is replaced, file by file, as this one gets to it.

    Raises:
        OSError: if files cannot be written to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"x")

    @property
    def log_path(self) -> Path:
        """The log's."""
        return self.path / LOG

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Writes all that decides what the run does."""
        write_atomically(self.path / CONFIG, json.dumps(config, indent=2).encode() + b"\n")

    def save(self, checkpoint: Checkpoint) -> Path:
        """Writes the model, whole or not at all, and tells where."""
        save_checkpoint(self.path / CHECKPOINT, checkpoint)
        return self.path / CHECKPOINT


class StepLog:
    """A JSON line for each step, with numbers that read back as the same bits.

    Args:
        path: what it holds stays until `begin`.

    Raises:
        OSError: if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._flushed = 0.0

    def __enter__(self) -> StepLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self) -> None:
        """Drops the lines of an earlier run."""
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(0)

    def write(self, step: Step) -> None:
        """Adds the line of a step."""
        line = {"step": step.number, "loss": step.loss, "lr": step.learning_rate, "length": step.length}
        self._file.write(json.dumps(line) + "\n")
        now = time.monotonic()
        if now - self._flushed > PATIENCE:
            self._file.flush()
            self._flushed = now
