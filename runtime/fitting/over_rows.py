"""``mean_over_rows(loss, weights, row)``: a loss over any number of rows, as a program that loops over them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from .. import arguments as checked
from ..executable.marshal_code import MismatchError, marshal
from ..executable.results import Results
from ..executable.wanted import Wanted
from ..reporting import Report, compile_progress
from ..storage.cache import Cache
from .engine import State
from .fit import TARGETS, engine_of
from .optimizers import Optimizer
from .problem import parts_of, problem_of
from .rows import Rows, listed, read_rows

__all__ = ["RowsFunction", "mean_over_rows"]


def _gradient(parameter: Any, gradient: Any) -> Any:
    """In the place of an optimiser: the new parameter is the gradient."""
    return gradient


def mean_over_rows(
    loss: Callable[..., Any],
    weights: Any,
    row: Any,
    *,
    penalty: Callable[..., Any] | None = None,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
) -> RowsFunction:
    """Compiles the mean of a loss over rows, any number of them, and its gradient in the weights.

    Args:
        loss: ``loss(weights, *row)``, a scalar, as for `fit`.
        weights: numbers in lists, tuples, dicts and arrays, like those of the calls.
        row: a row like those of the calls: a tuple of the parts that `loss` takes, or the only part. ``index(n)``
            stands for a whole number below n. The loss is defined for these weights and this row.
        penalty: ``penalty(weights)``, a scalar that is added to the mean.
        target, cache, progress: as for `fit`.

    Returns:
        a function of weights and rows, which gives the value and the gradient, a tree like the weights: those of a loop
        that calls ``backward()`` on the loss of every row, in order, divided by the number of rows.

    Raises:
        TraceError, CompileError: if `loss` or `penalty` cannot be compiled. The message names the line.
        TypeError: if an argument is of another type.
        ValueError: if there is no such target.
        ToolchainError: if the target is ``c`` and there is no compiler for it.
        MemoryError: if compiling takes more memory than is available (`TooLargeError`).

    Example:
        >>> def loss(weights, x, y):
        ...     return (weights[0] * x + weights[1] - y) ** 2
        >>> value_and_gradient = microgpt.mean_over_rows(loss, [0.0, 0.0], (1.0, 1.0))
        >>> value_and_gradient([1.0, 0.0], [(1.0, 1.0), (2.0, 4.0)])
        (2.0, [-4.0, -2.0])
    """
    checked.function("loss", loss)
    if penalty is not None:
        checked.function("penalty", penalty)
    checked.choice("target", target, TARGETS)
    with compile_progress(checked.boolean("progress", progress), "function") as report:
        compiled = RowsFunction(loss, weights, row, penalty, target, cache or Cache.open(), report)
        report(1, 1)
    return compiled


class RowsFunction:
    """What `mean_over_rows` gives. Calls from several threads wait for one another.

    Attributes:
        target: ``c``, ``python`` or ``eager``.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        weights: Any,
        row: Any,
        penalty: Callable[..., Any] | None,
        target: str,
        cache: Cache,
        report: Report,
    ) -> None:
        self._problem = problem_of(loss, penalty, Optimizer(_gradient), weights, row)
        ours, theirs = self._problem.weights.floats([weights]), self._problem.row.floats(parts_of(row))
        self._engine = engine_of(self._problem, ours, theirs, target, cache, report)
        self.target = self._engine.target
        self._lock = threading.Lock()
        problem = self._problem
        self._captured = problem.captured()
        self._marshal = marshal(problem.weights, Wanted(""), Results(problem.weights.nodes[0]))

    @property
    def source(self) -> str:
        """The text of the generated program; empty for the eager target."""
        return self._engine.source

    def read(self, rows: Iterable[Any]) -> Rows:
        """Rows that several calls take, read once.

        Raises:
            TypeError: if there are none in an order, or one is not like the row that this was compiled for.
            ValueError: if there are none.
            IndexError, OverflowError: if an index is out of its range, or a number too large for a double.
        """
        return read_rows(self._problem, listed(rows, "rows"), "rows")

    def __call__(self, weights: Any, rows: Iterable[Any] | Rows) -> tuple[float, Any]:
        """The mean over the rows, and its gradient in the weights.

        Args:
            rows: at least one; or what `read` made of them.

        Raises:
            TypeError: if the weights or a row are not like those that this was compiled for.
            ValueError, IndexError, OverflowError: see `read`.
            RuntimeError: if something else that the loss or the penalty reads, such as a global list, has changed since
                they were compiled.
        """
        self._captured.check()
        found = rows if isinstance(rows, Rows) else self.read(rows)
        state = State(self._flat(weights))
        with self._lock:
            (value,) = self._engine.advance(state, found, found.in_order, [()])
        return value, self._marshal.write({"value": state.weights})

    def _flat(self, weights: Any) -> list[float]:
        numbers = [0.0] * self._problem.size
        try:
            self._marshal.read((weights,), numbers, None)
        except (MismatchError, TypeError, ValueError, LookupError, OverflowError, AttributeError):
            return self._problem.weights.floats([weights])  # which says what is wrong, or takes it nevertheless
        return list(map(float, numbers))
