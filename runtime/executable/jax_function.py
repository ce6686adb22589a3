"""Functions for JAX: what ``target="jax"`` compiles, which composes with ``jax.jit``, ``jax.vmap`` and ``jax.grad``.

In: the graphs of a function and of its gradient. Out: a function of arguments like the example, in which arrays and
traced values of JAX may stand in place of floats and of nested lists of them.

The gradient is that of our own backward loops (a ``jax.custom_vjp``), not JAX's of the forward loops, for two reasons.
Slopes are then those of the table of operations everywhere, also where JAX has others (`maximum` of equal numbers).
And a branch that is not taken contributes nothing, where JAX multiplies its slope by zero, which is NaN if that is
infinite. Higher derivatives are JAX's, of our backward loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ...compiler.ir.graph import Graph
from .jax_source import function_module
from .nodes import Fixed, Index, Items, Keys, Node, Scalar, Vector, doubles_in, shape_of
from .results import Results
from .structure import Structure
from .wanted import Wanted

__all__ = ["JaxFunction", "import_jax"]


def import_jax() -> Any:
    """The package JAX, which is an extra.

    Raises:
        ModuleNotFoundError: if it is not installed, saying how to install it.
    """
    try:
        return import_module("jax")
    except ImportError:
        raise ModuleNotFoundError(
            "to run in JAX, the package jax must be installed: pip install 'microgpt-compiler[jax]'"
        ) from None


class JaxFunction:
    """A compiled function that is made of JAX operations.

    Args:
        name: of the function.
        structure, results, wanted: of arguments and results.
        forward: the graph of its value.
        backward: the graph of value and gradient; None for a function of more than one result.

    Attributes:
        source: the text of the generated module.

    Raises:
        ModuleNotFoundError: if JAX is not installed.
    """

    def __init__(
        self,
        name: str,
        structure: Structure,
        results: Results,
        wanted: Wanted,
        forward: Graph,
        backward: Graph | None,
    ) -> None:
        self._jax = import_jax()
        self._structure, self._results, self._wanted = structure, results, wanted
        functions = [("value", forward, "The value.")]
        if backward:
            functions.append(("value_and_gradient", backward, "The value, and its gradient in each argument."))
        self.source = function_module(name, functions)
        made: dict[str, Any] = {"__name__": f"microgpt_{name}"}
        exec(compile(self.source, f"<{name} in JAX>", "exec"), made)
        self._value = made["value"]
        self._both = made.get("value_and_gradient")
        self._core = self._with_gradient() if backward else self._value

    def _with_gradient(self) -> Any:
        core = self._jax.custom_vjp(lambda index, *arrays: self._call(self._value, index, arrays))
        differentiated = sum(tensor.argument == "parameters" for tensor in self._structure.tensors)

        def forward(index: Any, *arrays: Any) -> Any:
            value, gradient = self._call(self._both, index, arrays)
            parts = gradient if differentiated > 1 else (gradient,)
            return value, tuple(part.reshape(array.shape) for part, array in zip(parts, arrays, strict=False))

        def backward(gradient: Any, slope: Any) -> Any:
            return None, *(slope * part for part in gradient)

        core.defvjp(forward, backward)
        return core

    def _call(self, function: Any, index: Any, arrays: Sequence[Any]) -> Any:
        return function(*arrays, index) if self._structure.indices else function(*arrays)

    def __call__(self, *arguments: Any) -> Any:
        """See `compile_function`.

        Raises:
            TypeError: if the arguments are not like the example.
        """
        arrays, index = self._flattened(arguments)
        if not self._wanted.derivative:
            return self._arranged(self._core(index, *arrays) if self._both else self._call(self._value, index, arrays))
        value, gradient = self._call(self._both, index, arrays)
        own = len([tensor for tensor in self._structure.tensors if tensor.argument == "parameters"])
        parts = iter(gradient if own > 1 else (gradient,))
        places = self._structure.wrt
        trees = [
            _like(
                self._structure.nodes[place],
                next(parts).reshape(-1) if doubles_in(self._structure.nodes[place]) else None,
            )
            for place in sorted(places, key=lambda place: self._structure.starts[place])
        ]
        ordered = dict(zip(sorted(places, key=lambda place: self._structure.starts[place]), trees, strict=True))
        found = tuple(ordered[place] for place in places)
        return value.reshape(()), found[0] if self._wanted.single and len(found) == 1 else found

    def _flattened(self, arguments: Sequence[Any]) -> tuple[list[Any], Any]:
        """An array for each argument with floats, in the order of the graph's inputs, and the index."""
        structure, jnp = self._structure, self._jax.numpy
        structure.check_count(arguments)
        numbers: list[Any] = []
        found = []
        for name, node, argument, start in zip(
            structure.names, structure.nodes, arguments, structure.starts, strict=True
        ):
            leaves: list[Any] = []
            self._take(node, argument, name, leaves, numbers)
            if leaves:
                array = leaves[0] if len(leaves) == 1 else jnp.concatenate(leaves)
                found.append((start, array.reshape(shape_of(node) or (doubles_in(node),))))
        index = jnp.stack([jnp.asarray(number) for number in numbers]) if numbers else None
        return [array for _, array in sorted(found, key=lambda pair: pair[0])], index

    def _take(self, node: Node, argument: Any, path: str, leaves: list[Any], numbers: list[Any]) -> None:
        """The floats of an argument as flat arrays, and its indices."""
        jnp = self._jax.numpy
        shape = shape_of(node)
        if shape is not None and (not shape or hasattr(argument, "shape") or isinstance(node, Vector)):
            array = jnp.asarray(argument)
            if array.shape != shape:
                raise TypeError(f"{path} has the shape {array.shape}, but is compiled for {shape}")
            leaves.append(array.reshape(-1).astype(jnp.result_type(array, float)))
            return
        match node:
            case Index():
                numbers.append(argument)
            case Fixed():
                if node != Fixed(argument):
                    raise TypeError(f"{path} is {argument!r:.60}, but fixed to {node.value!r:.60}; compile again")
            case Items():
                if not isinstance(argument, list | tuple) or len(argument) != len(node.parts):
                    raise TypeError(f"{path} is not like the example: {len(node.parts)} parts in a list or tuple")
                for place, (part, own) in enumerate(zip(node.parts, argument, strict=True)):
                    self._take(part, own, f"{path}[{place}]", leaves, numbers)
            case Keys():
                for key, part in zip(node.keys, node.parts, strict=True):
                    try:
                        own = argument[key] if node.is_dict else getattr(argument, key)
                    except (KeyError, TypeError, AttributeError):
                        raise TypeError(f"{path} has no {key!r}, which the example has") from None
                    self._take(part, own, f"{path}[{key!r}]", leaves, numbers)

    def _arranged(self, flat: Any) -> Any:
        """What the function returned under the trace, with these numbers."""
        if isinstance(self._results.value, Scalar):
            return flat.reshape(())
        return _like(self._results.value, flat.reshape(-1))


def _like(node: Node, flat: Any) -> Any:
    """A tree of that structure: arrays in place of rectangular lists of floats, None where no float is."""
    shape = shape_of(node)
    if shape is not None:
        return flat.reshape(shape)
    match node:
        case Items() | Keys():
            parts, start = [], 0
            for part in node.parts:
                count = doubles_in(part)
                parts.append(_like(part, flat[start : start + count] if count else None))
                start += count
            if isinstance(node, Keys):
                return node.made(parts)
            if node.is_list:
                return parts
            return node.kind._make(parts) if hasattr(node.kind, "_fields") else tuple(parts)
    return None
