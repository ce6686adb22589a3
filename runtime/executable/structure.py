"""The structure of an example: which numbers of nested arguments vary, and in what order they lie in flat sequences.

In: the arguments that a function is compiled for. Out: a `Structure`, which knows the tensors and indices of the
traced graph and turns arguments into flat numbers and flat numbers into nested results. `marshal_code` writes the
code that does this quickly; what that code refuses is walked here, leaf by leaf, to say what is wrong and where.
"""

from __future__ import annotations

import operator
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from ...compiler.ir.graph import IndexTensor, Tensor
from ...compiler.ir.names import unused
from .flatten import take
from .nodes import (
    Fixed,
    Index,
    Items,
    Keys,
    ManyRows,
    Node,
    Scalar,
    Vector,
    all_floats,
    build,
    doubles_in,
    indices_in,
    is_numpy,
    like_gradient,
    shape_of,
)

__all__ = ["Structure", "structure_of"]

# Deeper arguments are refused: they are more likely to contain themselves than to be meant.
_DEEPEST = 50

# What cannot change once it has been traced.
_IMMUTABLE = (
    int, str, bytes, complex, type(None), type(...), type, Enum, range, slice, frozenset, FunctionType,
    BuiltinFunctionType, ModuleType,
)  # fmt: skip


def structure_of(
    names: Sequence[str], example: Sequence[Any], wrt: Sequence[int] | None = None, needs_floats: bool = True
) -> Structure:
    """The structure of an example.

    Args:
        names: of the arguments.
        wrt: the places of the arguments that derivatives are taken in; None for all of them.
        needs_floats: whether an example without one is an error.

    Raises:
        TypeError: if a part of the example could change without being seen, or nothing varies.
        ValueError: if the example is too deep, or contains itself.
    """
    nodes = tuple(
        argument if isinstance(argument, ManyRows) else _node(argument, name, 0)
        for name, argument in zip(names, example, strict=True)
    )
    if needs_floats and not nodes:
        raise TypeError("there is no example to compile for; give one of every argument, as in compile(f, 0.0)")
    if needs_floats and not any(map(doubles_in, nodes)):
        raise TypeError("the example has no float, so there is nothing to differentiate in; write 1.0, not 1")
    for place in wrt or ():
        if isinstance(nodes[place], ManyRows):
            raise TypeError(f"wrt has {names[place]}, but rows of data have no gradient; pass what has one beside them")
        if not doubles_in(nodes[place]):
            raise TypeError(f"wrt has {names[place]}, which has no float in the example to differentiate in")
    return Structure(tuple(names), nodes, tuple(range(len(nodes)) if wrt is None else wrt))


def _node(tree: Any, path: str, depth: int) -> Node:
    if depth > _DEEPEST:
        raise ValueError(f"{path[:60]}... is nested more than {_DEEPEST} levels deep, or contains itself")
    if isinstance(tree, float | Fraction | Decimal):
        return Scalar()
    if isinstance(tree, Index):
        return tree
    if isinstance(tree, ManyRows):
        raise TypeError(f"{path} is rows(...) inside another argument; rows of data are an argument of their own")
    if isinstance(tree, list | tuple):
        if depth < _DEEPEST and all_floats(tree):
            return Items(type(tree), (Scalar(),) * len(tree))
        return Items(type(tree), tuple(_node(part, f"{path}[{place}]", depth + 1) for place, part in enumerate(tree)))
    if isinstance(tree, dict):
        parts = tuple(_node(part, f"{path}[{key!r}]", depth + 1) for key, part in tree.items())
        kind = type(tree) if type(tree) in (OrderedDict, defaultdict) else dict
        return Keys(tuple(tree), parts, kind, getattr(tree, "default_factory", None))
    if isinstance(tree, _IMMUTABLE):
        return Fixed(tree)
    if is_dataclass(tree):
        names = tuple(field.name for field in fields(tree))
        parts = tuple(_node(getattr(tree, name), f"{path}.{name}", depth + 1) for name in names)
        return Keys(names, parts, type(tree))
    if is_numpy(type(tree)) and getattr(tree, "dtype", None) is not None and tree.dtype.kind == "f":
        return Vector(type(tree), tuple(tree.shape)) if tree.shape else Scalar()
    view = _view(tree)
    if view is not None and view.format in ("d", "f"):
        return Vector(type(tree), tuple(view.shape or ())) if view.ndim else Scalar()
    if view is not None and view.ndim == 0 and hasattr(tree, "__index__"):
        return Fixed(operator.index(tree))
    what = f"an array of {view.format!r}" if view is not None else type(tree).__name__
    raise TypeError(
        f"{path} is {what}, which could change without being seen: pass floats for what varies, index(n) for whole "
        f"numbers that vary, and a dataclass for several of these; what is fixed may be a tuple, or a global of the "
        f"function's module"
    )


