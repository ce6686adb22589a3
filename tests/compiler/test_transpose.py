"""What many turns of a loop read down the columns of a matrix is copied before, transposed, and read along rows."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from random import Random

import pytest
from loop_texts import program_of

from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.lanes import vector_loop
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import LoopProgram
from microgpt.compiler.loops.transpose import Transposer
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.tools.checks.built_library import built_library

# Each key is computed, and read by all queries of later rows: from the front, or from the back.
ATTENTION = """
program f
    array given[{room}][2][8] argument double
    array query[{room}][8] value double
    array key[{room}][2][8] value double
    array scores[{room}][2][{room}] value double
    nest
        for i < {rows}
        for h < 2
        for j < 8
        key[i][h][j] = mul(given[i][h][j], 0.75)
    nest
        for i < {rows}
        for h < 2
        for j < i+1
        scores[i][h][j] = fold add {{ k < 4: mul(query[i][4*h+k], key[j][1][{column}]) }}
"""


def attention(room: int, rows: int, column: str = "4*h+k") -> tuple[LoopProgram, Layout]:
    return program_of(ATTENTION.format(room=room, rows=rows, column=column))


def results(program: LoopProgram, layout: Layout) -> list[float]:
    random = Random(3)
    layout.arguments["m"] = layout.outputs["m"] = (0, layout.size)
    found = interpret_loops(program, layout, {"m": [random.gauss(0.0, 1.0) for _ in range(layout.size)]})["m"]
    start = layout.named("scores")[1]
    return found[start : start + layout.named("scores")[0].size]


@pytest.mark.parametrize("column", ["4*h+k", "-4*h-k+7", "k+1"])
@pytest.mark.parametrize(("room", "rows"), [(16, 1), (16, 7), (64, 40)])
def test_columns_are_copied(column: str, room: int, rows: int):
    program, layout = attention(room, rows, column)
    expected = results(program, layout)
    changed = Transposer(layout).transpose(program)
    assert [nest.body.array.name for nest in changed.nests] == ["key", "key_transposed", "scores"]
    assert vector_loop(program.nests[1]) is None
    assert vector_loop(changed.nests[2]) == 2
    assert results(changed, layout) == expected


def test_a_copy_has_no_more_columns_than_are_read():
    program, layout = attention(64, 40, "k+1")
    copy = Transposer(layout).transpose(program).nests[1]
    assert copy.body.array.shape[0] == 4
    assert [loop.trips.start for loop in copy.loops] == [4, 40]


def test_small_matrices_are_not_copied():
    program, layout = attention(15, 12)
    assert Transposer(layout).transpose(program) == program


def test_what_is_read_once_is_not_copied():
    text = ATTENTION.replace("for i < {rows}\n        for h < 2\n        for j < i+1", "for h < 2\n        for j < 40")
    text = text.replace("scores[i][h][j]", "scores[0][h][j]").replace("query[i]", "query[0]")
    program, layout = program_of(text.format(room=64, rows=40, column="4*h+k"))
    assert Transposer(layout).transpose(program) == program


def test_copies_of_one_shape_share_their_room():
    program, layout = attention(64, 40)
    twice = replace(program, nests=(*program.nests, *program.nests))
    changed = Transposer(layout).transpose(twice)
    assert len({nest.body.array for nest in changed.nests if nest.body.array.space == "copy"}) == 1
    assert len(changed.nests) == 6


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_copies_in_c_have_their_elements_and_no_more(width: int, toolchain: Toolchain):
    program = """
        void copy(double *to, long to_row, const double *from, long from_row, long rows, long columns)
        { transpose(to, to_row, from, from_row, rows, columns); }
    """
    if width > toolchain.vector_width:
        pytest.skip("no such vectors here")
    with built_library("transpose", program, width) as library:
        for rows in range(1, 20):
            for columns in range(1, 20):
                matrix = [float(number) for number in range(rows * columns)]
                # Room for no more than the matrix: the last row is read to its end, and what surrounds the copy stays.
                copy = (ctypes.c_double * (columns * (rows + 3)))(*([-1.0] * (columns * (rows + 3))))
                sizes = map(ctypes.c_long, (columns, rows, columns))
                library.copy(copy, ctypes.c_long(rows + 3), (ctypes.c_double * len(matrix))(*matrix), *sizes)
                found = [list(copy[at : at + rows + 3]) for at in range(0, len(copy), rows + 3)]
                assert found == [[*matrix[column::columns], -1.0, -1.0, -1.0] for column in range(columns)]


# Two products of a matrix and a vector, the second of the first; the second nest may read the first matrix, too.
PRODUCTS = """
program products
    array v[16][24] argument double
    array w[20][16] argument double
    array x[24] argument double
    array y[16] value double
    array z[16] output double
    nest
        for i < 16
        y[i] = fold add {{ k < 24: mul(v[i][k], x[k]) }}
    nest
        for i < 16
        z[i] = fold add {{ k < 16: mul(w[i][k], {factor}) }}
"""


def test_copies_take_turns_in_one_room():
    program, layout = program_of(PRODUCTS.format(factor="y[k]"))
    random = Random(9)
    given = {name: [random.gauss(0, 1) for _ in range(size)] for name, size in (("v", 384), ("w", 320), ("x", 24))}
    expected = interpret_loops(program, layout, given)
    transposer = Transposer(layout)
    transposer.take_turns([program])
    changed = transposer.transpose(program)
    assert [nest.body.array.name for nest in changed.nests] == ["v_transposed", "y", "w_transposed", "z"]
    assert len({layout.start(copy) for copy in transposer.copies.values()}) == 1
    assert all(vector_loop(nest) is not None for nest in changed.nests[1::2])
    assert interpret_loops(changed, layout, given) == expected


def test_two_copies_that_one_nest_reads_do_not_take_turns():
    program, layout = program_of(PRODUCTS.format(factor="v[i][k]"))
    transposer = Transposer(layout)
    transposer.take_turns([program])
    assert not transposer.in_turn
    changed = transposer.transpose(program)
    assert len({layout.start(copy) for copy in transposer.copies.values()}) == 2
    assert [nest.body.array.name for nest in changed.nests] == ["v_transposed", "w_transposed", "y", "z"]
