"""Arrays: names for the addresses of a program of loops: ``query[t,i]``.

In: a graph and its layout in memory. An address belongs to an array of the layout, to a matrix of the inputs, to an
output, or to a constant. Arrays of values are called after the scope they are computed in and the variable that the
model assigns there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph, Tensor
from ...compiler.ir.ops import OPS
from ...compiler.loops.place import Addressing, Layout
from .roles import LAYER, role_of, scope_key
from .source import assigned_names

__all__ = ["Affine", "Array", "Arrays", "affine_text"]

# A sum of multiples of loop variables, by their names; of the empty name, the constant.
Affine = dict[str, int]

_NUMBERED = re.compile(r"([A-Za-z_]+?)(\d+)")


@dataclass(frozen=True)
class Array:
    """A named, evenly spaced part of memory.

    Attributes:
        block: the scope that computes it, without numbers; empty for inputs, outputs and constants.
        name: within the block; empty if it is what the block is for.
        backward: whether it holds gradients.
        start: its first address.
        strides: of its coordinates.
        coordinates: their names: ``position``, ``head``; empty for a mere number.
    """

    block: str
    name: str
    backward: bool
    start: int
    strides: tuple[int, ...]
    coordinates: tuple[str, ...]

    def subscripts(self, address: Affine) -> list[Affine]:
        """The coordinates of an address that is affine in loop variables."""
        found: list[Affine] = [{} for _ in self.strides]
        for variable, number in address.items():
            rest = number if variable else number - self.start
            for place, stride in enumerate(self.strides):
                # A constant lies within the array; a step may go back in one coordinate and on in another.
                part = round(rest / stride) if variable else rest // stride
                rest -= part * stride
                if part:
                    found[place][variable] = part
        return found

    def shown(self, address: Affine, counts: Mapping[str, int]) -> list[Affine]:
        """The coordinates worth showing: those that can differ; two in one, where a variable runs across both.

        Args:
            counts: how many values each variable takes.
        """
        parts = self.subscripts(address)
        shown: list[Affine] = []
        for place in range(len(parts) - 1, -1, -1):
            part = parts[place]
            ratio = self.strides[place - 1] // self.strides[place] if place else 0
            if self.coordinates[place] == "layer" and set(part) <= {""}:
                continue  # the name says so
            if place and ratio == 1 and not any(part.values()):
                continue
            span = sum(abs(number) * (counts.get(name, 1) - 1) for name, number in part.items() if name)
            if place and ratio > 1 and span >= ratio:
                for name, number in parts[place - 1].items():
                    part[name] = part.get(name, 0) + number * ratio
                parts[place - 1] = part
                continue
            shown.insert(0, part)
        return shown


class Arrays:
    """The arrays of one graph's memory.

    Args:
        gradient: the argument whose elements the output ``gradient`` belongs to, if there is one.
    """

    def __init__(self, graph: Graph, layout: Layout, where: Addressing, gradient: str | None) -> None:
        self.constants = {address: float.fromhex(text) for address, text in layout.constants.items()}
        arrays: dict[int, Array] = {}
        first = {tensor.argument: tensor.start for tensor in reversed(graph.inputs)}
        for tensor in graph.inputs:
            start = layout.arguments[tensor.argument][0] + tensor.start - first[tensor.argument]
            arrays[start] = _matrix(tensor, start, False)
        for output in graph.outputs:
            start = where.outputs[output.name]
            if output.name == "gradient" and gradient is not None:
                for tensor in graph.inputs:
                    if tensor.argument == gradient:
                        at = start + tensor.start - first[gradient]
                        arrays[at] = _matrix(tensor, at, True)
            else:
                strides = (1,) if len(output.nodes) > 1 else ()
                # The new one, where an output replaces an input.
                name = output.name + "′" * any(tensor.name == output.name for tensor in graph.inputs)
                arrays[start] = Array("", name, False, start, strides, ("",) * len(strides))
        arrays.update(_computed(graph, layout, where))
        self._arrays = [arrays[start] for start in sorted(arrays)]
        self._starts = [array.start for array in self._arrays]
        self._scopes = [scope_key(origin.scope) for origin in graph.origins]
        self._one_layer = len({match[0] for scope in self._scopes if (match := LAYER.match(scope))}) < 2
        self._origins = {where.nodes[node]: graph.origin[node] for node in where.coordinates}
        # The variables of formulas, by the start of an array and the number of a coordinate: so that what counts the
        # same is called the same.
        self.letters: dict[tuple[int, int], str] = {}

    def at(self, address: int) -> Array:
        """The array that an address belongs to."""
        return self._arrays[bisect_right(self._starts, address) - 1]

    def scope(self, address: int) -> str:
        """The scope, without positions and heads, that computes the value at an address; empty if none does."""
        origin = self._origins.get(address)
        return "" if origin is None else self._scopes[origin]

    def title(self, address: int, home: str = "") -> str:
        """The name of the array that an address belongs to, as it is called in the scope `home`."""
        array, scope = self.at(address), self.scope(address)
        if not array.block or (scope == home and array.name):
            text = array.name
        else:
            text = f"{scope}.residual" if role_of(scope) == "residual" else scope or array.block
            text = f"{text}.{array.name}" if array.name else text
        layer, own = LAYER.match(text), LAYER.match(home)
        # Which layer need not be said within a layer.
        if layer and (self._one_layer or (own and own[0] == layer[0])):
            text = text[layer.end() :].lstrip(".")
        return f"∂{text}" if array.backward else text


def _matrix(tensor: Tensor, start: int, backward: bool) -> Array:
    strides: list[int] = []
    size = 1
    for extent in reversed(tensor.shape):
        strides.insert(0, size)
        size *= extent
    return Array("", tensor.name, backward, start, tuple(strides), ("",) * len(strides))


def _computed(graph: Graph, layout: Layout, where: Addressing) -> dict[int, Array]:
    """The arrays of the layout, named by the nodes that are in them."""
    strides = dict(layout.arrays.values())
    starts = sorted(strides)
    last: dict[int, int] = {}
    for node in where.coordinates:
        start = starts[bisect_right(starts, where.nodes[node]) - 1]
        last[start] = max(node, last.get(start, node))
    assigned = assigned_names(graph.origins)
    arrays: dict[int, Array] = {}
    taken: set[tuple[str, bool, str]] = set()
    # From the last: what is computed last in a scope is what the scope is for.
    for start, node in sorted(last.items(), key=lambda pair: -pair[1]):
        origin = graph.origins[graph.origin[node]]
        variable = assigned.get((origin.module, origin.line), "")
        block = scope_key(origin.scope, layers=False) or variable or origin.function
        name = "" if variable == block.rpartition(".")[2] else variable
        backward = graph.is_backward(node)
        names = [name, f"{name}_{OPS[graph.op[node]].name}".lstrip("_")]
        names += [f"{names[1]}{number}" for number in range(2, len(last) + 2)]
        chosen = next(name for name in names if (block, backward, name) not in taken)
        taken.add((block, backward, chosen))
        coordinates = _coordinates(origin.scope, len(strides[start]))
        arrays[start] = Array(block, chosen, backward, start, strides[start] or (1,), coordinates)
    return arrays


def _coordinates(scope: str, count: int) -> tuple[str, ...]:
    numbered = [match[1] for part in scope.split(".") if (match := _NUMBERED.fullmatch(part))]
    names = (*numbered, "")
    return names if len(names) == count else ("",) * max(count, 1)


def affine_text(affine: Affine, names: Sequence[str]) -> str:
    """``4h+i``: the multiples in the order of `names`, the constant last."""
    text = ""
    for name in (*names, ""):
        number = affine.get(name, 0)
        if number:
            size = abs(number)
            word = (f"{size}{name}" if size > 1 else name) if name else str(size)
            text += ("-" if number < 0 else "+" if text else "") + word
    return text or "0"