def _view(tree: Any) -> memoryview | None:
    try:
        return memoryview(tree)
    except (TypeError, ValueError):  # NumPy raises the second for types that C does not have
        return None


@dataclass(frozen=True)
class Structure:
    """How nested arguments lie in flat sequences.

    The floats of the arguments that derivatives are taken in are the graph's argument ``parameters``, all others are
    its argument ``data``, and the inputs of the graph are numbered in this order.

    Attributes:
        names: of the arguments.
        nodes: their structures.
        wrt: the places of the arguments that derivatives are taken in, in the order of the results.
    """

    names: tuple[str, ...]
    nodes: tuple[Node, ...]
    wrt: tuple[int, ...]

    @property
    def parameters(self) -> tuple[Node, ...]:
        """The structures of the arguments that derivatives are taken in."""
        return tuple(self.nodes[place] for place in self.wrt)

    @cached_property
    def size(self) -> int:
        """How many numbers derivatives are taken in."""
        return sum(map(doubles_in, self.parameters))

    def with_vector(self, single: bool) -> Structure:
        """The structure with a further argument, which is like the derivative in all parameters.

        Args:
            single: whether that is no tuple where there is a single one.
        """
        parts = tuple(map(like_gradient, self.parameters))
        vector = parts[0] if single and len(parts) == 1 else Items(tuple, parts)
        name = unused("vector", set(self.names))
        return Structure((*self.names, name), (*self.nodes, vector), self.wrt)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """For each argument, the number of its first float among the inputs of the graph."""
        starts = [0] * len(self.nodes)
        start = 0
        for place in (*self.wrt, *(place for place in range(len(self.nodes)) if place not in self.wrt)):
            starts[place] = start
            start += doubles_in(self.nodes[place])
        return tuple(starts)

    def by_argument(self, floats: Sequence[float]) -> dict[str, Sequence[float]]:
        """The floats of all arguments, in the order of the inputs, by argument of the graph."""
        parts = {"parameters": floats[: self.size], "data": floats[self.size :]}
        return {name: part for name, part in parts.items() if part}

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the graph: a tensor for each argument that has floats."""
        tensors: list[Tensor] = []
        for name, node, start in sorted(zip(self.names, self.nodes, self.starts, strict=True), key=lambda row: row[2]):
            count = doubles_in(node)
            if count:
                shape = shape_of(node)
                argument = "parameters" if start < self.size else "data"
                tensors.append(Tensor(name, argument, start, (count,) if shape is None else shape))
        return tuple(tensors)

    @cached_property
    def indices(self) -> tuple[IndexTensor, ...]:
        """The indices: neighbours of one limit form one sequence."""
        indices: list[IndexTensor] = []
        for limit in (limit for node in self.nodes for limit in indices_in(node)):
            last = indices[-1] if indices else None
            if last and last.limit == limit:
                indices[-1] = IndexTensor(last.name, last.start, last.count + 1, limit)
            else:
                number = last.start + last.count if last else 0
                indices.append(IndexTensor(f"index{len(indices)}", number, 1, limit))
        return tuple(indices)

    def arrange(self, floats: Sequence[Any], numbers: Sequence[Any]) -> tuple[Any, ...]:
        """The example with its floats and indices replaced by these; arrays become nested lists.

        Args:
            floats: in the order of the inputs.
        """
        ahead = iter(numbers)
        return tuple(
            build(node, iter(floats[start : start + doubles_in(node)]), ahead)
            for node, start in zip(self.nodes, self.starts, strict=True)
        )

    def check_count(self, arguments: Sequence[Any]) -> None:
        """Refuses too few and too many arguments.

        Raises:
            TypeError: saying how many there are.
        """
        count = len(self.nodes)
        if len(arguments) != count:
            names = ", ".join(self.names)
            raise TypeError(
                f"compiled for {count} argument{'s' * (count != 1)} ({names}), called with {len(arguments)}"
            )

    def flatten(self, arguments: Sequence[Any]) -> tuple[list[float], list[int]]:
        """The floats, in the order of the inputs, and the indices of arguments that are like the example, leaf by leaf.

        Raises:
            TypeError: if they are not like the example, naming the first part that differs.
            IndexError: if an index is out of its range.
            OverflowError: if a number is too large for a double.
        """
        self.check_count(arguments)
        numbers: list[int] = []
        return self.floats(arguments, numbers), numbers

    def floats(self, arguments: Sequence[Any], numbers: list[int] | None = None) -> list[float]:
        """The floats of arguments that are like the example, in the order of the inputs; what `flatten` raises.

        Args:
            numbers: takes the indices. Without it they may be anything, as in the example itself.
        """
        found: list[list[float]] = []
        for name, node, argument in zip(self.names, self.nodes, arguments, strict=True):
            found.append([])
            take(argument, node, name, found[-1], numbers)
        ordered = sorted(zip(self.starts, found, strict=True), key=lambda row: row[0])
        return [number for _, part in ordered for number in part]
