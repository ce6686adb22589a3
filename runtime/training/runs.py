"""What a run of training leaves behind: a folder of its own if the user names one, and the last model.

Places are checked before the work begins, so that hours of training do not end at a folder that cannot be written.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...data.places import user_data_folder
from ..storage.files import write_atomically
from .checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint

__all__ = [
    "CHECKPOINT",
    "CHECKPOINTS",
    "CONFIG",
    "CURVE",
    "LOG",
    "RESULT",
    "SAMPLES",
    "FolderInUseError",
    "LockedFolder",
    "RunFolder",
    "keep_last_model",
    "keep_rescued_model",
    "last_model_path",
    "newest_checkpoint",
]

CHECKPOINT, CHECKPOINTS, CONFIG, LOG = "checkpoint.safetensors", "checkpoints", "config.json", "log.jsonl"
# What there is only when a run has ended.
RESULT, CURVE, SAMPLES = "result.json", "loss.svg", "samples.txt"


def last_model_path() -> Path:
    """Where the model of the last training is kept: in the user's data folder."""
    return user_data_folder() / "last.safetensors"


def keep_last_model(checkpoint: Checkpoint) -> None:
    """Keeps `checkpoint` as the last model.

    Raises:
        OSError: if the user's data folder cannot be written.
    """
    path = last_model_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, checkpoint)


def keep_rescued_model(checkpoint: Checkpoint) -> Path:
    """Keeps `checkpoint` although its own folder does not take it, and returns where. The last model stays what it was.

    Raises:
        OSError: if the user's data folder cannot be written either.
    """
    path = user_data_folder() / "rescued.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, checkpoint)
    return path


class FolderInUseError(OSError):
    """Another process is training into the folder."""


class LockedFolder:
    """A folder that one process trains into, and no other meanwhile.

    Args:
        path: made if it is not there. What an earlier run left in it stays.

    Raises:
        OSError: if files cannot be written to it, or another process is training into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"x")
        self._lock = _lock(path)

    def close(self) -> None:
        """Lets other processes train into it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def log_path(self) -> Path:
        """The log's."""
        return self.path / LOG

    def remove_leftovers(self) -> None:
        """Removes what a process that was killed while writing leaves."""
        for folder in (self.path, self.path / CHECKPOINTS):
            for leftover in folder.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)


class RunFolder(LockedFolder):
    """The folder of one run: ``checkpoint.safetensors``, ``config.json``, ``log.jsonl``, and ``checkpoints``.

    When the run has ended, also ``result.json``, which says how, and ``loss.svg`` and ``samples.txt``, if something
    made them.
    """

    def begin(self, config: Mapping[str, Any], step: int) -> None:
        """Removes what is later than `step`, for a run that goes on from there, or begins, and describes it."""
        self.remove_leftovers()
        for path in _step_checkpoints(self.path):
            if _step_of(path) > step:
                path.unlink(missing_ok=True)
        # A folder from which nothing can be resumed is not left behind for one from which the wrong thing could.
        final = self.path / CHECKPOINT
        if final.exists() and not (step and _has_step(final, step)):
            final.unlink()
        for name in (RESULT, CURVE, SAMPLES):
            (self.path / name).unlink(missing_ok=True)
        write_atomically(self.path / CONFIG, json.dumps(config, indent=2).encode() + b"\n")

    def end(self, result: Mapping[str, Any]) -> None:
        """Writes how the run ended."""
        write_atomically(self.path / RESULT, json.dumps(result, indent=2).encode() + b"\n")

    def save_curve(self, curve: str) -> None:
        """Writes the picture of the losses, an SVG."""
        write_atomically(self.path / CURVE, curve.encode())

    def save_samples(self, texts: Sequence[str]) -> None:
        """Writes what the model invented at the end, one document a line."""
        content = "".join(f"{text}\n" for text in texts)
        write_atomically(self.path / SAMPLES, content.encode("utf-8", "surrogatepass"))

    def save(self, checkpoint: Checkpoint) -> Path:
        """Writes the model, whole or not at all, and returns where."""
        save_checkpoint(self.path / CHECKPOINT, checkpoint)
        return self.path / CHECKPOINT

    def save_step(self, checkpoint: Checkpoint, keep: int) -> Path:
        """Writes one of the checkpoints of a run, whole or not at all, and removes all but the last `keep`."""
        path = self.path / CHECKPOINTS / f"step-{checkpoint.step}.safetensors"
        path.parent.mkdir(exist_ok=True)
        save_checkpoint(path, checkpoint)
        for old in _step_checkpoints(self.path)[keep:]:
            old.unlink(missing_ok=True)
        return path


def newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> tuple[Path, Checkpoint] | None:
    """The sound checkpoint of a run that is furthest on.

    Args:
        folder: the run's.
        warn: takes a message for each damaged one.
    """
    found: tuple[Path, Checkpoint] | None = None
    for path in (folder / CHECKPOINT, *_step_checkpoints(folder)):
        if found and path.name != CHECKPOINT and _step_of(path) <= found[1].step:
            break
        try:
            checkpoint = load_checkpoint(path)
        except CheckpointError as error:
            if path.exists():
                warn(str(error))
            continue
        if found is None or checkpoint.step > found[1].step:
            found = path, checkpoint
    return found


def _step_checkpoints(folder: Path) -> list[Path]:
    """The last first."""
    paths = (path for path in (folder / CHECKPOINTS).glob("step-*.safetensors") if _step_of(path) >= 0)
    return sorted(paths, key=_step_of, reverse=True)


def _step_of(path: Path) -> int:
    number = path.stem.removeprefix("step-")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 20 else -1


def _has_step(path: Path, step: int) -> bool:
    try:
        return load_checkpoint(path).step <= step
    except CheckpointError:
        return False


def _lock(path: Path) -> int | None:
    """Locks a folder against other processes for as long as this one lives; None where that does not work."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        folder = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        # The folder itself, so that no lock file is left in it. The lock ends with the process, even by `kill -9`.
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise FolderInUseError(errno.EBUSY, "another training is writing to it", str(path)) from None
    except OSError:  # a file system without locks
        pass
    return folder
