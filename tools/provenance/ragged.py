"""Rows of different lengths in two flat columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

__all__ = ["Ragged"]


@dataclass(frozen=True)
class Ragged:
    """Rows of whole numbers.

    Attributes:
        starts: for each row, where it begins in `values`; one entry more for the end.
        values: of all rows, one after the other.
    """

    starts: array[int]
    values: array[int]

    @classmethod
    def of(cls, rows: Iterable[Iterable[int]]) -> Ragged:
        """From rows."""
        starts, values = array("i", [0]), array("i")
        for row in rows:
            values.extend(row)
            starts.append(len(values))
        return cls(starts, values)

    @classmethod
    def singles(cls, values: Iterable[int]) -> Ragged:
        """From rows of one number each, or none where the number is negative."""
        return cls.of((value,) if value >= 0 else () for value in values)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> array[int]:
        return self.values[self.starts[row] : self.starts[row + 1]]

    def __iter__(self) -> Iterator[array[int]]:
        return (self[row] for row in range(len(self)))

    def inverse(self, size: int) -> Ragged:
        """For each number below `size` the rows that have it, ascending."""
        counts = [0] * (size + 1)
        for value in self.values:
            counts[value + 1] += 1
        starts = array("i", accumulate(counts))
        place = array("i", starts)
        rows = array("i", bytes(4 * len(self.values)))
        for row in range(len(self)):
            for value in self[row]:
                rows[place[value]] = row
                place[value] += 1
        return Ragged(starts, rows)
