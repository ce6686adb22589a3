"""Views: what the page can show of a model's memory: arrays of values with their gradients, by the lines of the model.

In: the source of a model's library in C. Out: a `View` for each weight matrix, and for each value that the program of a
training step keeps in memory. Which value is the gradient of which is taken from the backward pass itself, and where
both are from the proof of the loops, which carries them out on the nodes of the graph.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import NamedTuple

from ...compiler.errors import InternalError
from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier
from ...compiler.ir.ops import GIVEN, OPS
from ...compiler.loops.loop_ir import strides
from ...compiler.loops.prove_loops import NodeDomain
from ...compiler.loops.run_loops import run_program
from ...compiler.passes.backward import Backward
from ...compiler.pipeline import Stage, compile_graph, without_collection
from ...model.config import GPTConfig
from ...runtime.programs.c_source import PROGRAM_NAMES, ModelSource
from ...runtime.programs.graphs import training_graph
from ..drawing.roles import scope_key
from .lines import Call, Lines

__all__ = ["Axis", "Strided", "View", "as_json", "views_of"]

_Index = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """A dimension of a view.

    Attributes:
        name: ``position``, ``head``, ``token``, ``unit``, or ``layer``.
        first: what its first element is the number of.
        count: how many there are in the longest document.
    """

    name: str
    first: int
    count: int


@dataclass(frozen=True)
class Strided:
    """Where the elements of a view are: the address of the first, in doubles, and how far apart neighbours are."""

    start: int
    strides: _Index


@dataclass(frozen=True)
class View:
    """An array as the page shows it.

    Attributes:
        title: what it is called: ``query``, or ``wte``.
        operation: what computes it; empty for a weight matrix.
        scope: where it is computed: ``layer0.weights``; empty for a weight matrix.
        lines: of the model.
        axes: its dimensions.
        causal: whether position t has elements for positions up to t only.
        values, gradient: where these are; None for what is not kept.
    """

    title: str
    operation: str
    scope: str
    lines: tuple[int, ...]
    axes: tuple[Axis, ...]
    causal: bool
    values: Strided | None
    gradient: Strided | None

    @property
    def size(self) -> int:
        """How many elements it has room for."""
        return math.prod(axis.count for axis in self.axes)


def views_of(source: ModelSource, text: str) -> list[View]:
    """All views of a model, those first that say most: values with their gradients, weights, and then the rest.

    Args:
        text: of the model's module.
    """
    lines = Lines(text)
    with without_collection():
        memory = _Memory(source)
    found = [view for group in memory.groups() for view in _views(memory, group, lines)]
    found = sorted([*_weights(source, lines), *reversed(found)], key=lambda view: -view.size)
    return sorted(found, key=lambda view: not view.scope if view.values and view.gradient else 2)


def _weights(source: ModelSource, lines: Lines) -> Iterator[View]:
    starts = {array.name: start for array, start in source.layout.arrays}
    rows_of = {"wte": "token", "lm_head": "token", "wpe": "position"}
    for name, rows, columns in source.config.matrices():
        axes = Axis(rows_of.get(name, "unit"), 0, rows), Axis("unit", 0, columns)
        values, gradient = (Strided(starts[identifier(name) + end], (columns, 1)) for end in ("", "_grad"))
        yield View(name, "", "", tuple(lines.naming(name)), axes, False, values, gradient)


class _Element(NamedTuple):
    """A node, and the addresses of its value and of its gradient; -1 for what is not kept."""

    node: int
    value: int
    gradient: int

    @property
    def place(self) -> int:
        """Where it is counted."""
        return self.gradient if self.value < 0 else self.value


_Group = dict[_Index, _Element]


class _Memory:
    """Which node of a graph is where when a step is done. The graph is that of a short document.

    Attributes:
        length: of the document: a number that is the extent of positions alone.
        graph: as it runs.
        address: of each node that is kept.
        gradient: of nodes, the node that is the gradient.
    """

    def __init__(self, source: ModelSource) -> None:
        config, self.layout = source.config, source.layout
        self.block_size, self.vocabulary = config.block_size, config.vocab_size
        self.length = _telling_length(config)
        stages: dict[str, Stage] = {}
        self.graph = compile_graph(
            partial(training_graph, config, self.length), "parameters", lambda stage: stages.update({stage.name: stage})
        )
        program = source.programs[PROGRAM_NAMES["training"].format(self.length)]
        where = source.families[0].interface(self.layout, self.length, self.graph)
        domain = NodeDomain(self.graph, program, self.layout, where.inputs)
        domain.clear(program.zeros)
        run_program(program, domain)
        self.address: dict[int, int] = {}
        for address, node in enumerate(domain.memory):
            array, _ = self.layout.arrays[self.layout.region[address]]
            if node < len(self.graph) and array.space in ("value", "output"):
                self.address.setdefault(node, address)
        self.gradient = _gradients(stages)

    def groups(self) -> list[_Group]:
        """What is kept of the forward pass and of its gradients: what is in one array and comes from one place."""
        elements = [
            _Element(node, address, self.address.get(self.gradient.get(node, -1), -1))
            for node, address in self.address.items()
            if not self.graph.is_backward(node) and self.graph.op[node] not in GIVEN
        ]
        # The gradients of values that are not kept. Of a sum and its terms, which have one gradient, the sum's.
        taken = {element.gradient for element in elements}
        for node in sorted(self.gradient, reverse=True):
            gradient = self.address.get(self.gradient[node], -1)
            if gradient >= 0 and gradient not in taken:
                taken.add(gradient)
                elements.append(_Element(node, -1, gradient))
        found: dict[tuple[object, ...], _Group] = {}
        for element in sorted(elements):
            region, index = self.index(element.place)
            origin = self.graph.origins[self.graph.origin[element.node]]
            key = region, origin.line, scope_key(origin.scope), element.value < 0
            found.setdefault(key, {})[index] = element
        return list(found.values())

    def index(self, address: int) -> tuple[int, _Index]:
        """The array that an address is in, and its index there."""
        region = self.layout.region[address]
        array, start = self.layout.arrays[region]
        number, index = address - start, []
        for stride in strides(array.shape):
            place, number = divmod(number, stride)
            index.append(place)
        return region, tuple(index)


def _telling_length(config: GPTConfig) -> int:
    sizes = {config.n_head, config.head_size, config.n_embd, config.vocab_size, 4 * config.n_embd, config.n_layer}
    return next((size for size in range(4, config.block_size) if size not in sizes), config.block_size)


def _gradients(stages: Mapping[str, Stage]) -> dict[int, int]:
    """Of the final graph's nodes, the nodes that are their gradients."""
    graph: Graph = stages["sink_through_selects"].product
    start, size = graph.arguments()["parameters"]
    backward = Backward(graph, range(start, start + size))
    backward.gradient(graph.outputs[0].nodes[0])
    later = [stages[name].ids for name in ("simplify", "cse", "dce")]

    def follow(node: int) -> int:
        return reduce(lambda at, ids: ids[at] if at >= 0 else -1, later, node)

    pairs = ((follow(node), follow(gradient)) for node, gradient in backward.gradient_of.items())
    found: dict[int, int] = {}
    for node, gradient in pairs:
        # What has been merged has the gradient of neither.
        found[node] = gradient if found.get(node, gradient) == gradient else -1
    return {node: gradient for node, gradient in found.items() if node >= 0 and gradient >= 0}


