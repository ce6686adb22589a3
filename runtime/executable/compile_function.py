"""Compiling a scalar function: ``compile(function, *example)`` gives its value and gradient as a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...compiler.numerics import Numerics, as_numerics
from .. import arguments as checked
from ..reporting import compile_progress
from ..storage.cache import Cache
from .estimate import memory_bytes
from .executable import TARGETS
from .function import CompiledFunction
from .wanted import Wanted, Wrt, wanted_of

__all__ = ["compile_function", "compile_wanted"]


def compile_function(
    function: Callable[..., Any],
    *example: Any,
    wrt: Wrt = None,
    gradient: bool = True,
    has_aux: bool = False,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
    memory_limit: float | str | None = None,
    numerics: Numerics | str | None = None,
) -> CompiledFunction:
    """Compiles a scalar function of scalars for arguments like `example`: its value and gradient.

    Args:
        function: computes one scalar with ``+ - * / **``, the functions of docs/operations.md, `select`, and Python's
            own lists, loops and functions. It is run twice, on symbolic scalars, and never again.
        example: an argument each, of floats in lists, tuples, named tuples and dicts. Every float stands for a number
            that varies, and ``index(n)`` for a whole number that does. An `array`, a ``memoryview`` or a NumPy array of
            floats is what a nested list of its shape would be, and that is what the function gets. Everything else,
            whole numbers too, is fixed from now on, and must be of a type that cannot change.
        wrt: the arguments to differentiate in: a name or a position, for the gradient in this argument; or a sequence
            of them, for a tuple of gradients. By default, all arguments. The others are data: they vary, but no
            gradient in them is computed.
        gradient: False for the value alone. Then `function` may return any nested lists, tuples and dicts of scalars.
        has_aux: `function` returns a pair: the scalar, and an auxiliary result, of any nested structure of scalars, in
            which nothing is differentiated.
        target: ``c``, ``python``, or ``auto``: C where a compiler is found that keeps every bit and takes the program
            in a reasonable time, else Python. The results have the same bits. ``jax`` is fast, not exact: the function
            consists of JAX operations, takes arrays and traced values of JAX, and composes with ``jax.jit`` and
            ``jax.vmap`` and, with ``gradient=False``, with ``jax.grad``. It needs the package jax, an extra.
        cache: where compiled programs are kept; by default the user's.
        progress: whether to show what is being done, on a terminal or in a notebook, if it takes longer than a second.
        memory_limit: how much memory compiling may take: bytes, or a text such as ``"2G"``. By default, what is free,
            or the environment's ``MICROGPT_MEMORY_LIMIT``.
        numerics: ``exact``, for the bits of this machine's C library; ``portable``, for correctly rounded functions and
            the same bits everywhere; `fast`, not exact; by default, those in force (`microgpt.numerics`).

    Returns:
        A function of such arguments, which returns ``value, gradient``, or ``(value, aux), gradient`` with `has_aux`;
        without the gradient, what `function` returns.

    Raises:
        TraceError: if the function reads a value that is only known later, uses an unknown operation, or does something
            else each time. The message names its line.
        CompileError: if its gradient has no static program.
        TypeError: if `function` is not callable, no float is in the example, or a part of it could change unseen.
        ValueError: if there is no such target, numerics or argument to differentiate in, or the example is nested too
            deeply.
        ToolchainError: if the target is ``c`` and there is no compiler for it.
        MemoryError: if compiling the function takes more memory than is available (`TooLargeError`).
        ProofError: if the program does not compute what the eager autograd does; a mistake in microgpt.

    Example:
        >>> def loss(weights, rows, labels):
        ...     guesses = [sum(w * x for w, x in zip(weights, row)) for row in rows]
        ...     errors = [guess - label for guess, label in zip(guesses, labels)]
        ...     return sum(error**2 for error in errors), guesses
        >>> rows, labels = [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]
        >>> fit = microgpt.compile(loss, [0.0, 0.0], rows, labels, wrt="weights", has_aux=True)
        >>> (value, guesses), d_weights = fit([1.0, 0.5], rows, labels)
        >>> value, guesses, d_weights
        (10.0, [2.0, 5.0], [20.0, 28.0])
    """
    checked.function("function", function)
    derivative = "gradient" if checked.boolean("gradient", gradient) else ""
    wanted = wanted_of(function, len(example), derivative, wrt, checked.boolean("has_aux", has_aux))
    return compile_wanted(function, example, wanted, target, cache, progress, memory_limit, numerics)


def compile_wanted(
    function: Callable[..., Any],
    example: Sequence[Any],
    wanted: Wanted,
    target: str,
    cache: Cache | None,
    progress: bool,
    memory_limit: float | str | None = None,
    numerics: Numerics | str | None = None,
) -> CompiledFunction:
    """Compiles a function; `compile_function` says how."""
    chosen = as_numerics(numerics)
    checked.choice("target", target, TARGETS)
    limit = memory_bytes(memory_limit)
    with compile_progress(checked.boolean("progress", progress), "function") as report:
        compiled = CompiledFunction(function, example, target, cache or Cache.open(), report, wanted, limit, chosen)
        report(1, 1)
    return compiled
