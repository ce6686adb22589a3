"""The log of a run: a JSON line for each step."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from .training import Step

__all__ = ["StepLog"]

# Seconds that a line of the log may wait for others, to be written with them.
PATIENCE = 0.2


class StepLog:
    """A JSON line for each step, with numbers that read back as the same bits.

    Args:
        path: what it holds stays until `begin`.

    Raises:
        OSError: if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115
        self._flushed = 0.0

    def __enter__(self) -> StepLog:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            with self._named():
                self._file.close()
        except OSError:
            # After an error, what could not be written is no news, and must not hide that error.
            if kind is None:
                raise

    def begin(self, step: int = 0) -> None:
        """Drops the lines after `step`, and what is not a line of a log."""
        self.flush()
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(_end_of_step(self._path, step))

    def sync(self) -> None:
        """Makes sure that what was written is on the disk, where it can be."""
        self.flush()
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())

    def flush(self) -> None:
        """Hands what was written to the system."""
        with self._named():
            self._file.flush()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Lets errors say which file they are about."""
        try:
            yield
        except OSError as error:
            error.filename = str(self._path)
            raise

    def write(self, step: Step) -> None:
        """Adds the line of a step."""
        self.add({"step": step.number, "loss": step.loss, "lr": step.learning_rate, "length": step.length})

    def add(self, line: Mapping[str, float]) -> None:
        """Adds a line; the number of its step is its ``step``."""
        with self._named():
            self._file.write(json.dumps(line, allow_nan=False) + "\n")
        now = time.monotonic()
        if now - self._flushed > PATIENCE:
            self.flush()
            self._flushed = now


def _end_of_step(path: Path, step: int) -> int:
    """Where in a log the lines of the steps up to `step` end."""
    end = 0
    with open(path, "rb") as file:
        for line in file if step else ():
            try:
                number = json.loads(line)["step"]
            except (ValueError, TypeError, KeyError, RecursionError):
                break
            if not line.endswith(b"\n") or not isinstance(number, int) or number > step:
                break
            end += len(line)
    return end
