"""Values: a trained model and some texts, as what the graph of one length reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.ir.ops import OPS
from ...runtime.training.checkpoint import Checkpoint
from ..subject.model_values import document_length

__all__ = ["Documents", "Text", "documents"]

# What depends on the C library; all other operations give the same bits in every language.
TRANSCENDENTAL = frozenset(code for code, row in enumerate(OPS) if row.libm)


@dataclass(frozen=True)
class Text:
    """One document.

    Attributes:
        name: the text itself.
        indices: what the graph reads as whole numbers: tokens, then targets.
        transcendental: the values of those of its operations that call the C library, such as exp, in order.
    """

    name: str
    indices: tuple[int, ...]
    transcendental: tuple[float, ...]


@dataclass(frozen=True)
class Documents:
    """Texts that a model reads.

    Attributes:
        inputs: the parameters.
        texts: at least one.
    """

    inputs: Sequence[float]
    texts: tuple[Text, ...]


def documents(graph: Graph, checkpoint: Checkpoint, texts: Sequence[str], length: int) -> Documents:
    """What the training graph of `length` reads for each of `texts`. Longer ones are cut.

    Raises:
        UnknownCharacterError: if a text has a character that the model does not know.
        ValueError: if a text is too short, or leads to a number that is not finite.
    """
    return Documents(checkpoint.parameters, tuple(_text(graph, checkpoint, text, length) for text in texts))


def _text(graph: Graph, checkpoint: Checkpoint, text: str, length: int) -> Text:
    count = document_length(checkpoint, text)
    if count < length:
        raise ValueError(f"{text!r} takes {count} positions (its characters and its end), but the program has {length}")
    tokens = checkpoint.tokenizer.encode(text)
    indices = {"tokens": tokens[:length], "targets": tokens[1 : length + 1]}
    values = evaluate_nodes(graph, {"parameters": checkpoint.parameters}, indices)
    found = tuple(values[node] for node, op in enumerate(graph.op) if op in TRANSCENDENTAL)
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{text!r} leads to a number that is not finite with this model")
    name = text if count == length and len(text) < length + 1 else f"{text} (its first {length} positions)"
    return Text(name, (*indices["tokens"], *indices["targets"]), found)
