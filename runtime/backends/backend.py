"""Backends: the ways to carry out a model. Each gives the same bits; they differ in speed.

A backend trains (some steps at a time) and predicts the next token. The rest of the runtime does not know which one it
uses.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from copy import copy
from math import isfinite
from typing import Protocol

from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import Estimate
from ..programs.library import Library
from ..programs.recipe import Recipe
from ..programs.step_constants import step_constants
from ..reporting import Report

__all__ = ["Backend", "Document", "EagerBackend", "PythonBackend", "State", "split_document"]


class Document:
    """A document as the model sees it: what it reads, and what it is to say at each position. It unpacks as these two.

    Attributes:
        packed: both, one behind the other, as C takes them; a third of the memory of two lists.
        length: its positions.
    """

    __slots__ = ("length", "packed")

    def __init__(self, tokens: Sequence[int], targets: Sequence[int]) -> None:
        self.packed = array("i", [*tokens, *targets]).tobytes()
        self.length = len(tokens)

    def __iter__(self) -> Iterator[list[int]]:
        numbers = memoryview(self.packed).cast("i").tolist()
        return iter((numbers[: self.length], numbers[self.length :]))


class _Column:
    """Numbers of a state. They may be held as an array, which nobody changes; once they are read, they are a list."""

    def __set_name__(self, owner: type[State], name: str) -> None:
        self._name = name

    def __get__(self, state: State, owner: type[State]) -> list[float]:
        numbers = state.held[self._name]
        if not isinstance(numbers, list):
            numbers = state.held[self._name] = numbers.tolist()
        return numbers

    def __set__(self, state: State, numbers: list[float]) -> None:
        state.held[self._name] = numbers


class State:
    """What training changes: one number for each parameter in each list.

    Attributes:
        parameters: in the order of ``config.matrices()``.
        first_moment, second_moment: Adam's running means of the gradient and of its square.
        step: how many steps have been taken.
        held: these lists by name, or arrays, which backends take and give in a fraction of the time.
    """

    parameters, first_moment, second_moment = _Column(), _Column(), _Column()

    def __init__(
        self,
        parameters: list[float],
        first_moment: list[float] | None = None,
        second_moment: list[float] | None = None,
        step: int = 0,
    ) -> None:
        zeros = array("d", bytes(8 * len(parameters)))
        self.held: dict[str, list[float] | array[float]] = {
            "parameters": parameters,
            "first_moment": first_moment or zeros,
            "second_moment": second_moment or zeros,
        }
        self.step = step

    def copy(self) -> State:
        """A copy that does not change."""
        other = copy(self)
        other.held = {name: list(held) if isinstance(held, list) else held for name, held in self.held.items()}
        return other

    def is_finite(self) -> bool:
        """Whether every number is one."""
        return all(map(_are_finite, self.held.values()))


def _are_finite(numbers: list[float] | array[float]) -> bool:
    if isinstance(numbers, list):
        # A sum is NaN or infinite if a summand is, and adds up ten times faster than one can look at each.
        if isfinite(sum(numbers)):  # type: ignore[float-sum]  # however it rounds, infinities and NaN remain
            return True
    else:
        # The bytes with the signs and the highest bits of exponents. Of what is not finite, these bits are ones.
        first = numbers.itemsize - 1 if sys.byteorder == "little" else 0
        highest = numbers.tobytes()[first :: numbers.itemsize]
        if 0x7F not in highest and 0xFF not in highest:
            return True
    return all(map(isfinite, numbers))


def split_document(config: GPTConfig, tokens: Sequence[int]) -> Document:
    """Cuts a document, with the token that begins and ends it at both ends, to as many positions as the model has."""
    length = min(config.block_size, len(tokens) - 1)
    return Document(tokens[:length], tokens[1 : length + 1])


class Backend(Protocol):
    """A way to carry out a model.

    Attributes:
        name: as on the command line.
        slice: how many steps to ask for at a time: few enough to stay responsive.
        config: the model's shape.
        batch_size: documents of a step. Their gradients are added up as by a loop of `backward`, in order, and divided
            by their number, as are their losses.
    """

    name: str
    slice: int
    config: GPTConfig
    batch_size: int

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        """What `prepare` will take; None if that is little."""

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        """Makes programs for documents of these lengths and for sampling up to `positions`."""

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        """Trains `state` on a batch of documents a step, of `num_steps` in all; returns the losses, in nats."""

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        """The loss of one document and its derivative in each parameter."""

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        """The probability of each token after `token`; `cache`, empty at first, grows by what this position adds.

        Nothing else may change the cache, or the parameters, before the document ends.
        """


class _StepByStep(ABC):
    """What has a gradient first, and then an update."""

    batch_size: int

    @abstractmethod
    def batch_loss_and_gradient(
        self, parameters: Sequence[float], documents: Sequence[Document]
    ) -> tuple[float, list[float]]:
        """The mean loss of documents and its derivative in each parameter."""

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        """The loss of one document and its derivative in each parameter."""
        return self.batch_loss_and_gradient(parameters, [document])

    @abstractmethod
    def update(self, state: State, gradient: list[float], num_steps: int) -> None:
        """Takes a step with a gradient that is known."""

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        losses = []
        for start in range(0, len(documents), self.batch_size):
            batch = documents[start : start + self.batch_size]
            loss, gradient = self.batch_loss_and_gradient(state.parameters, batch)
            self.update(state, gradient, num_steps)
            losses.append(loss)
        return losses


class PythonBackend(_StepByStep):
    """Runs generated Python."""

    name = "python"
    # Some 60 ms. Training keeps a copy of the state before each slice, which took as long as a step when it was one.
    slice = 20

    def __init__(self, config: GPTConfig, optimizer: AdamConfig, library: Library, batch_size: int = 1) -> None:
        self.config, self.optimizer, self.library, self.batch_size = config, optimizer, library, batch_size
        # Slices of as many documents, whatever the batch.
        self.slice = max(1, self.slice // batch_size)
        self._kind = "training" if batch_size == 1 else "accumulation"
        self._update = Recipe("optimizer", 0, optimizer)

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        return self.library.estimate(self._recipes(lengths, positions))

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        self.library.prepare(self._recipes(lengths, positions), progress)

    def _recipes(self, lengths: Sequence[int], positions: int) -> list[Recipe]:
        recipes = [Recipe(self._kind, length, self.config) for length in lengths]
        recipes += (Recipe("inference", position, self.config) for position in range(positions))
        return [*recipes, self._update] if lengths else recipes

    def batch_loss_and_gradient(
        self, parameters: Sequence[float], documents: Sequence[Document]
    ) -> tuple[float, list[float]]:
        total, gradient, count = 0.0, [0.0] * len(parameters), len(documents)
        for tokens, targets in documents:
            program = self.library.get(Recipe(self._kind, len(tokens), self.config))
            so_far = [] if self._kind == "training" else [gradient]
            (loss,), gradient = program.run(parameters, *so_far, tokens, targets)
            total += loss
        return total / count, [number / count for number in gradient] if count > 1 else gradient

    def update(self, state: State, gradient: list[float], num_steps: int) -> None:
        constants = step_constants(self.optimizer, state.step, num_steps)
        self.library.get(self._update).run(
            state.parameters, gradient, state.first_moment, state.second_moment, *constants
        )
        state.step += 1

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        program = self.library.get(Recipe("inference", position, self.config))
        probabilities, entry = program.run(parameters, [temperature], cache, [token])
        cache += entry
        return list(probabilities)


class EagerBackend(_StepByStep):
    """Runs the model on the eager autograd: slow, and what all others must equal."""

    name = "eager"
    slice = 1

    def __init__(self, config: GPTConfig, optimizer: AdamConfig, batch_size: int = 1) -> None:
        self.config, self.optimizer, self.batch_size = config, optimizer, batch_size

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        return None

    def prepare(self, lengths: Sequence[int], positions: int, progress: Report) -> None:
        pass

    def batch_loss_and_gradient(
        self, parameters: Sequence[float], documents: Sequence[Document]
    ) -> tuple[float, list[float]]:
        from ..programs import eager

        return eager.batch_loss_and_gradient(self.config, parameters, documents)

    def update(self, state: State, gradient: list[float], num_steps: int) -> None:
        from ..programs import eager

        constants = step_constants(self.optimizer, state.step, num_steps)
        lanes = (state.parameters, gradient, state.first_moment, state.second_moment)
        state.parameters, state.first_moment, state.second_moment = eager.update(self.optimizer, lanes, constants)
        state.step += 1

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        from ..programs import eager

        return eager.next_token(self.config, parameters, temperature, token, position, cache)
