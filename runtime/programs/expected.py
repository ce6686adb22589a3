"""What a model's C library must give: the results of the eager autograd, once for each program.

The eager autograd takes half as long as everything else that makes a library, and needs nothing but the model's shape.
So it runs in a process of its own, while the loops are found: ``python -m microgpt.runtime.programs.expected``, which
reads the shape and the name of the numerics, and writes the results, as JSON.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from random import Random
from typing import Any

from ...compiler.numerics import current, numerics
from ...model.config import AdamConfig, GPTConfig
from ..forward import Forward
from ..machine.child import Child, started, write_answer
from ..value import Value
from . import eager
from . import step_constants as of_step
from .shapes import is_walked, witnessed

__all__ = [
    "BATCH",
    "STEP",
    "STEPS",
    "TEMPERATURE",
    "Expected",
    "Pending",
    "expecting",
    "lanes_of_update",
    "some_batch",
    "some_direction",
    "some_gradient",
    "some_lanes",
    "some_parameters",
    "some_tokens",
    "step_constants",
]

TEMPERATURE = 0.75
# The step that is taken, and of how many.
STEP, STEPS = 2, 10
# So many numbers of a name are different, and then come again: a prime number, so that no two rows are equal.
_DIFFERENT = 20_011
# Documents of the step that is taken: so many that the mean is rounded.
BATCH = 3


@dataclass(frozen=True)
class Expected:
    """The results.

    Attributes:
        losses: for each of the lengths that are `witnessed`.
        gradients: of these losses; none of a model that is not walked.
        slopes: in their place, derivatives of these losses along `some_direction`.
        probabilities: by position, those of the next token; of a large model, for the first positions.
        cache: keys and values of these positions, one after the other.
        updated: parameters, first and second moments after a step; none of a model that is not walked.
    """

    losses: list[float]
    gradients: list[list[float]]
    slopes: list[float]
    probabilities: list[list[float]]
    cache: list[float]
    updated: list[list[float]]

    @classmethod
    def of(cls, config: GPTConfig, optimizer: AdamConfig, kind: str = "training") -> Expected:
        """Runs the eager autograd.

        Args:
            kind: of the programs for lengths, see `flat_loops`.
        """
        weights = some_parameters(config)
        so_far = some_gradient(config) if kind != "training" else None
        lengths, positions = witnessed(config)
        documents = [(some_tokens(config, length), some_tokens(config, length, 1)) for length in lengths]
        walked, cache = is_walked(config), list[float]()
        scalars = Value if walked else Forward
        probabilities = [
            eager.next_token(config, weights, TEMPERATURE, token, position, cache, scalars)
            for position, token in enumerate(some_tokens(config, positions))
        ]
        if not walked:
            direction = some_direction(config)
            along = [eager.loss_along(config, weights, direction, *document) for document in documents]
            losses, slopes = map(list, zip(*along, strict=True))
            return cls(losses, [], slopes, probabilities, cache, [])
        found = [eager.loss_and_gradient(config, weights, *document, so_far) for document in documents]
        losses, gradients = map(list, zip(*found, strict=True))
        gradient = gradients[0]
        if kind != "training":
            gradient = eager.batch_loss_and_gradient(config, weights, some_batch(config))[1]
        updated = eager.update(optimizer, lanes_of_update(config, gradient), step_constants(optimizer))
        return cls(losses, gradients, [], probabilities, cache, list(updated))


def lanes_of_update(config: GPTConfig, gradient: list[float]) -> list[list[float]]:
    """Parameters, gradient, first and second moments before the step."""
    return [some_parameters(config), gradient, *some_lanes(config.parameter_count)[2:]]


@contextlib.contextmanager
def expecting(config: GPTConfig, optimizer: AdamConfig, kind: str = "training") -> Iterator[Pending]:
    """Begins to run the eager autograd, beside what is done within; ends it if that fails."""
    shape = json.dumps([asdict(config), asdict(optimizer)])
    with started(Child("microgpt.runtime.programs.expected", shape, kind, current().name)) as child:
        yield Pending(config, optimizer, child, kind)


class Pending:
    """Results in the making."""

    def __init__(self, config: GPTConfig, optimizer: AdamConfig, child: Child, kind: str = "training") -> None:
        self.child = child
        self._what = config, optimizer, kind
        self._result: Expected | None = None

    def result(self) -> Expected:
        """The results; computed here if there is no other process, or it has failed."""
        if self._result is None:
            answer = self.child.answer()
            found = Expected.of(*self._what) if answer is None else Expected(**json.loads(answer))
            self._result = found
        return self._result


def some_parameters(config: GPTConfig) -> list[float]:
    """Weights, the same each time. Those of wide models are smaller, so that what is unlikely has a probability in
    single precision, too.
    """
    return _numbers("witness parameters", config.parameter_count, 1.2 / max(4.0, config.n_embd**0.5))


def some_gradient(config: GPTConfig) -> list[float]:
    """A gradient that another one is added to."""
    return _numbers("witness gradient", config.parameter_count)


def some_direction(config: GPTConfig) -> list[float]:
    """A direction of the parameters."""
    return _numbers("witness direction", config.parameter_count)


def _numbers(name: str, count: int, spread: float = 0.3) -> list[float]:
    random = Random(name)
    different = [random.gauss(0.0, spread) for _ in range(min(count, _DIFFERENT))]
    return (different * (count // len(different) + 1))[:count]


def some_tokens(config: GPTConfig, count: int, part: int = 0) -> list[int]:
    """Tokens of a document."""
    random = Random(f"witness tokens {count} {part}")
    return [random.randrange(config.vocab_size) for _ in range(count)]


def some_lanes(size: int) -> list[list[float]]:
    """Parameters, gradient, first and second moments."""
    *rows, last = (_numbers(f"witness lanes {row}", size) for row in range(4))
    return [*rows, [*map(abs, last)]]


def some_batch(config: GPTConfig) -> list[tuple[list[int], list[int]]]:
    """The documents of a step, of different lengths."""
    lengths = islice(cycle(witnessed(config)[0]), BATCH)
    return [(some_tokens(config, length), some_tokens(config, length, 1)) for length in lengths]


def step_constants(config: AdamConfig) -> Sequence[float]:
    """The constants of that step."""
    return of_step.step_constants(config, STEP, STEPS)


def _main(argument: str, kind: str, name: str) -> None:
    # The terminal sends Ctrl-C to everybody; the process that asked ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)  # the results are wanted last: whatever makes the library goes first
    gc.disable()  # a Value is in no cycle, and looking for some takes a third of the time
    shape: list[dict[str, Any]] = json.loads(argument)
    # In one piece: json.dump, and asdict, go from number to number in Python.
    with numerics(name):
        write_answer(json.dumps(vars(Expected.of(GPTConfig(**shape[0]), AdamConfig(**shape[1]), kind))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
