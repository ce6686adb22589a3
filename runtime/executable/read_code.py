"""Generated code that reads nested arguments into flat memory."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from math import prod

from .code import Code
from .nodes import Fixed, Index, Items, Keys, ManyRows, Node, Scalar, Vector, doubles_in, indices_in
from .structure import Structure

__all__ = ["read_code"]

# CPython refuses more than 20 nested blocks. Beyond this depth, elements are taken one by one.
_LOOPS = 12


def read_code(code: Code, structure: Structure) -> Iterator[str]:
    """Statements that copy the sequence ``arguments`` into the memory ``inputs``, by name, and ``indices``.

    They raise something if the arguments are not exactly like the example.
    """
    return _Reader(code).lines(structure)


class _Reader:
    """Writes them. Floats of consecutive addresses are operands of one call that packs them."""

    def __init__(self, code: Code) -> None:
        self.constant, self.name, self.prepared = code.constant, code.name, code.prepared
        self.memory = "parameters"
        # Between these addresses of it, nothing has been packed yet.
        self.start = self.end = 0
        # The operands: those in the list ``floats``, if there is one, and the texts of further ones.
        self.in_list = False
        self.operands: list[str] = []

    def lines(self, structure: Structure) -> Iterator[str]:
        names = [self.name() for _ in structure.nodes]
        body: list[str] = []
        for place, (name, node) in enumerate(zip(names, structure.nodes, strict=True)):
            in_data = place not in structure.wrt
            start = structure.starts[place] - structure.size * in_data
            memory = "data" if in_data else "parameters"
            if (start, memory) != (self.end, self.memory) and doubles_in(node):
                body += self.flush()
                self.start, self.end, self.memory = start, start, memory
            body += self.take(node, name, 0)
        yield f"{''.join(f'{name}, ' for name in names)}= arguments"
        if any(any(indices_in(node)) for node in structure.nodes):
            body = ["numbers = []", *body, f"{self.prepared('indices')}[:] = array('i', numbers)"]
        yield from body
        yield from self.flush()

    def flush(self) -> Iterator[str]:
        """Packs what has been collected so far."""
        if self.end > self.start:
            pack = self.constant(struct.Struct(f"{self.end - self.start}d").pack_into)
            if self.in_list:
                yield from self.spill()
                yield f"{pack}(*floats)"
            else:
                yield f"{pack}({', '.join(self.target() + self.operands)})"
        self.start, self.in_list, self.operands = self.end, False, []

    def target(self) -> list[str]:
        """The memory, and where in it the first operand is packed."""
        return [self.prepared(f"inputs[{self.memory!r}]"), str(8 * self.start)]

    def spill(self) -> Iterator[str]:
        """Puts the operands in the list, since a loop will change their variables, or add others.

        The list has what a call takes beside them, too: Python would copy it once more to put that before it.
        """
        if not self.in_list:
            yield f"floats = [{', '.join(self.target() + self.operands)}]"
        elif len(self.operands) == 1 and self.operands[0][0] == "*":
            yield f"floats += {self.operands[0][1:]}"
        elif self.operands:
            yield f"floats += {', '.join(self.operands)},"
        self.in_list, self.operands = True, []

    def take(self, node: Node, name: str, loops: int) -> Iterator[str]:
        match node:
            case Scalar():
                self.end += 1
                self.operands.append(name)
            case Index():
                yield f"if type({name}) is not int: {name} = whole({name})"
                yield f"if not 0 <= {name} < {node.limit}: raise Mismatch"
                yield f"numbers.append({name})"
            case ManyRows():
                pass  # read apart from the other arguments, and once for all of its loops
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
                yield f"{self.prepared(f'inputs[{self.memory!r}][{begin}:{self.end}]')}[:] = {name}{cast}"
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
            yield f"if type({name}) is not {'list' if node.is_list else 'tuple'}: {name} = listed({name})"
        yield f"if len({name}) != {len(node.parts)}: raise Mismatch"
        for first, end, part in node.runs:
            whole = end - first == len(node.parts)
            chosen = name if whole else f"{name}[{first}:{end}]"
            if isinstance(part, Scalar):
                self.end += end - first
                self.operands.append(f"*{chosen}" if end - first > 1 else f"{name}[{first}]")
            elif end - first > 2 and loops < _LOOPS and not _has_vector(part):
                yield from self.spill()
                before = self.end
                element = self.name()
                yield f"for {element} in {chosen}:"
                body = [*self.take(part, element, loops + 1), *self.spill()]
                self.end = before + doubles_in(part) * (end - first)
                yield from (f"    {line}" for line in body)
            else:
                for place in range(first, end):
                    element = self.name()
                    yield f"{element} = {name}[{place}]"
                    yield from self.take(part, element, loops)


def _has_vector(node: Node) -> bool:
    return isinstance(node, Vector) or (isinstance(node, Items | Keys) and any(map(_has_vector, node.parts)))
