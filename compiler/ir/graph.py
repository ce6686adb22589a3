"""The graph: a flat, frozen list of scalar operations. What every pass takes and returns.

A node is its position in the arrays; its operands stand before it, so that the order of the nodes is a topological
order and dead code, liveness and levels are single scans. The operands of all nodes stand in one array, a span for each
node. What is no node (constants, rows that an index chooses from) stands in side tables. Where a node comes from is
carried along by every pass: `origin` says which line of the model in which scope, `source` which traced operation,
complemented (``~n``) for what `differentiate` added for it.
"""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat

from .ops import OPS

__all__ = [
    "Graph",
    "IndexTensor",
    "Origin",
    "Output",
    "Scatter",
    "Table",
    "Tensor",
    "limit_of",
]

# How many operands each operation has; for those that may have any number, `_ANY`.
_ANY = 255
_COUNTS = bytes(_ANY if row.variadic else len(row.types) for row in OPS).ljust(256, b"\0")
_EQUAL = re.compile(rb"(.)\1*", re.DOTALL)

_NUMBER = re.compile(r"\d+(?=\.|$)")


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


def limit_of(indices: Sequence[IndexTensor], number: int) -> int:
    """How many values index `number` can have."""
    return next(tensor.limit for tensor in reversed(indices) if tensor.start <= number)


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
    """A frozen graph. Made by `GraphBuilder.finish`.

    Attributes:
        op: of each node, its row in the table of operations.
        starts: where the operands of each node begin in `flat`; one more entry for the end.
        flat: the operands of all nodes, one after the other.
        attribute: of each node, what its row says; 0 where the row has none.
        origin, source: where each node comes from.
    """

    name: str
    op: array[int]
    starts: array[int]
    flat: array[int]
    attribute: array[int]
    origin: array[int]
    source: array[int]
    constants: tuple[float, ...]
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
        columns = (self.op, self.starts, self.flat, self.attribute, self.origin, self.source)
        for column in (*columns, array("d", self.constants)):
            digest.update(len(column).to_bytes(8, "little"))
            digest.update(column.tobytes())
        rest = (self.name, self.tables, self.origins, self.inputs, self.indices, self.outputs)
        digest.update(repr(rest).encode())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def operands(self, node: int) -> tuple[int, ...]:
        """The nodes that `node` is computed from, in order."""
        return tuple(self.flat[self.starts[node] : self.starts[node + 1]])

    def all_operands(
        self, renumber: Callable[[int], int] | None = None, backwards: bool = False
    ) -> Iterator[tuple[int, ...]]:
        """The operands of every node, node by node.

        Neighbouring nodes mostly have equally many operands, so whole runs of them are zipped: for a pass over all
        nodes that takes a third of the time of `operands`.

        Args:
            renumber: is asked for another number of each operand, not before the node is reached.
            backwards: whether to begin with the last node.
        """
        return chain.from_iterable(self._zipped_runs(renumber, backwards))

    def _zipped_runs(
        self, renumber: Callable[[int], int] | None, backwards: bool
    ) -> Iterator[Iterable[tuple[int, ...]]]:
        runs = self._runs[::-1] if backwards else self._runs
        step = -1 if backwards else 1
        for count, first, beyond in runs:
            if not count:
                yield repeat((), beyond - first)
                continue
            start, end = self.starts[first], self.starts[beyond]
            columns: list[Iterable[int]] = [self.flat[start + place : end : count][::step] for place in range(count)]
            yield zip(*(columns if renumber is None else [map(renumber, column) for column in columns]), strict=True)

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """Neighbouring nodes with equally many operands: how many operands, the first node, the one after the last."""
        counts, starts = self.op.tobytes().translate(_COUNTS), self.starts
        runs = []
        for match in _EQUAL.finditer(counts):
            first, beyond = match.span()
            if counts[first] == _ANY:
                runs += [(starts[node + 1] - starts[node], node, node + 1) for node in range(first, beyond)]
            else:
                runs.append((counts[first], first, beyond))
        return runs

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

    def limit(self, index: int) -> int:
        """How many values an index node can have."""
        return limit_of(self.indices, self.attribute[index])

    def input_name(self, number: int) -> str:
        """The name of one input: ``wte[0,3]``."""
        tensor = next(tensor for tensor in reversed(self.inputs) if tensor.start <= number)
        return tensor.element(number - tensor.start)

    def is_backward(self, node: int) -> bool:
        """Whether `differentiate` added the node."""
        return self.source[node] < 0
