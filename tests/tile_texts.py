"""Bodies of programs whose loops are tiled."""

from __future__ import annotations

from random import Random

from loop_texts import program_of

from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import LoopProgram

# Trips of the loop that is tiled, rows of sums, and lanes: none of which a tile or a vector divides, and some do.
SIZES = [(8, 5, 8), (9, 16, 19), (14, 17, 40), (11, 3, 3), (13, 40, 1)]
# Many trips.
MANY = [(64, 5, 8), (77, 9, 19)]

PRODUCT = """
    array x[{rows}][{terms}] value double
    array w[{terms}][{lanes}] value double
    array y[{rows}][{lanes}] value double
    nest
        for i < {rows}
        for j < {lanes}
        y[i][j] = fold add {{ k < {terms}: mul(x[i][k], w[k][j]) }}
"""
# Sums that are longer from turn to turn, and shorter.
TRIANGLES = """
    array x[{rows}][{rows}] value double
    array w[{rows}][{lanes}] value double
    array y[{rows}][{lanes}] value double
    array z[{rows}][{lanes}] value double
    nest
        for i < {rows}
        for j < {lanes}
        y[i][j] = fold add {{ k < i+1: mul(x[i][k], w[k][j]) }}
    nest
        for i < {rows}
        for j < {lanes}
        z[i][j] = fold add {{ k < -i+{rows}: mul(x[-k+{last}][i], w[-k+{last}][j]) }}
"""
# Sums along rows, which are computed one lane at a time; as many as there are turns before.
SCORES = """
    array x[{rows}][{terms}] value double
    array w[{rows}][{terms}] value double
    array y[{rows}][{rows}] value double
    nest
        for i < {rows}
        for j < i+1
        y[i][j] = mul(fold add {{ k < {terms}: mul(x[i][k], w[j][k]) }}, 0.5)
"""
# The same with what they read in columns, so that lanes are neighbours.
TRANSPOSED_SCORES = """
    array x[{rows}][3][{terms}] value double
    array w[3][{terms}][{rows}] value double
    array y[{rows}][3][{rows}] value double
    nest
        for i < {rows}
        for h < 3
        for j < i+1
        y[i][h][j] = mul(fold add {{ k < {terms}: mul(x[i][h][k], w[h][k][j]) }}, 0.5)
"""
# Sums that begin with a term more from turn to turn.
BACKWARDS = """
    array x[{rows}][{rows}] value double
    array w[{rows}][{lanes}] value double
    array y[{rows}][{lanes}] value double
    nest
        for i < {rows}
        for j < {lanes}
        y[i][j] = fold add {{ k < i+1: mul(w[i-k][j], x[i][i-k]) }}
"""
# Few sums, each of which waits for its last addition.
FEW = """
    array x[{rows}][3][{terms}] value double
    array y[{rows}][3] value double
    nest
        for i < {rows}
        for h < 3
        y[i][h] = fold add {{ k < {terms}: x[i][h][k] }}
"""
# The same for documents side by side, of which each is in a lane: all read the same weights.
SIDE_BY_SIDE = """
    array w[{rows}][{terms}] value double
    array x[{terms}][{rows}][{lanes}] value double
    array y[{terms}][{rows}][{lanes}] value double
    nest
        for p < {terms}
        for i < {rows}
        for j < {lanes}
        y[p][i][j] = fold add {{ k < {rows}: mul(w[i][k], x[p][k][j]) }}
"""
BODIES = [PRODUCT, SIDE_BY_SIDE, TRIANGLES, SCORES, TRANSPOSED_SCORES, BACKWARDS, FEW]


def text_of(body: str, rows: int, terms: int, lanes: int) -> str:
    """A program with a body of these sizes."""
    return "program f" + body.format(rows=rows, terms=terms, lanes=lanes, last=rows - 1)


def interpreted(text: str, random: Random) -> tuple[LoopProgram, Layout, list[float], list[float]]:
    """A program, its memory with random numbers in it, and what is there when it has run."""
    program, layout = program_of(text)
    numbers = [random.gauss(0.0, 1.0) for _ in range(layout.size)]
    layout.arguments["m"] = layout.outputs["m"] = (0, layout.size)
    return program, layout, numbers, interpret_loops(program, layout, {"m": numbers})["m"]
