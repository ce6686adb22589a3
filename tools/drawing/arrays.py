"""Arrays: the names that drawings give to the arrays of loops: ``query[t,i]``.

In: a graph and its layout in memory. An array of the layout holds values, a matrix of the inputs, an output, or its
gradient. Arrays of values are called after the scope they are computed in and the variable that the model assigns
there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import prod

from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.ir.ops import OPS
from ...compiler.loops import loop_ir
from ...compiler.loops.layout import Layout
from ...compiler.loops.place import Addressing
from .roles import LAYER, role_of, scope_key
from .source import assigned_names

__all__ = ["Affine", "Array", "Arrays", "affine_text"]

# A sum of multiples of loop variables, by their names; of the empty name, the constant.
Affine = dict[str, int]


@dataclass(frozen=True)
class Array:
    """An array by its name in drawings.

    Attributes:
        block: the scope that computes it, without numbers; empty for inputs, outputs and constants.
        name: within the block; empty if it is what the block is for.
        backward: whether it holds gradients.
        start: its first address.
        shape: of the layout's array; empty for a mere number.
        axes: the names of its dimensions: ``position``, ``head``.
    """

    block: str
    name: str
    backward: bool
    start: int
    shape: tuple[int, ...]
    axes: tuple[str, ...]

    def shown(self, index: Sequence[Affine]) -> list[Affine]:
        """The coordinates worth showing: not that of a mere number, and not the layer, which is in the name."""
        if not self.shape:
            return []
        axes = self.axes or ("",) * len(index)
        return [part for axis, part in zip(axes, index, strict=False) if axis != "layer" or set(part) > {""}]


class Arrays:
    """The arrays of one graph's memory.

    Args:
        gradient: the argument whose elements the output ``gradient`` belongs to, if there is one.

    Attributes:
        layout: of the memory.
        inputs, indices: what the program is called with.
        letters: the variables of formulas, by array and dimension: so that what counts the same is called the same.
    """

    def __init__(self, graph: Graph, layout: Layout, where: Addressing, gradient: str | None) -> None:
        self.layout, self.inputs, self.indices = layout, graph.inputs, graph.indices
        self._arrays: dict[str, Array] = {}
        first = {tensor.argument: tensor.start for tensor in reversed(graph.inputs)}
        for tensor in graph.inputs:
            start = layout.arguments[tensor.argument][0] + tensor.start - first[tensor.argument]
            self._put("", tensor.name, False, start, bool(tensor.shape))
        for output in graph.outputs:
            start = where.outputs[output.name]
            if output.name == "gradient" and gradient is not None:
                for tensor in graph.inputs:
                    if tensor.argument == gradient:
                        self._put("", tensor.name, True, start + tensor.start - first[gradient], bool(tensor.shape))
            else:
                # The new one, where an output replaces an input.
                name = output.name + "′" * any(tensor.name == output.name for tensor in graph.inputs)
                if self.layout.arrays[self.layout.region[start]][0].name not in self._arrays:
                    self._put("", name, False, start, len(output.nodes) > 1)
        self._name_values(graph, where)
        scopes = [scope_key(origin.scope) for origin in graph.origins]
        self._one_layer = len({match[0] for scope in scopes if (match := LAYER.match(scope))}) < 2
        self._scopes = {where.nodes[node]: scopes[graph.origin[node]] for node in where.coordinates}
        self.letters: dict[tuple[int, int], str] = {}

    def at_sizes(
        self,
        layout: Layout,
        inputs: Sequence[Tensor],
        indices: Sequence[IndexTensor],
        scopes: Mapping[int, str],
    ) -> Arrays:
        """Those of a program of the same structure, at other sizes.

        Args:
            layout: of its memory.
            inputs, indices: what it is called with.
            scopes: by address, see `scope`.
        """
        other = copy(self)
        other.layout, other.inputs, other.indices = layout, tuple(inputs), tuple(indices)
        other._scopes, other.letters = dict(scopes), {}
        other._arrays = {
            array.name: replace(known, start=layout.start(array), shape=array.shape if known.shape else ())
            for array, _ in layout.arrays
            if (known := self._arrays.get(array.name))
        }
        return other

    def _put(self, block: str, name: str, backward: bool, start: int, is_array: bool) -> None:
        array, _ = self.layout.arrays[self.layout.region[start]]
        shape = array.shape if is_array else ()
        axes = (*array.axes, *[""] * (len(array.shape) - len(array.axes)))
        self._arrays[array.name] = Array(block, name, backward, start, shape, axes)

    def of(self, array: loop_ir.Array) -> Array:
        """What an array of the layout is called."""
        return self._arrays.get(array.name) or Array(
            "", array.name, False, self.layout.start(array), array.shape, array.axes
        )

    def at(self, address: int) -> Array:
        """The array that an address belongs to."""
        return self.of(self.layout.arrays[self.layout.region[address]][0])

    def scope(self, address: int) -> str:
        """The scope, without positions and heads, that computes the value at an address; empty if none does."""
        return self._scopes.get(address, "")

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

    def _name_values(self, graph: Graph, where: Addressing) -> None:
        """Names the arrays of values by the nodes that are in them."""
        layout = self.layout
        last: dict[int, int] = {}
        for node in where.coordinates:
            _, start = layout.arrays[layout.region[where.nodes[node]]]
            last[start] = max(node, last.get(start, node))
        assigned = assigned_names(graph.origins)
        # By what they are called, the layers that have arrays of their own; no layer's name is for those of all.
        taken: dict[tuple[str, bool, str], set[str]] = defaultdict(set)
        # From the last: what is computed last in a scope is what the scope is for.
        for start, node in sorted(last.items(), key=lambda pair: -pair[1]):
            origin = graph.origins[graph.origin[node]]
            variable = assigned.get((origin.module, origin.line), "")
            block = scope_key(origin.scope, layers=False) or variable or origin.function
            name = "" if variable == block.rpartition(".")[2] else variable
            backward = graph.is_backward(node)
            names = [name, f"{name}_{OPS[graph.op[node]].name}".lstrip("_")]
            names += [f"{names[1]}{number}" for number in range(2, len(last) + 2)]
            array, _ = layout.arrays[layout.region[start]]
            match = LAYER.match(array.name)
            layer = match[0] if match else ""
            chosen = next(name for name in names if _is_free(taken[block, backward, name], layer))
            taken[block, backward, chosen].add(layer)
            self._put(block, chosen, backward, start, prod(array.shape) > 1)


def _is_free(layers: set[str], layer: str) -> bool:
    """Whether a name that these layers have is free for another one; the empty layer is all of them."""
    return not layers or (layer != "" and layers.isdisjoint(("", layer)))


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
