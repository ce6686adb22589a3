"""Where a NaN or an infinity came from: the step, its document, and the operation that first gave one.

Training says which step ended badly, and the state before it. The graph of that step is carried out node by node, and
what is not finite is followed back from the result to the operation whose operands all were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...compiler.ir.ops import OPS, SELECT
from ...compiler.passes.differentiate import differentiate
from ...compiler.passes.sink_through_selects import sink_through_selects
from ...model import adam
from ..backends.backend import Document, State
from ..programs import graphs
from ..programs.recipe import Recipe
from .training import NotFiniteError, Training

__all__ = ["Cause", "describe", "find_cause", "first_bad"]


@dataclass(frozen=True)
class Cause:
    """The first number that is not finite.

    Attributes:
        step: counted from 1.
        text: the document of the step.
        value: the number.
        phase: ``forward``, ``backward`` or ``update``.
        operation: what gave it: the operation with its operands, and the line of the model.
    """

    step: int
    text: str
    value: float
    phase: str
    operation: str

    def __str__(self) -> str:
        text = self.text if len(self.text) <= 40 else self.text[:40] + "..."
        phase = {"forward": "the forward pass", "backward": "the gradient", "update": "the update"}[self.phase]
        return f"step {self.step}, document {text!r}: {self.value} in {phase}, first in {self.operation}"


def find_cause(training: Training, error: NotFiniteError) -> Cause | None:
    """Finds out where a step went wrong; None if by the model's arithmetic it does not."""
    state, document = error.before, training.document(error.before.step)
    return _in_model(training, state, document) or _in_update(training, state, document)


def _in_model(training: Training, state: State, document: Document) -> Cause | None:
    graph, values = _carry_out(training, state, document)
    node = first_bad(graph, values)
    if node is None:
        return None
    phase = "forward" if graph.source[node] >= 0 else "backward"
    return Cause(state.step + 1, training.text(state.step), values[node], phase, describe(graph, node, values))


def _carry_out(training: Training, state: State, document: Document) -> tuple[Graph, list[float]]:
    """The graph of a step, up to the gradient, and the value of each of its nodes."""
    tokens, targets = document
    forward = Recipe("training", len(tokens), training.config).trace()
    graph = differentiate(sink_through_selects(forward).graph, "parameters").graph
    return graph, evaluate_nodes(graph, {"parameters": state.parameters}, {"tokens": tokens, "targets": targets})


def _in_update(training: Training, state: State, document: Document) -> Cause | None:
    """Looks at Adam, parameter by parameter, with the gradient that the model gave."""
    tokens, targets = document
    joint, _ = _carry_out(training, state, document)
    indices = {"tokens": tokens, "targets": targets}
    gradient = interpret(joint, {"parameters": state.parameters}, indices)["gradient"]
    graph = graphs.optimizer_graph(training.optimizer)
    constants = adam.step_constants(training.optimizer, state.step, training.steps)
    shared = dict(zip(("learning_rate", "correction1", "correction2"), ([number] for number in constants), strict=True))
    lanes = zip(state.parameters, gradient, state.first_moment, state.second_moment, strict=True)
    for place, lane in enumerate(lanes):
        arguments: Mapping[str, Sequence[float]] = {
            **shared,
            **dict(zip(graphs.MAPPED, ([number] for number in lane), strict=True)),
        }
        values = evaluate_nodes(graph, arguments, {})
        node = first_bad(graph, values)
        if node is not None:
            name = joint.input_name(place)
            operation = f"{describe(graph, node, values)}, for {name}"
            return Cause(state.step + 1, training.text(state.step), values[node], "update", operation)
    return None


def first_bad(graph: Graph, values: Sequence[float]) -> int | None:
    """The first node that is not finite among those that a result owes this to."""
    reached = {node for output in graph.outputs for node in output.nodes if node >= 0 and not isfinite(values[node])}
    for output in graph.outputs:
        reached.update(scatter.node for scatter in output.scatters if not isfinite(values[scatter.node]))
    first = None
    for node in range(max(reached, default=-1), -1, -1):
        if node in reached:
            first = node
            reached.update(operand for operand in _operands(graph, node, values) if not isfinite(values[operand]))
    return first


def _operands(graph: Graph, node: int, values: Sequence[float]) -> Sequence[int]:
    """The operands that have a part in the value of a node."""
    operands = graph.operands(node)
    return [operands[1 + int(values[operands[0]])]] if graph.op[node] == SELECT else operands


def describe(graph: Graph, node: int, values: Sequence[float]) -> str:
    """``mul(1e+200, 1e+200) at gpt.py:164 position0.embed _rmsnorm``."""
    row = OPS[graph.op[node]]
    operands = [f"{values[operand]:.6g}" for operand in _operands(graph, node, values)]
    return f"{row.name}({', '.join(operands)}) at {graph.origins[graph.origin[node]]}"
