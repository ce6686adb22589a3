"""Tensor files: doubles by name and texts in one safetensors file, and back, to the bit.

The texts stand in the file's metadata, with a digest of everything. Whatever is not exactly such a file is refused with
a `CheckpointError`. The same content always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

__all__ = ["CheckpointError", "FileKind", "LoadedFile", "bytes_of", "encode", "in_one_line", "load"]

# The format's own limit for the header: safetensors refuses a larger one.
LARGEST_HEADER = 100_000_000

T = TypeVar("T")


class CheckpointError(ValueError):
    """A file that is no usable checkpoint. The message, one line, says which file, what is wrong and how to mend it."""


@dataclass(frozen=True)
class FileKind:
    """What such a file is for.

    Attributes:
        format: its name in the metadata.
        version: that is written.
        readable: the versions that can be read.
        writer: what writes such files, for messages.
    """

    format: str
    version: str
    readable: tuple[str, ...]
    writer: str


def encode(kind: FileKind, metadata: Mapping[str, str], tensors: Iterable[tuple[str, Sequence[int], bytes]]) -> bytes:
    """The bytes of a file: the length of the header, the header in JSON, the numbers.

    Written here and not by safetensors, which takes addresses of memory, and puts metadata in another order each time.

    Args:
        tensors: by name, shape and `bytes_of` its numbers.
    """
    tensors = list(tensors)
    numbers = b"".join(data for _, _, data in tensors)
    texts = {"format": kind.format, "format_version": kind.version, **metadata}
    texts["sha256"] = _digest(texts, numbers)
    header: dict[str, Any] = {"__metadata__": texts}
    start = 0
    for name, shape, data in tensors:
        header[name] = {"dtype": "F64", "shape": list(shape), "data_offsets": [start, start + len(data)]}
        start += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers are aligned in the file
    return len(text).to_bytes(8, "little") + text + numbers


def bytes_of(numbers: Iterable[float]) -> bytes:
    """Doubles as they stand in a file."""
    return _little_endian(array("d", numbers)).tobytes()


class LoadedFile:
    """What a file holds.

    Attributes:
        metadata: its texts.
    """

    def __init__(self, metadata: dict[str, str], tensors: dict[str, Any]) -> None:
        self.metadata, self._tensors = metadata, tensors
        self._parts: list[bytes] = []

    def take(self, shapes: Iterable[tuple[str, Sequence[int]]]) -> list[float]:
        """The numbers of tensors, in order.

        Raises:
            CheckpointError: at the first that is missing or of another shape.
        """
        data = b"".join(self._take(shapes))
        self._parts.append(data)
        return _little_endian(array("d", data)).tolist()

    def _take(self, shapes: Iterable[tuple[str, Sequence[int]]]) -> Iterator[bytes]:
        for name, shape in shapes:
            tensor = self._tensors.pop(name, None)
            if tensor is None:
                raise CheckpointError(f"has no tensor {name!r}; restore it from a copy or train again")
            found, wanted = f"{tensor['dtype']} {tensor['shape']}", f"F64 {list(shape)}"
            if found != wanted or len(tensor["data"]) != 8 * prod(shape):
                raise CheckpointError(f"has {name!r} as {found} instead of {wanted}; give another checkpoint")
            yield tensor["data"]

    def finish(self) -> None:
        """Checks, when all tensors have been taken in the order of the file, that these were all, and unharmed.

        Raises:
            CheckpointError: if not.
        """
        if self._tensors:
            raise CheckpointError(
                f"has a tensor too many, {min(self._tensors)!r}; restore it from a copy or train again"
            )
        if self.metadata.pop("sha256", None) != _digest(self.metadata, b"".join(self._parts)):
            raise CheckpointError("does not match its own sha256, so it was damaged or edited; restore it from a copy")


def load(path: str | os.PathLike[str], kind: FileKind, decode: Callable[[LoadedFile], T], name: str) -> T:
    """Reads what `encode` made.

    Args:
        decode: makes of it what it is.
        name: of such a file in a folder, for a message.

    Raises:
        CheckpointError: if the file is missing, unreadable, damaged, or of another kind.
    """
    try:
        with open(path, "rb") as file:
            content = _read(file, kind)
    except FileNotFoundError:
        message = f"no such file; give the path of a checkpoint, as {kind.writer} writes it to DIR"
    except IsADirectoryError:
        message = f"is a folder; give the path of a file, perhaps {Path(path, name)}"
    except CheckpointError as error:
        message = str(error)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        message = f"cannot be read ({getattr(error, 'strerror', None) or error}); give the path of a readable file"
    else:
        try:
            return decode(content)
        except CheckpointError as error:
            message = str(error)
    raise CheckpointError(f"{os.fspath(path)}: {message}")


def _read(file: BinaryIO, kind: FileKind) -> LoadedFile:
    import safetensors  # here, because most commands need no checkpoint

    # The metadata first: a foreign file, which may be one of many gigabytes, is told from it alone.
    metadata = _metadata(file, kind)
    file.seek(0)
    content = file.read()
    try:
        return LoadedFile(metadata, dict(safetensors.deserialize(content)))
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"is damaged ({error}); restore it from a copy or train again") from None


def _metadata(file: BinaryIO, kind: FileKind) -> dict[str, str]:
    """The metadata of a safetensors file that microgpt wrote, from the start of `file`."""
    size = int.from_bytes(file.read(8), "little")
    text = file.read(size) if size <= LARGEST_HEADER else b""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if len(text) < size or not isinstance(header, dict):
        raise CheckpointError("is not a safetensors file, or its start is damaged; give a checkpoint of microgpt")
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("format") != kind.format:
        raise CheckpointError(f"was not written by microgpt; give a checkpoint that {kind.writer} wrote")
    if metadata.get("format_version") not in kind.readable:
        raise CheckpointError(
            f"has format version {metadata.get('format_version')!r}, and this microgpt reads {kind.version!r}; "
            f"use the microgpt that wrote it (version {metadata.get('tool_version')!r})"
        )
    return metadata


def in_one_line(error: Exception) -> str:
    """What an error says. It may quote the file, where anything can stand."""
    return " ".join(str(error).split())


def _digest(metadata: Mapping[str, str], numbers: bytes) -> str:
    """The SHA-256 of all that the file says. Without it, a flipped bit in a weight would go unnoticed."""
    text = json.dumps(dict(metadata), sort_keys=True).encode()
    return hashlib.sha256(text + b"\0" + numbers).hexdigest()


def _little_endian(numbers: array[float]) -> array[float]:
    """Swaps the bytes of `numbers` in place on a big-endian machine, there and back; safetensors is little-endian."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