def _views(memory: _Memory, group: _Group, lines: Lines) -> Iterator[View]:
    """The view of a group; several, where several statements in the block of a scope compute it one after the other."""
    graph = memory.graph
    origin = graph.origins[graph.origin[next(iter(group.values())).node]]
    scope = scope_key(origin.scope)
    block = scope.rpartition(".")[2].rstrip("0123456789")
    calls = lines.calls(block, origin.line)
    heads = {origin.line, *lines.heads(block)}
    for own, part in _parts(group, calls):
        variables = {call.variable for call in own}
        title = lines.variable(origin.line) or (variables.pop() if len(variables) == 1 else "") or block
        yield _view(memory, part, title, scope, sorted(heads.union(*(call.lines for call in own))))


def _parts(group: _Group, calls: Sequence[Call]) -> list[tuple[Sequence[Call], _Group]]:
    """The group, cut into as many columns as there are calls, if each is computed after the one before."""
    columns = 1 + max(index[-1] for index in group)
    width, rest = divmod(columns, max(len(calls), 1))
    if len(calls) < 2 or rest:
        return [(calls, group)]
    parts: list[_Group] = [{} for _ in calls]
    for index, element in group.items():
        before = group.get((*index[:-1], index[-1] - width))
        if before and before.node >= element.node:
            return [(calls, group)]
        parts[index[-1] // width][index] = element
    return [((call,), part) for call, part in zip(calls, parts, strict=True)]


def _view(memory: _Memory, group: _Group, title: str, scope: str, lines: Sequence[int]) -> View:
    region, _ = memory.index(next(iter(group.values())).place)
    array, _ = memory.layout.arrays[region]
    names = [*array.axes, *[""] * (len(array.shape) - len(array.axes))]
    axes = []
    for name, places in zip(names, map(set, zip(*group, strict=True)), strict=True):
        first, beyond = min(places), max(places) + 1
        if name == "position" or beyond == memory.length:
            axes.append(Axis("position", first, memory.block_size - first))
        else:
            kind = "token" if beyond - first == memory.vocabulary else "unit"
            axes.append(Axis(name or kind, first if name == "head" else 0, beyond - first))
    operations = Counter(OPS[memory.graph.op[element.node]].name for element in group.values())
    values = {index: element.value for index, element in group.items()}
    gradients = {index: element.gradient for index, element in group.items()}
    return View(
        title,
        operations.most_common(1)[0][0],
        scope,
        tuple(lines),
        tuple(axes),
        [axis.name for axis in axes].count("position") > 1,
        _strided(values),
        _strided(gradients),
    )


def _strided(addresses: Mapping[_Index, int]) -> Strided | None:
    """Where elements are; None if some are not kept.

    Raises:
        InternalError: if they are not evenly spaced.
    """
    if min(addresses.values()) < 0:
        return None
    corner = tuple(map(min, zip(*addresses, strict=True)))
    steps = []
    for place in range(len(corner)):
        pairs = ((index, (*index[:place], index[place] + 1, *index[place + 1 :])) for index in addresses)
        step = next((addresses[after] - addresses[index] for index, after in pairs if after in addresses), 0)
        steps.append(step)
    start = addresses[corner]
    for index, address in addresses.items():
        offsets = (step * (number - low) for step, number, low in zip(steps, index, corner, strict=True))
        if address != start + sum(offsets):
            raise InternalError(f"the elements of a value are not evenly spaced in memory: {index} is at {address}")
    return Strided(start, tuple(steps))


def as_json(views: Sequence[View]) -> dict[str, object]:
    """What the page has of views: a row for each, and how much of the memory they show, in doubles."""
    ends = [0]
    for view in views:
        for strided in filter(None, (view.values, view.gradient)):
            last = (step * (axis.count - 1) for step, axis in zip(strided.strides, view.axes, strict=True))
            ends.append(strided.start + sum(last) + 1)
    return {"doubles": max(ends), "views": list(map(_row, views))}


def _row(view: View) -> list[object]:
    axes = [(axis.name, axis.first, axis.count) for axis in view.axes]
    places = [strided and (strided.start, strided.strides) for strided in (view.values, view.gradient)]
    return [view.title, view.operation, view.scope, view.lines, axes, view.causal, *places]
