"""Triangles: rows of evenly growing length get coordinates, and a factorisation becomes loops."""

from __future__ import annotations

import microgpt
from microgpt.compiler.loops.coverage import coverage
from microgpt.compiler.loops.rows import find_rows
from microgpt.compiler.pipeline import compile_loops
from microgpt.runtime.storage.cache import Cache


def triangle(rows: int) -> tuple[list[int], list[int]]:
    """When the members of rows 1, 2, ... were recorded, and the one that ends each row."""
    members, ends, now = [], [], 0
    for row in range(rows):
        members += range(now, now + row + 1)
        now += row + 1
        ends.append(now)
        now += 1
    return members, ends


def test_rows_are_what_another_array_separates():
    members, ends = triangle(5)
    rows = find_rows({"members": members, "ends": ends}, {}, {})
    assert rows == {"members": [(row, column) for row in range(5) for column in range(row + 1)]}


def test_the_first_row_may_have_more():
    members, ends = triangle(5)
    later = [7 + position for position in members]
    rows = find_rows({"members": [1, 2, 4, *later], "ends": [7 + end for end in ends]}, {}, {})
    assert rows["members"][:5] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]


def test_nothing_else_is_in_rows():
    members, ends = triangle(5)
    assert not find_rows({"members": members}, {}, {})
    assert not find_rows({"members": members, "ends": [ends[0], ends[3]]}, {}, {})
    # Rows of equal length are strided as they are.
    assert not find_rows({"members": list(range(0, 30)), "ends": list(range(4, 30, 5))}, {}, {})


def cholesky(rows):
    size = len(rows)
    factor = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            k = rows[i][j]
            for t in range(j):
                k = k - factor[i][t] * factor[j][t]
            factor[i][j] = k**0.5 if i == j else k / factor[j][j]
    return sum(factor[i][i].log() for i in range(size))


def test_a_factorisation_becomes_loops(tmp_path):
    size = 16
    matrix = [[float(size) if i == j else 1.0 / (1 + i + j) for j in range(size)] for i in range(size)]
    cache = Cache.open(tmp_path)
    compiled = microgpt.compile(cholesky, matrix, target="python", cache=cache)
    program = compile_loops(compiled.ir).program
    inside, total = coverage(program)
    assert inside / total > 0.9
    assert len(program.nests) < len(compiled.ir) / 15
    in_c = microgpt.compile(cholesky, matrix, cache=cache)
    assert in_c(matrix) == compiled(matrix)


def test_rows_whose_members_have_an_operand_in_common():
    """All pairs of five numbers: 100 with 101 to 105, and so on; and what is computed from each of them."""
    pairs = [(first, second) for first in range(100, 106) for second in range(first + 1, 106)]
    members = {"slopes": list(range(40, 55)), "pairs": list(range(15)), "others": list(range(60, 75))}
    columns = {"slopes": [[7] * 15, members["pairs"]], "pairs": list(zip(*pairs, strict=True)), "others": [[7] * 15]}
    rows = find_rows(members, members, columns)
    assert rows["pairs"] == [(first - 100, second - first - 1) for first, second in pairs]
    assert rows["slopes"] == rows["pairs"]
    assert "others" not in rows
