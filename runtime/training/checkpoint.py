"""Checkpoints: a trained model in one safetensors file, and back, to the bit.

The file holds a tensor of doubles for each matrix of the model (and two more of each for Adam's moments, if training
can go on from it), and all else as text in its metadata: the format, the configuration, the alphabet, the seed, the
number of steps, the state of the random stream, and a digest of everything. Whatever is not exactly such a file is
refused with a `CheckpointError`. The same checkpoint always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

from ...data.tokenizer import Tokenizer
from ...model.config import AdamConfig, GPTConfig
from ..storage.files import write_atomically
from .progress import Progress

__all__ = ["Checkpoint", "CheckpointError", "load_checkpoint", "save_checkpoint"]

FORMAT = "microgpt-checkpoint"
FORMAT_VERSION = "2"
READABLE_VERSIONS = ("1", "2")  # 1 had no progress
EXTRA = "extra."
# What the names of the moments' tensors begin with, in the order of the file.
MOMENTS = ("adam.first_moment.", "adam.second_moment.")

# The format's own limit for the header: safetensors refuses a larger one.
LARGEST_HEADER = 100_000_000


class CheckpointError(ValueError):
    """A file that is no usable checkpoint. The message, one line, says which file, what is wrong and how to mend it."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and what is needed to go on from it.

    Attributes:
        config: the shape of the model.
        tokenizer: the alphabet; its `vocab_size` is that of `config`.
        seed: of the random stream that initialised and trained the model.
        step: the number of training steps done.
        parameters: all weights, in the order of ``config.matrices()``.
        tool_version: the version of microgpt that wrote it.
        extra: anything else worth keeping, by name.
        progress: what training needs to go on from here, if it is to.

    Raises:
        ValueError: if the parts do not fit each other.
    """

    config: GPTConfig
    tokenizer: Tokenizer
    seed: int
    step: int
    parameters: list[float]
    tool_version: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.tokenizer.vocab_size != self.config.vocab_size:
            raise ValueError(f"{self.tokenizer.vocab_size} tokens, but a model for {self.config.vocab_size}")
        if len(self.parameters) != self.config.parameter_count:
            raise ValueError(f"{len(self.parameters)} parameters, but a model of {self.config.parameter_count}")
        if self.step < 0:
            raise ValueError(f"step must not be negative, but is {self.step}")
        if self.progress and self.step > self.progress.steps:
            raise ValueError(f"step {self.step} of {self.progress.steps}")
        if self.progress and len(self.progress.first_moment) != len(self.parameters):
            raise ValueError(f"{len(self.progress.first_moment)} moments for {len(self.parameters)} parameters")

    @property
    def optimizer(self) -> AdamConfig:
        """What the model was trained with: sampling does not use it, but a C library has all three programs."""
        return self.progress.optimizer if self.progress else AdamConfig()


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Writes `checkpoint` to the file at `path`, whole or not at all.

    Raises:
        OSError: if the file cannot be written.
    """
    write_atomically(path, _encode(checkpoint))


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Reads what `save_checkpoint` wrote.

    Raises:
        CheckpointError: if the file is missing, unreadable, damaged, or not a checkpoint of microgpt.
    """
    try:
        with open(path, "rb") as file:
            return _decode(file)
    except FileNotFoundError:
        message = "no such file; give the path of a checkpoint, as `microgpt train --out DIR` writes it to DIR"
    except IsADirectoryError:
        message = f"is a folder; give the path of a file, perhaps {Path(path, 'checkpoint.safetensors')}"
    except CheckpointError as error:
        message = str(error)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        message = f"cannot be read ({getattr(error, 'strerror', None) or error}); give the path of a readable file"
    raise CheckpointError(f"{os.fspath(path)}: {message}")


def _encode(checkpoint: Checkpoint) -> bytes:
    """The bytes of the file: the length of the header, the header in JSON, the numbers.

    Written here and not by safetensors, which takes addresses of memory, and puts metadata in another order each time.
    """
    progress = checkpoint.progress
    parts = [("", checkpoint.parameters)]
    if progress:
        parts += zip(MOMENTS, (progress.first_moment, progress.second_moment), strict=True)
    numbers = b"".join(_little_endian(array("d", part)).tobytes() for _, part in parts)
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tool_version": checkpoint.tool_version,
        "config": json.dumps(asdict(checkpoint.config)),
        "tokenizer": checkpoint.tokenizer.to_json(),
        "seed": str(checkpoint.seed),
        "step": str(checkpoint.step),
        **(progress.to_metadata() if progress else {}),
        # A file name in it may hold halves of surrogate pairs, which have no place in UTF-8.
        **{EXTRA + name: text.encode("utf-8", "backslashreplace").decode() for name, text in checkpoint.extra.items()},
    }
    metadata["sha256"] = _digest(metadata, numbers)
    header: dict[str, Any] = {"__metadata__": metadata}
    start = 0
    for prefix, _ in parts:
        for name, rows, columns in checkpoint.config.matrices():
            end = start + 8 * rows * columns
            header[prefix + name] = {"dtype": "F64", "shape": [rows, columns], "data_offsets": [start, end]}
            start = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers are aligned in the file
    return len(text).to_bytes(8, "little") + text + numbers


def _decode(file: BinaryIO) -> Checkpoint:
    import safetensors  # here, because most commands need no checkpoint

    # The metadata first: a foreign file, which may be one of many gigabytes, is recognised by it alone.
    metadata = _metadata(file)
    file.seek(0)
    content = file.read()
    try:
        tensors = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"is damaged ({error}); restore it from a copy or train again") from None
    try:
        config_fields = json.loads(metadata["config"])
        if set(config_fields) != {entry.name for entry in fields(GPTConfig)}:
            raise ValueError("not the fields of a configuration")
        config = GPTConfig(**config_fields)
        tokenizer = Tokenizer.from_json(metadata["tokenizer"])
        seed, step = int(metadata["seed"]), int(metadata["step"])
    except KeyError as error:
        raise CheckpointError(f"has no {error} in its metadata; restore it from a copy or train again") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"has broken metadata ({_in_one_line(error)}); restore it from a copy or train again"
        ) from None
    resumable = "run" in metadata
    parts = [b"".join(_take(tensors, config, prefix)) for prefix in ("", *(MOMENTS if resumable else ()))]
    if tensors:
        raise CheckpointError(f"has a tensor too many, {min(tensors)!r}; restore it from a copy or train again")
    if metadata.pop("sha256", None) != _digest(metadata, b"".join(parts)):
        raise CheckpointError("does not match its own sha256, so it was damaged or edited; restore it from a copy")
    parameters, *moments = (_little_endian(array("d", part)).tolist() for part in parts)
    extra = {name.removeprefix(EXTRA): text for name, text in metadata.items() if name.startswith(EXTRA)}
    try:
        progress = Progress.from_metadata(metadata, *moments) if resumable else None
        version = metadata.get("tool_version", "")
        return Checkpoint(config, tokenizer, seed, step, parameters, version, extra, progress)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"contradicts itself ({_in_one_line(error)}); train again") from None


def _metadata(file: BinaryIO) -> dict[str, str]:
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
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise CheckpointError("was not written by microgpt; give a checkpoint that `microgpt train --out DIR` wrote")
    if metadata.get("format_version") not in READABLE_VERSIONS:
        raise CheckpointError(
            f"has format version {metadata.get('format_version')!r}, and this microgpt reads {FORMAT_VERSION!r}; "
            f"use the microgpt that wrote it (version {metadata.get('tool_version')!r})"
        )
    return metadata


def _take(tensors: dict[str, Any], config: GPTConfig, prefix: str) -> Iterator[bytes]:
    """Removes the model's matrices from `tensors`, in order. Soon ends for a `config` too large: one is missing."""
    for name, rows, columns in config.matrices():
        name = prefix + name
        tensor = tensors.pop(name, None)
        if tensor is None:
            raise CheckpointError(f"has no tensor {name!r}; restore it from a copy or train again")
        found = f"{tensor['dtype']} {tensor['shape']}"
        if found != f"F64 {[rows, columns]}":
            raise CheckpointError(f"has {name!r} as {found} instead of F64 {[rows, columns]}; give another checkpoint")
        yield tensor["data"]


def _in_one_line(error: Exception) -> str:
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
