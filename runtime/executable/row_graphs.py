"""Row graphs: what the loop over rows carries out, for one row and for a block of them.

In: a `RowLoop`, and which derivatives the graph around it uses. Out: graphs that add the derivatives of their rows to
those of the rows before, and hand out the results of each.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

from ...compiler.ir.builder import GraphBuilder
from ...compiler.ir.graph import Graph, Output, Tensor
from ...compiler.ir.ops import CONST, EQUAL, GATHER, INDEX, INPUT
from ...compiler.pipeline import compile_graph
from .row_sums import ROW, SHARED, RowLoop
from .witness import Witness, eager_witnesses

__all__ = ["BLOCK", "FIXED", "INITIAL", "RowGraph", "RowPlan", "plan_of", "repeated"]

# Further arguments of these graphs: shared scalars in which no derivative is wanted, and the derivatives so far.
FIXED, INITIAL = "fixed", "initial"

# Rows that C takes at a time, as lanes of its vectors, in a third to a tenth of the time of single ones. A program
# that would have more operations than these is not repeated: it has lanes enough of its own, and is slow to compile.
BLOCK, _MOST_IN_BLOCK = 16, 20_000


@dataclass(frozen=True)
class RowGraph:
    """The graph of one row or of several.

    Attributes:
        traced: before its derivatives are taken.
        derivatives: whether it has any.
    """

    traced: Graph
    derivatives: bool

    @cached_property
    def graph(self) -> Graph:
        """``results, jacobian (shared, fixed, row, initial)``, clean."""
        argument, outputs = (SHARED, ("results", "jacobian")) if self.derivatives else (None, ("results",))
        initial = INITIAL if self.derivatives else None
        return compile_graph(lambda: self.traced, argument, derivative="jacobian", outputs=outputs, initial=initial)

    def witnesses(self) -> list[Witness]:
        """What the eager autograd gives for it."""
        if not self.derivatives:
            return eager_witnesses(self.traced, None)
        return eager_witnesses(self.traced, SHARED, None, "jacobian", INITIAL)


@dataclass(frozen=True)
class RowPlan:
    """A loop and what is wanted of it.

    Attributes:
        loop: the loop.
        results: those whose derivatives are wanted.
        shared: the shared scalars in which they are wanted; the others are fixed.
    """

    loop: RowLoop
    results: tuple[int, ...]
    shared: tuple[int, ...]

    @property
    def fixed(self) -> tuple[int, ...]:
        """The shared scalars in which no derivative is wanted."""
        return tuple(number for number in range(self.loop.size) if number not in set(self.shared))

    @cached_property
    def one(self) -> RowGraph:
        """Of one row."""
        return RowGraph(repeated(self, 1), bool(self.results))

    @cached_property
    def block(self) -> RowGraph | None:
        """Of `BLOCK` rows; None if that is too much."""
        if len(self.loop.graph) * BLOCK > _MOST_IN_BLOCK:
            return None
        return RowGraph(repeated(self, BLOCK), bool(self.results))


def plan_of(loop: RowLoop, graph: Graph) -> RowPlan:
    """What a clean graph around a loop uses of it."""
    start = loop.start + loop.count
    used = {
        attribute - start
        for op, attribute in zip(graph.op, graph.attribute, strict=True)
        if op == INPUT and start <= attribute < start + loop.count * loop.size
    }
    results = tuple(sorted({number // loop.size for number in used}))
    return RowPlan(loop, results, tuple(sorted({number % loop.size for number in used})))


def repeated(plan: RowPlan, count: int) -> Graph:
    """The graph of `count` rows: the operations of one, again and again, on the same shared scalars.

    Its first output, ``sums``, has the sums over the rows of those results whose derivatives are wanted. They are added
    up as the derivatives of one row after the other are, since each sum has the last row first: the walk of
    ``backward()`` meets its operands in reverse. ``results`` has the results of each row.
    """
    loop, graph = plan.loop, plan.loop.graph
    order = [*plan.shared, *plan.fixed]
    place_of = {number: place for place, number in enumerate(order)}
    first_row = loop.size
    rest = first_row + count * loop.row_size
    tensors = [
        Tensor(name, name, start, (size,))
        for name, start, size in (
            (SHARED, 0, len(plan.shared)),
            (FIXED, len(plan.shared), len(plan.fixed)),
        )
        if size
    ]
    if loop.row_size and count > 1:
        tensors.append(Tensor("rows", ROW, first_row, (count, loop.row_size)))
    elif loop.row_size:
        tensors += [tensor for tensor in graph.inputs if tensor.argument == ROW]
    if plan.results:
        tensors.append(Tensor(INITIAL, INITIAL, rest, (len(plan.results), len(plan.shared))))
    indices = tuple(
        replace(
            tensor,
            name=tensor.name if count == 1 else f"{tensor.name}_{row}",
            start=tensor.start + row * loop.index_count,
        )
        for row in range(count)
        for tensor in graph.indices
    )
    name = graph.name if count == 1 else f"{graph.name}_of_{count}"
    build = GraphBuilder(name, tuple(tensors), indices, graph.origins)
    inputs: dict[int, int] = {}

    def input_node(number: int) -> int:
        if number not in inputs:
            inputs[number] = build.input(number)
        return inputs[number]

    def moved(number: int, row: int) -> int:
        """An input of the graph of one row, for a row."""
        return place_of[number] if number < loop.size else number + row * loop.row_size

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
                new.append(build.index(attribute + row * loop.index_count))
            elif op == EQUAL:
                new.append(build.equal(nodes[0], attribute))
            elif op == GATHER:
                table = graph.tables[attribute]
                numbers = range(table.base, table.base + table.stride * table.count, table.stride)
                new.append(build.select(nodes[0], [input_node(moved(number, row)) for number in numbers]))
            else:
                new.append(build.node(op, *nodes, attribute=attribute))
        results.append([new[node] for node in graph.outputs[0].nodes])
    sums = [_sum(build, [own[place] for own in results]) for place in plan.results]
    build.source = array("i", range(len(build.op)))
    outputs = [Output("sums", tuple(sums))] if sums else []
    return build.finish([*outputs, Output("results", tuple(node for own in results for node in own))])


def _sum(build: GraphBuilder, nodes: Sequence[int]) -> int:
    build.mark(build.origin[nodes[-1]], 0)
    return reduce(build.add, reversed(nodes))
