"""Checkpoints of a fit: weights and the optimiser's state in one safetensors file, and what identifies the fit."""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ...compiler.ir.graph import Graph
from ...compiler.numerics import NUMERICS, current
from ..executable.row_data import Rows
from ..storage.files import write_atomically
from ..storage.tensor_file import CheckpointError, FileKind, LoadedFile, bytes_of, encode, in_one_line, load
from ..training.training import ResumeError
from ..version import VERSION
from .engine import State
from .order import Order
from .problem import Problem

__all__ = ["CHECKPOINT", "LOG", "Identity", "identity_of", "load_state", "save_state"]

CHECKPOINT, LOG = "checkpoint.safetensors", "log.jsonl"

_KIND = FileKind("microgpt-fit", "1", ("1",), "`microgpt.fit(..., out=DIR)`")

# What each part of an identity is, where it differs.
_WORDS = {
    "loss": "the loss computes something else",
    "penalty": "the penalty computes something else",
    "optimizer": "the optimizer computes something else",
    "examples": "the examples are others",
    "constants": "the optimizer's constants at the steps taken were others",
}


@dataclass(frozen=True)
class Identity:
    """What the steps of a fit depend on, besides the state: digests, and arguments as they are."""

    loss: str
    penalty: str
    optimizer: str
    examples: str
    batch: int
    shuffle: int | None
    numerics: str


def identity_of(problem: Problem, rows: Rows, batch: int, order: Order) -> Identity:
    """The identity of a fit."""
    extra = problem.extra
    return Identity(
        _digest(problem.example.traced),
        _digest(extra.traced) if extra else "",
        _digest(problem.update.traced) + repr(dict(problem.optimizer.state)),
        rows.sha256,
        batch,
        order.shuffle,
        current().name,
    )


def save_state(path: str | os.PathLike[str], problem: Problem, state: State, identity: Identity) -> None:
    """Writes a checkpoint, whole or not at all.

    Raises:
        OSError: if the file cannot be written.
    """
    metadata = {
        "tool_version": VERSION,
        "step": str(state.step),
        "fit": json.dumps({**asdict(identity), "constants": _constants(problem, state.step)}),
    }
    parts = {"": state.weights, **{f"{name}.": slot for name, slot in state.slots.items()}}
    write_atomically(path, encode(_KIND, metadata, _tensors(problem, parts)))


def load_state(path: Path, problem: Problem, identity: Identity) -> State:
    """Reads what `save_state` wrote.

    Raises:
        CheckpointError: if the file is missing, damaged, or no checkpoint of a fit.
        ResumeError: if it is of another fit.
    """
    return load(path, _KIND, lambda file: _decode(file, problem, identity), CHECKPOINT)


def _tensors(problem: Problem, parts: Mapping[str, list[float]]) -> Iterator[tuple[str, tuple[int, ...], bytes]]:
    for prefix, numbers in parts.items():
        for tensor in problem.tensors:
            yield prefix + tensor.name, tensor.shape, bytes_of(numbers[tensor.start : tensor.start + tensor.size])


def _decode(file: LoadedFile, problem: Problem, identity: Identity) -> State:
    try:
        theirs, step = json.loads(file.metadata["fit"]), int(file.metadata["step"])
        if not isinstance(theirs, dict) or step < 0:
            raise ValueError("no description of a fit")
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"has broken metadata ({in_one_line(error)}); restore it from a copy or fit again"
        ) from None
    ours = {**asdict(identity), "constants": _constants(problem, step)}
    theirs.setdefault("numerics", NUMERICS[0])  # checkpoints of earlier versions name none
    differs = [name for name, value in ours.items() if theirs.get(name) != value]
    if differs:
        reasons = [_WORDS[name] for name in differs if name in _WORDS]
        raise ResumeError(reasons, {name: (theirs.get(name), ours[name]) for name in differs if name not in _WORDS})
    prefixes = ["", *(f"{name}." for name in problem.optimizer.state)]
    weights, *slots = (
        file.take((prefix + tensor.name, tensor.shape) for tensor in problem.tensors) for prefix in prefixes
    )
    file.finish()
    return State(weights, dict(zip(problem.optimizer.state, slots, strict=True)), step)


def _digest(graph: Graph) -> str:
    """Of what a graph computes, wherever its lines stand."""
    nowhere = array("i", bytes(array("i").itemsize * len(graph)))
    return replace(graph, name="", origin=nowhere, origins=()).fingerprint[:16]


def _constants(problem: Problem, steps: int) -> str:
    """Of the optimiser's constants at the first steps."""
    digest = hashlib.sha256()
    for step in range(steps):
        digest.update(array("d", problem.optimizer.constants_at(step)).tobytes())
    return digest.hexdigest()[:16]
