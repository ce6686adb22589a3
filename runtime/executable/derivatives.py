"""Jacobians, Hessians and their products with vectors as compiled functions, for ``microgpt.jacobian`` and the like."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from textwrap import indent
from typing import Any, Protocol

from ...compiler.numerics import Numerics
from .. import arguments as checked
from ..storage.cache import Cache
from .compile_function import compile_wanted
from .function import CompiledFunction
from .wanted import Wrt, wanted_of

__all__ = ["hessian", "hvp", "jacobian"]


class _Compile(Protocol):
    """What the three are."""

    def __call__(
        self,
        function: Callable[..., Any],
        *example: Any,
        wrt: Wrt = None,
        value: bool = False,
        has_aux: bool = False,
        target: str = "auto",
        cache: Cache | None = None,
        progress: bool = True,
        memory_limit: float | str | None = None,
        numerics: Numerics | str | None = None,
    ) -> CompiledFunction: ...


def _derivative(name: str, what: str, example: str) -> _Compile:
    """A function that compiles a derivative: all of them take, return and raise alike.

    Args:
        what: the first part of its docstring.
        example: the last.
    """

    def compile_derivative(
        function: Callable[..., Any],
        *example: Any,
        wrt: Wrt = None,
        value: bool = False,
        has_aux: bool = False,
        target: str = "auto",
        cache: Cache | None = None,
        progress: bool = True,
        memory_limit: float | str | None = None,
        numerics: Numerics | str | None = None,
    ) -> CompiledFunction:
        checked.function("function", function)
        value, has_aux = checked.boolean("value", value), checked.boolean("has_aux", has_aux)
        wanted = wanted_of(function, len(example), name, wrt, has_aux, value)
        return compile_wanted(function, example, wanted, target, cache, progress, memory_limit, numerics)

    compile_derivative.__name__ = compile_derivative.__qualname__ = name
    shown = indent(cleandoc(example), "    ")
    compile_derivative.__doc__ = f"{cleandoc(what)}\n\n{_ALIKE.format(name=name)}\n\nExample:\n{shown}\n"
    return compile_derivative


_ALIKE = """\
Args:
    function: as in `compile`; for a Jacobian it returns scalars in any nested lists, tuples and dicts.
    example: an argument each, as in `compile`.
    wrt: the arguments to differentiate in; by default, all.
    value: whether to return the value, too: ``value, {name}``.
    has_aux: `function` returns a pair, of which the second part is returned as it is: ``{name}, aux``, or
        ``(value, aux), {name}``.
    target, cache, progress, memory_limit, numerics: as in `compile`.

Raises:
    TraceError, CompileError, TypeError, ValueError, ToolchainError, MemoryError, ProofError: as `compile` does."""

jacobian = _derivative(
    "jacobian",
    """
    Compiles the Jacobian of a function that returns several scalars, for arguments like `example`.

    The Jacobian has the structure of the result, with the structure of the argument in place of every scalar: for a
    list of m residuals and a list of n floats, m lists of n floats. Where one of the two is a NumPy array and both are
    rectangular, it is one array, of the shape of the result followed by that of the argument. In several arguments it
    is a tuple with a Jacobian for each. Each row has the bits of the eager ``Value``'s gradient of that scalar.
    """,
    """
    >>> def residuals(curve, xs, ys):
    ...     scale, rate = curve
    ...     return [scale * (rate * x).exp() - y for x, y in zip(xs, ys)]
    >>> slopes = microgpt.jacobian(residuals, [1.0, 0.0], [0.0, 0.0], [0.0, 0.0], wrt="curve", value=True)
    >>> slopes([2.0, 0.0], [1.0, 3.0], [1.5, 2.5])
    ([0.5, -0.5], [[1.0, 2.0], [1.0, 6.0]])
    """,
)

hessian = _derivative(
    "hessian",
    """
    Compiles the Hessian of a scalar function, for arguments like `example`: the Jacobian of its gradient.

    It has the structure of the gradient, with the structure of the argument in place of every float: for a list of n
    floats, n lists of n floats; for a NumPy array, one of twice as many dimensions. In several arguments it is a tuple
    of tuples: at [i][j] are the derivatives, in argument j, of the gradient in argument i. It is what the eager
    ``Value`` would give if it differentiated the operations of its own backward pass, so the two halves of it may
    differ in their last bits.
    """,
    """
    >>> curvature = microgpt.hessian(lambda p: p[0] ** 2 * p[1], [0.0, 0.0])
    >>> curvature([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """,
)

hvp = _derivative(
    "hvp",
    """
    Compiles the product of the Hessian of a scalar function and a vector, without the Hessian.

    It takes one argument more, the vector, which is like the gradient, and returns what is like the gradient. It costs
    a few gradients, however many floats there are.
    """,
    """
    >>> product = microgpt.hvp(lambda p: p[0] ** 2 * p[1], [0.0, 0.0])
    >>> product([3.0, 5.0], [1.0, -1.0])
    [4.0, 6.0]
    """,
)
