"""Compile sized: ``compile_sized(function, example)`` makes a family, which is one function for all sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...compiler.numerics import Numerics
from ..executable.wanted import Wrt
from ..storage.cache import Cache
from .family import Family, Options

__all__ = ["compile_sized"]


def compile_sized(
    function: Callable[..., Any],
    example: Callable[..., Any],
    *,
    wrt: Wrt = None,
    gradient: bool = True,
    has_aux: bool = False,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
    memory_limit: float | str | None = None,
    numerics: Numerics | str | None = None,
) -> Family:
    """Compiles a scalar function for arguments of any size: it is traced at a few small sizes, whatever the sizes are.

    Args:
        function: as for `compile`.
        example: gives the example for sizes, which are its parameters: a tuple of arguments, or the only argument.
        wrt, gradient, has_aux, target, cache, progress, memory_limit, numerics: as for `compile`; `target` is not
            ``jax``.

    Returns:
        A family. ``family(inputs=784, hidden=512)`` is the compiled function at these sizes: its loops, learned at
        small sizes and proved at others, are instantiated, and no graph of these sizes is made. Where the loops depend
        on the sizes in more than numbers, a warning says so, and the function is compiled from its graph.

    Raises:
        TypeError: if `function` or `example` is not callable, or the example takes no sizes, or its arguments could
            change unseen.
        ValueError: if the example ignores a size, or as for `compile`.

    Example:
        >>> def loss(weights, bias, x):
        ...     units = [microgpt.tanh(sum(w * v for w, v in zip(row, x)) + b) for row, b in zip(weights, bias)]
        ...     return sum(unit**2 for unit in units)
        >>> def example(inputs, hidden):
        ...     return [[0.0] * inputs for _ in range(hidden)], [0.0] * hidden, [0.0] * inputs
        >>> family = microgpt.compile_sized(loss, example, wrt=("weights", "bias"))
        >>> f = family(inputs=20, hidden=30)
        >>> value, (d_weights, d_bias) = f([[0.1] * 20] * 30, [0.0] * 30, [0.5] * 20)
        >>> value
        17.399705045197884
    """
    return Family(function, example, Options(wrt, gradient, has_aux, target, cache, progress, memory_limit, numerics))
