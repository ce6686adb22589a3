"""Random programs give the same bits as C: in loops, interpreted and compiled, and with a statement for each operation.

A tenth of the programs that the other executions are compared on: starting C compilers takes its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from differential.c_programs import CPrograms
from differential.executions import run_eagerly, same
from differential.programs import Program, random_program

from microgpt.compiler.c.prelude import VECTOR_WIDTHS
from microgpt.compiler.errors import CompileError
from microgpt.compiler.loops.interpret_loops import interpret_loops
from microgpt.compiler.loops.looped_graph import LoopedGraph
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.compiler.pipeline import compile_graph, compile_loops
from microgpt.runtime.machine.toolchain import Toolchain

TOGETHER = 30


def assert_same(what: str, expected: Mapping[str, Sequence[float]], found: Mapping[str, Sequence[float]]) -> None:
    for name, numbers in expected.items():
        for place, (a, b) in enumerate(zip(numbers, found[name], strict=True)):
            assert same(a, b), f"{what}: {name}[{place}] is {b!r}, eagerly {a!r}"


@pytest.mark.random
def test_c_agrees(toolchain: Toolchain, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = int(request.config.getoption("--seed"))
    seeds = iter(range(first, first + max(1, int(request.config.getoption("--programs")) // 10)))
    widths = cycle(VECTOR_WIDTHS)
    while group := list(islice(seeds, TOGETHER)):
        programs: dict[str, Program] = {}
        looped: dict[str, LoopedGraph] = {}
        for seed in group:
            program = random_program(seed)
            try:
                graph = compile_graph(program.trace, program.argument, derivative=program.derivative)
            except CompileError:
                continue
            if len(graph) > 4000:  # a C compiler takes too long over its straight form
                continue
            programs[f"p{seed}"], looped[f"p{seed}"] = program, compile_loops(graph)
        folder = tmp_path / str(group[0])
        folder.mkdir()
        compiled = CPrograms(replace(toolchain, vector_width=next(widths)), folder, looped)
        for name, program in programs.items():
            expected = run_eagerly(program)
            index = [number for numbers in program.indices.values() for number in numbers]
            loops = looped[name]
            verify_loops(loops.program, loops.layout)
            loops.prove()
            interpreted = interpret_loops(loops.program, loops.layout, program.inputs, index)
            assert_same(f"{name}, loops", expected, interpreted)
            assert_same(f"{name}, loops in C", expected, compiled.run_loops(name, program.inputs, index))
            assert_same(f"{name}, straight C", expected, compiled.run_straight(name, program.inputs, index))
