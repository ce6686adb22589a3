"""The steps of a fit, some at a time: each slice is one call of an engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from ..executable.row_data import Rows
from .engine import Engine, State
from .order import Order
from .problem import Problem

if TYPE_CHECKING:
    from .divergence import Cause

__all__ = ["FitStep", "NotFinite", "Run"]

# Seconds that a call of compiled code should take: Ctrl-C waits for it.
_SLICE = 0.1


@dataclass(frozen=True)
class FitStep:
    """What one step did.

    Attributes:
        number: counted from 1.
        loss: the mean over the batch, and the penalty, before the step.
        constants: the optimiser's, by name.
    """

    number: int
    loss: float
    constants: dict[str, float]


class NotFinite(Exception):  # noqa: N818
    """A step came to a NaN or an infinity; the run is where it was before."""

    def __init__(self, step: int, cause: Cause | None) -> None:
        super().__init__(step)
        self.step, self.cause = step, cause


class Run:
    """A fit under way.

    Attributes:
        state: what was reached. It is never changed, only replaced, so an interrupt finds the old one or the new.
    """

    def __init__(self, problem: Problem, rows: Rows, engine: Engine, order: Order, batch: int, state: State) -> None:
        self.problem, self.rows, self.order, self.batch = problem, rows, order, batch
        self._engine = engine
        self._pace = _SLICE  # seconds a step
        self.begin(state)

    def begin(self, state: State) -> None:
        """Goes on from a state."""
        self.state, self._first = state, state.step
        self._losses: list[float] = []

    @property
    def losses(self) -> list[float]:
        """Before each step that was taken here."""
        return self._losses[: self.state.step - self._first]

    def slices(self, steps: int, stop_every: int | None = None) -> Iterator[list[FitStep]]:
        """Takes the steps up to number `steps`; some at a time, so few that it takes about a tenth of a second.

        Args:
            stop_every: a slice ends, at the latest, at multiples of it.

        Raises:
            NotFinite: instead of handing out a step that comes to a NaN or an infinity.
        """
        most = 1
        while (step := self.state.step) < steps:
            count = min(most, steps - step, *([stop_every - step % stop_every] if stop_every else []))
            yield from self._advance(count)
            most = max(1, min(2 * most, int(_SLICE / self._pace)))

    def _advance(self, count: int) -> Iterator[list[FitStep]]:
        state, first = self.state.copy(), self.state.step
        optimizer = self.problem.optimizer
        constants = [optimizer.constants_at(step) for step in range(first, first + count)]
        order = self.order.span(first * self.batch, count * self.batch)
        start = time.perf_counter()
        losses = self._engine.advance(state, self.rows, order, constants)
        self._pace = max(time.perf_counter() - start, 1e-9) / count
        if not (all(map(isfinite, losses)) and all(map(isfinite, state.weights))):
            if count == 1:
                from .divergence import find_cause

                cause = find_cause(self.problem, self.rows, self.state, order.tolist(), constants[0])
                raise NotFinite(first + 1, cause)
            for _ in range(count):  # again, a step at a time: the good ones count
                yield from self._advance(1)
            return
        self._losses[first - self._first :] = losses
        self.state = state
        yield [
            FitStep(number, loss, dict(zip(optimizer.constants, numbers, strict=True)))
            for number, (loss, numbers) in enumerate(zip(losses, constants, strict=True), first + 1)
        ]
