"""Verify: checks that a graph keeps the rules that every stage relies on. Always on in tests; ``verify=True``
elsewhere.

The rules: the columns are equally long; every attribute refers to something that exists; operands stand before their
user, and are as many and of the types that its row of the table asks for; exponents are constants; a select or a gather
has a value for every value of its index; outputs and scatters refer to real numbers and to elements that exist.
"""

from __future__ import annotations

from itertools import pairwise

from ..errors import VerifyError
from .graph import Graph
from .ops import CHOOSE, CONST, GATHER, INDEX, OPS, POW, SELECT, Attribute, Type
from .text import format_node

__all__ = ["verify"]


def verify(graph: Graph) -> None:
    """Returns silently for a sound graph.

    Raises:
        VerifyError: naming the first node that breaks a rule, with its operands and its line of the model.
    """
    size = len(graph)
    if any(len(column) != size for column in (graph.starts[1:], graph.attribute, graph.origin, graph.source)):
        raise VerifyError(f"{graph.name}: the columns differ in length")
    ends = pairwise((0, *graph.starts, len(graph.flat)))
    if graph.starts[0] or graph.starts[-1] != len(graph.flat) or any(start > end for start, end in ends):
        raise VerifyError(f"{graph.name}: the spans of operands are not one after the other")
    _check_interface(graph)
    input_count = sum(tensor.size for tensor in graph.inputs)
    index_count = sum(tensor.count for tensor in graph.indices)
    bounds = {
        Attribute.CONSTANT: len(graph.constants),
        Attribute.INPUT: input_count,
        Attribute.INDEX: index_count,
        Attribute.TABLE: len(graph.tables),
    }
    for node in range(size):
        problem = _problem(graph, node, bounds)
        if problem:
            raise VerifyError(f"{graph.name}: {problem} in {_describe(graph, node)}")
    spans = list(graph.arguments().values())
    for table in graph.tables:
        last = table.base + table.stride * (table.count - 1)
        inside = (start <= table.base < start + count and start <= last < start + count for start, count in spans)
        if not any(inside):
            raise VerifyError(f"{graph.name}: {table} reaches beyond the inputs of one argument")
    for output in graph.outputs:
        for node in output.nodes:
            if not -1 <= node < size or (node >= 0 and OPS[graph.op[node]].result is not Type.REAL):
                raise VerifyError(f"{graph.name}: output {output.name} refers to %{node}, which is no real number")
        for scatter in output.scatters:
            last = scatter.table.base + scatter.table.stride * (scatter.table.count - 1)
            sound = 0 <= scatter.node < size and OPS[graph.op[scatter.node]].result is Type.REAL
            sound = sound and 0 <= scatter.index < size and graph.op[scatter.index] == INDEX
            if not sound or not (0 <= scatter.table.base < len(output.nodes) and 0 <= last < len(output.nodes)):
                raise VerifyError(f"{graph.name}: output {output.name} has an unsound {scatter}")


def _check_interface(graph: Graph) -> None:
    names = [*graph.arguments(), *(tensor.name for tensor in graph.indices)]
    if len(set(names)) < len(names) or len({output.name for output in graph.outputs}) < len(graph.outputs):
        raise VerifyError(f"{graph.name}: two arguments or two outputs are called alike")
    end, last = 0, None
    seen: set[str] = set()
    for tensor in graph.inputs:
        if tensor.start != end or (tensor.argument != last and tensor.argument in seen):
            raise VerifyError(f"{graph.name}: {tensor.name} does not begin where the tensor before it ends")
        end, last = end + tensor.size, tensor.argument
        seen.add(tensor.argument)
    end = 0
    for index in graph.indices:
        if index.start != end:
            raise VerifyError(f"{graph.name}: {index.name} does not begin where the indices before it end")
        end += index.count


def _describe(graph: Graph, node: int) -> str:
    try:
        return format_node(graph, node)
    except (IndexError, StopIteration):  # it refers to something that is not there
        operands, attribute = graph.operands(node), graph.attribute[node]
        return f"%{node}: operation {graph.op[node]}, {operands}, {attribute}, origin {graph.origin[node]}"


def _problem(graph: Graph, node: int, bounds: dict[Attribute, int]) -> str:
    if not 0 <= graph.op[node] < len(OPS):
        return f"unknown operation {graph.op[node]}"
    row = OPS[graph.op[node]]
    if not 0 <= graph.origin[node] < len(graph.origins):
        return "unknown origin"
    attribute, operands = graph.attribute[node], graph.operands(node)
    if row.attribute in bounds and not 0 <= attribute < bounds[row.attribute]:
        return f"there is no {row.attribute.value} {attribute}"
    if not row.takes(len(operands)):
        return f"{len(operands)} operands"
    for operand, type_ in zip(operands, row.types_of(len(operands)), strict=True):
        if not 0 <= operand < node:
            return f"operand %{operand} does not stand before its user"
        if OPS[graph.op[operand]].result is not type_:
            return f"operand %{operand} is not of type {type_.value}"
    if graph.op[node] == POW and graph.op[operands[1]] != CONST:
        return "the exponent is not a constant"
    if graph.op[node] in (SELECT, CHOOSE, GATHER):
        limit = graph.limit(operands[0])
        count = graph.tables[attribute].count if graph.op[node] == GATHER else len(operands) - 1
        if count < limit:
            return f"an index of up to {limit - 1} chooses among {count} values"
    return ""
