"""The graph in the making: what the trace and every pass write to."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .calculator import Calculator
from .graph import Graph, IndexTensor, Origin, Output, Table, Tensor, limit_of
from .ops import CONST, EQUAL, GATHER, INDEX, INPUT, ONE, SELECT

__all__ = ["GraphBuilder"]


@dataclass
class GraphBuilder(Calculator[int]):
    """A graph in the making. Its methods append a node and return its number.

    `mark` sets the origin and source that nodes get from then on. The columns are those of a `Graph`: what passes leave
    as it is, is copied in blocks.
    """

    name: str
    inputs: tuple[Tensor, ...] = ()
    indices: tuple[IndexTensor, ...] = ()
    origins: tuple[Origin, ...] | list[Origin] = ()
    op: array[int] = field(default_factory=lambda: array("B"))
    starts: array[int] = field(default_factory=lambda: array("i", (0,)))
    flat: array[int] = field(default_factory=lambda: array("i"))
    attribute: array[int] = field(default_factory=lambda: array("i"))
    origin: array[int] = field(default_factory=lambda: array("i"))
    source: array[int] = field(default_factory=lambda: array("i"))
    constants: list[float] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    current_origin: int = 0
    current_source: int = 0
    _const_nodes: dict[object, int] = field(default_factory=dict)
    _table_numbers: dict[Table, int] = field(default_factory=dict)
    _equal_nodes: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def extending(cls, graph: Graph) -> GraphBuilder:
        """A builder that starts with the nodes of `graph`."""
        build = cls(graph.name, graph.inputs, graph.indices, graph.origins)
        build.op, build.attribute = graph.op[:], graph.attribute[:]
        build.starts, build.flat = graph.starts[:], graph.flat[:]
        build.origin, build.source = graph.origin[:], graph.source[:]
        build.constants, build.tables = list(graph.constants), list(graph.tables)
        build._table_numbers = {table: number for number, table in enumerate(graph.tables)}
        return build

    @classmethod
    def like(cls, graph: Graph) -> GraphBuilder:
        """An empty builder with the interface of `graph`."""
        build = cls(graph.name, graph.inputs, graph.indices, graph.origins)
        return build

    def mark(self, origin: int, source: int) -> None:
        """Sets where the nodes appended from now on come from."""
        self.current_origin, self.current_source = origin, source

    def node(self, op: int, *operands: int, attribute: int = 0) -> int:
        """Appends a node."""
        self.op.append(op)
        self.flat.extend(operands)
        self.starts.append(len(self.flat))
        self.attribute.append(attribute)
        self.origin.append(self.current_origin)
        self.source.append(self.current_source)
        return len(self.op) - 1

    def pair(self, op: int, a: int, b: int) -> int:
        """`node` for two operands, as most operations have, in three quarters of the time."""
        flat = self.flat
        flat.append(a)
        flat.append(b)
        self.op.append(op)
        self.starts.append(len(flat))
        self.attribute.append(0)
        self.origin.append(self.current_origin)
        self.source.append(self.current_source)
        return len(self.op) - 1

    def operands(self, node: int) -> Sequence[int]:
        """The operands of a node, in order."""
        return self.flat[self.starts[node] : self.starts[node + 1]]

    @property
    def one(self) -> int:
        return ONE

    def const(self, value: float) -> int:
        """A constant; each is kept once (zeros of both signs apart)."""
        if value != value:
            value = math.nan  # payloads and signs of NaN are outside the contract, and have no text
        key: object = value if value != 0.0 and value == value else float(value).hex()
        known = self._const_nodes.get(key)
        if known is None:
            self.constants.append(value)
            known = self._const_nodes[key] = self.node(CONST, attribute=len(self.constants) - 1)
        return known

    def constant_of(self, node: int) -> float:
        """The value of a constant node."""
        return self.constants[self.attribute[node]]

    def input(self, number: int) -> int:
        """Input `number`."""
        return self.node(INPUT, attribute=number)

    def input_nodes(self, first: int, count: int) -> range:
        """Inputs `first` and those after it."""
        start = len(self.op)
        self.op.frombytes(bytes((INPUT,)) * count)
        self.starts.extend([len(self.flat)] * count)
        self.attribute.extend(range(first, first + count))
        self.origin.extend([self.current_origin] * count)
        self.source.extend([self.current_source] * count)
        return range(start, start + count)

    def index(self, number: int) -> int:
        """Index `number`."""
        return self.node(INDEX, attribute=number)

    def equal(self, index: int, number: int) -> int:
        """Whether an index is `number`; each test is kept once."""
        known = self._equal_nodes.get((index, number))
        if known is None:
            known = self._equal_nodes[index, number] = self.node(EQUAL, index, attribute=number)
        return known

    def limit(self, index: int) -> int:
        """How many values an index node can have."""
        return limit_of(self.indices, self.attribute[index])

    def table(self, table: Table) -> int:
        """The number of `table` among the side tables; each is kept once."""
        number = self._table_numbers.get(table)
        if number is None:
            number = self._table_numbers[table] = len(self.tables)
            self.tables.append(table)
        return number

    def select(self, index: int, nodes: Sequence[int]) -> int:
        """``nodes[index]``: the node itself where all are the same, a gather where they are evenly spaced inputs."""
        plain = self.plain_choice(index, nodes)
        if plain is not None:
            return plain
        return self.node(SELECT, index, *nodes)

    def plain_choice(self, index: int, nodes: Sequence[int]) -> int | None:
        """What ``nodes[index]`` is where it need not be a select; None elsewhere."""
        if all(node == nodes[0] for node in nodes):
            return nodes[0]
        if all(self.op[node] == INPUT for node in nodes):
            numbers = [self.attribute[node] for node in nodes]
            base, stride = numbers[0], numbers[1] - numbers[0]
            evenly = all(number == base + stride * place for place, number in enumerate(numbers))
            if evenly and self._in_one_argument(base, numbers[-1]):
                return self.node(GATHER, index, attribute=self.table(Table(base, stride, len(nodes))))
        return None

    def _in_one_argument(self, *numbers: int) -> bool:
        """Whether these inputs are elements of the same sequence."""
        found = {
            tensor.argument
            for tensor in self.inputs
            for number in numbers
            if tensor.start <= number < tensor.start + tensor.size
        }
        return len(found) == 1

    def copy(self, graph: Graph, ids: list[int], end: int) -> None:
        """Appends the nodes of `graph` that have no new number in `ids` yet, up to `end`, and numbers them.

        Constants and tables keep their numbers.
        """
        first = len(ids)
        if first == end:
            return
        start, moved = graph.starts[first], len(self.flat) - graph.starts[first]
        ids += range(len(self.op), len(self.op) + end - first)
        # By way of lists, which takes half the time of iterators: this is a tenth of all tracing.
        self.flat.fromlist([ids[operand] for operand in graph.flat[start : graph.starts[end]]])
        self.starts.fromlist([moved + place for place in graph.starts[first + 1 : end + 1]])
        self.op += graph.op[first:end]
        self.attribute += graph.attribute[first:end]
        self.origin += graph.origin[first:end]
        self.source += graph.source[first:end]

    def finish(self, outputs: Iterable[Output]) -> Graph:
        """The graph, frozen."""
        return Graph(
            self.name,
            self.op[:],
            self.starts[:],
            self.flat[:],
            self.attribute[:],
            self.origin[:],
            self.source[:],
            tuple(self.constants),
            tuple(self.tables),
            tuple(self.origins),
            self.inputs,
            self.indices,
            tuple(outputs),
        )
