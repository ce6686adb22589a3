"""The structure of an example over sizes: as any, but the parts of nested arguments are tensors of their own.

A dict of matrices would be one row of numbers otherwise, and where the second matrix begins a product of sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...compiler.ir.graph import Tensor
from ...compiler.ir.names import identifier, unused
from ..executable.nodes import Items, Keys, ManyRows, Node, doubles_in, shape_of
from ..executable.structure import Structure, structure_of

__all__ = ["SizedStructure", "sized_structure"]


@dataclass(frozen=True)
class SizedStructure(Structure):
    """The structure of an example at some sizes.

    Attributes:
        lists: whether lists that are not rectangular are taken apart, too: not if their length is a size.
    """

    lists: bool = True

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs of the graph: a tensor for each rectangular part."""
        tensors: list[Tensor] = []
        taken: set[str] = set()
        for name, node, start in sorted(zip(self.names, self.nodes, self.starts, strict=True), key=lambda row: row[2]):
            for words, part in self._parts(name, node):
                count = doubles_in(part)
                if not count:
                    continue
                shape = shape_of(part)
                argument = "parameters" if start < self.size else "data"
                found = unused(identifier(words), taken)
                taken.add(found)
                tensors.append(Tensor(found, argument, start, (count,) if shape is None else shape))
                start += count
        return tuple(tensors)

    def _parts(self, name: str, node: Node) -> Iterator[tuple[str, Node]]:
        if shape_of(node) is None and isinstance(node, Keys):
            for key, part in zip(node.keys, node.parts, strict=True):
                yield from self._parts(f"{name}_{key}", part)
        elif shape_of(node) is None and isinstance(node, Items) and (self.lists or not node.is_list):
            for place, part in enumerate(node.parts):
                yield from self._parts(f"{name}_{place}", part)
        else:
            yield name, node


def sized_structure(
    names: Sequence[str], example: Sequence[Any], wrt: Sequence[int] | None, lists: bool = True
) -> SizedStructure:
    """The structure of an example, see `structure_of`.

    Raises:
        TypeError: also if there are rows of data.
    """
    found = structure_of(names, example, wrt)
    for name, node in zip(found.names, found.nodes, strict=True):
        if isinstance(node, ManyRows):
            raise TypeError(f"{name} is rows(...), whose number no program depends on; make it a list of `count` rows")
    return SizedStructure(found.names, found.nodes, found.wrt, lists)
