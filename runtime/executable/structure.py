"""The structure of an example: which numbers of nested arguments vary, and in what order they lie in flat sequences.

In: the arguments that a function is compiled for. Out: a `Structure`, which knows the tensors and indices of the
traced graph and turns arguments into flat numbers and flat numbers into nested results. `marshal_source` writes the
code that does this quickly; what that code refuses is walked here, leaf by leaf, to say what is wrong and where.
"""

from __future__ import annotations

import operator
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property
from math import prod
from numbers import Complex, Real
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from ...compiler.ir.graph import IndexTensor, Tensor
from ...compiler.ir.names import unused
from ..arguments import whole

__all__ = [
    "Fixed", "Index", "Items", "Keys", "Node", "Scalar", "Structure", "Vector", "build", "doubles_in", "index",
    "is_numpy", "shape_of", "structure_of",
]  # fmt: skip

# Deeper arguments are refused: they are more likely to contain themselves than to be meant.
_DEEPEST = 50

# What cannot change once it has been traced.
_IMMUTABLE = (
    int, str, bytes, complex, type(None), type(...), type, Enum, range, slice, frozenset, FunctionType,
    BuiltinFunctionType, ModuleType,
)  # fmt: skip


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


@dataclass(frozen=True)
class Scalar:
    """A float: a number that varies."""


@dataclass(frozen=True)
class Fixed:
    """Anything else that cannot change. Compared by value and type, since ``1 == True``."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash(type(self.value))


@dataclass(frozen=True)
class Vector:
    """Doubles in memory, row by row: an `array`, a `memoryview`, a NumPy array.

    Attributes:
        kind: its type.
        shape: of its dimensions.
    """

    kind: type
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Items:
    """A list, a tuple or a named tuple. Other subclasses of these are taken for plain ones.

    Attributes:
        kind: its type.
        parts: one for each element.
    """

    kind: Any
    parts: tuple[Node, ...]

    @property
    def is_list(self) -> bool:
        """Whether a list stands in its place."""
        return issubclass(self.kind, list)

    @cached_property
    def runs(self) -> list[tuple[int, int, Node]]:
        """Neighbours that are alike: first, end, and their structure."""
        runs: list[tuple[int, int, Node]] = []
        for place, part in enumerate(self.parts):
            if runs and runs[-1][2] == part:
                runs[-1] = (runs[-1][0], place + 1, part)
            else:
                runs.append((place, place + 1, part))
        return runs


@dataclass(frozen=True)
class Keys:
    """A dict, by key, or a dataclass, by field.

    Attributes:
        keys, parts: of its items, in the example's order.
        kind: ``dict``, ``OrderedDict``, ``defaultdict`` or the dataclass. Other subclasses are taken for plain dicts.
        factory: of a ``defaultdict``.
    """

    keys: tuple[Any, ...]
    parts: tuple[Node, ...]
    kind: type = dict
    factory: Any = None

    @property
    def is_dict(self) -> bool:
        """Whether it is no dataclass."""
        return issubclass(self.kind, dict)

    def made(self, parts: Iterable[Any]) -> Any:
        """A dict or dataclass of its kind with these parts.

        The ``__init__`` of a dataclass is not called, since it may check numbers, which the trace does not know.
        """
        items = dict(zip(self.keys, parts, strict=True))
        if self.kind is dict:
            return items
        if self.kind is defaultdict:
            return defaultdict(self.factory, items)
        if self.is_dict:
            return self.kind(items)
        made: Any = object.__new__(self.kind)
        for key, part in items.items():
            object.__setattr__(made, key, part)
        return made


Node = Scalar | Index | Fixed | Vector | Items | Keys


def doubles_in(node: Node) -> int:
    """How many numbers that vary are in it."""
    if isinstance(node, Scalar):
        return 1
    if isinstance(node, Vector):
        return prod(node.shape)
    return sum(map(doubles_in, node.parts)) if isinstance(node, Items | Keys) else 0


def indices_in(node: Node) -> Iterator[int]:
    """The limits of its indices, in order."""
    if isinstance(node, Index):
        yield node.limit
    elif isinstance(node, Items | Keys):
        for part in node.parts:
            yield from indices_in(part)


def is_numpy(kind: type) -> bool:
    """Whether a type is NumPy's."""
    return kind.__module__.partition(".")[0] == "numpy"


def structure_of(names: Sequence[str], example: Sequence[Any], wrt: Sequence[int] | None = None) -> Structure:
    """The structure of an example.

    Args:
        names: of the arguments.
        wrt: the places of the arguments that derivatives are taken in; None for all of them.

    Raises:
        TypeError: if a part of the example could change without being seen, or nothing varies.
        ValueError: if the example is too deep, or contains itself.
    """
    nodes = tuple(_node(argument, name, 0) for name, argument in zip(names, example, strict=True))
    if not any(map(doubles_in, nodes)):
        raise TypeError("the example has no float, so there is nothing to differentiate in; write 1.0, not 1")
    for place in wrt or ():
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
    if isinstance(tree, list | tuple):
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
        parts = tuple(map(_like_gradient, self.parameters))
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

    def flatten(self, arguments: Sequence[Any]) -> tuple[list[float], list[int]]:
        """The floats, in the order of the inputs, and the indices of arguments that are like the example, leaf by leaf.

        Raises:
            TypeError: if they are not like the example, naming the first part that differs.
            IndexError: if an index is out of its range.
            OverflowError: if a number is too large for a double.
        """
        if len(arguments) != len(self.nodes):
            raise TypeError(
                f"compiled for {len(self.nodes)} arguments ({', '.join(self.names)}), called with {len(arguments)}"
            )
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
            _take(argument, node, name, found[-1], numbers)
        ordered = sorted(zip(self.starts, found, strict=True), key=lambda row: row[0])
        return [number for _, part in ordered for number in part]


