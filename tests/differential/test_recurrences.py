"""Random recurrences become loops over their steps, with the bits of the eager autograd in C.

A fifth as many as the other executions are compared on, and their programs do not grow with the number of steps.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from differential.c_programs import CPrograms
from differential.executions import run_eagerly
from differential.programs import Program
from differential.recurrences import random_recurrence
from differential.test_c_agrees import TOGETHER, assert_same

from microgpt.compiler.c.prelude import VECTOR_WIDTHS
from microgpt.compiler.loops.coverage import coverage
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.compiler.loops.looped_graph import LoopedGraph
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.compiler.pipeline import compile_graph, compile_loops, function_text
from microgpt.runtime.machine.toolchain import Toolchain

FURTHER = 20
# The masks of a branch are longer the further back a step is, and a wave runs through a row that needs itself.
IRREGULAR = ("where(", "row[k - 1]")


def compiled(program: Program) -> LoopedGraph:
    looped = compile_loops(compile_graph(program.trace, program.argument))
    verify_loops(looped.program, looped.layout)
    looped.prove()
    return looped


@pytest.mark.random
def test_recurrences_agree(toolchain: Toolchain, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = int(request.config.getoption("--seed"))
    seeds = iter(range(first, first + max(1, int(request.config.getoption("--programs")) // 16)))
    widths = cycle(VECTOR_WIDTHS)
    while group := list(islice(seeds, TOGETHER)):
        programs = {f"p{seed}": random_recurrence(seed) for seed in group}
        looped = {name: compiled(program) for name, program in programs.items()}
        folder = tmp_path / str(group[0])
        folder.mkdir()
        in_c = CPrograms(replace(toolchain, vector_width=next(widths)), folder, looped)
        for name, program in programs.items():
            expected, loops = run_eagerly(program), looped[name]
            assert parse_program(format_program(loops.program)) == loops.program
            found = interpret_loops(loops.program, loops.layout, program.inputs, [0, 0])
            assert_same(f"{name}, loops", expected, found)
            assert_same(f"{name}, loops in C", expected, in_c.run_loops(name, program.inputs, [0, 0]))


@pytest.mark.parametrize("seed", range(30))
def test_programs_do_not_grow_with_their_steps(seed: int) -> None:
    few, many = random_recurrence(seed), random_recurrence(seed, FURTHER)
    if any(word in many.source for word in IRREGULAR):
        pytest.skip("irregular")
    few_loops, many_loops = compiled(few), compiled(many)
    assert any(nest.recurrence for nest in many_loops.program.nests)
    assert len(many_loops.program.nests) < len(few_loops.program.nests) + FURTHER
    (inside, total), (before, of) = coverage(many_loops.program), coverage(few_loops.program)
    assert inside - before > 0.9 * (total - of)


FIRST = """\
v, first, total = 1, 1, 0
for step in range(9):
    s = v * first if step else x[0] * x[1]
    v = tanh(s * x[1] + x[2])
    first = first if step else v
    total = total + s * y[step]"""
ROW = """\
row = [a * 0.5 + 1.5 for a in y[:19]]
for step in range(7):
    total = (sum(row) * 0.01) ** 2
    row = [a * a + x[0] for a in row]
    row = [a ** 0.5 for a in row]
    row = [a + total for a in row]
total = sum(row)"""
SHRINKING = """\
row = [a + 1.5 for a in y[:18]]
for step in range(16):
    head = row[0] * 0.5 + x[1]
    row = [a * head for a in row[1:]]
    row = [a ** 0.5 for a in row]
    row = [a + x[2] for a in row]
total = row[0] + row[1]"""


@pytest.mark.parametrize(
    "text", [FIRST, ROW, SHRINKING], ids=["what the first step assigns", "powers of vectors", "fewer lanes a step"]
)
def test_kernels_of_recurrences(toolchain: Toolchain, tmp_path: Path, text: str) -> None:
    given = {"x": [0.7, 0.9, 0.3], "y": [0.1 * number - 0.7 for number in range(19)]}
    program = Program(0, tuple(text.splitlines()), ("total",), given, {"i": [0], "j": [0]}, "x", False)
    looped = compiled(program)
    assert any(nest.recurrence for nest in looped.program.nests)
    found = CPrograms(toolchain, tmp_path, {"p": looped}).run_loops("p", given, [0, 0])
    assert_same("in C", run_eagerly(program), found)


def test_lanes_that_become_fewer_end_with_single_ones() -> None:
    given = {"x": [0.7, 0.9, 0.3], "y": [0.1 * number for number in range(18)]}
    program = Program(0, tuple(SHRINKING.splitlines()), ("total",), given, {"i": [0], "j": [0]}, "x", False)
    looped = compiled(program)
    text = function_text(looped, "run", 8).text
    assert "const long whole = -step + 16 - (-step + 16 - 0) % 8;" in text
    assert "for (long i = whole, end_i = -step + 16; i < end_i; i++)" in text
