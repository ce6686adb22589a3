"""Marshalling as generated code: nested arguments into flat memory, and flat results into nested ones.

In: a `Structure`. Out: two functions made for its shape. ``read`` checks and copies without walking a structure at run
time: a row of floats is one ``list.extend``, an array one copy of memory. It stops at whatever is not exactly like the
example, for `Structure.flatten` to accept or to explain. Code in place of a walk takes a nested call of 10,000 floats
from 3 ms to 0.2 ms.
"""

from __future__ import annotations

import operator
import struct
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .nodes import Fixed, Index, Items, Keys, Node, Scalar, Vector, doubles_in, is_numpy
from .results import HELPERS, Code, Results, write_code
from .structure import Structure
from .wanted import Wanted

__all__ = ["Marshal", "MismatchError", "marshal"]

# CPython refuses more than 20 nested blocks. Beyond this depth, elements are taken one by one.
_LOOPS = 12

# The generated code counts as a file of ours: an error is never said to be in it.
_FILE = __file__.removesuffix(".py") + ".generated"


class MismatchError(Exception):
    """The arguments are not exactly like the example."""


@dataclass(frozen=True)
class Marshal:
    """The functions.

    Attributes:
        read: from the arguments and memory for the floats, of what is differentiated in and of data, to the indices,
            in order. Memory is a list, or a ``memoryview`` of doubles. Any exception means that the arguments are not
            exactly like the example.
        write: from the outputs by name, lists or memoryviews of doubles, to what the compiled function returns.
        source: the text of both.
    """

    read: Callable[[Sequence[Any], Any, Any], list[int]]
    write: Callable[[Mapping[str, Any]], Any]
    source: str


def marshal(structure: Structure, wanted: Wanted, results: Results) -> Marshal:
    """The functions for arguments of a structure and results of another."""
    code = Code()
    lines = ["def read(arguments, memory, data):", *_Reader(code).lines(structure)]
    lines += ["", "", "def write(outputs):"]
    lines += (f"    {line}" for line in write_code(code, structure, wanted, results))
    source = "\n".join(lines) + "\n"
    namespace: dict[str, Any] = {
        "K": tuple(code.constants), "Mismatch": MismatchError, "array": array, "view": memoryview,
        "whole": operator.index, "listed": _listed, "copy": _copy, **HELPERS,
    }  # fmt: skip
    exec(compile(source, _FILE, "exec"), namespace)
    return Marshal(namespace["read"], namespace["write"], source)


def _listed(value: Any) -> Any:
    """The list that stands for an array of numbers in place of a list."""
    if isinstance(value, array | memoryview) or (is_numpy(type(value)) and value.dtype.kind in "fiu"):
        return value.tolist()
    raise MismatchError


def _copy(memory: Any, start: int, floats: list[Any], pack_into: Callable[..., None]) -> None:
    """Copies numbers into memory. `pack_into`, of so many doubles, takes a third of the time of an array."""
    if type(memory) is not list:
        try:
            return pack_into(memory, 8 * start, *floats)
        except struct.error:
            pass  # it hides what a number's own conversion raises, which an array does not
    # An array takes nothing but numbers: no texts, which float() would read.
    memory[start : start + len(floats)] = array("d", floats)
    return None


class _Reader:
    """Writes ``read``."""

    def __init__(self, code: Code) -> None:
        self.constant, self.name = code.constant, code.name

    def lines(self, structure: Structure) -> Iterator[str]:
        self.start = self.end = 0
        self.memory = "memory"
        names = [self.name() for _ in structure.nodes]
        body = [f"{''.join(f'{name}, ' for name in names)}= arguments", "floats = []", "indices = []"]
        for place, (name, node) in enumerate(zip(names, structure.nodes, strict=True)):
            in_data = place not in structure.wrt
            start = structure.starts[place] - structure.size * in_data
            memory = "data" if in_data else "memory"
            if (start, memory) != (self.end, self.memory) and doubles_in(node):
                body += self.flush()
                self.start, self.end, self.memory = start, start, memory
            body += self.take(node, name, 0)
        body += [*self.flush(), "return indices"]
        return (f"    {line}" for line in body)

    def flush(self) -> Iterator[str]:
        """Copies the floats collected so far."""
        if self.end > self.start:
            yield f"if len(floats) != {self.end - self.start}: raise Mismatch"
            pack = self.constant(struct.Struct(f"{self.end - self.start}d").pack_into)
            yield f"copy({self.memory}, {self.start}, floats, {pack})"
            yield "floats = []"
        self.start = self.end

    def take(self, node: Node, name: str, loops: int) -> Iterator[str]:
        match node:
            case Scalar():
                self.end += 1
                yield f"floats.append({name})"
            case Index():
                yield f"if type({name}) is not int: {name} = whole({name})"
                yield f"if not 0 <= {name} < {node.limit}: raise Mismatch"
                yield f"indices.append({name})"
            case Fixed():
                constant = self.constant(node.value)
                yield f"if type({name}) is not type({constant}) or {name} != {constant}: raise Mismatch"
            case Vector():
                yield from self.flush()
                self.start = self.end = self.end + prod(node.shape)
                begin = self.start - prod(node.shape)
                if len(node.shape) == 1:
                    yield f"if type({name}) in (list, tuple): {name} = array('d', {name})"
                yield f"{name} = view({name})"
                yield f"if {name}.format != 'd' or {name}.shape != {node.shape}: raise Mismatch"
                cast = ".cast('B').cast('d')" if len(node.shape) > 1 else ""
                yield f"{self.memory}[{begin}:{self.end}] = {name}{cast}"
            case Items():
                yield from self.items(node, name, loops)
            case Keys():
                kind = "dict" if node.kind is dict else self.constant(node.kind)
                # A defaultdict would invent what it has not, but it has as many keys as the example.
                length = f" or len({name}) != {len(node.keys)}" if node.is_dict else ""
                yield f"if type({name}) is not {kind}{length}: raise Mismatch"
                for key, part in zip(node.keys, node.parts, strict=True):
                    element = self.name()
                    if node.kind is defaultdict:
                        yield f"if {self.constant(key)} not in {name}: raise Mismatch"
                    yield f"{element} = {name}[{self.constant(key)}]" if node.is_dict else f"{element} = {name}.{key}"
                    yield from self.take(part, element, loops)

    def items(self, node: Items, name: str, loops: int) -> Iterator[str]:
        if hasattr(node.kind, "_fields"):
            yield f"if type({name}) is not {self.constant(node.kind)}: raise Mismatch"
        else:
            yield f"if type({name}) not in (list, tuple): {name} = listed({name})"
        yield f"if len({name}) != {len(node.parts)}: raise Mismatch"
        for first, end, part in node.runs:
            whole = end - first == len(node.parts)
            chosen = name if whole else f"{name}[{first}:{end}]"
            if isinstance(part, Scalar):
                self.end += end - first
                yield f"floats += {chosen}"
            elif end - first > 2 and loops < _LOOPS and not _has_vector(part):
                element, count = self.name(), doubles_in(part)
                yield f"for {element} in {chosen}:"
                before = self.start, self.end
                body = list(self.take(part, element, loops + 1))
                self.start, self.end = before[0], before[1] + count * (end - first)
                yield from (f"    {line}" for line in body)
            else:
                for place in range(first, end):
                    element = self.name()
                    yield f"{element} = {name}[{place}]"
                    yield from self.take(part, element, loops)


def _has_vector(node: Node) -> bool:
    return isinstance(node, Vector) or (isinstance(node, Items | Keys) and any(map(_has_vector, node.parts)))
