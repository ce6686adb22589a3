"""The layout: which arrays a family of programs has, and where in one memory they are."""

from __future__ import annotations

from array import array as numbers
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from ..ir.graph import Tensor
from ..ir.names import identifier, is_reserved
from ..numerics import current
from .loop_ir import MEMORY, Affine, Array

__all__ = ["ALIGN", "Layout", "padded", "row_length"]

# Doubles: a cache line.
ALIGN = 8

# Constants that are allotted together.
_CHUNK = 2 * ALIGN


def _line() -> int:
    """Numbers in a cache line."""
    return 2 * ALIGN if current().number == "float" else ALIGN


def padded(size: int) -> int:
    """The next size that fills whole cache lines."""
    return size + -size % _line()


def row_length(elements: int) -> int:
    """The room of a row of a matrix: whole cache lines, and not as many that a column's elements, which are rows apart,
    are all in the few places of a cache that are for addresses like these.
    """
    return padded(elements) + _line() * (padded(elements) % (4 * _line()) == 0)


@dataclass
class Layout:
    """Where everything is.

    Attributes:
        arguments, outputs: by name, address and size.
        constants: by address, the number in hexadecimal.
        values: by what `place` knows them by, address and strides of arrays of values; no strides where coordinates are
            too sparse for them.
        region: for each address, the number of the array it belongs to.
        arrays: the arrays of these numbers, with their addresses.
        placed: in the order of memory, the arrays that are no parts of others, with their addresses and parts. They may
            share addresses, see `reuse`.
        aligned: whether the rows of arrays of values fill whole cache lines, where they are long.
        align: what the addresses of arrays are multiples of.
    """

    arguments: dict[str, tuple[int, int]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    values: dict[tuple[object, ...], tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    region: numbers[int] = field(default_factory=lambda: numbers("i"))
    arrays: list[tuple[Array, int]] = field(default_factory=list)
    placed: list[tuple[Array, int, tuple[Array, ...]]] = field(default_factory=list)
    aligned: bool = True
    align: int = field(default_factory=_line)
    _starts: dict[str, int] = field(default_factory=lambda: {MEMORY.name: 0})
    _known: dict[str, int] = field(default_factory=dict)
    _room: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Doubles in all."""
        return len(self.region)

    def add(self, array: Array, parts: Sequence[Array] = ()) -> int:
        """Finds room for an array; returns its address."""
        start = len(self.region)
        if parts:
            for part in parts:
                self._region(part, start + part.offset)
        else:
            self._region(array, start)
        missing = -(len(self.region) - start) % self.align
        self._fill(len(self.arrays) - 1, missing)
        self._starts[array.name] = start
        self.placed.append((array, start, tuple(parts)))
        return start

    def add_together(self, arrays: Sequence[tuple[Array, int]]) -> None:
        """Finds room for arrays, each of which begins at an offset in it; some of them share a part of theirs. Of an
        address that several have, the region is that of the last one.
        """
        base = len(self.region)
        size = max((offset + array.size for array, offset in arrays), default=0)
        self._fill(len(self.arrays), size + -size % self.align)
        for array, offset in arrays:
            start = base + offset
            self.region[start : start + array.size] = numbers("i", (len(self.arrays),)) * array.size
            self._starts[array.name] = start
            self.arrays.append((array, start))
            self.placed.append((array, start, ()))

    def _region(self, array: Array, start: int) -> None:
        self._starts[array.name] = start
        self.arrays.append((array, start))
        self._fill(len(self.arrays) - 1, array.size)

    def _fill(self, region: int, size: int) -> None:
        self.region += numbers("i", (region,)) * size

    def add_tensors(self, array: Array, tensors: Sequence[Tensor], suffix: str = "") -> int:
        """Finds room for an array that consists of tensors, each a region of its own, so that loops do not mix them."""
        whole = len(tensors) == 1 and identifier(tensors[0].name) + suffix == array.name
        if whole or not tensors:
            return self.add(Array(array.name, tensors[0].shape or (1,), (), array.space) if whole else array)
        parts: list[Array] = []
        for tensor in tensors:
            offset = tensor.start - tensors[0].start
            name = self.unique(tensor.name + suffix, (array.name, *(part.name for part in parts)))
            parts.append(Array(name, tensor.shape or (1,), (), array.space, of=array.name, offset=offset))
        return self.add(array, parts)

    def unique(self, name: str, further: Collection[str] = ()) -> str:
        """`name`, or what is like it, as that of a new array."""
        plain = identifier(name)
        plain += "_" if is_reserved(plain) else ""
        found, number = plain, 1
        while found in self._starts or found in further:
            number += 1
            found = f"{plain}_{number}"
        return found

    def has(self, name: str) -> bool:
        """Whether there is an array of that name."""
        return identifier(name) in self._starts

    def start(self, array: Array) -> int:
        """The address of an array."""
        return self._starts[array.name]

    def address(self, array: Array, index: Sequence[Affine]) -> Affine:
        """The address of an element."""
        flat = array.flat(index)
        return Affine(self._starts[array.name] + flat.start, flat.steps)

    def named(self, name: str) -> tuple[Array, int]:
        """The array of that name that is no part of another, and its address."""
        return next((array, start) for array, start, _ in self.placed if array.name == name)

    def knows(self, text: str) -> bool:
        """Whether a constant has an address."""
        return text in self._known

    def constant(self, text: str) -> int:
        """The address of a constant, which is made if need be."""
        known = self._known.get(text)
        if known is None:
            if not self._room:
                start = self.add(Array(self.unique("constants"), (_CHUNK,), space="constant"))
                self._room = list(range(start + _CHUNK - 1, start - 1, -1))
            known = self._known[text] = self._room.pop()
            self.constants[known] = text
        return known

    def constant_array(self, texts: Sequence[str]) -> int:
        """The address of constants that stand side by side; gaps have no text. They are also found one by one."""
        if not texts:
            return self.size
        start = self.add(Array(self.unique("constants"), (len(texts),), space="constant"))
        for address, text in enumerate(texts, start):
            if not text:
                continue
            self.constants[address] = text
            self._known.setdefault(text, address)
        return start

    def only(self, arrays: Mapping[str, Array], last: str) -> Layout:
        """Another one, with some of the arrays and no more room than these take.

        Args:
            arrays: by name in this one, in the shapes that they are to have.
            last: the one that comes last.
        """
        other = Layout()
        starts: dict[int, int] = {}
        for array, start, parts in sorted(self.placed, key=lambda placed: placed[0].name == last):
            if array.name in arrays:
                starts[start] = other.add(arrays[array.name], parts)
        for spans, kept in ((self.arguments, other.arguments), (self.outputs, other.outputs)):
            kept.update((name, (starts[start], size)) for name, (start, size) in spans.items() if start in starts)
        for array, start, _ in self.placed:
            if array.name not in arrays:
                continue
            for address, text in self.constants.items():
                if start <= address < start + array.size:
                    other.constants[address - start + starts[start]] = text
                    other._known.setdefault(text, address - start + starts[start])
        return other

    def copy(self) -> Layout:
        """Another one, to try something on."""
        return deepcopy(self)

    def become(self, other: Layout) -> None:
        """Takes over what was tried on a copy."""
        self.__dict__.update(other.__dict__)
