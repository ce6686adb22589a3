"""``mean_over_rows(loss, weights, row)``: the mean of a loss over rows, and its gradient, without a function around."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .. import arguments as checked
from ..storage.cache import Cache
from .compile_function import compile_function
from .function import CompiledFunction
from .row_data import rows, with_floats
from .row_sums import mean_rows

__all__ = ["mean_over_rows"]


def mean_over_rows(
    loss: Callable[..., Any],
    weights: Any,
    row: Any,
    *,
    penalty: Callable[..., Any] | None = None,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
) -> CompiledFunction:
    """Compiles the mean of a loss over rows, any number of them, and its gradient in the weights.

    It is `compile`, of a function that returns ``mean_rows(loss, rows, weights)``, and of the penalty.

    Args:
        loss: ``loss(weights, *row)``, a scalar, as for `fit`.
        weights: numbers in lists, tuples, dicts and arrays, like those of the calls.
        row: a row like those of the calls: a tuple of the parts that `loss` takes, or the only part. ``index(n)``
            stands for a whole number below n. The loss is defined for these weights and this row.
        penalty: ``penalty(weights)``, a scalar that is added to the mean.
        target, cache, progress: as for `compile`.

    Returns:
        a compiled function of weights and rows, which gives the value and the gradient, a tree like the weights: those
        of a loop that calls ``backward()`` on the loss of every row, in order, divided by the number of rows.

    Raises:
        TraceError, CompileError, TypeError, ValueError, ToolchainError, MemoryError, ProofError: as `compile` does.

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
    mean: Any = partial(_mean, loss, penalty)  # whose arguments are watched for changes, and pickled
    mean.__name__ = getattr(loss, "__name__", "loss")
    return compile_function(mean, with_floats(weights), rows(row), wrt=0, target=target, cache=cache, progress=progress)


def _mean(loss: Callable[..., Any], penalty: Callable[..., Any] | None, weights: Any, rows: Any) -> Any:
    value = mean_rows(loss, rows, weights)
    # The penalty is the first operand, so that its gradient is added to that of the mean.
    return value if penalty is None else penalty(weights) + value
