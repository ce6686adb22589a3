"""Differentiate: appends derivatives to a graph, which stays a graph.

In: a forward graph. Out: the same graph with the operations of one or several backward passes behind it, and a further
output with the derivatives. Each row of a Jacobian is the gradient of one result, in the order of the eager autograd;
the rows share what their backward passes have in common once `cse` has merged it. The Hessian is the Jacobian of the
gradient. Its product with a vector is the gradient of the dot product of the gradient and the vector (Pearlmutter, Fast
exact multiplication by the Hessian, 1994), and costs a few gradients, however many rows there are.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import CompileError
from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Output
from ..ir.rewrite import Rewritten
from .backward import Backward

__all__ = ["differentiate"]


def differentiate(
    graph: Graph,
    argument: str = "parameters",
    derivative: str = "gradient",
    initial: str | None = None,
    scatter: bool = True,
) -> Rewritten:
    """Adds a derivative in every input of `argument`.

    Args:
        derivative: the further output. The ``gradient`` of the first output, which is one number; the ``jacobian`` of
            the first output, row by row; the ``hessian``, row by row, behind the gradient; or ``hvp``, the product of
            the Hessian and the last inputs of the graph, behind the gradient.
        initial: for a gradient or a Jacobian, an argument of the same size that holds what it was so far: what
            ``backward()`` adds to if nothing sets it to zero before. None for zero.
        scatter: whether the gradient of what a table chooses is a scatter where that is possible. Scatters belong to
            outputs, so a gradient that is differentiated again must not have one.

    Raises:
        CompileError: if the first output should be one number and is not, or a select makes the order of a sum depend
            on its index in a way that no static program can follow.
    """
    if derivative == "jacobian":
        result = _rows(graph, argument, graph.outputs[0], derivative, initial)
    elif derivative == "gradient":
        result = _gradient(graph, argument, initial, scatter)
    else:
        result = _gradient(graph, argument, None, scatter=False)
        if derivative == "hessian":
            result = _rows(result, argument, result.output("gradient"), derivative)
        else:
            result = _product(result, argument)
    return Rewritten(result, range(len(graph)))


def _gradient(graph: Graph, argument: str, initial: str | None, scatter: bool) -> Graph:
    results = graph.outputs[0].nodes
    if len(results) != 1:
        raise CompileError(f"a gradient is taken of one number, but {graph.name} returns {len(results)}")
    start, count = graph.arguments()[argument]
    backward = Backward(graph, range(start, start + count), scatter)
    before = None if initial is None else graph.arguments()[initial][0]
    gradient = Output("gradient", *backward.gradient(results[0], before))
    return backward.build.finish((*graph.outputs, gradient))


def _rows(graph: Graph, argument: str, results: Output, name: str, initial: str | None = None) -> Graph:
    start, count = graph.arguments()[argument]
    before = None if initial is None else graph.arguments()[initial][0]
    backward = Backward(graph, range(start, start + count))
    nodes: list[int] = []
    scatters = []
    for result in results.nodes:
        so_far = None if before is None else before + len(nodes)
        row, scattered = backward.gradient(result, so_far) if result >= 0 else ((-1,) * count, ())
        for scatter in scattered:
            table = replace(scatter.table, base=scatter.table.base + len(nodes))
            scatters.append(replace(scatter, table=table))
        nodes += row
    output = Output(name, tuple(nodes), tuple(scatters))
    return backward.build.finish((*graph.outputs, output))


def _product(graph: Graph, argument: str) -> Graph:
    """The product of the Hessian and a vector, whose elements are the last inputs of the graph."""
    dotted, total = _dot_product(graph)
    start, count = graph.arguments()[argument]
    if total is None:  # the gradient is zero
        return replace(graph, outputs=(*graph.outputs, Output("hvp", (-1,) * count)))
    backward = Backward(dotted, range(start, start + count))
    product = Output("hvp", *backward.gradient(total))
    return backward.build.finish((*graph.outputs, product))


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
