"""Loops in tiles compute each sum in its order, whatever is left over of loops, and of sums that differ in length."""

from __future__ import annotations

import ctypes
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from helpers import compiled
from loop_texts import program_of
from tile_texts import (
    BACKWARDS,
    BODIES,
    FEW,
    MANY,
    PRODUCT,
    SCORES,
    SIDE_BY_SIDE,
    SIZES,
    TRANSPOSED_SCORES,
    TRIANGLES,
    interpreted,
    text_of,
)

from microgpt.compiler.c.memory_struct import memory_struct
from microgpt.compiler.c.prelude import VECTOR_WIDTHS, prelude
from microgpt.compiler.kernels.kernel_ir import Declare, For, Kernel, Point, Prefetch, WritePart
from microgpt.compiler.kernels.traverse import mentions
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import LoopProgram
from microgpt.compiler.numerics import exact, fast
from microgpt.compiler.pipeline import compile_c, compile_kernels
from microgpt.runtime.machine.toolchain import Toolchain

T = TypeVar("T")


def parts_of(kernel: Kernel, kind: type[T]) -> list[T]:
    found: list[T] = []
    mentions(kernel.body, lambda part: bool(isinstance(part, kind) and found.append(part)))
    return found


@pytest.mark.parametrize("body", [PRODUCT, TRIANGLES, SCORES])
def test_loops_are_tiled(body: str):
    program, _ = program_of(text_of(body, 14, 17, 40))
    for kernel in compile_kernels([program], 4, exact()).kernels:
        assert mentions(kernel.body, lambda part: isinstance(part, For) and part.step in (4, 8) and part.name in "ij")


def test_how_often_loops_turn_is_known_where_arrays_are_not():
    """Two programs call one kernel with other arrays, and with other numbers of turns: many, at the most."""
    for most, step in ((80, 8), (40, 4)):
        text = text_of(PRODUCT, 80, 17, 40).replace("for i < 80", f"for i < {most}")
        other = text.replace("x[", "a[").replace("y[", "b[").replace(f"for i < {most}", "for i < 20")
        (kernel,) = compile_kernels([program_of(text)[0], program_of(other)[0]], 4, exact()).kernels
        assert mentions(
            kernel.body,
            lambda part, step=step: (part.name, part.step) == ("i", step) if isinstance(part, For) else False,
        )


def shared_by(turns: range, lanes: int) -> tuple[list[LoopProgram], Layout]:
    """Programs that take so many turns each, and share a kernel."""
    text = text_of(PRODUCT, turns[-1], 17, lanes)
    programs = [program_of(text.replace(f"for i < {turns[-1]}", f"for i < {count}")) for count in turns]
    return [program for program, _ in programs], programs[-1][1]


@pytest.mark.parametrize(("lanes", "steps"), [(16, {4, 2, 1}), (24, {4, 1})])
def test_two_of_the_turns_that_are_left_are_taken_at_once_where_a_turn_has_few_sums(lanes: int, steps: set[int]):
    (kernel,) = compile_kernels(shared_by(range(5, 8), lanes)[0], 8, exact()).kernels
    assert {part.step for part in parts_of(kernel, For) if part.name == "i"} == steps


@pytest.mark.parametrize("lanes", [16, 11])
def test_what_is_left_has_the_bits_of_single_turns(lanes: int, toolchain: Toolchain, tmp_path: Path):
    programs, layout = shared_by(range(4, 12), lanes)
    layout.arguments["m"] = layout.outputs["m"] = (0, layout.size)
    random = Random(6)
    for width in (width for width in VECTOR_WIDTHS if width <= toolchain.vector_width):
        text = prelude(width) + memory_struct(layout, "memory")
        text += compile_c(programs, [f"f{number}" for number in range(len(programs))], layout, width).text
        for number in range(len(programs)):
            text += f"void run{number}(double *m) {{ f{number}((memory *)m, 0); }}\n"
        library = compiled(toolchain, tmp_path, width, text)
        for number, program in enumerate(programs):
            numbers = [random.gauss(0.0, 1.0) for _ in range(layout.size)]
            held = (ctypes.c_double * len(numbers))(*numbers)
            getattr(library, f"run{number}")(held)
            assert list(held) == interpret_loops(program, layout, {"m": numbers})["m"], (number, width)


def test_the_text_has_one_length_for_all_sizes():
    small, large = (program_of(text_of(PRODUCT, rows, 40, 64)) for rows in (64, 512))
    lines = [len(compile_c([program], ["f"], layout, 4).text.splitlines()) for program, layout in (small, large)]
    assert lines[0] == lines[1] < 120


