"""Rows: second coordinates for values that a program computes in rows of growing length, such as those of a triangle.

In: where in the trace the members of each array were recorded, and from what, array by array. Out: for the arrays that
lie in rows, the row and the column of each member. Rows of equal length are strided without that; in rows whose lengths
grow or shrink by the same number, as in a Cholesky factorisation, neither columns nor rows are, unless each row has the
room of the longest. What separates the rows is an array of which one member is computed in each: a diagonal, a row's
sum; or the members of a row have an operand in common, as all pairs of one number with those behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby, pairwise
from math import isqrt
from typing import TypeVar

__all__ = ["MEMBERS", "find_rows"]

# Fewer members or rows are not worth a search.
MEMBERS, _ROWS = 10, 3

Key = TypeVar("Key", bound=Hashable)


def find_rows(
    positions: Mapping[Key, Sequence[int]],
    members: Mapping[Key, Sequence[int]],
    operands: Mapping[Key, Sequence[Sequence[int]]],
) -> dict[Key, list[tuple[int, int]]]:
    """Rows and columns.

    Args:
        positions: for each array, when its members were recorded, ascending.
        members: for each array, what identifies them.
        operands: for the arrays with many, the first operands of their members, their second ones, and so on.

    Returns:
        for the arrays that lie in rows of evenly growing length, the coordinates of each member.
    """
    # A position may belong to several members; what separates rows must be there once.
    markers = [list(dict.fromkeys(found)) for found in positions.values()]
    by_operands = _rows_by_operands(members, operands)
    found_rows: dict[Key, list[tuple[int, int]]] = {}
    for key, places in positions.items():
        if len(places) < MEMBERS:
            continue
        # A triangle of n members has about sqrt(2 n) rows.
        most = 2 * isqrt(2 * len(places)) + 2
        for marker in markers:
            if _ROWS - 1 <= len(marker) <= most and (lengths := _row_lengths(places, marker)):
                found_rows[key] = _places(lengths)
                break
        else:
            if key in by_operands:
                found_rows[key] = _places(by_operands[key])
    return found_rows


def _rows_by_operands(
    members: Mapping[Key, Sequence[int]], operands: Mapping[Key, Sequence[Sequence[int]]]
) -> dict[Key, list[int]]:
    """The lengths of rows whose members have an operand in common; and of arrays computed from those, one by one."""
    found: dict[Key, list[int]] = {}
    known: dict[tuple[int, ...], list[int]] = {}
    columns = {key: [*map(tuple, found_)] for key, found_ in operands.items()}
    for key, candidates in columns.items():
        for column in candidates:
            if lengths := _run_lengths(column):
                found[key] = known[tuple(members[key])] = lengths
                break
    for key, candidates in columns.items():
        for column in candidates:
            if column in known:
                found.setdefault(key, known[column])
    return found


def _run_lengths(column: Sequence[int]) -> list[int]:
    """How long runs of equal operands are, if that grows or shrinks evenly; empty if not."""
    lengths: list[int] = []
    for _, run in groupby(column):
        lengths.append(len(list(run)))
        if len(lengths) > 1 and not _grows_evenly(lengths[-3:]):
            return []
    return lengths if len(lengths) >= _ROWS else []


def _places(lengths: Sequence[int]) -> list[tuple[int, int]]:
    return [(row, column) for row, length in enumerate(lengths) for column in range(length)]


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
