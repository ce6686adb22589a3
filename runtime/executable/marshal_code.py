"""Marshalling as generated code: nested arguments into flat memory, and flat results into nested ones.

In: a `Structure`. Out: two functions made for its shape. ``read`` checks and copies without walking a structure at run
time: a row of floats is one ``list.extend``, an array one copy of memory. It stops at whatever is not exactly like the
example, for `Structure.flatten` to accept or to explain. Code in place of a walk takes a nested call of 10,000 floats
from 3 ms to 0.2 ms.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from .structure import Fixed, Index, Items, Keys, Node, Scalar, Structure, Vector, doubles_in

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
        read: from the arguments and a memory for the floats to the indices, in order. `memory` is a list, or a
            ``memoryview`` of doubles. Any exception means that the arguments are not exactly like the example.
        write: from the gradient, a list or a ``memoryview`` of doubles, to a tuple with the result for each argument.
        source: the text of both.
    """

    read: Callable[[Sequence[Any], Any], list[int]]
    write: Callable[[Any], tuple[Any, ...]]
    source: str


def marshal(structure: Structure, fixed: bool = False) -> Marshal:
    """The functions for a structure.

    Args:
        fixed: whether ``write`` gives what is fixed in the example, or None in its place.
    """
    constants: list[Any] = []
    lines = ["def read(arguments, memory):", *_Reader(constants).lines(structure)]
    lines += ["", "", "def write(memory):", *_Writer(constants, fixed).lines(structure)]
    source = "\n".join(lines) + "\n"
    namespace: dict[str, Any] = {
        "K": tuple(constants), "Mismatch": MismatchError, "array": array, "rebuild": _rebuild, "view": memoryview,
    }  # fmt: skip
    exec(compile(source, _FILE, "exec"), namespace)
    return Marshal(namespace["read"], namespace["write"], source)


class _Code:
    """Lines in the making, and constants that they refer to."""

    def __init__(self, constants: list[Any]) -> None:
        self.constants = constants
        self._names = 0

    def constant(self, value: Any) -> str:
        self.constants.append(value)
        return f"K[{len(self.constants) - 1}]"

    def name(self) -> str:
        self._names += 1
        return f"v{self._names}"


class _Reader(_Code):
    """Writes ``read``."""

    def lines(self, structure: Structure) -> Iterator[str]:
        self.start = self.end = 0
        names = [self.name() for _ in structure.nodes]
        body = [f"{''.join(f'{name}, ' for name in names)}= arguments", "floats = []", "indices = []"]
        for name, node in zip(names, structure.nodes, strict=True):
            body += self.take(node, name, 0)
        body += [*self.flush(), "return indices"]
        return (f"    {line}" for line in body)

    def flush(self) -> Iterator[str]:
        """Copies the floats collected so far."""
        if self.end > self.start:
            yield f"if len(floats) != {self.end - self.start}: raise Mismatch"
            # An array takes nothing but numbers: no texts, which float() would read.
            yield f"memory[{self.start}:{self.end}] = array('d', floats)"
            yield "floats = []"
        self.start = self.end

    def take(self, node: Node, name: str, loops: int) -> Iterator[str]:
        match node:
            case Scalar():
                self.end += 1
                yield f"floats.append({name})"
            case Index():
                yield f"if type({name}) is not int or not 0 <= {name} < {node.limit}: raise Mismatch"
                yield f"indices.append({name})"
            case Fixed():
                constant = self.constant(node.value)
                yield f"if type({name}) is not type({constant}) or {name} != {constant}: raise Mismatch"
            case Vector():
                yield from self.flush()
                self.start = self.end = self.end + prod(node.shape)
                begin = self.start - prod(node.shape)
                yield f"{name} = view({name})"
                yield f"if {name}.format != 'd' or {name}.shape != {node.shape}: raise Mismatch"
                cast = ".cast('B').cast('d')" if len(node.shape) > 1 else ""
                yield f"memory[{begin}:{self.end}] = {name}{cast}"
            case Items():
                yield from self.items(node, name, loops)
            case Keys():
                # A subclass may invent what it has not, as a defaultdict does.
                yield f"if type({name}) is not dict or len({name}) != {len(node.keys)}: raise Mismatch"
                for key, part in zip(node.keys, node.parts, strict=True):
                    element = self.name()
                    yield f"{element} = {name}[{self.constant(key)}]"
                    yield from self.take(part, element, loops)

    def items(self, node: Items, name: str, loops: int) -> Iterator[str]:
        kind = f"is not {self.constant(node.kind)}" if hasattr(node.kind, "_fields") else "not in (list, tuple)"
        yield f"if type({name}) {kind} or len({name}) != {len(node.parts)}: raise Mismatch"
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


