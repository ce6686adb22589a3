"""Place: numbers every stored value of a family of graphs, so that every array of the model is strided.

In: graphs that share their arguments (say, one a sequence length), with their stored nodes. Out: a `Layout`. Values
that come from the same line of the model in scopes of the same names form one array; the numbers in the scope's name
(``position3.layer0``) and the value's rank in that scope are its coordinates. So ``query[position][unit]`` is strided
in memory, at the same addresses for all graphs of the family, and loops can be found. Where a model names no scopes,
arrays are one-dimensional. This is only a choice of addresses: no result depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from ..errors import CompileError
from ..ir.graph import Graph, Output
from ..ir.ops import ADD, CONST, INPUT, MUL, OPS, POW, SELECT
from .layout import ALIGN, Layout, row_length
from .loop_ir import Array, strides
from .rows import MEMBERS, find_rows

__all__ = ["LITERALS", "Addressing", "NotRegularError", "address", "place"]

# Statements with these numbers in them show at a glance what they do, and the C compiler can simplify them.
LITERALS = (1.0, -1.0)

# Of what an expression reads, so much is looked at to find rows.
_LEAVES = 4

_Key = tuple[object, ...]
_Arrays = dict[int, tuple[_Key, tuple[int, ...]]]


class NotRegularError(CompileError):
    """What is computed does not change evenly from one member of a family to the next."""


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


def place(layout: Layout, name: str, family: Mapping[int, tuple[Graph, bytearray]], last: int | None = None) -> Layout:
    """Lays out a family of graphs, adding to what is there; returns the layout.

    Args:
        name: of the family; its arrays are its own.
        family: graphs and their stored nodes, by number.
        last: the greatest number that there is room for. If it is not in the family, sizes are continued from the three
            greatest numbers, which must be consecutive.

    Raises:
        NotRegularError: if sizes do not grow evenly.
    """
    sizes: list[dict[_Key, tuple[int, ...]]] = []
    latest: dict[_Key, int] = {}
    numbers = list(family)
    for number in numbers:
        graph, stored = family[number]
        extents: dict[_Key, tuple[int, ...]] = {}
        for argument, (_, size) in graph.arguments().items():
            extents["argument", argument] = (size,)
        for output in graph.outputs:
            extents["output", output.name] = (len(output.nodes),)
        members = _arrays(name, graph, stored)
        latest.update((members[node][0], node) for node in sorted(members))
        for key, coordinates in members.values():
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
    graph = family[numbers[0]][0]
    for key, extent in merged.items():
        if key[0] == "argument" and key[1] not in layout.arguments:
            layout.arguments[str(key[1])] = _argument(layout, graph, str(key[1]), extent[0]), extent[0]
        elif key[0] == "output" and key[1] not in layout.outputs:
            layout.outputs[str(key[1])] = _output(layout, graph, graph.output(str(key[1])), extent[0]), extent[0]
    values = [key for key in merged if key[0] not in ("argument", "output") and key not in layout.values]
    names = _names(layout, sorted(values, key=lambda key: -latest[key]))
    for key in values:
        array, distances = _array(names[key], key, merged[key], layout.aligned)
        layout.values[key] = layout.add(array), distances
    _constants(layout, family, last)
    return layout


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


def _argument(layout: Layout, graph: Graph, name: str, size: int) -> int:
    whole = Array(layout.unique(name), (size,), space="argument")
    return layout.add_tensors(whole, [tensor for tensor in graph.inputs if tensor.argument == name])


def _output(layout: Layout, graph: Graph, output: Output, size: int) -> int:
    """A gradient is shaped as the argument that it is the gradient in."""
    name = layout.unique(output.name, layout.arguments)
    whole = Array(name, (max(size, 1),), space="output")
    alike = [argument for argument, (_, count) in graph.arguments().items() if count == size]
    if output.name != "gradient" or len(alike) != 1:
        return layout.add(whole)
    return layout.add_tensors(whole, [tensor for tensor in graph.inputs if tensor.argument == alike[0]], "_grad")


def _array(name: str, key: _Key, last: tuple[int, ...], aligned: bool) -> tuple[Array, tuple[int, ...]]:
    """The array of a key, from its greatest coordinates and the number of its members, and the strides of these
    coordinates. In an array of which most would be empty, members stand side by side, and it has no strides.
    """
    extents = [coordinate + 1 for coordinate in last[:-1]]
    if aligned and extents[-1] >= ALIGN and len(extents) > 1:
        extents[-1] = row_length(extents[-1])
    _, names, module, file, line, _, backward, kind, _ = key
    words = str(names).replace("#", "") or str(module)
    about = f"{words}, {'backward' if backward else 'forward'}, {file}:{line}, {kind}"
    if math.prod(extents) > 16 * last[-1] + 64:
        return Array(name, (last[-1],), ("",), about=about), ()
    axes = [part[:-1] for part in str(names).split(".") if part.endswith("#")]
    axes += [""] * (len(extents) - len(axes))
    # Nobody wants to read the only layer's number, or that a number is the first of one.
    kept = [place for place, extent in enumerate(extents) if extent > 1] or [0]
    array = Array(name, tuple(extents[place] for place in kept), tuple(axes[place] for place in kept), about=about)
    return array, strides(tuple(extents))


def _names(layout: Layout, keys: Iterable[_Key]) -> dict[_Key, str]:
    """Names of arrays, from scopes and operations. What is computed last in a scope has the name of the scope alone."""
    chosen: dict[_Key, str] = {}
    taken: set[str] = set()
    for key in keys:
        family, names, _, _, _, function, backward, kind, _ = key
        scope = str(names).rpartition(".")[2].rstrip("#") or str(function).strip("<>")
        suffix = "_grad" if backward else ""
        if layout.has(scope + suffix):
            scope = f"{family}_{scope}"
        name = scope + suffix
        if name in taken:
            name = f"{scope}_{str(kind).partition(' ')[0]}{suffix}"
        chosen[key] = layout.unique(name, taken)
        taken.add(chosen[key])
    return chosen


def _constants(layout: Layout, family: Mapping[int, tuple[Graph, bytearray]], last: int | None) -> None:
    texts = {number: [value.hex() for value in graph.constants] for number, (graph, _) in family.items()}
    if last is not None and last not in family:
        _constants_by_number(layout, texts, last)
    members = dict.fromkeys(chain.from_iterable(texts.values()))
    layout.constant_array([text for text in members if not layout.knows(text)])


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
        # Place by place, as far as there are members.
        layout.constant_array([(factor / n).hex() if n >= numbers[0] else "" for n in range(last + 1)])


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
    return _in_rows(graph, stored, arrays)


def _in_rows(graph: Graph, stored: bytearray, arrays: _Arrays) -> _Arrays:
    """With rows and columns in place of ranks, for arrays without other coordinates that lie in rows."""
    members: dict[_Key, list[int]] = {}
    for node, (key, coordinates) in arrays.items():
        if len(coordinates) == 1:
            members.setdefault(key, []).append(node)
    source = graph.source
    positions = {key: [max(source[node], ~source[node]) for node in nodes] for key, nodes in members.items()}
    operands = {
        key: list(zip(*(_leaves(graph, stored, node) for node in nodes), strict=False))
        for key, nodes in members.items()
        if len(nodes) >= MEMBERS
    }
    for key, places in find_rows(positions, members, operands).items():
        for node, row_and_column in zip(members[key], places, strict=True):
            arrays[node] = key, row_and_column
    return arrays


def _leaves(graph: Graph, stored: bytearray, node: int) -> list[int]:
    """The first of what the expression of a node reads."""
    found: list[int] = []
    stack = [*reversed(graph.operands(node))]
    while stack and len(found) < _LEAVES:
        operand = stack.pop()
        inside = () if stored[operand] else graph.operands(operand)
        if inside:
            stack += reversed(inside)
        else:
            found.append(operand)
    return found


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
    outputs = dict(pinned or {})
    outputs |= {out.name: layout.outputs[out.name][0] for out in graph.outputs if out.name not in outputs}
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
        base, distances = layout.values[key]
        if not distances:
            place_, distances = (dense.get(key, 0),), (1,)
            dense[key] = place_[0] + 1
        coordinates[node] = place_
        nodes[node] = base + sum(map(int.__mul__, distances, place_))
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
