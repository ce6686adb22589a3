"""Split: arrays with a part for each of some structures, such as a model's layers, become an array for each.

In: a sample. Out: the same, in which an array that has a dimension of that name, and is used in one coordinate of it at
a time, is one array for each coordinate. What each holds is needed at other times, see `reuse`.
"""

from __future__ import annotations

from dataclasses import replace

from ..loops.loop_ir import Array
from ..loops.uses import Use, uses, with_uses, without_axis
from .generalise import Sample

__all__ = ["split"]


def split(sample: Sample, axis: str) -> Sample:
    """A sample with arrays for each coordinate of the dimensions of that name."""
    axes = {
        array.name: array.axes.index(axis)
        for array, parts in sample.arrays.placed
        if array.space == "value" and axis in array.axes and len(array.shape) > 1 and not parts
    }
    nests = [nest for program in sample.programs.values() for nest in program.nests]
    for use in (use for nest in nests for use in uses(nest.body)):
        at = axes.get(use.array.name)
        if at is not None and not _is_constant(use, at):
            del axes[use.array.name]
    placed = []
    split_: dict[str, list[Array]] = {}
    for array, parts in sample.arrays.placed:
        at = axes.get(array.name)
        if at is None:
            placed.append((array, parts))
            continue
        shape, names = ((*row[:at], *row[at + 1 :]) for row in (array.shape, array.axes))
        split_[array.name] = [
            replace(array, name=f"{axis}{number}_{array.name}", shape=shape, axes=names)
            for number in range(array.shape[at])
        ]
        placed += [(part, ()) for part in split_[array.name]]

    def change(use: Use) -> Use:
        at = axes.get(use.array.name)
        return use if at is None else without_axis(use, split_[use.array.name][use.index[at].start], at)

    programs = {
        name: replace(program, nests=tuple(replace(nest, body=with_uses(nest.body, change)) for nest in program.nests))
        for name, program in sample.programs.items()
    }
    return replace(sample, arrays=replace(sample.arrays, placed=tuple(placed)), programs=programs)


def _is_constant(use: Use, at: int) -> bool:
    """Whether a use has an index of its own for a dimension, and goes through one coordinate of it."""
    has_own = at < len(use.index) - (len(use.index) < len(use.array.shape))
    return has_own and not any(use.index[at].steps) and not (hasattr(use, "stride") and use.stride[at])
