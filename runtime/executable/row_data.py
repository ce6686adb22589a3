"""Rows of data: any number of examples that are alike, as flat numbers."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from numbers import Integral
from typing import Any

from ...compiler.ir.graph import Tensor
from ...compiler.ir.names import identifier, unused
from .marshal_code import MISMATCHES, reader_maker
from .nodes import Items, Keys, ManyRows, Node, all_floats, doubles_in, shape_of
from .structure import Structure, structure_of

__all__ = ["Rows", "inputs_of", "listed", "parts_of", "read_rows", "rows", "with_floats"]


def rows(row: Any) -> ManyRows:
    """In an example: rows of data, any number of them, for `sum_rows` and `mean_rows`.

    Args:
        row: a row like those of the calls: a tuple of its parts, or the only part. All its numbers vary, whole ones
            too; ``index(n)`` stands for a whole number below n, for `select`. The function is defined for this row.

    Raises:
        TypeError: if a part could change unseen.
    """
    parts = parts_of(row)
    names = [f"part{place}" for place in range(len(parts))]
    structure = structure_of(names, [*map(with_floats, parts)], needs_floats=False)
    return ManyRows(structure, tuple(structure.floats(parts)))


@dataclass(frozen=True)
class Rows:
    """Examples, one after the other.

    Attributes:
        count: how many.
        floats, indices: of all of them.
        structure: of one.
    """

    count: int
    floats: array[float]
    indices: array[int]
    structure: Structure

    @cached_property
    def size(self) -> int:
        """How many floats each has."""
        return sum(map(doubles_in, self.structure.nodes))

    @cached_property
    def index_count(self) -> int:
        """How many indices each has."""
        return sum(tensor.count for tensor in self.structure.indices)

    def floats_of(self, number: int) -> list[float]:
        """The floats of one example."""
        return self.floats[number * self.size : (number + 1) * self.size].tolist()

    def indices_of(self, number: int) -> list[int]:
        """The indices of one example."""
        return self.indices[number * self.index_count : (number + 1) * self.index_count].tolist()

    @cached_property
    def in_order(self) -> array[int]:
        """The numbers of all of them."""
        return array("q", range(self.count))

    @cached_property
    def addresses(self) -> tuple[int | None, int | None, int]:
        """Of the floats and of the indices, for a function in C, and their number."""
        return self.floats.buffer_info()[0] or None, self.indices.buffer_info()[0] or None, self.count

    @property
    def sha256(self) -> str:
        """Of all numbers."""
        digest = hashlib.sha256(repr((self.count, self.size, self.index_count)).encode())
        digest.update(self.floats.tobytes())
        digest.update(self.indices.tobytes())
        return digest.hexdigest()


def listed(examples: Any, name: str = "examples") -> list[Any]:
    """The examples in a list.

    Args:
        name: of the argument.

    Raises:
        TypeError: if they have no order.
        ValueError: if there are none.
    """
    if not isinstance(examples, Iterable) or isinstance(examples, str | bytes | bytearray | Mapping | Set):
        raise TypeError(
            f"{name} must be a sequence of examples, such as a list of tuples or zip(inputs, labels), "
            f"not {type(examples).__name__}"
        )
    rows = list(examples)
    if not rows:
        raise ValueError(f"{name} must have at least one {'example' if name == 'examples' else 'row'}, not none")
    return rows


def read_rows(row: Structure, examples: list[Any], name: str = "examples") -> Rows:
    """Examples as flat numbers.

    Args:
        row: of an example.
        name: of the argument.

    Raises:
        TypeError: if one is not like the others, saying which.
        IndexError: if an index is out of its range.
        OverflowError: if a number is too large for a double.
    """
    floats, indices = array("d"), array("i")
    numbers = array("d", bytes(8 * sum(map(doubles_in, row.nodes))))
    chosen = array("i", [0]) * sum(tensor.count for tensor in row.indices)
    read = _reader(row)({"parameters": memoryview(numbers)}, memoryview(chosen))
    for number, example in enumerate(examples):
        parts = parts_of(example)
        try:
            read(parts)
        except MISMATCHES:
            # The fast road knows the first example's own types alone; this one takes what is like them.
            try:
                found = row.flatten(parts)
            except (TypeError, IndexError, OverflowError) as error:
                raise type(error)(f"{name}[{number}]: {_in_rows(error, len(parts), row)}") from None
            numbers[:], chosen[:] = array("d", found[0]), array("i", found[1])
        floats += numbers
        indices += chosen
    return Rows(len(examples), floats, indices, row)


@lru_cache(32)
def _reader(row: Structure) -> Callable[[Mapping[str, memoryview[float]], memoryview[int]], Callable[[Any], None]]:
    return reader_maker(row)


def _in_rows(error: Exception, count: int, row: Structure) -> str:
    wanted = len(row.nodes)
    return f"it has {count} part{'s' * (count != 1)}, not {wanted}" if count != wanted else str(error)


def parts_of(row: Any) -> tuple[Any, ...]:
    """The parts of an example: a tuple's own, or one."""
    return row if type(row) is tuple else (row,)


def with_floats(tree: Any) -> Any:
    """An example's numbers as floats, whole ones too: all of them vary. What has none is given back as it is."""
    if isinstance(tree, Integral) and not isinstance(tree, bool):
        return float(tree)
    if isinstance(tree, dict):
        found = {key: with_floats(part) for key, part in tree.items()}
        return tree if all(found[key] is tree[key] for key in found) else found
    if isinstance(tree, list | tuple):
        if all_floats(tree):
            return tree
        parts = [with_floats(part) for part in tree]
        if all(part is old for part, old in zip(parts, tree, strict=True)):
            return tree
        return (
            type(tree)._make(parts) if hasattr(tree, "_make") else (parts if isinstance(tree, list) else tuple(parts))
        )
    kind = getattr(getattr(tree, "dtype", None), "kind", "")
    return tree.astype("float64") if kind in ("i", "u") else tree


def inputs_of(structure: Structure, argument: str, start: int) -> list[Tensor]:
    """The floats of a structure as tensors of one argument: ``weights.0.w``, of 16 x 2."""
    tensors: list[Tensor] = []
    for path, node in zip(structure.names, structure.nodes, strict=True):
        for name, shape in _blocks(path, node):
            taken = {tensor.name for tensor in tensors}
            tensors.append(Tensor(unused(name, taken), argument, start, shape))
            start += tensors[-1].size
    return tensors


def _blocks(path: str, node: Node) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The largest rectangular parts of a node."""
    shape = shape_of(node)
    if shape is not None:
        yield path, shape
    elif isinstance(node, Items | Keys):
        names = node.keys if isinstance(node, Keys) else range(len(node.parts))
        for name, part in zip(names, node.parts, strict=True):
            yield from _blocks(f"{path}.{name if isinstance(name, int) else identifier(str(name))}", part)