@pytest.mark.parametrize("body", [PRODUCT, TRIANGLES, TRANSPOSED_SCORES, BACKWARDS])
def test_loops_of_many_turns_are_tiled_by_eight(body: str):
    program, _ = program_of(text_of(body, 77, 17, 40))
    for kernel in compile_kernels([program], 8, exact()).kernels:
        assert mentions(kernel.body, lambda part: isinstance(part, For) and part.step == 8 and part.name == "i")


def test_few_turns_take_one_part_of_a_row_after_another():
    """All heads have as many scores in a part of a row, so that its mask is computed once."""
    program, _ = program_of(text_of(TRANSPOSED_SCORES, 14, 17, 40))
    (kernel,) = compile_kernels([program], 8, exact()).kernels
    loops = [part for part in kernel.body if isinstance(part, For)]
    while isinstance(loops[-1].body[0], For):
        loops.append(loops[-1].body[0])
    assert [(loop.step, loop.end.constant) for loop in loops] == [(1, 14), (8, 1), (1, 3)], "rows, parts, heads"


def test_few_sums_are_computed_side_by_side():
    program, _ = program_of(text_of(FEW, 14, 17, 40))
    (kernel,) = compile_kernels([program], 4, exact()).kernels
    assert mentions(kernel.body, lambda part: isinstance(part, Declare) and part.name == "sum2")


@pytest.mark.parametrize("rows", [4, 9, 16])
def test_two_positions_of_documents_side_by_side_share_their_weights(rows: int):
    program, _ = program_of(text_of(SIDE_BY_SIDE, rows, rows, 8))
    for width, chosen, expected in ((8, fast(), True), (4, fast(), False), (8, exact(), False)):
        (kernel,) = compile_kernels([program], width, chosen).kernels
        assert mentions(kernel.body, lambda part: isinstance(part, For) and part.step == 2) is expected
        sums = {part for part in ("sum7", "sum8") if mentions(kernel.body, lambda each, part=part: is_sum(each, part))}
        assert not expected or sums == {"sum7"}


def is_sum(part: object, name: str) -> bool:
    return isinstance(part, Declare) and part.name == name


@pytest.mark.parametrize("body", BODIES)
def test_tiles_have_the_bits_of_single_turns(body: str, toolchain: Toolchain, tmp_path: Path):
    random = Random(5)
    for width in (width for width in VECTOR_WIDTHS if width <= toolchain.vector_width):
        text = prelude(width)
        expected = {}
        for number, sizes in enumerate(SIZES + MANY):
            program, layout, numbers, results = interpreted(text_of(body, *sizes), random)
            expected[f"run{number}"] = numbers, results
            prefix = f"s{number}_"
            text += (
                memory_struct(layout, f"{prefix}memory")
                + compile_c([program], [f"f{number}"], layout, width, prefix).text
            )
            text += f"void run{number}(double *m) {{ f{number}(({prefix}memory *)m, 0); }}\n"
        source, path = tmp_path / f"width{width}.c", tmp_path / f"width{width}.so"
        source.write_text(text)
        toolchain.build(source, path)
        library = ctypes.CDLL(str(path))
        for name, (numbers, results) in expected.items():
            held = (ctypes.c_double * len(numbers))(*numbers)
            getattr(library, name)(held)
            assert list(held) == results, (name, width)


@pytest.mark.parametrize(("width", "expected"), [(4, False), (8, True)])
def test_a_number_that_two_vectors_are_multiplied_by_is_read_twice(width: int, expected: bool):
    program, _ = program_of(text_of(PRODUCT, 14, 17, 40))
    for kernel in compile_kernels([program], width, exact()).kernels:
        assert mentions(kernel.body, lambda part: isinstance(part, Point) and part.apart) is expected


@pytest.mark.parametrize(("lanes", "parts"), [(27, 1), (18, 0), (24, 0)])
def test_what_would_be_several_smaller_vectors_is_a_part_of_one(lanes: int, parts: int):
    for width, expected in ((8, parts), (4, 0)):
        (kernel,) = compile_kernels([program_of(text_of(PRODUCT, 3, 2, lanes))[0]], width, exact()).kernels
        assert [part.count.constant for part in parts_of(kernel, WritePart)] == [lanes % 8] * expected


def test_what_many_turns_write_is_asked_for():
    for rows, expected in ((14, False), (64, True)):
        program, _ = program_of(text_of(PRODUCT, rows, 17, 40))
        for kernel in compile_kernels([program], 8, exact()).kernels:
            assert mentions(kernel.body, lambda part: isinstance(part, Prefetch) and part.writes) is expected
