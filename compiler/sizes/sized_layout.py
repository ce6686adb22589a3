"""Sized layout: the arrays of a family of programs, their extents polynomials in the sizes.

In: the arrays of samples. Out: a `SizedLayout`, which makes the layout at any sizes. Layouts of samples must not pad
rows (see `Layout.aligned`): whether rows are padded is decided anew, and extents that are padded are no polynomials.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..loops.layout import ALIGN, Layout, row_length
from ..loops.loop_ir import Array
from ..loops.place import NotRegularError
from .fit import Constant, Fitter
from .polynomial import whole_number
from .tables import PLACE

__all__ = ["PlacedArrays", "SizedLayout", "sized_layout"]

_Placed = tuple[Array, tuple[Array, ...]]


@dataclass(frozen=True)
class PlacedArrays:
    """The arrays of a layout, without its constants.

    Attributes:
        placed: in the order of memory, arrays and the parts that they consist of.
        arguments, outputs: by name, their arrays.
        tables: of constants, by name, what they hold; see `tables`.
    """

    placed: tuple[_Placed, ...]
    arguments: Mapping[str, str]
    outputs: Mapping[str, str]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, layout: Layout, tables: Mapping[str, tuple[str, ...]] | None = None) -> PlacedArrays:
        """Those of a layout, and tables behind them."""
        tables = tables or {}
        placed = tuple((array, parts) for array, _, parts in layout.placed if array.space != "constant")
        names = {start: array.name for array, start, _ in layout.placed}
        arguments, outputs = (
            {name: names[start] for name, (start, _) in own.items()} for own in (layout.arguments, layout.outputs)
        )
        behind = tuple((Array(name, (len(texts),), space="constant"), ()) for name, texts in tables.items())
        return cls((*placed, *behind), arguments, outputs, tables)


@dataclass(frozen=True)
class SizedLayout:
    """Arrays over sizes.

    Attributes:
        placed: in the order of memory, arrays and the parts that they consist of. An array of parts is as large as
            these.
        arguments, outputs: by name, their arrays.
        unpadded: names of the arrays in which some index counts through several dimensions.
        tables: of constants, by name, what is in place `PLACE` of them.
    """

    placed: tuple[_Placed, ...]
    arguments: Mapping[str, str]
    outputs: Mapping[str, str]
    unpadded: Collection[str]
    tables: Mapping[str, str | Constant] = field(default_factory=dict)

    def at(self, sizes: Mapping[str, int]) -> Layout:
        """The layout at these sizes.

        Raises:
            NotRegularError: if an extent is no whole number there, or a constant is not known.
        """
        layout = Layout()
        for array, parts in self.placed:
            found: list[Array] = []
            for part in parts:
                found.append(replace(self._array(part, sizes), offset=sum(each.size for each in found)))
            whole = replace(array, shape=(sum(each.size for each in found),)) if parts else self._array(array, sizes)
            start = layout.add(whole, found)
            if (rule := self.tables.get(array.name)) is not None:
                for place in range(whole.size):
                    text = rule.value({**sizes, PLACE: place}) if isinstance(rule, Constant) else rule
                    layout.constants[start + place] = text
        for own, names in ((layout.arguments, self.arguments), (layout.outputs, self.outputs)):
            for name, of in names.items():
                array_, start = layout.named(of)
                own[name] = start, array_.size
        return layout

    def _array(self, array: Array, sizes: Mapping[str, int]) -> Array:
        shape = [whole_number(extent, sizes) for extent in array.shape]
        if array.space == "value" and len(shape) > 1 and shape[-1] >= ALIGN and array.name not in self.unpadded:
            shape[-1] = row_length(shape[-1])
        return replace(array, shape=tuple(shape))


def sized_layout(samples: Sequence[PlacedArrays], fitter: Fitter, unpadded: Collection[str]) -> SizedLayout:
    """The arrays of all samples over the sizes.

    Raises:
        NotRegularError: if the samples have different arrays, or extents for which there is no polynomial.
    """

    def array(members: Sequence[Array]) -> Array:
        if len({replace(each, shape=(0,) * len(each.shape), offset=0) for each in members}) > 1:
            raise NotRegularError(f"the samples have different arrays {' and '.join(each.name for each in members)}")
        extents: Any = (fitter.number(extent) for extent in zip(*(each.shape for each in members), strict=True))
        return replace(members[0], shape=tuple(extents), offset=0)

    columns = [sample.placed for sample in samples]
    if len({tuple(len(parts) for _, parts in column) for column in columns}) > 1:
        raise NotRegularError("the samples have different arrays")
    placed: list[_Placed] = []
    for members in zip(*columns, strict=True):
        parts = tuple(map(array, zip(*(parts for _, parts in members), strict=True)))
        wholes = [replace(found, shape=(0,)) if parts else found for found, parts in members]
        placed.append((array(wholes), parts))
    tables = {name: _table([(sample.tables[name]) for sample in samples], fitter) for name in samples[0].tables}
    return SizedLayout(tuple(placed), samples[0].arguments, samples[0].outputs, unpadded, tables)


def _table(members: Sequence[Sequence[str]], fitter: Fitter) -> str | Constant:
    """What is in a place of a table, from what is in those of all samples."""
    rows = [
        ({**sizes, PLACE: place}, text)
        for sizes, texts in zip(fitter.samples, members, strict=True)
        for place, text in enumerate(texts)
    ]
    return Fitter([sizes for sizes, _ in rows]).constant(tuple(text or "nan" for _, text in rows))
