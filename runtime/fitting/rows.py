"""The rows of data: examples as flat numbers, and in which order the steps take them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from ..executable.marshal_code import MismatchError, marshal
from ..executable.nodes import Fixed
from ..executable.results import Results
from ..executable.wanted import Wanted
from .problem import Problem, parts_of

__all__ = ["Order", "Rows", "listed", "read_rows"]


@dataclass(frozen=True)
class Rows:
    """Examples, one after the other.

    Attributes:
        count: how many.
        floats, indices: of all of them.
        size, index_count: how many floats and indices each has.
    """

    count: int
    floats: array[float]
    indices: array[int]
    size: int
    index_count: int

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
        raise ValueError(f"{name} must have at least one example, not none")
    return rows


def read_rows(problem: Problem, examples: list[Any], name: str = "examples") -> Rows:
    """Examples as flat numbers.

    Args:
        name: of the argument.

    Raises:
        TypeError: if one is not like the others, saying which.
        IndexError: if an index is out of its range.
        OverflowError: if a number is too large for a double.
    """
    count, size = len(examples), problem.row_size
    floats, indices = array("d", bytes(8 * count * size)), array("i")
    # Released before the array is handed on, which could not grow under a view.
    with memoryview(floats) as memory:
        read = marshal(problem.row, Wanted(""), Results(Fixed(None))).read
        for number, example in enumerate(examples):
            parts = parts_of(example)
            place = memory[number * size : (number + 1) * size]
            try:
                indices.extend(read(parts, place, None))
            except (MismatchError, TypeError, ValueError, LookupError, OverflowError, AttributeError):
                # The fast road knows the first example's own types alone; this one takes what is like them.
                try:
                    found, numbers = problem.row.flatten(parts)
                except (TypeError, IndexError, OverflowError) as error:
                    raise type(error)(f"{name}[{number}]: {_in_rows(error, len(parts), problem)}") from None
                place[:] = array("d", found)
                indices.extend(numbers)
    return Rows(count, floats, indices, size, problem.index_count)


def _in_rows(error: Exception, count: int, problem: Problem) -> str:
    wanted = len(problem.row.nodes)
    return f"it has {count} parts, and the first one {wanted}" if count != wanted else str(error)


@dataclass(frozen=True)
class Order:
    """Which example each place of the endless stream of examples holds: all of them, again and again.

    Attributes:
        count: how many examples there are.
        shuffle: seeds a new order for each pass over them; None for theirs.
    """

    count: int
    shuffle: int | None

    def span(self, start: int, size: int) -> array[int]:
        """The numbers of the examples at places `start` to ``start + size - 1``."""
        found = array("q")
        while len(found) < size:
            epoch, place = divmod(start + len(found), self.count)
            found.extend(_epoch(self.count, self.shuffle, epoch)[place : place + size - len(found)])
        return found


@lru_cache(2)
def _epoch(count: int, shuffle: int | None, epoch: int) -> array[int]:
    numbers = list(range(count))
    if shuffle is not None:
        # Seeded by a text: the order of a pass follows from its number alone, so a resumed run has it, too.
        Random(f"{shuffle} {epoch}").shuffle(numbers)
    return array("q", numbers)
