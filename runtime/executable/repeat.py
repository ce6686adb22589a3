"""Repeat: the graph of several rows of data, made from the traced graph of one.

C takes the rows of a block as lanes of its vectors, in a third to a tenth of the time of single ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.graph import Graph, IndexTensor, Output, Tensor
from ...compiler.ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT

__all__ = ["BLOCK", "fits_block", "repeat"]

# Rows of a block. A program that would have more operations than these is not repeated: it has lanes enough of its own,
# and is slow to compile.
BLOCK, _MOST_IN_BLOCK = 16, 20_000


def fits_block(graph: Graph) -> bool:
    """Whether a block of the rows that a graph has one of is worth compiling."""
    return len(graph) * BLOCK <= _MOST_IN_BLOCK


def repeat(
    graph: Graph,
    count: int,
    inputs: Sequence[Tensor],
    moved: Callable[[int, int], int],
    summed: Sequence[int],
) -> Graph:
    """The graph of `count` rows: the operations of one, again and again.

    Its first output, ``sums``, has the sums over the rows of some results. Their gradients are added up as those of one
    row after the other are, since each sum has the last row first: the walk of ``backward()`` meets its operands in
    reverse. The second output has the results of each row, under the name that the output of `graph` has.

    Args:
        graph: of one row; it has one output.
        inputs: of the graph of all rows.
        moved: the number of an input of `graph` among them, for a row.
        summed: the places of the results to be summed.
    """
    (output,), each = graph.outputs, sum(tensor.count for tensor in graph.indices)
    indices = tuple(_of_row(tensor, row, each, count) for row in range(count) for tensor in graph.indices)
    name = graph.name if count == 1 else f"{graph.name}_of_{count}"
    build = GraphBuilder(name, tuple(inputs), indices, graph.origins)
    numbers: dict[int, int] = {}

    def input_node(number: int) -> int:
        if number not in numbers:
            numbers[number] = build.input(number)
        return numbers[number]

    results: list[list[int]] = []
    for row in range(count):
        new: list[int] = []
        columns = zip(graph.op, graph.all_operands(), graph.attribute, graph.origin, strict=True)
        for op, operands, attribute, origin in columns:
            build.mark(origin, 0)
            nodes = [new[operand] for operand in operands]
            if op == INPUT:
                new.append(input_node(moved(attribute, row)))
            elif op == CONST:
                new.append(build.const(graph.constants[attribute]))
            elif op == INDEX:
                new.append(build.index(attribute + row * each))
            elif op == EQUAL:
                new.append(build.equal(nodes[0], attribute))
            elif op == GATHER:
                table = graph.tables[attribute]
                chosen = range(table.base, table.base + table.stride * table.count, table.stride)
                new.append(build.select(nodes[0], [input_node(moved(number, row)) for number in chosen]))
            else:
                new.append(build.node(op, *nodes, attribute=attribute))
        results.append([new[node] for node in output.nodes])
    sums = [_sum(build, [own[place] for own in results]) for place in summed]
    build.source = array("i", range(len(build.op)))
    outputs = [Output("sums", tuple(sums))] if sums else []
    return build.finish([*outputs, Output(output.name, tuple(node for own in results for node in own))])


def _of_row(tensor: IndexTensor, row: int, each: int, count: int) -> IndexTensor:
    name = tensor.name if count == 1 else f"{tensor.name}_{row}"
    return replace(tensor, name=name, start=tensor.start + row * each)


def _sum(build: GraphBuilder, nodes: Sequence[int]) -> int:
    build.mark(build.origin[nodes[-1]], 0)
    return reduce(build.add, reversed(nodes))