class _Writer(_Code):
    """Writes ``write``."""

    def __init__(self, constants: list[Any], fixed: bool) -> None:
        super().__init__(constants)
        self.fixed = fixed

    def lines(self, structure: Structure) -> Iterator[str]:
        at, results = 0, []
        for node in structure.nodes:
            results.append(self.result(node, "", at))
            at += doubles_in(node)
        if any("floats" in result for result in results):
            yield "    floats = memory if type(memory) is list else memory.tolist()"
        yield f"    return ({''.join(f'{result}, ' for result in results)})"

    def result(self, node: Node, base: str, at: int) -> str:
        """An expression; `base` is the text of what is to be added to the position `at`."""
        match node:
            case Scalar():
                return f"floats[{_sum(base, at)}]"
            case Fixed() if self.fixed:
                return self.constant(node.value)
            case Index() | Fixed():
                return "None"
            case Vector():
                kind, count = self.constant(node.kind), prod(node.shape)
                return f"rebuild({kind}, memory[{_sum(base, at)}:{_sum(base, at + count)}], {node.shape})"
            case Items():
                return self.items(node, base, at)
            case Keys():
                items = []
                for key, part in zip(node.keys, node.parts, strict=True):
                    items.append(f"{self.constant(key)}: {self.result(part, base, at)}")
                    at += doubles_in(part)
                return f"{{{', '.join(items)}}}"

    def items(self, node: Items, base: str, at: int) -> str:
        # Texts of elements, and of lists of elements.
        parts: list[tuple[str, bool]] = []
        for first, end, part in node.runs:
            size, count = doubles_in(part), end - first
            begin, stop = _sum(base, at), _sum(base, at + count * size)
            if isinstance(part, Scalar):
                parts.append((f"floats[{begin}:{stop}]", True))
            elif count == 1:
                parts.append((self.result(part, base, at), False))
            elif size:
                place = self.name()
                parts.append((f"[{self.result(part, place, 0)} for {place} in range({begin}, {stop}, {size})]", True))
            else:
                parts.append((f"[{self.result(part, base, at)} for _ in range({count})]", True))
            at += size * count
        if node.is_list and len(parts) == 1 and parts[0][1]:
            return parts[0][0]
        inside = "".join(f"{'*' * is_list}{text}, " for text, is_list in parts)
        if node.is_list:
            return f"[{inside}]"
        return f"{self.constant(node.kind)}._make(({inside}))" if hasattr(node.kind, "_fields") else f"({inside})"


def _has_vector(node: Node) -> bool:
    return isinstance(node, Vector) or (isinstance(node, Items | Keys) and any(map(_has_vector, node.parts)))


def _sum(base: str, at: int) -> str:
    return (f"{base} + {at}" if at else base) if base else str(at)


def _rebuild(kind: type, memory: MutableSequence[float], shape: tuple[int, ...]) -> Any:
    """An array of the kind and shape of the example's, of doubles that are its own."""
    flat = array("d", memory)
    if kind is array:
        return flat
    if kind.__module__.partition(".")[0] == "numpy":
        import numpy

        return numpy.frombuffer(flat).reshape(shape)
    return memoryview(flat) if len(shape) == 1 else memoryview(flat).cast("B").cast("d", shape)
