"""Engines: the ways to take steps. Each gives the same bits; the eager one says what they are."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...compiler.number import Number
from ..executable.row_data import Rows
from ..value import Value
from .optimizers import Optimizer
from .problem import Problem

__all__ = ["EagerEngine", "Engine", "State", "StepByStep"]


@dataclass
class State:
    """What fitting changes.

    Attributes:
        weights: flat.
        slots: by name, the optimiser's state: a number for each weight.
        step: how many steps have been taken.
    """

    weights: list[float]
    slots: dict[str, list[float]] = field(default_factory=dict)
    step: int = 0

    @classmethod
    def initial(cls, weights: Sequence[float], optimizer: Optimizer) -> State:
        """Before the first step."""
        return cls(list(weights), {name: [start] * len(weights) for name, start in optimizer.state.items()})

    def copy(self) -> State:
        """One that does not change with it."""
        return State(list(self.weights), {name: list(slot) for name, slot in self.slots.items()}, self.step)


class Engine(Protocol):
    """A way to take steps.

    Attributes:
        target: ``c``, ``python`` or ``eager``.
    """

    target: str

    @property
    def source(self) -> str:
        """The text of the program."""

    def advance(self, state: State, rows: Rows, order: array[int], constants: Sequence[Sequence[float]]) -> list[float]:
        """Takes a step for each of `constants`; returns the loss before each.

        Args:
            rows: all examples.
            order: those of all batches, by number.
            constants: of the optimiser, a sequence a step.
        """


class StepByStep:
    """An engine that takes one step at a time."""

    def advance(self, state: State, rows: Rows, order: array[int], constants: Sequence[Sequence[float]]) -> list[float]:
        """Takes a step for each of `constants`."""
        batch = len(order) // len(constants)
        return [
            self._step(state, rows, order[place * batch : (place + 1) * batch], numbers)
            for place, numbers in enumerate(constants)
        ]

    def _step(self, state: State, rows: Rows, batch: array[int], constants: Sequence[float]) -> float:
        raise NotImplementedError


class EagerEngine(StepByStep):
    """The specification, on `Value` and floats: slow, and what all others must equal."""

    target = "eager"
    source = ""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def _step(self, state: State, rows: Rows, batch: array[int], constants: Sequence[float]) -> float:
        problem = self._problem
        weights = [Value(weight) for weight in state.weights]
        total = 0.0
        for number in batch:
            floats = [Value(x) for x in rows.floats_of(number)]
            total += _backward(problem.evaluate(weights, floats, rows.indices_of(number)))
        loss = total / len(batch)
        for weight in weights:
            weight.grad /= len(batch)
        if problem.penalty is not None:
            loss += _backward(problem.penalty(*problem.weights.arrange(weights, [])))
        columns = (state.weights, [weight.grad for weight in weights], *state.slots.values())
        results = [
            problem.optimizer.apply(*map(Number, lane), *map(Number, constants)) for lane in zip(*columns, strict=True)
        ]
        state.weights, *slots = ([float(number) for number in column] for column in zip(*results, strict=True))
        state.slots = dict(zip(state.slots, slots, strict=True))
        state.step += 1
        return loss


def _backward(result: Value | float) -> float:
    """Adds the gradient of a loss to those of its values; returns the loss."""
    if not isinstance(result, Value):  # a constant
        return float(result)
    # A node of its own: `backward` sets the gradient of what it is called on, and that may be a weight.
    Value(result.data, (result,), (1.0,)).backward()
    return result.data
