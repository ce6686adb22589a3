"""Graphs and programs for tests: written as text, or traced from a function of one list of scalars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from differential.executions import load, same

from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.ir.text import parse
from microgpt.compiler.ir.verify import verify
from microgpt.compiler.pipeline import compile_graph, compile_python
from microgpt.compiler.trace import trace
from microgpt.runtime.value import Value

HEADER = "graph small\ninput x in x [6]\nindex i 2 < 3\norigin 0 = small.py:1 - small -\n"


def written(*lines: str) -> Graph:
    """A graph of inputs ``x[6]`` and indices ``i[2]`` below 3; a line is an operation without what follows ``;``."""
    numbered = []
    for line in lines:
        node = line.partition(" = ")[0]
        numbered.append(f"{line} ; 0 <- {node} " if node.startswith("%") else line)
    graph = parse(HEADER + "\n".join(numbered))
    verify(graph)
    return graph


def body(graph: Graph) -> list[str]:
    """The operations and outputs as they are written for `written`; constants as decimal numbers."""
    lines = []
    for node, op in enumerate(graph.op):
        row = OPS[op]
        if row.name == "const":
            lines.append(f"%{node} = const {graph.constants[graph.attribute[node]]!r}")
        elif row.name in ("input", "index"):
            lines.append(f"%{node} = {row.name} {graph.attribute[node]}")
        else:
            fields = [f"%{operand}" for operand in graph.operands(node)]
            if row.name == "equal":
                fields.append(str(graph.attribute[node]))
            lines.append(f"%{node} = {row.name} {', '.join(fields)}")
    for output in graph.outputs:
        lines.append(f"output {output.name} = {', '.join(f'%{node}' if node >= 0 else '0' for node in output.nodes)}")
    return lines


def traced(function: Callable[..., Any], size: int = 6, name: str = "traced", **indices: tuple[int, int]) -> Graph:
    """The forward graph of ``function(x, indices...)``; an index is given as its count and limit."""
    start, tensors = 0, []
    for index, (count, limit) in indices.items():
        tensors.append(IndexTensor(index, start, count, limit))
        start += count
    return trace(lambda a, n: {"loss": [function(a["x"], **n)]}, name, [Tensor("x", "x", 0, (size,))], tensors)


def check_all(
    function: Callable[..., Any],
    inputs: dict[str, list[float]],
    gradient: str = "",
    limits: dict[str, int] | None = None,
    name: str = "checked",
    **indices: Sequence[int],
) -> str:
    """Asserts that eager, interpreted and generated results agree as bits; returns the generated program."""
    gradient = gradient or next(iter(inputs))
    tensors, index_tensors, start = [], [], 0
    for argument, values in inputs.items():
        tensors.append(Tensor(argument, argument, start, (len(values),)))
        start += len(values)
    start = 0
    for index, numbers in indices.items():
        index_tensors.append(IndexTensor(index, start, len(numbers), (limits or {}).get(index, max(numbers) + 1)))
        start += len(numbers)

    def forward() -> Graph:
        return trace(lambda a, n: {"loss": [function(**a, **n)]}, name, tensors, index_tensors)

    eager = {argument: [Value(value) for value in values] for argument, values in inputs.items()}
    result = function(**eager, **indices)
    if isinstance(result, Value):
        result.backward()
    loss = result.data if isinstance(result, Value) else float(result)
    expected = [loss, *(value.grad for value in eager[gradient])]

    graph = compile_graph(forward, gradient, check=True)
    source = compile_python(graph)
    interpreted = interpret(graph, inputs, indices)
    loss_list, gradient_list = load(source)(*inputs.values(), *indices.values())
    for found in ([*interpreted["loss"], *interpreted["gradient"]], [*loss_list, *gradient_list]):
        assert len(found) == len(expected)
        assert all(same(a, b) for a, b in zip(found, expected, strict=True)), (found, expected, source)
    return source
