"""The file that a command writes what it has made to, as -o says."""

from __future__ import annotations

from pathlib import Path

from ...runtime.storage.files import write_atomically
from .failures import ENVIRONMENT, CommandError

__all__ = ["check_output", "write_output"]


def check_output(path: Path) -> None:
    """To be called before the work is done: a mistyped folder is an error at once.

    Raises:
        CommandError: if there is no folder for the file.
    """
    if not path.absolute().parent.is_dir():
        raise CommandError(f"-o {path} cannot be written: there is no folder {path.parent}", ENVIRONMENT)


def write_output(path: Path, text: str) -> None:
    """Writes the file.

    Raises:
        CommandError: if it cannot be written.
    """
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise CommandError(f"-o {path} cannot be written: {error.strerror}", ENVIRONMENT) from None
