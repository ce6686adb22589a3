"""Reading: what a model computes on its way through a text, taken from the graph that training compiles.

A text goes in, as token ids; out come the attention of every head, the distribution over the next token at every
position, and the loss. The graph is carried out node by node, and the values are those of its nodes: what a compiled
program computes for the same text, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.ir.ops import SELECT
from ...model.config import GPTConfig
from ..programs.graphs import training_graph
from .training import windows

__all__ = ["Reading", "read_document"]


@dataclass(frozen=True)
class Reading:
    """What a model makes of one window of a document.

    Attributes:
        tokens, targets: what it reads, and what comes next, by position.
        attention: by layer, head, position and earlier position (itself the last): how much of what the earlier one
            offers goes into this one. A row adds up to 1, but for rounding.
        probabilities: by position and token, of what comes next.
        losses: by position, in nats: ``-log`` of the probability of what did come next.
        loss: their mean, as training prints it.
    """

    tokens: list[int]
    targets: list[int]
    attention: list[list[list[list[float]]]]
    probabilities: list[list[float]]
    losses: list[float]
    loss: float


def read_document(config: GPTConfig, parameters: Sequence[float], tokens: Sequence[int]) -> list[Reading]:
    """Reads a document; a long one by windows, each of which begins without a memory of the one before.

    Args:
        tokens: with the token that begins and ends a document at both ends.
    """
    return [_read(config, parameters, *window) for window in windows(config, tokens)]


def _read(config: GPTConfig, parameters: Sequence[float], tokens: list[int], targets: list[int]) -> Reading:
    graph = _graph(config, len(tokens))
    values = evaluate_nodes(graph, {"parameters": parameters}, {"tokens": tokens, "targets": targets})
    leaving = _leaving(graph)
    positions = range(len(tokens))

    def results(scope: str) -> list[float]:
        return [values[node] for node in leaving[scope]]

    attention = [
        [
            [results(f"position{position}.layer{layer}.head{head}.weights") for position in positions]
            for head in range(config.n_head)
        ]
        for layer in range(config.n_layer)
    ]
    losses = [results(f"position{position}.loss")[0] for position in positions]
    probabilities = [[values[node] for node in nodes] for nodes in _choices(graph)]
    return Reading(tokens, targets, attention, probabilities, losses, values[graph.output("loss").nodes[0]])


@lru_cache(maxsize=2)
def _graph(config: GPTConfig, length: int) -> Graph:
    return training_graph(config, length)


def _choices(graph: Graph) -> Iterator[tuple[int, ...]]:
    """At each position, the nodes that its loss chooses from by the target: the probabilities of all tokens."""
    for node, op in enumerate(graph.op):
        if op == SELECT and graph.origins[graph.origin[node]].scope.endswith(".loss"):
            yield graph.operands(node)[1:]


def _leaving(graph: Graph) -> dict[str, list[int]]:
    """By scope, the nodes that are used outside of it, in order: what the scope computes."""
    scopes = [graph.origins[origin].scope for origin in graph.origin]
    used = [False] * len(graph)
    for node, scope in enumerate(scopes):
        for operand in graph.operands(node):
            used[operand] |= scopes[operand] != scope
    leaving: dict[str, list[int]] = {}
    for node, scope in enumerate(scopes):
        # A constant is recorded where it is first needed, and used from anywhere.
        if used[node] and graph.operands(node):
            leaving.setdefault(scope, []).append(node)
    return leaving
