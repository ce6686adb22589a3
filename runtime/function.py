"""Compiling a function of one's own: ``compile(function, *example)`` gives its value and gradient as a program."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..compiler.ir.graph import Graph, IndexTensor, Tensor
from ..compiler.ir.names import identifier
from ..compiler.pipeline import compile_graph, compile_python
from ..compiler.trace import trace_twice
from .arguments import whole
from .cache import Cache
from .program import Program, load_program, program_key, store_program

__all__ = ["CompiledFunction", "Index", "compile_function", "index"]


@dataclass(frozen=True)
class Index:
    """Stands in an example for a whole number that is known only when the program runs. Made by `index`."""

    limit: int


def index(limit: int) -> Index:
    """In an example: a whole number from 0 to ``limit - 1`` that differs from call to call, for ``select``.

    Raises:
        TypeError: if `limit` is no whole number.
        ValueError: if it is not positive.
    """
    return Index(whole("limit", limit, 1))


def compile_function(function: Callable[..., Any], *example: Any, cache: Cache | None = None) -> CompiledFunction:
    """Compiles a scalar function of scalars for arguments like `example`.

    Args:
        function: computes one scalar with ``+ - * / **``, ``log``, ``exp``, ``relu``, `maximum`, `select`, and
            Python's own lists, loops and functions. It is run twice, on symbolic scalars, and never again.
        example: an argument each, of floats in lists, tuples and dicts. Every float stands for a number that varies,
            and ``index(n)`` for a whole number that does. Everything else, whole numbers too, is fixed from now on.
        cache: where compiled programs are kept; by default the user's.

    Raises:
        TraceError: if the function reads a value that is only known later, uses an unknown operation, or does something
            else each time. The message names its line.
        CompileError: if its gradient has no static program.
    """
    return CompiledFunction(function, example, cache or Cache.open())


class CompiledFunction:
    """A compiled function. Calling it gives the value and the gradient, with the bits that the eager ``Value`` gives.

    The gradient is shaped like the argument, or for several arguments is a tuple with one for each; it has a float in
    place of every float and None in place of everything else.
    """

    def __init__(self, function: Callable[..., Any], example: Sequence[Any], cache: Cache) -> None:
        self.name = identifier(getattr(function, "__name__", "function"))
        self._example = tuple(example)
        self._layout = _Layout(function, self._example)
        self._function = function
        self.graph: Graph = compile_graph(self._trace, "parameters")
        self._program = self._load(cache)

    def __call__(self, *arguments: Any) -> tuple[float, Any]:
        """The value, and the derivative of the value in every float of the arguments.

        Raises:
            TypeError: if the arguments are not like the example.
            IndexError: if an index is out of its range.
        """
        floats, numbers = self._layout.flatten(arguments)
        (value,), gradient = self._program.run(floats, *numbers)
        results = self._layout.unflatten(gradient)
        return value, results[0] if len(results) == 1 else results

    @property
    def path(self) -> Path:
        """The generated program."""
        return self._program.path

    @cached_property
    def source(self) -> str:
        """The text of the generated program."""
        return self.path.read_text("utf-8")

    def _trace(self) -> Graph:
        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            scalars = [scalar for block in indices.values() for scalar in block]
            return {"value": [self._function(*self._layout.arrange(inputs.get("parameters", []), scalars))]}

        graph: Graph = trace_twice(run, self.name, self._layout.tensors, self._layout.indices)
        return graph

    def _load(self, cache: Cache) -> Program:
        key = f"function-{program_key({'graph': self.graph.fingerprint})}"
        known = load_program(cache, key)
        if known is None:
            source = compile_python(
                self.graph, heading=[f"Made from the function {self.name} by microgpt. Do not edit."]
            )
            known = store_program(cache, key, source, {"operations": len(self.graph)})
        return known


class _Layout:
    """How nested arguments lie in the flat sequences of a program."""

    def __init__(self, function: Callable[..., Any], example: tuple[Any, ...]) -> None:
        self.example = example
        self.names = _argument_names(function, len(example))
        self.tensors: list[Tensor] = []
        self.indices: list[IndexTensor] = []
        start = 0
        limits: list[int] = []
        for name, argument in zip(self.names, example, strict=True):
            leaves = [leaf for _, leaf in _leaves(argument, name)]
            count = sum(isinstance(leaf, float) for leaf in leaves)
            limits += (leaf.limit for leaf in leaves if isinstance(leaf, Index))
            if count:
                self.tensors.append(Tensor(name, "parameters", start, _shape(argument) or (count,)))
                start += count
        if not start:
            raise TypeError("the example has no float, so there is nothing to differentiate in; write 1.0, not 1")
        for limit in limits:
            last = self.indices[-1] if self.indices else None
            if last and last.limit == limit:
                self.indices[-1] = IndexTensor(last.name, last.start, last.count + 1, limit)
            else:
                number = last.start + last.count if last else 0
                self.indices.append(IndexTensor(f"index{len(self.indices)}", number, 1, limit))

    def arrange(self, floats: Sequence[Any], numbers: Sequence[Any]) -> tuple[Any, ...]:
        """The example with its floats and indices replaced by these."""
        remaining_floats, remaining_numbers = iter(floats), iter(numbers)

        def replace(leaf: Any) -> Any:
            if isinstance(leaf, float):
                return next(remaining_floats)
            return next(remaining_numbers) if isinstance(leaf, Index) else leaf

        return tuple(_mapped(argument, replace) for argument in self.example)

    def unflatten(self, gradient: Sequence[float]) -> tuple[Any, ...]:
        """The gradient in the shape of the example."""
        remaining = iter(gradient)
        return tuple(
            _mapped(argument, lambda leaf: next(remaining) if isinstance(leaf, float) else None)
            for argument in self.example
        )

    def flatten(self, arguments: tuple[Any, ...]) -> tuple[list[float], list[list[int]]]:
        """The floats, and for each index tensor its numbers."""
        if len(arguments) != len(self.example):
            raise TypeError(
                f"compiled for {len(self.example)} arguments ({', '.join(self.names)}), called with {len(arguments)}"
            )
        floats: list[float] = []
        numbers: list[int] = []
        for name, argument, like in zip(self.names, arguments, self.example, strict=True):
            expected = list(_leaves(like, name))
            given = list(_leaves(argument, name))
            for (path, leaf), (path_like, leaf_like) in zip(given, expected, strict=False):
                if path != path_like:
                    raise TypeError(f"the arguments are not like the example: there is {path} in place of {path_like}")
                self._take(path, leaf, leaf_like, floats, numbers)
            if len(given) != len(expected):
                raise TypeError(f"{name} has {len(given)} elements, {len(expected)} in the example")
        return floats, [numbers[tensor.start : tensor.start + tensor.count] for tensor in self.indices]

    def _take(self, path: str, leaf: Any, like: Any, floats: list[float], numbers: list[int]) -> None:
        if isinstance(like, float):
            try:
                floats.append(float(leaf))
            except (TypeError, ValueError):
                raise TypeError(f"{path} must be a number, not {leaf!r}") from None
        elif isinstance(like, Index):
            if not isinstance(leaf, int):
                raise TypeError(f"{path} must be a whole number, not {leaf!r}")
            if not 0 <= leaf < like.limit:
                raise IndexError(f"{path} is {leaf}, but must be from 0 to {like.limit - 1}")
            numbers.append(leaf)
        elif leaf != like:
            hint = "; a number that varies is a float in the example" if isinstance(like, int) else ""
            raise TypeError(f"{path} was {like!r} in the example and is fixed, so it cannot be {leaf!r} now{hint}")


def _leaves(tree: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(tree, list | tuple):
        return [leaf for place, part in enumerate(tree) for leaf in _leaves(part, f"{path}[{place}]")]
    if isinstance(tree, dict):
        return [leaf for key, part in tree.items() for leaf in _leaves(part, f"{path}[{key!r}]")]
    return [(path, tree)]


def _mapped(tree: Any, replace: Callable[[Any], Any]) -> Any:
    if isinstance(tree, list | tuple):
        parts = [_mapped(part, replace) for part in tree]
        if isinstance(tree, tuple):
            return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
        return parts
    if isinstance(tree, dict):
        return {key: _mapped(part, replace) for key, part in tree.items()}
    return replace(tree)


def _shape(tree: Any) -> tuple[int, ...] | None:
    """The shape of rectangular nested lists of floats; None for anything else."""
    if isinstance(tree, float):
        return ()
    if not isinstance(tree, list | tuple) or not tree:
        return None
    shapes = {_shape(part) for part in tree}
    inner = shapes.pop()
    return None if shapes or inner is None else (len(tree), *inner)


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        names = [parameter.name for parameter in inspect.signature(function).parameters.values() if parameter.kind < 2]
    except (TypeError, ValueError):
        names = []
    return [names[place] if place < len(names) else f"argument{place}" for place in range(count)]
