"""Generated code that makes what a compiled function returns from the flat outputs of its program.

In: what is `Wanted` of a function, and the structure of what it returned under the trace. Out: statements that build
the value, the auxiliary result and the derivative in the structures of the function's results and arguments.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from struct import Struct
from typing import Any

from .code import Code
from .nodes import Fixed, Index, Items, Keys, ManyRows, Node, Scalar, Vector, doubles_in, is_numpy, shape_of
from .results import Results
from .structure import Structure
from .wanted import Wanted

__all__ = ["HELPERS", "write_code"]

# So many elements that are alike are taken one by one: a slice, or a list of their own, costs as much.
_FEW = 2


def write_code(code: Code, structure: Structure, wanted: Wanted, results: Results) -> list[str]:
    """Statements that return what is wanted, of the memory ``outputs`` by name."""
    lines: list[str] = []

    def writer(output: str, **options: Any) -> _Writer:
        return _Writer(code, lines, f"outputs[{output!r}]", **options)

    def text_of(output: str, node: Node) -> str:
        return writer(output, fixed=True).result(node, "", 0)

    aux = [text_of("aux", results.aux)] if results.aux is not None else []
    derivative = [_derivative(writer, structure, wanted, results)] if wanted.derivative else []
    if wanted.value or not derivative:
        value = text_of("value", results.value)
        parts = [f"({value}, {aux[0]})" if aux else value, *derivative]
    else:
        parts = [*derivative, *aux]
    return [*lines, f"return {', '.join(parts)}"]


def _derivative(writer: Any, structure: Structure, wanted: Wanted, results: Results) -> str:
    """The derivative in each of the arguments that it is taken in."""
    kind, nodes = wanted.derivative, structure.parameters
    starts = [structure.starts[place] for place in structure.wrt]

    def together(texts: Sequence[str]) -> str:
        return texts[0] if wanted.single and len(texts) == 1 else f"({''.join(f'{text}, ' for text in texts)})"

    def blocks(node: Node, first: int) -> str:
        """The derivatives of the results that `node` has, of which the first is number `first`, in each argument."""
        return together(
            [
                writer(kind, inner=(argument, start), stride=structure.size).result(node, "", first * structure.size)
                for argument, start in zip(nodes, starts, strict=True)
            ]
        )

    if kind == "jacobian":
        return blocks(results.value, 0)
    if kind == "hessian":
        return together([blocks(node, start) for node, start in zip(nodes, starts, strict=True)])
    all_of_it = nodes[0] if wanted.single and len(nodes) == 1 else Items(tuple, nodes)
    text: str = writer(kind).result(all_of_it, "", 0)
    return text


@dataclass
class _Writer:
    """Writes an expression for a tree of numbers, or of rows of numbers, that lie one after the other.

    Attributes:
        lines: take statements that go before.
        memory: an expression for the flat numbers, prepared when the code is bound to its memory.
        floats: inside a comprehension, the variable of a list of them.
        fixed: whether what is no number is returned as it was, and not as None.
        inner: what stands in place of every number: the structure of an argument, and where in a row it begins.
        stride: the length of a row.
    """

    code: Code
    lines: list[str]
    memory: str
    floats: str = ""
    fixed: bool = False
    inner: tuple[Node, int] | None = None
    stride: int = 1
    _innermost: _Writer | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.inner is not None:
            self._innermost = _Writer(self.code, self.lines, self.memory, self.floats)

    def result(self, node: Node, base: str, at: int) -> str:
        """An expression; `base` is the text of what is to be added to the position `at`."""
        if self.inner is not None:
            block = self.block(node, base, at)
            if block:
                return block
        match node:
            case Scalar():
                if self._innermost is not None and self.inner is not None:
                    return self._innermost.result(self.inner[0], base, at + self.inner[1])
                return f"{self.floats or self.code.prepared(self.memory)}[{summed(base, at)}]"
            case Index() | ManyRows():
                return "None"
            case Fixed():
                return self.code.constant(node.value) if self.fixed else "None"
            case Vector():
                if self.inner is not None:
                    return self.items(_listed(node.shape), base, at)
                kind, count = self.code.constant(node.kind), prod(node.shape)
                return f"rebuild({kind}, {self.span(base, at, count)}, {node.shape})"
            case Items():
                return self.items(node, base, at)
            case Keys():
                items = []
                for part in node.parts:
                    items.append(self.result(part, base, at))
                    at += doubles_in(part) * self.stride
                if node.kind is not dict:
                    return f"{self.code.constant(node)}.made(({''.join(f'{item}, ' for item in items)}))"
                pairs = zip(map(self.code.constant, node.keys), items, strict=True)
                return f"{{{', '.join(f'{key}: {item}' for key, item in pairs)}}}"

    def block(self, node: Node, base: str, at: int) -> str:
        """One array, where results or argument are one; empty elsewhere."""
        assert self.inner is not None
        argument, offset = self.inner
        rows, columns = shape_of(node), shape_of(argument)
        arrays = [each for each in (node, argument) if isinstance(each, Vector) and is_numpy(each.kind)]
        if rows is None or columns is None or not arrays:
            return ""
        span = self.span(base, at, prod(rows) * self.stride)
        return f"block({span}, {self.stride}, {offset}, {prod(columns)}, {rows + columns})"

    def items(self, node: Items, base: str, at: int) -> str:
        """An expression for a sequence."""
        if not self.floats and self.inner is None:
            shape = _lists(node)
            if shape:
                cast = f".cast('B').cast('d', {shape})" if len(shape) > 1 else ""
                return f"{self.code.prepared(self.memory + _slice(at, prod(shape)) + cast)}.tolist()"
            if node.kind is tuple and len(node.runs) == 1 and isinstance(node.parts[0], Scalar):
                unpack = self.code.constant(Struct(f"{len(node.parts)}d").unpack_from)
                return f"{unpack}({self.code.prepared(self.memory)}, {8 * at})"
        # Texts of elements, and of lists of elements.
        parts: list[tuple[str, bool]] = []
        for first, end, part in node.runs:
            size, count = doubles_in(part) * self.stride, end - first
            if count <= _FEW:
                parts += [(self.result(part, base, at + place * size), False) for place in range(count)]
            elif not size:
                parts.append((f"[{self.result(part, base, at)} for _ in range({count})]", True))
            elif not self.floats:
                parts.append((self.comprehension(part, at, size, count), True))
            elif isinstance(part, Scalar) and self.inner is None:
                parts.append((f"{self.floats}[{summed(base, at)}:{summed(base, at + count)}]", True))
            else:
                place = self.code.name()
                span = f"range({summed(base, at)}, {summed(base, at + count * size)}, {size})"
                parts.append((f"[{self.result(part, place, 0)} for {place} in {span}]", True))
            at += size * count
        if node.is_list and len(parts) == 1 and parts[0][1]:
            return parts[0][0]
        inside = "".join(f"{'*' * is_list}{text}, " for text, is_list in parts)
        if node.is_list:
            return f"[{inside}]"
        return f"{self.code.constant(node.kind)}._make(({inside}))" if hasattr(node.kind, "_fields") else f"({inside})"

    def comprehension(self, part: Node, at: int, size: int, count: int) -> str:
        """An expression for a list of numbers, or of what else is alike, that is in no other comprehension."""
        span, floats = self.memory + _slice(at, size * count), self.code.name()
        if isinstance(part, Scalar) and self.inner is None:
            return f"{self.code.prepared(span)}.tolist()"
        place = self.code.name()
        element = replace(self, memory=span, floats=floats).result(part, place, 0)
        if f"{floats}[" in element:
            self.lines.append(f"{floats} = {self.code.prepared(span)}.tolist()")
        return f"[{element} for {place} in range(0, {size * count}, {size})]"

    def span(self, base: str, at: int, count: int) -> str:
        """An expression for a part of the memory."""
        if base:
            return f"{self.code.prepared(self.memory)}[{summed(base, at)}:{summed(base, at + count)}]"
        return self.code.prepared(self.memory + _slice(at, count))


def _slice(start: int, count: int) -> str:
    return f"[{start}:{start + count}]"


def _listed(shape: tuple[int, ...]) -> Items:
    """Nested lists of that shape."""
    return Items(list, (Scalar() if len(shape) == 1 else _listed(shape[1:]),) * shape[0])


def _lists(node: Node) -> tuple[int, ...]:
    """The shape of nested lists of floats; () for anything else."""
    if not isinstance(node, Items) or not node.is_list or len(node.runs) != 1:
        return ()
    if isinstance(node.parts[0], Scalar):
        return (len(node.parts),)
    inner = _lists(node.parts[0])
    return (len(node.parts), *inner) if inner else ()


def summed(base: str, at: int) -> str:
    """The text of a position."""
    return (f"{base} + {at}" if at else base) if base else str(at)


def _rebuild(kind: type, memory: memoryview[float], shape: tuple[int, ...]) -> Any:
    """An array of the kind and shape of the example's, of doubles that are its own."""
    flat = array("d", memory.tobytes())
    if kind is array:
        return flat
    if is_numpy(kind):
        import numpy

        return numpy.frombuffer(flat).reshape(shape)
    return memoryview(flat) if len(shape) == 1 else memoryview(flat).cast("B").cast("d", shape)


def _block(memory: memoryview[float], stride: int, offset: int, count: int, shape: tuple[int, ...]) -> Any:
    """Columns of rows of doubles as an array of NumPy's."""
    import numpy

    rows = numpy.array(memory, dtype=float).reshape(-1, stride)
    return numpy.ascontiguousarray(rows[:, offset : offset + count]).reshape(shape)


# What the generated code calls.
HELPERS = {"rebuild": _rebuild, "block": _block}
