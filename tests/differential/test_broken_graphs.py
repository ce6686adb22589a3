"""`verify` either rejects a graph whose columns were corrupted, or the graph is still one that can be carried out."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from differential.executions import compare
from differential.programs import Program, random_program

from microgpt.compiler.errors import VerifyError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.ir.text import format_graph, parse
from microgpt.compiler.ir.verify import verify

STAGES = ("trace", "sink_through_selects", "differentiate", "simplify", "cse", "dce")


@pytest.mark.parametrize("count", [25, pytest.param(200, marks=pytest.mark.slow)])
def test_corrupted_graphs_are_rejected_or_sound(count: int) -> None:
    rejected = sound = 0
    for seed in range(500_000, 500_000 + count):
        program = random_program(seed)
        stages = compare(program)
        if stages is None or len(stages["trace"]) > 1000:
            continue
        random = Random(seed)
        for stage in STAGES:
            graph = stages.get(stage) or stages["jacobian"]
            for _ in range(3):
                broken = _corrupted(graph, random)
                problem = _problem(broken)
                if problem:
                    assert problem.startswith("program: ")
                    rejected += 1
                else:
                    _is_sound(broken, program)
                    sound += 1
    assert rejected > 2 * count
    assert sound > 0.6 * count


def _problem(graph: Graph) -> str:
    try:
        verify(graph)
    except VerifyError as error:
        return str(error)
    return ""


def _corrupted(graph: Graph, random: Random) -> Graph:
    """The graph with one number changed."""
    column = random.choice(("op", "flat", "flat", "origin", "attribute", "starts", "flat", "op", "outputs"))
    if column == "outputs":
        output = graph.outputs[-1]
        nodes = list(output.nodes)
        nodes[random.randrange(len(nodes))] = random.choice((-2, -1, 0, random.randrange(len(graph)), len(graph)))
        return replace(graph, outputs=(*graph.outputs[:-1], replace(output, nodes=tuple(nodes))))
    numbers = getattr(graph, column)[:]
    if not numbers:
        return _corrupted(graph, random)
    node = random.randrange(len(numbers))
    limit = len(OPS) if column == "op" else len(graph)
    number = random.choice((-1, 0, 1, random.randrange(limit), random.randrange(limit), limit, limit + 1000))
    if column == "op" and not 0 <= number < 256:
        return _corrupted(graph, random)  # operations are bytes
    numbers[node] = number
    return replace(graph, **{column: numbers})


def _is_sound(graph: Graph, program: Program) -> None:
    interpret(graph, program.inputs, program.indices)
    again = parse(format_graph(graph))
    verify(again)
    assert interpret(again, program.inputs, program.indices).keys() == {output.name for output in graph.outputs}


def test_a_column_that_is_too_short_is_rejected() -> None:
    graph = random_program(0).trace()
    for column in ("starts", "attribute", "origin", "source"):
        with pytest.raises(VerifyError, match="columns differ in length"):
            verify(replace(graph, **{column: getattr(graph, column)[:-1]}))
