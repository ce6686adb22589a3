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
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .ops import OPS, SELECT, Field

__all__ = [
    "A_IS_NODE",
    "B_IS_NODE",
    "Graph",
    "IndexTensor",
    "Origin",
    "Output",
    "Scatter",
    "Table",
    "Tensor",
]

_NUMBER = re.compile(r"\d+(?=\.|$)")

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

    @property
    def role(self) -> str:
        """The scope without its numbers: ``position.layer.head.scores``."""
        return _NUMBER.sub("", self.scope)

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
