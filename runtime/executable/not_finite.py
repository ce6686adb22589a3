"""Not finite: the operation that first gave a NaN or an infinity which a result owes its own to.

A graph is carried out node by node, and what is not finite is followed back from the results to an operation whose
operands all were. An infinity that no result shows, as in ``1 / exp(1000)``, is none of these.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from ...compiler.ir.graph import Graph, Origin
from ...compiler.ir.ops import CONST, INPUT, OPS, SELECT

__all__ = ["NotFinite", "describe", "first_bad", "not_finite"]


@dataclass(frozen=True)
class NotFinite:
    """The first operation whose result is not finite, though its operands are.

    Attributes:
        value: its result: a NaN or an infinity.
        phase: ``forward``, or ``backward`` if it belongs to a derivative.
        operation: with the values of its operands: ``log(0)``; of an argument, its name.
        line: the user's file and line, with the text of the line where it can be read; empty for an argument.
        results: the names of the results that are not finite.
    """

    value: float
    phase: str
    operation: str
    line: str
    results: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.results[:3])
        more = f" and {len(self.results) - 3:,} more" if len(self.results) > 3 else ""
        place = f" at {self.line}" if self.phase == "forward" else f" in the derivative of {self.line}"
        return (
            f"{self.phase}: {self.operation} is {self.value}{place if self.line else ''}; "
            f"not finite {'is' if len(self.results) == 1 else 'are'} {shown}{more}"
        )


def not_finite(graph: Graph, values: Sequence[float], named: Sequence[str] = ()) -> NotFinite | None:
    """Finds out where what is not finite among the results comes from; None if they all are.

    Args:
        values: of every node.
        named: what the results that are not finite are called; by default, what they are in a function.
    """
    node = first_bad(graph, values)
    if node is None:
        return None
    results = tuple(named or _bad_results(graph, values))
    if graph.op[node] == INPUT:
        name = graph.input_name(graph.attribute[node])
        return NotFinite(values[node], "forward", f"the argument {name}", "", results)
    phase = "backward" if graph.is_backward(node) else "forward"
    return NotFinite(values[node], phase, _operation(graph, node, values), _line(graph, node), results)


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


def describe(graph: Graph, node: int, values: Sequence[float]) -> str:
    """``mul(1e+200, 1e+200) at gpt.py:164 position0.embed _rmsnorm``."""
    return f"{_operation(graph, node, values)} at {graph.origins[graph.origin[node]]}"


def _operands(graph: Graph, node: int, values: Sequence[float]) -> Sequence[int]:
    """The operands that have a part in the value of a node."""
    operands = graph.operands(node)
    return [operands[1 + int(values[operands[0]])]] if graph.op[node] == SELECT else operands


def _operation(graph: Graph, node: int, values: Sequence[float]) -> str:
    row = OPS[graph.op[node]]
    if graph.op[node] == CONST:
        return "the constant"
    operands = [f"{values[operand]:.6g}" for operand in _operands(graph, node, values)]
    return f"{row.name}({', '.join(operands)})"


def _line(graph: Graph, node: int) -> str:
    origin = graph.origins[graph.origin[node]]
    text = _text(origin)
    return f"{origin.file}:{origin.line}" + (f"  [{text}]" if text else "")


def _text(origin: Origin) -> str:
    """The text of a line, if the module that it stands in is still there."""
    file = getattr(sys.modules.get(origin.module), "__file__", None)
    return linecache.getline(file, origin.line).strip() if file and file.endswith(origin.file) else ""


def _bad_results(graph: Graph, values: Sequence[float]) -> list[str]:
    """The names of the results that are not finite: ``value``, and the derivatives by what they are taken in."""
    start, count = graph.arguments()["parameters"]
    found = []
    for output in graph.outputs:
        bad = {place for place, node in enumerate(output.nodes) if node >= 0 and not isfinite(values[node])}
        for scatter in output.scatters:
            if not isfinite(values[scatter.node]):
                bad.add(scatter.table.base + scatter.table.stride * int(values[scatter.index]))
        for place in sorted(bad):
            if output.name in ("value", "aux"):
                found.append("the value" if len(output.nodes) == 1 else f"{output.name} number {place}")
            else:
                row = (
                    f"row {place // count} of the {output.name}" if len(output.nodes) > count else f"the {output.name}"
                )
                found.append(f"{row} in {graph.input_name(start + place % count)}")
    return found
