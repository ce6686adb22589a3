"""Sample sizes: at which sizes a function is traced to learn its loops, and at which others these are proved.

Small, for traces are as large as what they trace. Within a sample no two sizes are equal, of any two sizes each is the
larger one in some sample, and nothing else holds of them in all samples: what is learned must not hold by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import permutations
from random import Random

__all__ = ["LEAST", "MORE", "SampleSizes", "sample_sizes"]

# Smaller sizes are special: sums of two terms are no folds, loops of one turn no loops, and of the steps of a
# recurrence the first and the last are often unlike the others.
LEAST = 5
# Where several first and last steps are unlike the others, loops are the same from here on.
MORE = 9
# Two more than what `fit` adds up at most, a constant, and one to spare.
_SAMPLES = 8
_ROOM = 9

Row = tuple[int, ...]


class SampleSizes:
    """Values for some sizes, in order.

    Attributes:
        learned: a row for each sample.
        proved: rows that nothing is learned from: the least sizes, and sizes larger than all samples.
    """

    def __init__(self, learned: Sequence[Row], proved: Sequence[Row]) -> None:
        self.learned, self.proved = tuple(learned), tuple(proved)


@cache
def sample_sizes(count: int, least: int = LEAST) -> SampleSizes:
    """Values for so many sizes, the same each time.

    Args:
        least: smaller ones are special.
    """
    random = Random(f"sizes {count}")
    room = max(_ROOM, count + 2)

    def drawn(first: int, room: int) -> Row:
        left = list(range(first, first + room))
        # Of this module, only random() gives the same numbers in every version of Python.
        return tuple(left.pop(int(random.random() * len(left))) for _ in range(count))

    while True:
        learned = [drawn(least + 1, room) for _ in range(_SAMPLES)]
        columns = list(zip(*learned, strict=True))
        varied = all(len(set(column)) > _ROOM // 2 for column in columns) and len(set(learned)) == _SAMPLES
        if varied and all(any(map(int.__lt__, a, b)) for a, b in permutations(columns, 2)):
            break
    smallest = tuple(least + place for place in range(count))
    return SampleSizes(learned, (smallest[::-1], drawn(least + 1 + room, count + 2)))
