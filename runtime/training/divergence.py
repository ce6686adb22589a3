"""Where a NaN or an infinity came from: the step, its document, and the operation that first gave one.

Training says which step ended badly, and the state before it. The graph of that step is carried out node by node, and
what is not finite is followed back from the result to the operation whose operands all were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.passes.differentiate import differentiate
from ...compiler.passes.sink_through_selects import sink_through_selects
from ..backends.backend import Document, State
from ..executable.not_finite import describe, first_bad
from ..programs import eager, graphs
from ..programs.recipe import Recipe
from ..programs.step_constants import step_constants
from .training import NotFiniteError, Training

__all__ = ["Cause", "find_cause"]


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
    state, batch = error.before, training.batch(error.before.step)
    causes = (_in_model(training, state, document) for document in batch)
    return next(filter(None, causes), None) or _in_update(training, state, batch)


def _in_model(training: Training, state: State, document: Document) -> Cause | None:
    graph, values = _carry_out(training, state, document)
    node = first_bad(graph, values)
    if node is None:
        return None
    phase = "forward" if graph.source[node] >= 0 else "backward"
    return Cause(state.step + 1, training.text(document), values[node], phase, describe(graph, node, values))


def _carry_out(training: Training, state: State, document: Document) -> tuple[Graph, list[float]]:
    """The graph of a step, up to the gradient, and the value of each of its nodes."""
    tokens, targets = document
    forward = Recipe("training", len(tokens), training.config).trace()
    graph = differentiate(sink_through_selects(forward).graph, "parameters").graph
    return graph, evaluate_nodes(graph, {"parameters": state.parameters}, {"tokens": tokens, "targets": targets})


def _in_update(training: Training, state: State, batch: Sequence[Document]) -> Cause | None:
    """Looks at Adam, parameter by parameter, with the gradient that the model gave."""
    _, gradient = eager.batch_loss_and_gradient(training.config, state.parameters, batch)
    graph = graphs.optimizer_graph(training.optimizer)
    constants = step_constants(training.optimizer, state.step, training.steps)
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
            name = training.config.parameter_name(place)
            operation = f"{describe(graph, node, values)}, for {name}"
            return Cause(state.step + 1, training.text(batch[0]), values[node], "update", operation)
    return None
