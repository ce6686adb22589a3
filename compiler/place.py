"""Place: gives every stored value of a family of graphs an address in one flat memory.

In: graphs that share their arguments (say, one a sequence length), with their stored nodes. Out: a `Layout`. Values that come from
the same line of the model in scopes of the same names form one array; the numbers in the scope's name (``position3.layer0``) and
the value's rank in that scope are its coordinates. So what a person would call ``query[position][unit]`` is evenly spaced in
memory, at the same addresses for all graphs of the family, and loops can be found. Where a model names no scopes, arrays are
one-dimensional. This is only a choice of addresses: no result depends on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .graph import Graph, Output
from .ops import ADD, CONST, INPUT, MUL, OPS

__all__ = ["Layout", "place"]

_PART = re.compile(r"(.*?)(\d*)")
_ALIGN = 8  # doubles: a cache line
_LITERALS = (1.0, -1.0)

_Key = tuple[object, ...]


@dataclass
class Layout:
    """Where everything is.

    Attributes:
        arguments, outputs: by name, address and size.
        constants: by value (in hexadecimal), address.
        addresses: per graph, of each node; -1 for nodes that have none.
        coordinates: per graph, for stored nodes that are not outputs.
        inputs: of each input number, its address.
        region: for each address, the number of the array it belongs to.
        size: of the memory.
    """

    arguments: dict[str, tuple[int, int]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)
    addresses: list[list[int]] = field(default_factory=list)
    coordinates: list[dict[int, tuple[int, ...]]] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    region: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.region)

    def allot(self, size: int) -> int:
        """A new array, aligned; returns its address."""
        number = self.region[-1] + 1 if self.region else 0
        start = len(self.region)
        self.region += [number] * (size + -size % _ALIGN)
        return start


def place(graphs: Sequence[Graph], stored: Sequence[bytearray], pinned: Layout | None = None) -> Layout:
    """Lays out a family of graphs.

    Args:
        pinned: a layout that already has some arguments and outputs; extended.
    """
    layout = pinned or Layout()
    first = graphs[0]
    for tensor in first.inputs:
        start, size = layout.arguments.get(tensor.argument, (-1, 0))
        if start < 0:
            start, size = layout.allot(first.arguments()[tensor.argument][1]), 0
        layout.arguments[tensor.argument] = (start, size)
    spans = first.arguments()
    for name, (_, size) in spans.items():
        layout.arguments[name] = (layout.arguments[name][0], size)
        layout.inputs += range(layout.arguments[name][0], layout.arguments[name][0] + size)
    _tell_tensors_apart(layout, first)
    for graph in graphs:
        for output in graph.outputs:
            if output.name not in layout.outputs:
                layout.outputs[output.name] = (layout.allot(len(output.nodes)), len(output.nodes))
    _allot_constants(layout, graphs)
    members = [_arrays(graph, flags) for graph, flags in zip(graphs, stored, strict=True)]
    extents: dict[_Key, tuple[int, ...]] = {}
    counts: dict[_Key, int] = {}
    for arrays in members:
        tally: dict[_Key, int] = {}
        for key, coordinates in arrays.values():
            known = extents.get(key, coordinates)
            extents[key] = tuple(map(max, known, coordinates))
            tally[key] = tally.get(key, 0) + 1
        for key, count in tally.items():
            counts[key] = max(count, counts.get(key, 0))
    strides = {key: _allot(layout, last, counts[key]) for key, last in extents.items()}
    for graph, arrays in zip(graphs, members, strict=True):
        _address(layout, graph, arrays, strides)
    return layout


def _tell_tensors_apart(layout: Layout, graph: Graph) -> None:
    """Each tensor is a region of its own, so that loops do not mix them."""
    for tensor in graph.inputs:
        number = layout.region[-1] + 1
        start = layout.inputs[tensor.start]
        for address in range(start, start + tensor.size):
            layout.region[address] = number
        layout.allot(0)
        layout.region += [number + 1] * _ALIGN


def _allot_constants(layout: Layout, graphs: Sequence[Graph]) -> None:
    texts = list(dict.fromkeys(value.hex() for graph in graphs for value in graph.constants))
    missing = [text for text in texts if text not in layout.constants]
    start = layout.allot(len(missing))
    layout.constants.update({text: start + offset for offset, text in enumerate(missing)})


def _allot(layout: Layout, last: tuple[int, ...], count: int) -> tuple[int, tuple[int, ...]]:
    """Room for an array with these last coordinates: base and strides. Sparse coordinates are refused (no strides)."""
    extents = [coordinate + 1 for coordinate in last]
    if extents[-1] >= _ALIGN and len(extents) > 1:
        extents[-1] += -extents[-1] % _ALIGN
    if math.prod(extents) > 16 * count + 64:
        return layout.allot(count), ()
    strides = [1]
    for extent in reversed(extents[1:]):
        strides.insert(0, strides[0] * extent)
    return layout.allot(math.prod(extents)), tuple(strides)


def _arrays(graph: Graph, stored: bytearray) -> dict[int, tuple[_Key, tuple[int, ...]]]:
    """For each stored node, its array and coordinates."""
    parsed = [_parse(origin.scope) for origin in graph.origins]
    keys = [(names, origin.module, origin.line, origin.function) for (names, _), origin in zip(parsed, graph.origins, strict=True)]
    source = graph.source
    pinned = {node for output in graph.outputs for node in output.nodes}
    nodes = sorted(
        (node for node in range(len(graph)) if stored[node] and node not in pinned),
        key=lambda node: (source[node] if source[node] >= 0 else ~source[node], node),
    )
    ranks: dict[tuple[int, bool, str, int], int] = {}
    arrays: dict[int, tuple[_Key, tuple[int, ...]]] = {}
    ordinals: dict[tuple[int, str], int] = {}
    last_source = None
    for node in nodes:
        kind = _kind(graph, node)
        if source[node] != last_source:
            last_source = source[node]
            ordinals.clear()
        ordinal = ordinals[last_source, kind] = ordinals.get((last_source, kind), -1) + 1
        origin = graph.origin[node]
        backward = last_source < 0
        rank = ranks[origin, backward, kind, ordinal] = ranks.get((origin, backward, kind, ordinal), -1) + 1
        arrays[node] = ((*keys[origin], backward, kind, ordinal), (*parsed[origin][1], rank))
    return arrays


def _kind(graph: Graph, node: int) -> str:
    """Sums, and products, which are sums of one term; multiples are helpers of derivatives more often than not."""
    op = graph.op[node]
    if op == MUL and CONST in (graph.op[graph.a[node]], graph.op[graph.b[node]]):
        return "multiple"
    return "sum" if op in (ADD, MUL) else OPS[op].name


def _parse(scope: str) -> tuple[str, tuple[int, ...]]:
    names, numbers = [], []
    for part in scope.split("."):
        match = _PART.fullmatch(part)
        assert match is not None
        names.append(match[1] + "#" * bool(match[2]))
        if match[2]:
            numbers.append(int(match[2]))
    return ".".join(names), tuple(numbers)


def _address(
    layout: Layout,
    graph: Graph,
    arrays: dict[int, tuple[_Key, tuple[int, ...]]],
    strides: dict[_Key, tuple[int, tuple[int, ...]]],
) -> None:
    addresses = [-1] * len(graph)
    coordinates: dict[int, tuple[int, ...]] = {}
    for node, op in enumerate(graph.op):
        if op == INPUT:
            addresses[node] = layout.inputs[graph.a[node]]
        elif op == CONST:
            value = graph.constants[graph.a[node]]
            addresses[node] = layout.constants[value.hex()] if value not in _LITERALS else -1
    dense: dict[_Key, int] = {}
    for node, (key, place_) in arrays.items():
        base, steps = strides[key]
        if not steps:
            place_ = (dense.setdefault(key, 0),)
            dense[key] += 1
            steps = (1,)
        coordinates[node] = place_
        addresses[node] = base + sum(step * number for step, number in zip(steps, place_, strict=True))
    for output in graph.outputs:
        _pin(layout, output, addresses)
    # A literal that a select chooses from needs an address after all.
    for values in graph.lists:
        for node in values:
            if addresses[node] < 0 and graph.op[node] == CONST:
                addresses[node] = layout.constants[graph.constants[graph.a[node]].hex()]
    layout.addresses.append(addresses)
    layout.coordinates.append(coordinates)


def _pin(layout: Layout, output: Output, addresses: list[int]) -> None:
    """Stores a result where the caller wants it, the first time that it is a result."""
    start = layout.outputs[output.name][0]
    for offset, node in enumerate(output.nodes):
        if node >= 0 and addresses[node] < 0:
            addresses[node] = start + offset