def _like_gradient(node: Node) -> Node:
    """The structure of the derivative in an argument."""
    match node:
        case Index() | Fixed():
            return Fixed(None)
        case Items() | Keys():
            return replace(node, parts=tuple(map(_like_gradient, node.parts)))
        case _:
            return node


def build(node: Node, floats: Iterator[Any], numbers: Iterator[Any] | None = None) -> Any:
    """A tree of that structure with the next of these floats and indices; arrays become nested lists.

    Args:
        numbers: None to have None in place of everything that is no float.
    """
    match node:
        case Scalar():
            return next(floats)
        case Index():
            return next(numbers) if numbers is not None else None
        case Fixed():
            return node.value if numbers is not None else None
        case Vector():
            return _nested([next(floats) for _ in range(prod(node.shape))], node.shape)
        case Items():
            parts = [build(part, floats, numbers) for part in node.parts]
            if node.is_list:
                return parts
            return node.kind._make(parts) if hasattr(node.kind, "_fields") else tuple(parts)
        case Keys():
            return node.made([build(part, floats, numbers) for part in node.parts])


def _take(value: Any, node: Node, path: str, floats: list[float], numbers: list[int] | None) -> None:
    match node:
        case Scalar():
            floats.append(_double(value, path))
        case Index() if numbers is not None:
            if not hasattr(type(value), "__index__"):
                raise TypeError(f"{path} must be a whole number, not {value!r}")
            number = operator.index(value)
            if not 0 <= number < node.limit:
                raise IndexError(f"{path} is {number}, but must be from 0 to {node.limit - 1}")
            numbers.append(number)
        case Fixed():
            # A NaN, or an array, is not equal to itself, so identity is enough.
            if value is not node.value and not _same(value, node.value):
                hint = "; a number that varies is a float in the example" if isinstance(node.value, int) else ""
                raise TypeError(
                    f"{path} was {node.value!r} in the example and is fixed, so it cannot be {value!r} now{hint}"
                )
        case Vector():
            _take_array(value, node.shape, path, floats)
        case Items():
            for place, (part, like) in enumerate(zip(_sequence(value, len(node.parts), path), node.parts, strict=True)):
                _take(part, like, f"{path}[{place}]", floats, numbers)
        case Keys() if not node.is_dict:
            if not isinstance(value, node.kind):
                raise TypeError(f"{path} must be a {node.kind.__name__}, as in the example, not {type(value).__name__}")
            for key, like in zip(node.keys, node.parts, strict=True):
                _take(getattr(value, key), like, f"{path}.{key}", floats, numbers)
        case Keys():
            if not isinstance(value, Mapping):
                raise TypeError(f"{path} must be a dict, as in the example, not {type(value).__name__}")
            for key in value:
                if key not in node.keys:
                    raise TypeError(f"{path} has a key {key!r}, which the example has not")
            for key, like in zip(node.keys, node.parts, strict=True):
                if key not in value:
                    raise TypeError(f"{path} has no key {key!r}, which the example has")
                _take(value[key], like, f"{path}[{key!r}]", floats, numbers)


def _sequence(value: Any, count: int, path: str) -> list[Any]:
    if isinstance(value, str | bytes | bytearray | Mapping) or not (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    ):
        raise TypeError(f"{path} must be a sequence of {count} elements, as in the example, not {value!r:.60}")
    elements = list(value)  # what it has, and not what its len() says
    if len(elements) != count:
        raise TypeError(f"{path} has {len(elements)} elements, {count} in the example")
    return elements


def _take_array(value: Any, shape: tuple[int, ...], path: str, floats: list[float]) -> None:
    if not shape:
        floats.append(_double(value, path))
        return
    if is_numpy(type(value)) and value.shape == shape and value.dtype.kind in "fiu":
        floats += value.astype(float).ravel().tolist()
        return
    for place, part in enumerate(_sequence(value, shape[0], path)):
        _take_array(part, shape[1:], f"{path}[{place}]", floats)


def _double(value: Any, path: str) -> float:
    # NumPy would give the real part of a complex number.
    if not isinstance(value, str | bytes | bytearray) and (isinstance(value, Real) or not isinstance(value, Complex)):
        try:
            return float(value)
        except OverflowError:
            raise OverflowError(f"{path} is too large for a double: {value!r:.60}") from None
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{path} must be a number, not {value!r:.60}")


def _same(value: Any, like: Any) -> bool:
    """Whether a function that was traced with `like` would have computed the same with `value`: 0 is not -0.0."""
    if type(like) is int and not isinstance(value, bool):
        try:
            return operator.index(value) == like
        except TypeError:
            return False
    return isinstance(value, type(like)) and isinstance(value, bool) == isinstance(like, bool) and bool(value == like)


def shape_of(node: Node) -> tuple[int, ...] | None:
    """The shape of rectangular nested floats; None for anything else."""
    if isinstance(node, Scalar):
        return ()
    if isinstance(node, Vector):
        return node.shape
    if not isinstance(node, Items) or not node.parts or len(node.runs) > 1:
        return None
    inner = shape_of(node.parts[0])
    return None if inner is None else (len(node.parts), *inner)


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    if len(shape) < 2:
        return values if shape else values[0]
    size = prod(shape[1:])
    return [_nested(values[place * size : (place + 1) * size], shape[1:]) for place in range(shape[0])]
