"""Values: what a program reads, so that the page can say what every operation is worth.

Of a model, the parameters and some texts; of a function, its arguments. The page carries the graph out by itself, but
for what it cannot do with the same bits, or does not know: these values are here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.ir.calculator import FLOATS
from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.ir.ops import OPS
from ...runtime.training.checkpoint import Checkpoint
from ..checks.function_check import Point
from ..subject.model_values import document_length

__all__ = ["GIVEN", "SLOPED", "Documents", "Text", "at_point", "documents"]

# What the page carries out (values.js). All of it gives the same bits in every language, unlike the C library's
# functions. Of a few of those, it knows the derivatives.
_KNOWN = {
    "const", "input", "index", "gather", "add", "mul", "div", "relu", "step", "max", "equal", "where", "unless",
    "select", "branch",
}  # fmt: skip
_DERIVED = _KNOWN | {"pow", "log", "exp"}
GIVEN = frozenset(code for code, row in enumerate(OPS) if row.name not in _KNOWN)
SLOPED = frozenset(code for code, row in enumerate(OPS) if row.derivative and row.name not in _DERIVED)


@dataclass(frozen=True)
class Text:
    """One document, or the arguments of a function.

    Attributes:
        name: the text itself, or words.
        indices: what the graph reads as whole numbers, such as tokens.
        given: the values of the operations of `GIVEN`, in order.
        slopes: the local derivatives of those of `SLOPED` that are no derivatives themselves, operand by operand.
    """

    name: str
    indices: tuple[int, ...]
    given: tuple[float, ...]
    slopes: tuple[float, ...]


@dataclass(frozen=True)
class Documents:
    """Texts that a model reads, or arguments of a function.

    Attributes:
        label: what the texts are, in a word.
        inputs: the floats that the graph reads.
        texts: at least one.
        result: the output that gradients are those of; empty for none.
    """

    label: str
    inputs: Sequence[float]
    texts: tuple[Text, ...]
    result: str


def documents(graph: Graph, checkpoint: Checkpoint, texts: Sequence[str], length: int) -> Documents:
    """What the training graph of `length` reads for each of `texts`. Longer ones are cut.

    Raises:
        UnknownCharacterError: if a text has a character that the model does not know.
        ValueError: if a text is too short, or leads to a number that is not finite.
    """
    found = tuple(_text(graph, checkpoint, text, length) for text in texts)
    return Documents("Text", checkpoint.parameters, found, "loss")


def at_point(graph: Graph, point: Point) -> Documents:
    """What the graph of a function reads at a point, whatever the numbers lead to."""
    inputs = [number for name in graph.arguments() for number in point.arguments[name]]
    indices = tuple(number for tensor in graph.indices for number in point.indices[tensor.name])
    text = _computed(graph, point.words, indices, evaluate_nodes(graph, point.arguments, point.indices))
    single = [output.name for output in graph.outputs if output.name == "value" and len(output.nodes) == 1]
    return Documents("Values at", inputs, (text,), single[0] if single and single[0] == graph.outputs[0].name else "")


def _text(graph: Graph, checkpoint: Checkpoint, text: str, length: int) -> Text:
    count = document_length(checkpoint, text)
    if count < length:
        raise ValueError(f"{text!r} takes {count} positions (its characters and its end), but the program has {length}")
    tokens = checkpoint.tokenizer.encode(text)
    indices = {"tokens": tokens[:length], "targets": tokens[1 : length + 1]}
    values = evaluate_nodes(graph, {"parameters": checkpoint.parameters}, indices)
    name = text if count == length and len(text) < length + 1 else f"{text} (its first {length} positions)"
    computed = _computed(graph, name, (*indices["tokens"], *indices["targets"]), values)
    if not all(map(math.isfinite, computed.given)):
        raise ValueError(f"{text!r} leads to a number that is not finite with this model")
    return computed


def _computed(graph: Graph, name: str, indices: tuple[int, ...], values: Sequence[float]) -> Text:
    given, slopes = [], []
    for node, op in enumerate(graph.op):
        if op in GIVEN:
            given.append(float(values[node]))
        if op in SLOPED and graph.source[node] >= 0:
            derivative = OPS[op].derivative
            assert derivative is not None
            local = derivative(FLOATS, values[node], *(values[operand] for operand in graph.operands(node)))
            slopes += [math.nan if slope is None else slope for slope in local]
    return Text(name, indices, tuple(given), tuple(slopes))
