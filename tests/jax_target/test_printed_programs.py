"""What is printed for JAX computes what the eager autograd does, up to rounding: random programs, on NumPy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from differential.executions import run_eagerly
from differential.programs import Program, random_program
from differential.recurrences import random_recurrence
from jax_target.numpy_jax import load_functions

from microgpt.compiler.errors import CompileError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes
from microgpt.compiler.ir.ops import OPS, OPS_BY_NAME
from microgpt.compiler.jax.spelling import SPELLINGS
from microgpt.compiler.pipeline import compile_graph
from microgpt.runtime.executable.jax_source import function_module

# What is not spelled by the table: it is read, or a power, or a choice by an index, or is of rows, which are refused.
ELSEWHERE = {"attach", "equal", "pow"}


def check(program: Program, graph: Graph) -> bool:
    """Whether the results were compared."""
    values = evaluate_nodes(graph, program.inputs, program.indices)
    if any(number != number for number in values):  # a maximum of JAX's passes NaN on, ours compares
        return False
    text = function_module(graph.name, [("run", graph, "")])
    run = load_functions(text)["run"]
    index = np.array([number for numbers in program.indices.values() for number in numbers])
    # A module's arguments are the tensors of the graph.
    arguments = [np.array(program.inputs[name]) for name in graph.arguments()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(*arguments, index) if graph.indices else run(*arguments)
    parts = found if isinstance(found, tuple) else (found,)
    expected = run_eagerly(program)
    for output, part in zip(graph.outputs, parts, strict=True):
        numbers = expected[output.name]
        scale = max((abs(number) for number in numbers if math.isfinite(number)), default=1.0)
        for place, (a, b) in enumerate(zip(numbers, np.ravel(part).tolist(), strict=True)):
            if math.isfinite(a) and scale < 1e100:
                assert abs(a - b) <= 1e-9 * max(scale, 1.0), f"{output.name}[{place}] is {b!r}, eagerly {a!r}\n{text}"
    return True


@pytest.mark.random
def test_random_programs_agree(request: pytest.FixtureRequest) -> None:
    first = int(request.config.getoption("--seed"))
    compared = []
    for seed in range(first, first + max(1, int(request.config.getoption("--programs")) // 50)):
        program = random_program(seed)
        try:
            graph = compile_graph(program.trace, program.argument, derivative=program.derivative)
        except CompileError:
            continue
        # Whether two numbers are the same is decided by the last bit.
        if len(graph) <= 4000 and OPS_BY_NAME["same"] not in graph.op:
            compared.append(check(program, graph))
    assert any(compared) or len(compared) < 10  # a few may all have a NaN


@pytest.mark.random
def test_random_recurrences_agree(request: pytest.FixtureRequest) -> None:
    first = int(request.config.getoption("--seed"))
    for seed in range(first, first + max(1, int(request.config.getoption("--programs")) // 200)):
        program = random_recurrence(seed)
        check(program, compile_graph(program.trace, program.argument))


def test_every_operation_is_spelled() -> None:
    computed = {row.name for row in OPS if row.evaluate is not None}
    assert computed - set(SPELLINGS) == ELSEWHERE
