"""What the operations of a model's program are worth for one document.

In: a graph, a trained model and a text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes, interpret
from ...model.config import GPTConfig
from ...runtime.backends.backend import split_document
from ...runtime.programs.recipe import Recipe
from ...runtime.training.checkpoint import Checkpoint
from .model import length_of

__all__ = ["document_length", "document_values"]


def document_length(model: Checkpoint, text: str) -> int:
    """How many positions of `text` the model reads at once: its beginning and its characters, as far as it looks back.

    Raises:
        UnknownCharacterError: if a character is not in the alphabet.
    """
    return split_document(model.config, model.tokenizer.encode(text)).length


def document_values(recipe: Recipe, model: Checkpoint, text: str) -> Callable[[Graph], tuple[list[float], str]]:
    """For a graph of `recipe`, the value of every node for a text, and a few words of whose values these are.

    Inference is at temperature 1.
    """

    def evaluate(graph: Graph) -> tuple[list[float], str]:
        values = _values(recipe, graph, model, text)
        is_cut = len(text) >= model.config.block_size
        cut = f", of which the model reads {length_of(recipe)}" if is_cut else ""
        loss = f", whose loss is {values[graph.output('loss').nodes[0]]:.4f}" if recipe.kind == "training" else ""
        return values, f"for the text {text!r}{cut}{loss}"

    return evaluate


def _values(recipe: Recipe, graph: Graph, model: Checkpoint, text: str) -> list[float]:
    tokens, targets = split_document(model.config, model.tokenizer.encode(text))
    if recipe.kind == "training":
        return evaluate_nodes(graph, {"parameters": model.parameters}, {"tokens": tokens, "targets": targets})
    assert isinstance(recipe.config, GPTConfig)
    cache: list[float] = []
    for position in range(recipe.number):
        before = Recipe("inference", position, recipe.config).trace()
        cache += interpret(before, _inference(model, cache), {"token": [tokens[position]]})["entry"]
    return evaluate_nodes(graph, _inference(model, cache), {"token": [tokens[recipe.number]]})


def _inference(model: Checkpoint, cache: list[float]) -> dict[str, Sequence[float]]:
    return {"parameters": model.parameters, "temperature": [1.0], "cache": cache}
