"""Results: what a compiled function returns, and generated code that makes it from the flat outputs of its program.

In: what is `Wanted` of a function, and the structure of what it returned under the trace. Out: an expression that
builds the value, the auxiliary result and the derivative in the structures of the function's results and arguments.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, defaultdict
from collections.abc import MutableSequence, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from math import prod
from typing import Any

from .nodes import Fixed, Index, Items, Keys, ManyRows, Node, Scalar, Vector, doubles_in, is_numpy, shape_of
from .structure import Structure
from .wanted import Wanted

__all__ = ["HELPERS", "Code", "Results", "summed", "taken_apart", "write_code"]


@dataclass(frozen=True)
class Results:
    """The structures of what a function returned under the trace.

    Attributes:
        value: of its result.
        aux: of its auxiliary result; None if there is none.
    """

    value: Node
    aux: Node | None = None


class Code:
    """Constants that generated code refers to, and names for its variables."""

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self._names = 0

    def constant(self, value: Any) -> str:
        """The text of a constant."""
        self.constants.append(value)
        return f"K[{len(self.constants) - 1}]"

    def name(self) -> str:
        """A variable that has not been used."""
        self._names += 1
        return f"v{self._names}"


def taken_apart(result: Any, leaves: list[Any], fixed: bool) -> Node:
    """The structure of what a function has returned; its numbers, traced or plain, are appended to `leaves`.

    Args:
        fixed: whether None, truth values and texts may be among them, to be returned as they are.
    """
    kind = type(result)
    if isinstance(result, list | tuple):
        return Items(kind, tuple(taken_apart(part, leaves, fixed) for part in result))
    if isinstance(result, dict):
        parts = tuple(taken_apart(part, leaves, fixed) for part in result.values())
        kept = kind if kind in (OrderedDict, defaultdict) else dict
        return Keys(tuple(result), parts, kept, getattr(result, "default_factory", None))
    if is_dataclass(result) and not isinstance(result, type):
        names = tuple(field.name for field in fields(result))
        return Keys(names, tuple(taken_apart(getattr(result, name), leaves, fixed) for name in names), kind)
    if fixed and (result is None or isinstance(result, bool | str)):
        return Fixed(result)
    shape: tuple[int, ...] = getattr(result, "shape", ()) if is_numpy(kind) else ()
    if shape:
        leaves += result.ravel().tolist()
        return Vector(kind, shape)
    leaves.append(result)
    return Scalar()


def write_code(code: Code, structure: Structure, wanted: Wanted, results: Results) -> list[str]:
    """The body of a function that is given the program's ``outputs`` by name and returns what is wanted."""
    lines: list[str] = []

    def writer(output: str, **options: Any) -> _Writer:
        return _Writer(code, output, f"{output}_floats", **options)

    def text_of(output: str, node: Node) -> str:
        return writer(output, fixed=True).result(node, "", 0)

    value = text_of("value", results.value)
    aux = "" if results.aux is None else text_of("aux", results.aux)
    derivative = _derivative(writer, structure, wanted, results) if wanted.derivative else ""
    if not derivative or wanted.value:
        first = f"({value}, {aux})" if aux else value
        text = f"{first}, {derivative}" if derivative else first
    else:
        text = f"{derivative}, {aux}" if aux else derivative
    for output in filter(None, ("value", "aux", wanted.derivative)):
        if f"{output}[" in text or f"{output}_floats[" in text:
            lines.append(f"{output} = outputs[{output!r}]")
        if f"{output}_floats[" in text:
            lines.append(f"{output}_floats = {output} if type({output}) is list else {output}.tolist()")
    return [*lines, f"return {text}"]


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
    return together([writer(kind).result(node, "", start) for node, start in zip(nodes, starts, strict=True)])


@dataclass
class _Writer:
    """Writes an expression for a tree of numbers, or of rows of numbers, that lie one after the other.

    Attributes:
        memory, floats: the variables of the flat numbers, and of a list of them.
        fixed: whether what is no number is returned as it was, and not as None.
        inner: what stands in place of every number: the structure of an argument, and where in a row it begins.
        stride: the length of a row.
    """

    code: Code
    memory: str
    floats: str
    fixed: bool = False
    inner: tuple[Node, int] | None = None
    stride: int = 1
    _innermost: _Writer | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.inner is not None:
            self._innermost = _Writer(self.code, self.memory, self.floats)

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
                return f"{self.floats if base else self.memory}[{summed(base, at)}]"
            case Index() | ManyRows():
                return "None"
            case Fixed():
                return self.code.constant(node.value) if self.fixed else "None"
            case Vector():
                if self.inner is not None:
                    return self.items(_listed(node.shape), base, at)
                kind, count = self.code.constant(node.kind), prod(node.shape)
                return f"rebuild({kind}, {self.memory}[{summed(base, at)}:{summed(base, at + count)}], {node.shape})"
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
        span = f"{self.memory}[{summed(base, at)}:{summed(base, at + prod(rows) * self.stride)}]"
        return f"block({span}, {self.stride}, {offset}, {prod(columns)}, {rows + columns})"

    def items(self, node: Items, base: str, at: int) -> str:
        """An expression for a sequence."""
        # Texts of elements, and of lists of elements.
        parts: list[tuple[str, bool]] = []
        for first, end, part in node.runs:
            size, count = doubles_in(part) * self.stride, end - first
            begin, stop = summed(base, at), summed(base, at + count * size)
            if isinstance(part, Scalar) and self.inner is None:
                parts.append((f"{self.floats}[{begin}:{stop}]", True))
            elif count == 1:
                parts.append((self.result(part, base, at), False))
            elif size:
                place = self.code.name()
                parts.append((f"[{self.result(part, place, 0)} for {place} in range({begin}, {stop}, {size})]", True))
            else:
                parts.append((f"[{self.result(part, base, at)} for _ in range({count})]", True))
            at += size * count
        if node.is_list and len(parts) == 1 and parts[0][1]:
            return parts[0][0]
        inside = "".join(f"{'*' * is_list}{text}, " for text, is_list in parts)
        if node.is_list:
            return f"[{inside}]"
        return f"{self.code.constant(node.kind)}._make(({inside}))" if hasattr(node.kind, "_fields") else f"({inside})"


def _listed(shape: tuple[int, ...]) -> Items:
    """Nested lists of that shape."""
    return Items(list, (Scalar() if len(shape) == 1 else _listed(shape[1:]),) * shape[0])


def summed(base: str, at: int) -> str:
    """The text of a position."""
    return (f"{base} + {at}" if at else base) if base else str(at)


def _rebuild(kind: type, memory: MutableSequence[float], shape: tuple[int, ...]) -> Any:
    """An array of the kind and shape of the example's, of doubles that are its own."""
    flat = array("d", memory)
    if kind is array:
        return flat
    if is_numpy(kind):
        import numpy

        return numpy.frombuffer(flat).reshape(shape)
    return memoryview(flat) if len(shape) == 1 else memoryview(flat).cast("B").cast("d", shape)


def _block(memory: MutableSequence[float], stride: int, offset: int, count: int, shape: tuple[int, ...]) -> Any:
    """Columns of rows of doubles as an array of NumPy's."""
    import numpy

    rows = numpy.array(memory, dtype=float).reshape(-1, stride)
    return numpy.ascontiguousarray(rows[:, offset : offset + count]).reshape(shape)


# What the generated code calls.
HELPERS = {"rebuild": _rebuild, "block": _block}
