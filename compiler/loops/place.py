"""Place: gives every stored value of a family of graphs an address in one flat memory.

In: graphs that share their arguments (say, one a sequence length), with their stored nodes. Out: a `Layout`. Values
that come from the same line of the model in scopes of the same names form one array; the numbers in the scope's name
(``position3.layer0``) and the value's rank in that scope are its coordinates. So what a person would call
``query[position][unit]`` is evenly spaced in memory, at the same addresses for all graphs of the family, and loops can
be found. Where a model names no scopes, arrays are one-dimensional. This is only a choice of addresses: no result
depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from ..errors import CompileError
from ..ir.graph import Graph
from ..ir.ops import ADD, CONST, INPUT, MUL, OPS, POW, SELECT
from .rows import find_rows

__all__ = ["LITERALS", "Addressing", "Layout", "NotRegularError", "address", "place"]

# Recipes with these numbers in them show at a glance what they do, and the C compiler can simplify them.
LITERALS = (1.0, -1.0)

_ALIGN = 8  # doubles: a cache line

_Key = tuple[object, ...]
_Arrays = dict[int, tuple[_Key, tuple[int, ...]]]


class NotRegularError(CompileError):
    """What is computed does not change evenly from one member of a family to the next."""


@dataclass
class Layout:
    """Where everything is.

    Attributes:
        arguments, outputs: by name, address and size.
        constants: by address, the number in hexadecimal.
        arrays: by key, base and strides; no strides where coordinates are too sparse for them.
        region: for each address, the number of the array it belongs to.
    """

    arguments: dict[str, tuple[int, int]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    arrays: dict[_Key, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    region: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Doubles in all."""
        return len(self.region)

    def allot(self, size: int) -> int:
        """A new array, aligned; returns its address."""
        number = self.region[-1] + 1 if self.region else 0
        start = len(self.region)
        self.region += [number] * (size + -size % _ALIGN)
        return start

    def constant(self, text: str) -> int:
        """The address of a constant, which is made if need be."""
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self.allot(1)
            self.constants[known] = text
        return known

    def forget_constants(self, unused: Collection[int]) -> None:
        """Drops the constants at these addresses, which nothing reads."""
        self.constants = {at: text for at, text in self.constants.items() if at not in unused}
        self._known = {text: at for text, at in self._known.items() if at not in unused}

    def copy(self) -> Layout:
        """Another one, to try something on."""
        return deepcopy(self)

    def become(self, other: Layout) -> None:
        """Takes over what was tried on a copy."""
        self.__dict__.update(other.__dict__)

    _known: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Addressing:
    """Where one graph finds what.

    Attributes:
        nodes: of each node, its address; -1 for nodes that have none.
        coordinates: of stored nodes that are not outputs.
        inputs: of each input number.
        outputs: by name.
    """

    nodes: list[int]
    coordinates: dict[int, tuple[int, ...]]
    inputs: list[int]
    outputs: dict[str, int]


def place(layout: Layout, name: str, family: Mapping[int, tuple[Graph, bytearray]], last: int | None = None) -> None:
    """Lays out a family of graphs, adding to what is there.

    Args:
        name: of the family; its arrays are its own.
        family: graphs and their stored nodes, by number.
        last: the greatest number that there is room for. If it is not in the family, sizes are continued from the three
            greatest numbers, which must be consecutive.

    Raises:
        NotRegularError: if sizes do not grow evenly.
    """
    sizes: list[dict[_Key, tuple[int, ...]]] = []
    numbers = list(family)
    for number in numbers:
        graph, stored = family[number]
        extents: dict[_Key, tuple[int, ...]] = {}
        for argument, (_, size) in graph.arguments().items():
            extents["argument", argument] = (size,)
        for output in graph.outputs:
            extents["output", output.name] = (len(output.nodes),)
        for key, coordinates in _arrays(name, graph, stored).values():
            # The last entry counts the members.
            known = extents.get(key, (*coordinates, 0))
            extents[key] = (*map(max, known, coordinates), known[-1] + 1)
        sizes.append(extents)
    merged: dict[_Key, tuple[int, ...]] = {}
    for extents in sizes:
        for key, extent in extents.items():
            merged[key] = tuple(map(max, merged.get(key, extent), extent))
    if last is not None and last not in family:
        for key in sizes[-1]:
            further = _continued([extents.get(key, ()) for extents in sizes[-3:]], last - numbers[-1], key)
            merged[key] = tuple(map(max, merged[key], further))
    _reserve(layout, family[numbers[0]][0], merged)
    _constants(layout, family, last)


