"""Where a compiled program first goes wrong: the stage and the operation whose value is not what it should be.

The eager autograd is compared with the traced graph, operation by operation; each graph with the one before it; and the
variables of the generated program with the last graph. The first difference names the culprit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...compiler.ir.names import value_names
from ...compiler.ir.ops import GATHER, OPS, POW, SELECT
from ...compiler.ir.text import format_node
from ...compiler.pipeline import Stage
from ...compiler.python.form_statements import form_statements
from ...runtime.value import Value
from ..subject.subject import Subject

__all__ = ["Case", "Difference", "first_unequal", "locate", "same"]

Numbers = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Case:
    """One run of a program, with what it should give.

    Attributes:
        subject: what is run.
        program: the path of its Python.
        arguments, indices: the inputs, each a flat sequence.
        expected: the right results, by output.
        eager: for outputs that the eager autograd computes, its values.
        run: runs the program on these inputs; returns its outputs by name.
    """

    subject: Subject
    program: Path
    arguments: Numbers
    indices: Mapping[str, Sequence[int]]
    expected: Numbers
    eager: Mapping[str, Sequence[Value]]
    run: Callable[[], Numbers]


@dataclass(frozen=True)
class Difference:
    """The first operation that differs.

    Attributes:
        stage: after which it differs from what went before; ``trace`` means from the eager autograd.
        operation: in the text form.
        expected, found: its value.
    """

    stage: str
    operation: str
    expected: float
    found: float


def same(a: float, b: float) -> bool:
    """Whether two results are equal. The sign of zero and the payload of a NaN are outside the contract."""
    return a == b or (a != a and b != b)


def first_unequal(a: Sequence[float], b: Sequence[float]) -> int | None:
    """The first place where two sequences of results differ."""
    if len(a) != len(b):
        return min(len(a), len(b))
    return next((place for place, pair in enumerate(zip(a, b, strict=True)) if not same(*pair)), None)


def locate(case: Case) -> Difference | None:
    """Compares stage by stage; None if everything is as it should be."""
    stages: list[Stage] = []
    case.subject.compile(stages.append)
    graph = stages[0].product
    values = evaluate_nodes(graph, case.arguments, case.indices)
    found = _from_eager(graph, values, case) or _from_outputs("trace", graph, case, None)
    for stage in stages[1:]:
        if found:
            return found
        before, graph = values, stage.product
        values = evaluate_nodes(graph, case.arguments, case.indices)
        found = _from_nodes(stage.name, graph, before, values, stage.ids)
        found = found or _from_outputs(stage.name, graph, case, None)
    return found or _from_program(graph, values, case)


def _from_eager(graph: Graph, values: Sequence[float], case: Case) -> Difference | None:
    """Walks the eager autograd's values and the traced operations side by side."""
    first: tuple[int, float] | None = None
    seen: set[int] = set()
    stack: list[tuple[Value, int]] = []
    for output in graph.outputs:
        stack += zip(case.eager.get(output.name, ()), output.nodes, strict=False)
    while stack:
        value, node = stack.pop()
        while graph.op[node] == SELECT:  # eagerly, a choice leaves no trace
            index, *choices = graph.operands(node)
            node = choices[int(values[index])]
        if node in seen:
            continue
        seen.add(node)
        if not same(value.data, values[node]) and (first is None or node < first[0]):
            first = node, value.data
        code = graph.op[node]
        if code != GATHER and value._operands:
            operands = graph.operands(node)[int(OPS[code].picks) : 1 if code == POW else None]
            stack += zip(value._operands, operands, strict=False)
    return first and Difference("trace", format_node(graph, first[0]), first[1], values[first[0]])


def _from_nodes(
    stage: str, graph: Graph, before: Sequence[float], after: Sequence[float], ids: Sequence[int]
) -> Difference | None:
    moved = [(new, old) for old, new in enumerate(ids) if new >= 0 and not same(before[old], after[new])]
    if not moved:
        return None
    new, old = min(moved)
    return Difference(stage, format_node(graph, new), before[old], after[new])


def _from_outputs(stage: str, graph: Graph, case: Case, results: Numbers | None) -> Difference | None:
    """The earliest operation behind an element of an output that is wrong."""
    found = interpret(graph, case.arguments, case.indices) if results is None else results
    wrong = []
    for output in graph.outputs:
        right = case.expected.get(output.name)
        for element, node in enumerate(output.nodes if right is not None else ()):
            assert right is not None
            if not same(right[element], found[output.name][element]):
                last = max((scatter.node for scatter in output.scatters), default=0) if node < 0 else node
                wrong.append((last, output.name, element, right[element], found[output.name][element]))
    if not wrong:
        return None
    node, name, element, expected, value = min(wrong)
    return Difference(stage, f"{format_node(graph, node)}, which is {name}[{element}]", expected, value)


def _from_program(graph: Graph, values: Sequence[float], case: Case) -> Difference | None:
    """Runs the program and looks at the variables of its functions when they return."""
    variables: dict[str, Any] = {}
    path = str(case.program)

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code.co_filename == path:
            variables.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        results = case.run()
    finally:
        sys.setprofile(None)
    for node, name in value_names(graph, form_statements(graph).roots).items():
        found = variables.get(name)
        if isinstance(found, float) and not same(values[node], found):
            return Difference("emit_python", f"{name}: {format_node(graph, node)}", values[node], found)
    return _from_outputs("emit_python", graph, case, results)
