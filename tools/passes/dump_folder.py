"""The folder that ``compile --dump`` writes to."""

from __future__ import annotations

from pathlib import Path

from ..terminal.failures import ENVIRONMENT, CommandError

__all__ = ["dump_folder"]


def dump_folder(path: Path) -> None:
    """Makes the folder, if it is not there.

    Raises:
        CommandError: if it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--dump {path} cannot be written: {error.strerror}", ENVIRONMENT) from None
