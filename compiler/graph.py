"""The graph: a flat, frozen list of scalar operations. What every pass takes and returns.

A node is its position in the arrays; its operands stand before it, so that the order of the nodes is a topological
order and dead code, liveness and levels are single scans. What does not fit two integers (constants, rows that an
index chooses from) stands in side tables. Where a node comes from is carried along by every pass: `origin` says which
line of the model in which scope, `source` which traced operation, complemented (``~n``) for what `differentiate`
added for it.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .ops import ADD, CONST, DIV, EQUAL, GATHER, INDEX, INPUT, MAX, MUL, OPS, POW, SELECT, STEP, UNLESS, WHERE, Field

__all__ = [
    "A_IS_NODE",
    "B_IS_NODE",
    "Graph",
    "GraphBuilder",
    "IndexTensor",
    "Origin",
    "Output",
    "Scatter",
    "Table",
    "Tensor",
]

# By operation: whether the integers `a` and `b` of a node are operands.
A_IS_NODE = tuple(row.a is Field.NODE for row in OPS)
B_IS_NODE = tuple(row.b is Field.NODE for row in OPS)


@dataclass(frozen=True)
class Tensor:
    """A named block of inputs, row by row.

    Attributes:
        name: as people know it: ``layer0.attn_wq``.
        argument: the flat sequence, of those that the compiled program is called with, that holds the block.
        start: the number of its first element among all inputs.
        shape: empty for a scalar.
    """

    name: str
    argument: str
    start: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def element(self, offset: int) -> str:
        """The name of one element: ``layer0.attn_wq[2,5]``."""
        subscripts = []
        for extent in reversed(self.shape):
            offset, subscript = divmod(offset, extent)
            subscripts.append(str(subscript))
        return f"{self.name}[{','.join(reversed(subscripts))}]" if subscripts else self.name


@dataclass(frozen=True)
class IndexTensor:
    """A named sequence of whole numbers that are known only when the program runs.

    Attributes:
        name: also the name of the argument.
        start: the number of its first element among all indices.
        count: how many there are.
        limit: each is at least 0 and less than this.
    """

    name: str
    start: int
    count: int
    limit: int


@dataclass(frozen=True)
class Table:
    """Inputs that an index chooses from: number `base` + `stride` * index, for an index below `count`."""

    base: int
    stride: int
    count: int


@dataclass(frozen=True)
class Scatter:
    """Adds `node` to element ``base + stride * index`` of an output, where `index` is a node."""

    node: int
    index: int
    table: Table


@dataclass(frozen=True)
class Output:
    """A named sequence of results.

    Attributes:
        nodes: one for each element; -1 for zero.
        scatters: carried out in this order, after the elements have been set.
    """

    name: str
    nodes: tuple[int, ...]
    scatters: tuple[Scatter, ...] = ()


@dataclass(frozen=True, order=True)
class Origin:
    """A place in the user's source.

    Attributes:
        scope: the names entered with ``scope`` when the operation was recorded, joined by dots.
        module, file, line, function: where the operator stands. `file` has no folder: graphs do not depend on where the
            model is installed.
    """

    scope: str
    module: str
    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.scope or self.function}"


@dataclass(frozen=True, eq=False)
class Graph:
    """A frozen graph. Made by `GraphBuilder.finish`."""

    name: str
    op: array[int]
    a: array[int]
    b: array[int]
    origin: array[int]
    source: array[int]
    constants: tuple[float, ...]
    lists: tuple[tuple[int, ...], ...]
    tables: tuple[Table, ...]
    origins: tuple[Origin, ...]
    inputs: tuple[Tensor, ...]
    indices: tuple[IndexTensor, ...]
    outputs: tuple[Output, ...]

    def __len__(self) -> int:
        return len(self.op)

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 over everything the graph says. Equal graphs, and no others, have equal fingerprints."""
        digest = hashlib.sha256()
        for column in (self.op, self.a, self.b, self.origin, self.source, array("d", self.constants)):
            digest.update(len(column).to_bytes(8, "little"))
            digest.update(column.tobytes())
        rest = (self.name, self.lists, self.tables, self.origins, self.inputs, self.indices, self.outputs)
        digest.update(repr(rest).encode())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def operands(self, node: int) -> tuple[int, ...]:
        """The nodes that `node` is computed from, in order."""
        code, a, b = self.op[node], self.a[node], self.b[node]
        if code == SELECT:
            return (a, *self.lists[b])
        return (a,) * A_IS_NODE[code] + (b,) * B_IS_NODE[code]

    def output(self, name: str) -> Output:
        """The output of that name."""
        return next(output for output in self.outputs if output.name == name)

    def roots(self) -> Iterable[int]:
        """Every node that an output refers to."""
        for output in self.outputs:
            yield from (node for node in output.nodes if node >= 0)
            for scatter in output.scatters:
                yield scatter.node
                yield scatter.index

    def arguments(self) -> dict[str, tuple[int, int]]:
        """The sequences of doubles that a program is called with: name to first input number and size."""
        spans: dict[str, tuple[int, int]] = {}
        for tensor in self.inputs:
            start, size = spans.get(tensor.argument, (tensor.start, 0))
            spans[tensor.argument] = (start, size + tensor.size)
        return spans

    def input_name(self, number: int) -> str:
        """The name of one input: ``wte[0,3]``."""
        tensor = next(tensor for tensor in reversed(self.inputs) if tensor.start <= number)
        return tensor.element(number - tensor.start)

    def is_backward(self, node: int) -> bool:
        """Whether `differentiate` added the node."""
        return self.source[node] < 0


