"""The nodes of a structure: what stands at one place of nested arguments, a float, say, or a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

from ..arguments import whole

__all__ = [
    "Fixed", "Index", "Items", "Keys", "ManyRows", "Node", "Scalar", "Vector", "all_floats", "build", "doubles_in",
    "index", "indices_in", "is_numpy", "like_gradient", "shape_of",
]  # fmt: skip


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
class ManyRows:
    """Rows of data, of which every call may bring another number. Made by `rows`.

    Attributes:
        row: the structure of one.
        example: the floats of one.
    """

    row: Any
    example: tuple[float, ...]


@dataclass(frozen=True)
class Items:
    """A list, a tuple or a named tuple. Other subclasses of these are taken for plain ones.

    Attributes:
        kind: its type.
        parts: one for each element.
    """

    kind: Any
    parts: tuple[Node, ...]

    @cached_property
    def doubles(self) -> int:
        """How many numbers that vary are in it."""
        return sum(map(doubles_in, self.parts))

    @cached_property
    def is_flat(self) -> bool:
        """Whether it has floats alone."""
        return set(map(type, self.parts)) == {Scalar}

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

    @cached_property
    def doubles(self) -> int:
        """How many numbers that vary are in it."""
        return sum(map(doubles_in, self.parts))

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


Node = Scalar | Index | Fixed | Vector | ManyRows | Items | Keys


def doubles_in(node: Node) -> int:
    """How many numbers that vary are in it."""
    if isinstance(node, Scalar):
        return 1
    if isinstance(node, Vector):
        return prod(node.shape)
    return node.doubles if isinstance(node, Items | Keys) else 0


def indices_in(node: Node) -> Iterator[int]:
    """The limits of its indices, in order."""
    if isinstance(node, Index):
        yield node.limit
    elif isinstance(node, Keys) or (isinstance(node, Items) and not node.is_flat):
        for part in node.parts:
            yield from indices_in(part)


def all_floats(parts: Iterable[Any]) -> bool:
    """Whether all are floats: most numbers are in lists of them, which need no look at each by itself."""
    return set(map(type, parts)) == {float}


def is_numpy(kind: type) -> bool:
    """Whether a type is NumPy's."""
    return kind.__module__.partition(".")[0] == "numpy"


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


def like_gradient(node: Node) -> Node:
    """The structure of the derivative in an argument."""
    match node:
        case Index() | Fixed() | ManyRows():
            return Fixed(None)
        case Items() | Keys():
            return replace(node, parts=tuple(map(like_gradient, node.parts)))
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
        case ManyRows():
            return node if numbers is not None else None
        case Vector():
            return _nested([next(floats) for _ in range(prod(node.shape))], node.shape)
        case Items():
            flat = islice(floats, len(node.parts))
            parts = list(flat) if node.is_flat else [build(part, floats, numbers) for part in node.parts]
            if node.is_list:
                return parts
            return node.kind._make(parts) if hasattr(node.kind, "_fields") else tuple(parts)
        case Keys():
            return node.made([build(part, floats, numbers) for part in node.parts])


def _nested(values: list[Any], shape: tuple[int, ...]) -> Any:
    if len(shape) < 2:
        return values if shape else values[0]
    size = prod(shape[1:])
    return [_nested(values[place * size : (place + 1) * size], shape[1:]) for place in range(shape[0])]
