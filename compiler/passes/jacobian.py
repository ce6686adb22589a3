"""Jacobian, Hessian, and the product of the Hessian and a vector: backward passes of several results, and of gradients.

In: a forward graph, or one that `differentiate` has made, without scatters. Out: the same graph with a further output.
Each row of a Jacobian is the gradient of one result, in the order of the eager autograd; the rows share what their
backward passes have in common once `cse` has merged it. The Hessian is the Jacobian of the gradient. Its product with a
vector is the gradient of the dot product of the gradient and the vector (Pearlmutter, Fast exact multiplication by the
Hessian, 1994), and costs a few gradients, however many rows there are.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Output
from ..ir.rewrite import Rewritten
from .differentiate import Backward

__all__ = ["hessian", "hvp", "jacobian"]


def jacobian(graph: Graph, argument: str = "parameters") -> Rewritten:
    """Adds the derivatives of every element of the first output in every input of `argument`, row by row.

    Raises:
        CompileError: as `differentiate` does.
    """
    return _rows(graph, argument, graph.outputs[0], "jacobian")


def hessian(graph: Graph, argument: str = "parameters") -> Rewritten:
    """Adds the derivatives of every element of the gradient in every input of `argument`, row by row.

    Raises:
        CompileError: as `differentiate` does.
    """
    return _rows(graph, argument, graph.output("gradient"), "hessian")


def _rows(graph: Graph, argument: str, results: Output, name: str) -> Rewritten:
    start, count = graph.arguments()[argument]
    backward = Backward(graph, range(start, start + count))
    nodes: list[int] = []
    scatters = []
    for result in results.nodes:
        row, scattered = backward.gradient(result) if result >= 0 else ((-1,) * count, ())
        for scatter in scattered:
            table = replace(scatter.table, base=scatter.table.base + len(nodes))
            scatters.append(replace(scatter, table=table))
        nodes += row
    output = Output(name, tuple(nodes), tuple(scatters))
    return Rewritten(backward.build.finish((*graph.outputs, output)), range(len(graph)))


def hvp(graph: Graph, argument: str = "parameters") -> Rewritten:
    """Adds the product of the Hessian and a vector, whose elements are the last inputs of the graph.

    Raises:
        CompileError: as `differentiate` does.
    """
    dotted, total = _dot_product(graph)
    start, count = graph.arguments()[argument]
    if total is None:  # the gradient is zero
        return Rewritten(replace(graph, outputs=(*graph.outputs, Output("hvp", (-1,) * count))), range(len(graph)))
    backward = Backward(dotted, range(start, start + count))
    product = Output("hvp", *backward.gradient(total))
    return Rewritten(backward.build.finish((*graph.outputs, product)), range(len(graph)))


def _dot_product(graph: Graph) -> tuple[Graph, int | None]:
    """The graph with the dot product of the gradient and the last inputs; None where all of the gradient is zero."""
    gradient = graph.output("gradient").nodes
    build = GraphBuilder.extending(graph)
    first = graph.inputs[-1].start + graph.inputs[-1].size - len(gradient)
    total = None
    for place, node in enumerate(gradient):
        if node >= 0:
            build.mark(graph.origin[node], graph.source[node])
            term = build.mul(node, build.input(first + place))
            total = term if total is None else build.add(total, term)
    return build.finish(graph.outputs), total
