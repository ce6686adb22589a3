"""Writing files so that a reader, or a crash at any moment, finds the old content or the new, never a part of it."""

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["write_atomically", "write_plainly"]


def write_plainly(path: Path, content: bytes) -> None:
    """Writes a file that nobody else reads meanwhile. Unlike `Path.write_bytes`, every error names the file.

    Raises:
        OSError: if it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        error.filename = str(path)
        raise


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes `content` to the file at `path`, by way of a file beside it that then takes its name.

    Raises:
        OSError: if the file cannot be written; what stood at `path` is then as it was.
    """
    path = Path(path)
    # Not tempfile: it makes files that only their owner can read, whatever the umask of the user says.
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            # Without it, a power cut can leave the new name on content that never reached the disk.
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # not the one beside it, and never nothing
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