@dataclass
class GraphBuilder:
    """A graph in the making. Its methods append a node and return its number.

    `mark` sets the origin and source that nodes get from then on. The columns are plain lists: the hot loops of the
    trace and of `differentiate` append to them directly.
    """

    name: str
    inputs: tuple[Tensor, ...] = ()
    indices: tuple[IndexTensor, ...] = ()
    origins: tuple[Origin, ...] | list[Origin] = ()
    op: list[int] = field(default_factory=list)
    a: list[int] = field(default_factory=list)
    b: list[int] = field(default_factory=list)
    origin: list[int] = field(default_factory=list)
    source: list[int] = field(default_factory=list)
    constants: list[float] = field(default_factory=list)
    lists: list[tuple[int, ...]] = field(default_factory=list)
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
        build.op, build.a, build.b = list(graph.op), list(graph.a), list(graph.b)
        build.origin, build.source = list(graph.origin), list(graph.source)
        build.constants, build.lists, build.tables = list(graph.constants), list(graph.lists), list(graph.tables)
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

    def node(self, op: int, a: int, b: int = 0) -> int:
        """Appends a node."""
        self.op.append(op)
        self.a.append(a)
        self.b.append(b)
        self.origin.append(self.current_origin)
        self.source.append(self.current_source)
        return len(self.op) - 1

    def const(self, value: float) -> int:
        """A constant; each is kept once (zeros of both signs apart)."""
        if value != value:
            value = math.nan  # payloads and signs of NaN are outside the contract, and have no text
        key: object = value if value != 0.0 and value == value else float(value).hex()
        known = self._const_nodes.get(key)
        if known is None:
            self.constants.append(value)
            known = self._const_nodes[key] = self.node(CONST, len(self.constants) - 1)
        return known

    def constant_of(self, node: int) -> float:
        """The value of a constant node."""
        return self.constants[self.a[node]]

    def input(self, number: int) -> int:
        """Input `number`."""
        return self.node(INPUT, number)

    def index(self, number: int) -> int:
        """Index `number`."""
        return self.node(INDEX, number)

    def add(self, a: int, b: int) -> int:
        """``a + b``"""
        return self.node(ADD, a, b)

    def mul(self, a: int, b: int) -> int:
        """``a * b``"""
        return self.node(MUL, a, b)

    def div(self, a: int, b: int) -> int:
        """``a / b``, one correctly rounded division."""
        return self.node(DIV, a, b)

    def pow(self, base: int, exponent: float) -> int:
        """``base ** exponent``"""
        return self.node(POW, base, self.const(exponent))

    def step(self, a: int) -> int:
        """1 where ``a > 0``, else 0."""
        return self.node(STEP, a)

    def max(self, a: int, b: int) -> int:
        """The larger of two."""
        return self.node(MAX, a, b)

    def equal(self, index: int, number: int) -> int:
        """Whether an index is `number`; each test is kept once."""
        known = self._equal_nodes.get((index, number))
        if known is None:
            known = self._equal_nodes[index, number] = self.node(EQUAL, index, number)
        return known

    def where(self, flag: int, a: int) -> int:
        """`a` where the flag holds, else zero."""
        return self.node(WHERE, flag, a)

    def unless(self, flag: int, a: int) -> int:
        """Zero where the flag holds, else `a`."""
        return self.node(UNLESS, flag, a)

    def table(self, table: Table) -> int:
        """The number of `table` among the side tables; each is kept once."""
        number = self._table_numbers.get(table)
        if number is None:
            number = self._table_numbers[table] = len(self.tables)
            self.tables.append(table)
        return number

    def select(self, index: int, nodes: Sequence[int]) -> int:
        """``nodes[index]``: the node itself where all are the same, a gather where they are evenly spaced inputs."""
        if all(node == nodes[0] for node in nodes):
            return nodes[0]
        if all(self.op[node] == INPUT for node in nodes):
            base, stride = self.a[nodes[0]], self.a[nodes[1]] - self.a[nodes[0]]
            evenly = all(self.a[node] == base + stride * place for place, node in enumerate(nodes))
            if evenly and self._in_one_argument(base, self.a[nodes[-1]]):
                return self.node(GATHER, index, self.table(Table(base, stride, len(nodes))))
        self.lists.append(tuple(nodes))
        return self.node(SELECT, index, len(self.lists) - 1)

    def _in_one_argument(self, *numbers: int) -> bool:
        """Whether these inputs are elements of the same sequence."""
        found = {
            tensor.argument
            for tensor in self.inputs
            for number in numbers
            if tensor.start <= number < tensor.start + tensor.size
        }
        return len(found) == 1

    def finish(self, outputs: Iterable[Output]) -> Graph:
        """The graph, frozen."""
        op, a, b, origin, source = (
            array("i", column) for column in (self.op, self.a, self.b, self.origin, self.source)
        )
        return Graph(
            self.name,
            op,
            a,
            b,
            origin,
            source,
            tuple(self.constants),
            tuple(self.lists),
            tuple(self.tables),
            tuple(self.origins),
            self.inputs,
            self.indices,
            tuple(outputs),
        )
