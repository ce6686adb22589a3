"""Checkpoints: a trained model in one safetensors file, and back, to the bit.

The file holds a tensor of doubles for each matrix of the model (and two more of each for Adam's moments, if training
can go on from it), and all else as text in its metadata: the format, the configuration, the alphabet, the seed, the
number of steps, the state of the random stream, and a digest of everything. Whatever is not exactly such a file is
refused with a `CheckpointError`. The same checkpoint always gives the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

from ...compiler.numerics import NUMERICS, as_numerics
from ...data.tokenizer import Tokenizer
from ...model.config import AdamConfig, GPTConfig
from ..storage.files import write_atomically
from ..storage.tensor_file import CheckpointError, FileKind, LoadedFile, bytes_of, encode, in_one_line, load
from .progress import Progress

__all__ = ["Checkpoint", "CheckpointError", "load_checkpoint", "save_checkpoint"]

_KIND = FileKind("microgpt-checkpoint", "2", ("1", "2"), "`microgpt train --out DIR`")  # version 1 had no progress
EXTRA = "extra."
# What the names of the moments' tensors begin with, in the order of the file.
MOMENTS = ("adam.first_moment.", "adam.second_moment.")


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
        numerics: the name of those that it was trained in.

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
    numerics: str = NUMERICS[0]

    def __post_init__(self) -> None:
        as_numerics(self.numerics)
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
    return load(path, _KIND, _decode, "checkpoint.safetensors")


def _encode(checkpoint: Checkpoint) -> bytes:
    progress = checkpoint.progress
    parts = [("", checkpoint.parameters)]
    if progress:
        parts += zip(MOMENTS, (progress.first_moment, progress.second_moment), strict=True)
    metadata = {
        "tool_version": checkpoint.tool_version,
        "config": json.dumps(asdict(checkpoint.config)),
        "tokenizer": checkpoint.tokenizer.to_json(),
        "seed": str(checkpoint.seed),
        "step": str(checkpoint.step),
        **({} if checkpoint.numerics == NUMERICS[0] else {"numerics": checkpoint.numerics}),
        **(progress.to_metadata() if progress else {}),
        # A file name in it may hold halves of surrogate pairs, which have no place in UTF-8.
        **{EXTRA + name: text.encode("utf-8", "backslashreplace").decode() for name, text in checkpoint.extra.items()},
    }
    return encode(_KIND, metadata, _tensors(checkpoint.config, parts))


def _tensors(
    config: GPTConfig, parts: Sequence[tuple[str, list[float]]]
) -> Iterator[tuple[str, tuple[int, int], bytes]]:
    for prefix, numbers in parts:
        start = 0
        for name, rows, columns in config.matrices():
            end = start + rows * columns
            yield prefix + name, (rows, columns), bytes_of(numbers[start:end])
            start = end


def _decode(file: LoadedFile) -> Checkpoint:
    metadata = file.metadata
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
            f"has broken metadata ({in_one_line(error)}); restore it from a copy or train again"
        ) from None
    resumable = "run" in metadata
    # Soon ends for a `config` too large: one is missing.
    parameters, *moments = (
        file.take((prefix + name, (rows, columns)) for name, rows, columns in config.matrices())
        for prefix in ("", *(MOMENTS if resumable else ()))
    )
    file.finish()
    extra = {name.removeprefix(EXTRA): text for name, text in metadata.items() if name.startswith(EXTRA)}
    try:
        progress = Progress.from_metadata(metadata, *moments) if resumable else None
        version = metadata.get("tool_version", "")
        numerics = metadata.get("numerics", NUMERICS[0])
        return Checkpoint(config, tokenizer, seed, step, parameters, version, extra, progress, numerics)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"contradicts itself ({in_one_line(error)}); train again") from None