def _continued(sizes: list[tuple[int, ...]], further: int, key: _Key) -> tuple[int, ...]:
    first, second, third = sizes
    if not len(first) == len(second) == len(third):
        raise NotRegularError(f"not every graph computes {key}")
    grown = []
    for place_, (a, b, c) in enumerate(zip(first, second, third, strict=True)):
        bend = (c - b) - (b - a)
        counts = len(third) > 1 and place_ == len(third) - 1
        if bend and not counts:
            raise NotRegularError(f"{key} does not grow evenly")
        # Members may grow as a triangle does.
        grown.append(c + (c - b) * further + bend * further * (further + 1) // 2)
    return tuple(grown)


def _reserve(layout: Layout, example: Graph, extents: dict[_Key, tuple[int, ...]]) -> None:
    for key, extent in extents.items():
        if key[0] == "argument":
            name = str(key[1])
            if name not in layout.arguments:
                layout.arguments[name] = (layout.allot(extent[0]), extent[0])
                _tell_tensors_apart(layout, example, name)
        elif key[0] == "output":
            name = str(key[1])
            if name not in layout.outputs:
                layout.outputs[name] = (layout.allot(extent[0]), extent[0])
        elif key not in layout.arrays:
            layout.arrays[key] = _allot(layout, extent[:-1], extent[-1])


def _tell_tensors_apart(layout: Layout, graph: Graph, argument: str) -> None:
    """Each tensor is a region of its own, so that loops do not mix them."""
    start = layout.arguments[argument][0]
    tensors = [tensor for tensor in graph.inputs if tensor.argument == argument]
    number = layout.region[-1]
    for offset, tensor in enumerate(tensors):
        first = start + tensor.start - tensors[0].start
        layout.region[first : first + tensor.size] = [number + offset] * tensor.size
    layout.region += [number + len(tensors)] * _ALIGN


def _allot(layout: Layout, last: tuple[int, ...], count: int) -> tuple[int, tuple[int, ...]]:
    """Room for an array with these greatest coordinates: base and strides, or none if most of it would be empty."""
    extents = [coordinate + 1 for coordinate in last]
    if extents[-1] >= _ALIGN and len(extents) > 1:
        extents[-1] += -extents[-1] % _ALIGN
    if math.prod(extents) > 16 * count + 64:
        return layout.allot(count), ()
    strides = [1]
    for extent in reversed(extents[1:]):
        strides.insert(0, strides[0] * extent)
    return layout.allot(math.prod(extents)), tuple(strides)


def _constants(layout: Layout, family: Mapping[int, tuple[Graph, bytearray]], last: int | None) -> None:
    texts = {number: [value.hex() for value in graph.constants] for number, (graph, _) in family.items()}
    if last is not None and last not in family:
        _constants_by_number(layout, texts, last)
    for members in texts.values():
        for text in members:
            layout.constant(text)


def _constants_by_number(layout: Layout, texts: dict[int, list[str]], last: int) -> None:
    """Constants that differ between members must be a number over the member's own, as in a mean."""
    numbers = list(texts)[-3:]
    common = set.intersection(*(set(texts[number]) for number in numbers))
    own = [[text for text in texts[number] if text not in common] for number in numbers]
    if len({len(members) for members in own}) != 1:
        raise NotRegularError("the number of constants differs")
    for group in zip(*own, strict=True):
        factors = {float.fromhex(text) * number for text, number in zip(group, numbers, strict=True)}
        factor = round(factors.pop())
        if any((factor / number).hex() != text for text, number in zip(group, numbers, strict=True)):
            raise NotRegularError(f"there is no rule for the constants {group}")
        base = layout.allot(last + 1)
        for number in range(numbers[0], last + 1):
            text = (factor / number).hex()
            layout.constants[base + number] = text
            layout._known.setdefault(text, base + number)


def _arrays(name: str, graph: Graph, stored: bytearray) -> _Arrays:
    """For each stored node that is no output, its array and coordinates."""
    parsed = [_parse(origin.scope) for origin in graph.origins]
    keys = [
        (name, names, origin.module, origin.file, origin.line, origin.function)
        for (names, _), origin in zip(parsed, graph.origins, strict=True)
    ]
    source = graph.source
    pinned = {node for output in graph.outputs for node in output.nodes}
    nodes = sorted(
        (node for node in range(len(graph)) if stored[node] and node not in pinned),
        key=lambda node: (source[node] if source[node] >= 0 else ~source[node], node),
    )
    ranks: dict[tuple[int, bool, str, int], int] = {}
    arrays: _Arrays = {}
    ordinals: dict[str, int] = {}
    last_source = None
    for node in nodes:
        kind = _kind(graph, node)
        if source[node] != last_source:
            last_source = source[node]
            ordinals.clear()
        ordinal = ordinals[kind] = ordinals.get(kind, -1) + 1
        origin = graph.origin[node]
        backward = graph.is_backward(node)
        rank = ranks[origin, backward, kind, ordinal] = ranks.get((origin, backward, kind, ordinal), -1) + 1
        arrays[node] = ((*keys[origin], backward, kind, ordinal), (*parsed[origin][1], rank))
    return _in_rows(graph, arrays)


def _in_rows(graph: Graph, arrays: _Arrays) -> _Arrays:
    """With rows and columns in place of ranks, for arrays without other coordinates that lie in rows."""
    members: dict[_Key, list[int]] = {}
    for node, (key, coordinates) in arrays.items():
        if len(coordinates) == 1:
            members.setdefault(key, []).append(node)
    source = graph.source
    positions = {key: [max(source[node], ~source[node]) for node in nodes] for key, nodes in members.items()}
    for key, places in find_rows(positions).items():
        for node, row_and_column in zip(members[key], places, strict=True):
            arrays[node] = key, row_and_column
    return arrays


def _kind(graph: Graph, node: int) -> str:
    """Sums, and products, which are sums of one term; multiples are helpers of derivatives more often than not.

    A square root and a reciprocal are powers, and different arrays.
    """
    op = graph.op[node]
    if op == POW:
        return f"pow {graph.constants[graph.attribute[graph.operands(node)[1]]]!r}"
    if op == MUL and any(graph.op[operand] == CONST for operand in graph.operands(node)):
        return "multiple"
    return "sum" if op in (ADD, MUL) else OPS[op].name


def _parse(scope: str) -> tuple[str, tuple[int, ...]]:
    names, numbers = [], []
    for part in scope.split("."):
        name = part.rstrip("0123456789")
        number = part[len(name) :]
        names.append(name + "#" * bool(number))
        if number:
            numbers.append(int(number))
    return ".".join(names), tuple(numbers)


def address(
    layout: Layout, name: str, graph: Graph, stored: bytearray, pinned: Mapping[str, int] | None = None
) -> Addressing:
    """The addresses of one graph of family `name`.

    Args:
        pinned: by name, where outputs are to be, if not in a place of their own.
    """
    inputs: list[int] = []
    for argument, (_, size) in graph.arguments().items():
        start = layout.arguments[argument][0]
        inputs += range(start, start + size)
    outputs = {output.name: layout.outputs[output.name][0] for output in graph.outputs}
    outputs.update(pinned or {})
    nodes = [-1] * len(graph)
    for node, op in enumerate(graph.op):
        if op == INPUT:
            nodes[node] = inputs[graph.attribute[node]]
        elif op == CONST:
            value = graph.constants[graph.attribute[node]]
            nodes[node] = layout.constant(value.hex()) if value not in LITERALS else -1
    coordinates: dict[int, tuple[int, ...]] = {}
    dense: dict[_Key, int] = {}
    for node, (key, place_) in _arrays(name, graph, stored).items():
        base, strides = layout.arrays[key]
        if not strides:
            place_, strides = (dense.get(key, 0),), (1,)
            dense[key] = place_[0] + 1
        coordinates[node] = place_
        nodes[node] = base + sum(stride * number for stride, number in zip(strides, place_, strict=True))
    # A result is stored where the caller wants it, the first time that it is one; if again, it is copied.
    for output in graph.outputs:
        for offset, node in enumerate(output.nodes):
            if node >= 0 and nodes[node] < 0 and stored[node]:
                nodes[node] = outputs[output.name] + offset
    # A literal that a select chooses from needs an address after all.
    selects = (node for node, op in enumerate(graph.op) if op == SELECT)
    for select in selects:
        for node in graph.operands(select):
            if nodes[node] < 0 and graph.op[node] == CONST:
                nodes[node] = layout.constant(graph.constants[graph.attribute[node]].hex())
    return Addressing(nodes, coordinates, inputs, outputs)
