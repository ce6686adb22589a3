"""Rows: second coordinates for values that a program computes in rows of growing length, such as those of a triangle.

In: where in the trace the members of each array were recorded, array by array. Out: for the arrays that lie in rows,
the row and the column of each member. Rows of equal length are strided without that; in rows whose lengths grow or
shrink by the same number, as in a Cholesky factorisation, neither columns nor rows are, unless each row has the room of
the longest. What separates the rows is an array of which one member is computed in each: a diagonal, a row's sum.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from math import isqrt
from typing import TypeVar

__all__ = ["find_rows"]

# Fewer rows or members are not worth a search.
_ROWS, _MEMBERS = 3, 10

Key = TypeVar("Key", bound=Hashable)


def find_rows(positions: Mapping[Key, Sequence[int]]) -> dict[Key, list[tuple[int, int]]]:
    """Rows and columns.

    Args:
        positions: for each array, when its members were recorded, ascending.

    Returns:
        for the arrays that lie in rows of evenly growing length, the coordinates of each member.
    """
    # A position may belong to several members; what separates rows must be there once.
    markers = [list(dict.fromkeys(found)) for found in positions.values()]
    found_rows: dict[Key, list[tuple[int, int]]] = {}
    for key, members in positions.items():
        if len(members) < _MEMBERS:
            continue
        # A triangle of n members has about sqrt(2 n) rows.
        most = 2 * isqrt(2 * len(members)) + 2
        for marker in markers:
            if _ROWS - 1 <= len(marker) <= most and (lengths := _row_lengths(members, marker)):
                found_rows[key] = [(row, column) for row, length in enumerate(lengths) for column in range(length)]
                break
    return found_rows


def _row_lengths(members: Sequence[int], marker: Sequence[int]) -> list[int]:
    """How many members stand between neighbours of `marker`, if that grows or shrinks evenly; empty if not.

    The first row may have any length: what a helper function computes before the loop begins is recorded at its line.
    """
    bounds = [0, *(bisect_left(members, position) for position in marker), len(members)]
    lengths = [end - start for start, end in pairwise(bounds)]
    while lengths and not lengths[-1]:
        lengths.pop()
    first = next((place for place, length in enumerate(lengths) if length), 0)
    regular = lengths[first:] if _grows_evenly(lengths[first:]) else lengths[first + 1 :]
    return lengths if len(regular) >= _ROWS and _grows_evenly(regular) else []


def _grows_evenly(lengths: Sequence[int]) -> bool:
    steps = {after - before for before, after in pairwise(lengths)}
    return len(steps) == 1 and steps != {0}
