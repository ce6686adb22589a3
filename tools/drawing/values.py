"""Values: what the boxes of a picture are worth, and how the result depends on them.

In: what every operation is worth, as the interpreter says, which is what a graph means. Gradients
of forward values are computed by the derivatives of the table of operations, from the result backwards; they are
added up in the order of the graph, so that their last digits may differ from those of the backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...compiler.ir.calculator import FLOATS
from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import BRANCH, INDEX, OPS
from .picture import Picture

__all__ = ["Numbers", "add_numbers", "adjoints"]


@dataclass(frozen=True)
class Numbers:
    """By node, its value, and for forward nodes of a loss the gradient of the loss in it."""

    values: list[float]
    gradients: list[float] | None


def adjoints(graph: Graph, values: Sequence[float], result: int) -> list[float]:
    """The derivative of the node `result` in every node that it is computed from; 0 for others."""
    gradients = [0.0] * len(graph)
    gradients[result] = 1.0
    for node in range(result, -1, -1):
        gradient = gradients[node]
        if gradient == 0.0:
            continue
        op, operands = graph.op[node], graph.operands(node)
        rule = OPS[op].derivative
        if OPS[op].picks:
            decider, *choices = operands
            value = int(values[decider])
            gradients[choices[1 - value if op == BRANCH else value]] += gradient
        elif rule is not None:
            known = [values[operand] for operand in operands]
            for operand, local in zip(operands, rule(FLOATS, values[node], *known), strict=True):
                if local is not None:
                    gradients[operand] += local * gradient
    return gradients


def add_numbers(picture: Picture, graph: Graph, numbers: Numbers) -> None:
    """Writes into each box what it is worth: numbers at the level of scalars, else ranges and norms."""
    for box in picture.boxes.values():
        if not box.results or (box.direction == "outside" and picture.level != "scalar"):
            continue
        forward = [node for node in box.results if not graph.is_backward(node)]
        gradients = [numbers.gradients[node] for node in forward] if numbers.gradients else []
        values = [float(numbers.values[node]) for node in box.results if graph.op[node] != INDEX]
        lines = []
        if picture.level == "scalar":
            if values:
                box.facts["value"] = values[0]
                lines.append(f"= {_short(values[0])}")
            else:
                box.facts["index"] = index = int(numbers.values[box.results[0]])
                lines.append(f"= {index}")
            if gradients and values:
                box.facts["gradient"] = gradients[0]
                lines.append(f"∂ {_short(gradients[0])}")
            lines = ["  ".join(lines)]
        else:
            for name, sample in (("value", values), ("gradient", gradients)):
                if sample:
                    lines.append(_summarise(box.facts, name, sample, box.direction))
        box.numbers = "\n".join(lines)


def _summarise(facts: dict[str, Any], name: str, sample: Sequence[float], direction: str) -> str:
    finite = [value for value in sample if math.isfinite(value)]
    bad = len(sample) - len(finite)
    if bad:
        facts[f"{name}s not finite"] = bad
    if not finite:
        return f"{name}s: none finite"
    low, high, norm = min(finite), max(finite), _norm(finite)
    facts[f"{name} min"], facts[f"{name} max"], facts[f"{name} l2"] = low, high, norm
    word = "∂" if name == "gradient" or direction == "backward" else "="
    ends = _short(low) if low == high else f"{_short(low)} … {_short(high)}"
    return f"{word} {ends}, l2 {_short(norm)}" + (f", {bad} not finite" if bad else "")


def _norm(values: Iterable[float]) -> float:
    # hypot: no overflow, and nothing lost to the order of the sum.
    return math.hypot(*values)


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
