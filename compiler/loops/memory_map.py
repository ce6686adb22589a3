"""The memory map: what stands where in the one flat memory of loops, in the words of the model.

In: a layout, and what the caller has put next to it. Out: regions in the order of their addresses, each with words
such as ``position.layer.head.scores, forward``, and a text that people can look an address up in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..ir.graph import Tensor
from .labels import plain
from .place import Layout

__all__ = ["MemoryMap", "Region", "constant_spans", "memory_map"]


@dataclass(frozen=True)
class Region:
    """A part of the memory.

    Attributes:
        start: its address.
        words: what is in it, for people.
        index: how the address of one of its numbers is found: ``12880 + 128 * position + 32 * head + rank``.
        detail: what else there is to say.
    """

    start: int
    words: str
    index: str
    detail: str = ""


class MemoryMap:
    """The regions of a memory.

    Attributes:
        regions: by address, without gaps.
        size: of the memory.
    """

    def __init__(self, regions: Sequence[Region], size: int) -> None:
        self.regions = sorted(regions, key=lambda region: region.start)
        self.size = size
        self._starts = [region.start for region in self.regions]

    def region(self, address: int) -> Region:
        """Where an address lies."""
        return self.regions[max(0, bisect_right(self._starts, address) - 1)]

    def lines(self) -> Iterator[str]:
        """A line for each region: first address, size, words, and how to find a number in it."""
        ends = [*self._starts[1:], self.size]
        for region, end in zip(self.regions, ends, strict=True):
            detail = f" ({region.detail})" if region.detail else ""
            yield f"{region.start:>7} {end - region.start:>6}  {region.words}{detail}: {region.index}"


def memory_map(layout: Layout, tensors: Mapping[str, Sequence[Tensor]], further: Mapping[str, int]) -> MemoryMap:
    """The map of a layout.

    Args:
        tensors: by name of an argument, output or entry of `further`, the tensors that it consists of.
        further: what the caller has allotted: by name, its address.
    """
    regions: dict[int, Region] = {}
    starts = {name: start for name, (start, _) in (*layout.arguments.items(), *layout.outputs.items())}
    for name, start in (starts | dict(further)).items():
        for tensor in tensors.get(name, ()):
            at = start + tensor.start - tensors[name][0].start
            words = tensor.name if name in layout.arguments else f"{name} of {tensor.name}"
            regions[at] = Region(at, plain(words), _index(at, _strides(tensor.shape)))
        regions.setdefault(start, Region(start, plain(name), f"{start} + i"))
    for key, (start, strides) in layout.arrays.items():
        family, names, module, _, line, _, backward, kind, ordinal = key
        loops = [part[:-1] or "i" for part in str(names).split(".") if part.endswith("#")]
        # Members of one scope are numbered, and lie in rows where that is regular.
        loops += ["row", "column"] if len(strides) > len(loops) + 1 else ["rank"]
        words = plain(f"{str(names).replace('#', '') or module}, {'backward' if backward else 'forward'}")
        detail = plain(f"{family}, {module}:{line}, {kind}{f' {ordinal}' if ordinal else ''}")
        index = _index(start, list(zip(strides, loops, strict=True)) if strides else [(1, "i")])
        regions[start] = Region(start, words, index, detail)
    for start, texts in constant_spans(layout.constants):
        if len(texts) == 1:
            regions[start] = Region(start, f"the constant {float.fromhex(texts[0])!r}", str(start))
        else:
            regions[start] = Region(start, f"{len(texts)} constants", f"{start} + i")
    return MemoryMap(list(regions.values()), layout.size)


def constant_spans(constants: Mapping[int, str]) -> list[tuple[int, list[str]]]:
    """Constants that stand side by side: the address of the first, and all of them in hexadecimal."""
    spans: list[tuple[int, list[str]]] = []
    for at, text in sorted(constants.items()):
        if spans and spans[-1][0] + len(spans[-1][1]) == at:
            spans[-1][1].append(text)
        else:
            spans.append((at, [text]))
    return spans


def _strides(shape: Sequence[int]) -> list[tuple[int, str]]:
    strides: list[tuple[int, str]] = []
    stride = 1
    for place in range(len(shape) - 1, -1, -1):
        strides.insert(0, (stride, "ijklmn"[min(place, 5)]))
        stride *= shape[place]
    return strides


def _index(start: int, strides: Sequence[tuple[int, str]]) -> str:
    return " + ".join([str(start), *(f"{stride} * {name}" if stride > 1 else name for stride, name in strides)])
