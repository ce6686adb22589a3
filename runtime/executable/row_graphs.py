"""Row graphs: what the loop over rows carries out, for one row and for a block of them.

In: a `RowLoop`, and which derivatives the graph around it uses. Out: graphs that add the derivatives of their rows to
those of the rows before, and hand out the results of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ...compiler.ir.graph import Graph, Tensor
from ...compiler.ir.ops import INPUT
from ...compiler.pipeline import compile_graph
from .repeat import BLOCK, fits_block, repeat
from .row_sums import ROW, SHARED, RowLoop
from .witness import Witness, eager_witnesses

__all__ = ["FIXED", "INITIAL", "RowGraph", "RowPlan", "plan_of", "repeated"]

# Further arguments of these graphs: shared scalars in which no derivative is wanted, and the derivatives so far.
FIXED, INITIAL = "fixed", "initial"


@dataclass(frozen=True)
class RowGraph:
    """The graph of one row or of several.

    Attributes:
        traced: before its derivatives are taken.
        derivatives: whether it has any.
    """

    traced: Graph
    derivatives: bool

    @property
    def options(self) -> tuple[str | None, str, tuple[str, ...], str | None]:
        """What `compile_graph` makes of it: the argument, the derivative, the outputs, and what is added to."""
        if self.derivatives:
            return SHARED, "jacobian", ("results", "jacobian"), INITIAL
        return None, "gradient", ("results",), None

    @cached_property
    def graph(self) -> Graph:
        """``results, jacobian (shared, fixed, row, initial)``, clean."""
        argument, derivative, outputs, initial = self.options
        return compile_graph(lambda: self.traced, argument, derivative=derivative, outputs=outputs, initial=initial)

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
        return RowGraph(repeated(self, BLOCK), bool(self.results)) if fits_block(self.loop.graph) else None


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
    """The graph of `count` rows, on the same shared scalars: those with derivatives first, then the others."""
    loop, graph = plan.loop, plan.loop.graph
    place_of = {number: place for place, number in enumerate([*plan.shared, *plan.fixed])}
    rest = loop.size + count * loop.row_size
    tensors = [
        Tensor(name, name, start, (size,))
        for name, start, size in (
            (SHARED, 0, len(plan.shared)),
            (FIXED, len(plan.shared), len(plan.fixed)),
        )
        if size
    ]
    if loop.row_size and count > 1:
        tensors.append(Tensor("rows", ROW, loop.size, (count, loop.row_size)))
    elif loop.row_size:
        tensors += [tensor for tensor in graph.inputs if tensor.argument == ROW]
    if plan.results:
        tensors.append(Tensor(INITIAL, INITIAL, rest, (len(plan.results), len(plan.shared))))

    def moved(number: int, row: int) -> int:
        return place_of[number] if number < loop.size else number + row * loop.row_size

    return repeat(graph, count, tensors, moved, plan.results)
