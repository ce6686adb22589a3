"""Verify: checks that a graph keeps the rules that every stage relies on. Always on in tests; ``verify=True``
elsewhere.

The rules: the columns are equally long; every integer of a node refers to something that exists, and operands stand
before their user and have the type that its row of the table asks for; exponents are constants; a select or a gather
has a value for every value of its index; outputs and scatters refer to real numbers and to elements that exist.
"""

from __future__ import annotations

from ..errors import VerifyError
from .graph import A_IS_NODE, Graph
from .ops import CONST, GATHER, INDEX, OPS, POW, SELECT, Field, Type
from .text import format_node

__all__ = ["verify"]


def verify(graph: Graph) -> None:
    """Returns silently for a sound graph.

    Raises:
        VerifyError: naming the first node that breaks a rule, with its operands and its line of the model.
    """
    size = len(graph)
    if any(len(column) != size for column in (graph.a, graph.b, graph.origin, graph.source)):
        raise VerifyError(f"{graph.name}: the columns differ in length")
    _check_interface(graph)
    input_count = sum(tensor.size for tensor in graph.inputs)
    index_count = sum(tensor.count for tensor in graph.indices)
    bounds = {
        Field.CONSTANT: len(graph.constants),
        Field.INPUT: input_count,
        Field.INDEX: index_count,
        Field.TABLE: len(graph.tables),
        Field.LIST: len(graph.lists),
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
        return f"%{node}: operation {graph.op[node]}, {graph.a[node]}, {graph.b[node]}, origin {graph.origin[node]}"


def _problem(graph: Graph, node: int, bounds: dict[Field, int]) -> str:
    if not 0 <= graph.op[node] < len(OPS):
        return f"unknown operation {graph.op[node]}"
    row = OPS[graph.op[node]]
    if not 0 <= graph.origin[node] < len(graph.origins):
        return "unknown origin"
    for kind, number in ((row.a, graph.a[node]), (row.b, graph.b[node])):
        if kind is Field.NODE and not 0 <= number < node:
            return f"operand %{number} does not stand before its user"
        if kind in bounds and not 0 <= number < bounds[kind]:
            return f"there is no {kind.value} {number}"
    operands = graph.operands(node)
    wanted = row.types if graph.op[node] != SELECT else (Type.INDEX,) + (Type.REAL,) * (len(operands) - 1)
    for operand, type_ in zip(operands, wanted, strict=True):
        if not 0 <= operand < node or OPS[graph.op[operand]].result is not type_:
            return f"operand %{operand} is not of type {type_.value}"
    if graph.op[node] == POW and graph.op[graph.b[node]] != CONST:
        return "the exponent is not a constant"
    if graph.op[node] in (SELECT, GATHER) and A_IS_NODE[graph.op[node]]:
        number = graph.a[graph.a[node]]
        limit = next(tensor.limit for tensor in reversed(graph.indices) if tensor.start <= number)
        count = len(operands) - 1 if graph.op[node] == SELECT else graph.tables[graph.b[node]].count
        if count < limit:
            return f"an index of up to {limit - 1} chooses among {count} values"
    return ""
