"""Where a NaN or an infinity came from: the step, the example, and the operation, with the user's line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...compiler.passes.differentiate import differentiate
from ...compiler.passes.sink_through_selects import sink_through_selects
from ..executable.not_finite import describe, first_bad
from ..executable.row_data import Rows
from .engine import State
from .problem import INITIAL, ROW, WEIGHTS, Compiled, Problem

__all__ = ["Cause", "find_cause"]


@dataclass(frozen=True)
class Cause:
    """The first number that is not finite.

    Attributes:
        where: ``example 17``, ``the penalty`` or ``the optimizer``.
        value: the number.
        phase: ``loss``, ``gradient`` or ``update``.
        operation: what gave it: the operation with its operands, and the user's line.
    """

    where: str
    value: float
    phase: str
    operation: str

    def __str__(self) -> str:
        return f"{self.where}: {self.value} in the {self.phase}, first in {self.operation}"


def find_cause(
    problem: Problem, rows: Rows, state: State, batch: Sequence[int], constants: Sequence[float]
) -> Cause | None:
    """Finds out where a step went wrong.

    Args:
        state: before it.
        batch: its examples.
        constants: the optimiser's, of that step.
    """
    gradient = [0.0] * problem.size
    for number in batch:
        floats, block = rows.floats_of(number), rows.indices_of(number)
        indices = {tensor.name: block[tensor.start : tensor.start + tensor.count] for tensor in problem.indices}
        arguments = {WEIGHTS: state.weights, INITIAL: gradient, ROW: floats}
        if not all(map(isfinite, floats)):
            value = next(number for number in floats if not isfinite(number))
            return Cause(f"example {number}", value, "data", "examples, an argument of fit")
        found = _first(problem.example, arguments, indices, f"example {number}")
        if isinstance(found, Cause):
            return found
        gradient = found
    gradient = [number / len(batch) for number in gradient]
    if problem.extra is not None:
        found = _first(problem.extra, {WEIGHTS: state.weights, INITIAL: gradient}, {}, "the penalty")
        if isinstance(found, Cause):
            return found
        gradient = found
    return _in_update(problem, state, gradient, constants)


def _first(
    function: Compiled, arguments: Mapping[str, Sequence[float]], indices: Mapping[str, Sequence[int]], where: str
) -> Cause | list[float]:
    """The cause, if it is in a function and its gradient; else the gradient."""
    graph = differentiate(sink_through_selects(function.traced).graph, WEIGHTS, initial=function.initial).graph
    values = evaluate_nodes(graph, arguments, indices)
    node = first_bad(graph, values)
    if node is None:
        return interpret(graph, arguments, indices)["gradient"]
    phase = "loss" if graph.source[node] >= 0 else "gradient"
    return Cause(where, values[node], phase, _described(graph, node, values))


def _in_update(problem: Problem, state: State, gradient: Sequence[float], constants: Sequence[float]) -> Cause | None:
    graph, example = problem.update.traced, problem.example.traced
    for place, lane in enumerate(zip(state.weights, gradient, *state.slots.values(), strict=True)):
        names = zip(graph.arguments(), (*lane, *constants), strict=True)
        values = evaluate_nodes(graph, {name: [number] for name, number in names}, {})
        node = first_bad(graph, values)
        if node is not None:
            operation = f"{_described(graph, node, values)}, for {example.input_name(place)}"
            return Cause("the optimizer", values[node], "update", operation)
    return None


def _described(graph: Graph, node: int, values: Sequence[float]) -> str:
    return describe(graph, node, values)
