"""Order: in which order the steps of a fit take the examples."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache
from random import Random

__all__ = ["Order"]


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
            numbers = _epoch(self.count, self.shuffle, 0 if self.shuffle is None else epoch)
            found.extend(numbers[place : place + size - len(found)])
        return found


@lru_cache(2)
def _epoch(count: int, shuffle: int | None, epoch: int) -> array[int]:
    numbers = list(range(count))
    if shuffle is not None:
        # Seeded by a text: the order of a pass follows from its number alone, so a resumed run has it, too.
        Random(f"{shuffle} {epoch}").shuffle(numbers)
    return array("q", numbers)
