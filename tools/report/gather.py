"""Gather: from the record of a run to everything in its report, as plain numbers and texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from ...data.tokenizer import Tokenizer
from ...runtime.backends.backend import Backend
from ...runtime.training.checkpoint import Checkpoint
from ...runtime.training.evaluation import token_losses
from ...runtime.training.reading import Reading, read_document
from ...runtime.training.sampling import SamplingError, SamplingOptions, sample_texts
from ..pictures.principal import Plane, principal_plane
from .record import Record

__all__ = ["Report", "TextRead", "gather", "guessing_loss", "tensors_of"]

TEMPERATURE = 0.5


@dataclass(frozen=True)
class TextRead:
    """A text, and the model's predictions for it.

    Attributes:
        windows: one, or more for a text that is longer than the model looks back.
        same_bits: whether the losses are those of the program that samples, to the bit.
    """

    text: str
    windows: list[Reading]
    same_bits: bool


@dataclass(frozen=True)
class Report:
    """What a report shows.

    Attributes:
        record: of the run.
        missing: what it does not tell, and why, in sentences.
        temperature, samples: what the model invents, at which temperature.
        texts: what was read.
        planes: of the rows of ``wte`` and ``wpe``, by these names, as far as they are finite.
    """

    record: Record
    missing: list[str] = field(default_factory=list)
    temperature: float = TEMPERATURE
    samples: list[str] = field(default_factory=list)
    texts: list[TextRead] = field(default_factory=list)
    planes: dict[str, Plane] = field(default_factory=dict)


def gather(record: Record, backend: Backend | None, texts: Sequence[str], count: int) -> Report:
    """Draws samples, reads texts, and looks at the parameters.

    Args:
        backend: carries out the record's model; None if it has none.
        texts: what to read; if there are none, the first sample.
        count: of the samples.

    Raises:
        UnknownCharacterError: if a text has a character that is not in the alphabet.
    """
    model, missing = record.model, list(record.missing)
    if model is None or backend is None:
        return Report(record, missing)
    for text in texts:
        model.tokenizer.encode(text)
    temperature = _temperature(record)
    samples: list[str] = []
    try:
        samples += _samples(model, backend, temperature, max(count, not texts))
    except SamplingError as error:
        missing.append(f"There are no samples: {error}.")
    chosen = list(texts) or samples[:1]
    planes = {}
    for name, vectors in tensors_of(model).items():
        if name in ("wte", "wpe"):
            try:
                planes[name] = principal_plane(vectors)
            except ValueError:
                missing.append(
                    f"There is no picture of {name}: it has numbers that are not finite, or too large to be squared."
                )
    reads = [_read(model, backend, text) for text in chosen]
    return Report(record, missing, temperature, samples[:count], reads, planes)


def guessing_loss(tokenizer: Tokenizer) -> float:
    """The loss of a model for which all tokens are equally likely, in nats."""
    return math.log(tokenizer.vocab_size)


def tensors_of(model: Checkpoint) -> dict[str, list[list[float]]]:
    """The rows of each weight matrix."""
    tensors, start = {}, 0
    for name, rows, columns in model.config.matrices():
        tensors[name] = [model.parameters[start + row * columns :][:columns] for row in range(rows)]
        start += rows * columns
    return tensors


def _temperature(record: Record) -> float:
    """That of the samples that the training printed."""
    options = record.config.get("options")
    found = options.get("temperature") if isinstance(options, dict) else None
    return found if isinstance(found, float) and 0.0 < found < math.inf else TEMPERATURE


def _samples(model: Checkpoint, backend: Backend, temperature: float, count: int) -> list[str]:
    """As the training printed them: its stream of random numbers goes on."""
    rng = Random(model.seed)
    if model.progress:
        rng.setstate(model.progress.random_state)
    options = SamplingOptions(temperature)
    return list(sample_texts(backend, model.config, model.tokenizer, model.parameters, rng, options, count))


def _read(model: Checkpoint, backend: Backend, text: str) -> TextRead:
    readings = read_document(model.config, model.parameters, model.tokenizer.encode(text))
    found = [loss for reading in readings for loss in reading.losses]
    windows = token_losses(backend, model.config, model.tokenizer, model.parameters, text, True)
    expected = [loss for losses in windows for loss in losses]
    # A NaN, which is unequal to itself, is as good as another.
    same = all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, expected, strict=True))
    return TextRead(text, readings, same)
