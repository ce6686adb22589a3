"""Trace: runs the user's function once on symbolic scalars and records every operation as a node of a graph.

In: a function of lists of scalars and of indices. Out: a `Graph` with a node for each operation in the order in which
Python carried them out, each with the source line and scope it came from. What cannot be recorded (reading a value
into control flow, an unknown operation) is an error that names the user's line.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any, NoReturn

from .arithmetic import power
from .errors import TraceError
from .functions import current_scope
from .ir.builder import GraphBuilder
from .ir.graph import Graph, IndexTensor, Origin, Output, Tensor
from .ir.ops import ADD, DIV, EXP, INDEX, INPUT, LOG, MAX, MUL, OPS, POW, RELU

__all__ = ["TracedIndex", "TracedNumber", "TracedScalar", "trace", "trace_twice"]

# From the inputs and the indices by name to the results by name.
Traceable = Callable[[Mapping[str, list[Any]], Mapping[str, list[Any]]], Mapping[str, Sequence[Any]]]

# Parts of a qualified name that are no function of the user's.
_WITHIN = ("<locals>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")

_HERE, _FUNCTIONS = globals(), current_scope.__globals__


def trace(
    function: Traceable,
    name: str,
    inputs: Sequence[Tensor],
    indices: Sequence[IndexTensor] = (),
    scalar: type[TracedScalar] | None = None,
) -> Graph:
    """Records one run of `function`.

    Args:
        function: is called with two mappings, from argument names to flat lists of scalars and of indices, and
            returns its results by name.
        name: of the graph.
        inputs, indices: the arguments, numbered without gaps.
        scalar: `TracedScalar`, whose ``/`` is that of the eager autograd (``a * b**-1``), or `TracedNumber`, whose
            ``/`` is Python's own division of floats.

    Raises:
        TraceError: if the function cannot be recorded.
    """
    recorder = _Recorder(GraphBuilder(name, tuple(inputs), tuple(indices)), scalar or TracedScalar)
    arguments: dict[str, list[Any]] = {}
    for tensor in inputs:
        block = arguments.setdefault(tensor.argument, [])
        block += (recorder.scalar(recorder, recorder.input(tensor.start + offset)) for offset in range(tensor.size))
    numbers: dict[str, list[Any]] = {
        tensor.name: [
            TracedIndex(recorder, tensor, recorder.index(tensor.start + place)) for place in range(tensor.count)
        ]
        for tensor in indices
    }
    results = function(arguments, numbers)
    outputs = [Output(key, tuple(recorder.operand(result) for result in values)) for key, values in results.items()]
    return recorder.finish(outputs)


def trace_twice(*arguments: Any, **options: Any) -> Graph:
    """`trace`, and an error if a second run of the function records something else.

    Raises:
        TraceError: naming the first operation that differs.
    """
    first, second = trace(*arguments, **options), trace(*arguments, **options)
    if first == second:
        return first
    for node in range(max(len(first), len(second))):
        rows = [_describe(graph, node) for graph in (first, second)]
        if rows[0] != rows[1]:
            where = first if node < len(first) else second
            raise TraceError(
                f"the function computes something else each time it is traced: operation {node} is {rows[0]} at "
                f"first and {rows[1]} then ({where.origins[where.origin[node]]}); let it depend on its arguments alone"
            )
    raise TraceError("the function returns something else each time it is traced; let it depend on its arguments alone")


def _describe(graph: Graph, node: int) -> str:
    if node >= len(graph):
        return "nothing"
    operands = ", ".join(f"%{operand}" for operand in graph.operands(node))
    constant = f" {graph.constants[graph.a[node]]!r}" if OPS[graph.op[node]].name == "const" else ""
    return f"{OPS[graph.op[node]].name}{constant} {operands}".strip()


class _Recorder:
    """The graph being recorded, and the origin of each operation."""

    def __init__(self, build: GraphBuilder, scalar: type[TracedScalar]) -> None:
        self.build = build
        self.scalar = scalar
        self._origins: dict[tuple[str, int, int], int] = {}
        self._numbers: dict[Origin, int] = {Origin("", "", "<input>", 0, "input"): 0}
        self._codes: list[object] = []  # keeps every code object alive, so that its id stays its own

    def record(self, op: int, a: int, b: int = 0) -> TracedScalar:
        """Appends an operation that the calling frame of the user asked for."""
        build = self.build
        build.current_origin = self._here()
        return self.scalar(self, build.node(op, a, b))

    def input(self, number: int) -> int:
        return self.build.node(INPUT, number)

    def index(self, number: int) -> int:
        return self.build.node(INDEX, number)

    def operand(self, value: Any) -> int:
        """The node for a value: a traced scalar of this trace, or a number, which becomes a constant."""
        if isinstance(value, TracedScalar):
            if value.recorder is not self:
                fail("a value of another trace was used; a function may only use its own arguments")
            return value.node
        if isinstance(value, int | float):
            self.build.current_origin = self._here()
            try:
                return self.build.const(float(value))
            except OverflowError:
                fail(f"the number {value} is too large for a double")
        fail(f"{type(value).__name__} is not a scalar; use numbers and the function's own arguments")

    def _here(self) -> int:
        frame = user_frame()
        # The line is looked up once a place: `f_lasti` is cheap, `f_lineno` decodes the code object's line table.
        key = (current_scope(), id(frame.f_code), frame.f_lasti)
        known = self._origins.get(key)
        if known is None:
            code = frame.f_code
            module = frame.f_globals.get("__name__", "?")
            self._codes.append(code)
            file = PurePath(code.co_filename).name
            origin = Origin(key[0], _one_word(module), _one_line(file), frame.f_lineno, _one_word(_function(code)))
            known = self._origins[key] = self._numbers.setdefault(origin, len(self._numbers))
        return known

    def finish(self, outputs: Sequence[Output]) -> Graph:
        self.build.source = list(range(len(self.build.op)))
        self.build.origins = tuple(self._numbers)
        return self.build.finish(outputs)


def _one_line(text: str) -> str:
    """`text` without what would break a line of a dump or a comment of generated code."""
    return "".join(character if character.isprintable() else "_" for character in text) or "_"


def _one_word(text: object) -> str:
    return _one_line(str(text)).replace(" ", "_")


def _function(code: CodeType) -> str:
    """The function that `code` belongs to; what a comprehension computes belongs to the function that it stands in.

    Since Python 3.12 list comprehensions have no frame of their own (PEP 709), so their names would differ between
    versions.
    """
    names = (name for name in reversed(code.co_qualname.split(".")) if name not in _WITHIN)
    return next(names, "<module>")


def user_frame() -> FrameType:
    """The innermost frame outside this module and `functions`, whose rules stand between the user and us."""
    frame = sys._getframe(1)
    while frame.f_globals is _HERE or frame.f_globals is _FUNCTIONS:
        assert frame.f_back is not None
        frame = frame.f_back
    return frame


def fail(problem: str) -> NoReturn:
    """Raises a `TraceError` that names the user's line."""
    frame = user_frame()
    path, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, line).strip()
    raise TraceError(f"{PurePath(path).name}:{line}: {problem}" + (f"  [{text}]" if text else ""))


def _refuse(problem: str) -> Callable[..., Any]:
    def method(self: object, *_: object) -> NoReturn:
        fail(problem)

    return method


_KNOWN = "the operations are + - * / **, log(), exp(), relu(), maximum() and select()"


class _Traced:
    """What no traced value can do: tell its value while it is being traced."""

    __slots__ = ()

    __bool__ = _refuse(
        "a traced value was used as a condition; its value is only known when the program runs: use relu(), maximum() "
        "or select()"
    )
    __lt__ = __le__ = __gt__ = __ge__ = _refuse(
        "traced values were compared; their values are only known when the program runs: use relu() or maximum()"
    )
    __eq__ = __ne__ = _refuse(
        "traced values were tested for equality; their values are only known when the program runs: use select()"
    )
    __hash__ = object.__hash__
    __float__ = __int__ = __round__ = __trunc__ = __floor__ = __ceil__ = __complex__ = _refuse(
        f"a traced value was read as a plain number (by a function of math?); {_KNOWN}"
    )
    __index__ = _refuse(
        "a traced value was used to index a list or to count; for an index of the program use select(values, index)"
    )
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __matmul__ = __rmatmul__ = __divmod__ = __abs__ = _refuse(
        f"this operator has no traced operation; {_KNOWN}"
    )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("data", "grad"):
            fail(
                f"a traced value was read (.{name}), but is only known when the program runs: use maximum() or select()"
            )
        fail(f"there is no operation {name!r}; {_KNOWN}")


class TracedScalar(_Traced):
    """A scalar of the program being recorded. Its arithmetic is that of the eager autograd, operation by operation."""

    __slots__ = ("node", "recorder")

    def __init__(self, recorder: _Recorder, node: int) -> None:
        self.recorder = recorder
        self.node = node

    def __add__(self, other: Any) -> TracedScalar:
        recorder = self.recorder
        return recorder.record(ADD, self.node, recorder.operand(other))

    def __mul__(self, other: Any) -> TracedScalar:
        recorder = self.recorder
        return recorder.record(MUL, self.node, recorder.operand(other))

    def __pow__(self, exponent: Any) -> TracedScalar:
        if isinstance(exponent, TracedScalar):
            fail("the exponent of ** must be a plain number")
        return self.recorder.record(POW, self.node, self.recorder.operand(exponent))

    def __rpow__(self, base: Any) -> NoReturn:
        fail("the exponent of ** must be a plain number; write b ** x as (x * log(b)).exp()")

    def log(self) -> TracedScalar:
        """The natural logarithm."""
        return self.recorder.record(LOG, self.node)

    def exp(self) -> TracedScalar:
        """The exponential."""
        return self.recorder.record(EXP, self.node)

    def relu(self) -> TracedScalar:
        """``max(0, self)``"""
        return self.recorder.record(RELU, self.node)

    def __neg__(self) -> TracedScalar:
        return self * -1

    def __sub__(self, other: Any) -> TracedScalar:
        return self.__add__(-other)

    def __truediv__(self, other: Any) -> TracedScalar:
        return self.__mul__(other**-1 if isinstance(other, TracedScalar) else _inverse(other))

    def __radd__(self, other: Any) -> TracedScalar:
        return self.__add__(other)

    def __rmul__(self, other: Any) -> TracedScalar:
        return self.__mul__(other)

    def __rsub__(self, other: Any) -> TracedScalar:
        return self.__neg__().__add__(other)

    def __rtruediv__(self, other: Any) -> TracedScalar:
        return self.__pow__(-1).__mul__(other)

    @staticmethod
    def maximum(values: Sequence[Any]) -> TracedScalar:
        """The largest of `values`, as a constant through which no gradient flows."""
        recorder = next(value.recorder for value in values if isinstance(value, TracedScalar))
        largest = recorder.operand(values[0])
        # One value alone is compared to itself: the operation is what keeps gradients from flowing.
        for value in values[1:] or values:
            largest = recorder.record(MAX, largest, recorder.operand(value)).node
        return recorder.scalar(recorder, largest)


class TracedNumber(TracedScalar):
    """A scalar that stands for a plain float: ``/`` is one division, as Python divides floats."""

    __slots__ = ()

    def __truediv__(self, other: Any) -> TracedScalar:
        return self.recorder.record(DIV, self.node, self.recorder.operand(other))

    def __rtruediv__(self, other: Any) -> TracedScalar:
        return self.recorder.record(DIV, self.recorder.operand(other), self.node)


class TracedIndex(_Traced):
    """A whole number that is known only when the program runs. It can choose, through ``select(values, index)``."""

    __slots__ = ("limit", "name", "node", "recorder")

    def __init__(self, recorder: _Recorder, tensor: IndexTensor, node: int) -> None:
        self.recorder, self.name, self.limit, self.node = recorder, tensor.name, tensor.limit, node

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        _refuse("an index cannot be computed with; it can only choose, through select(values, index)")
    )

    def select(self, values: Sequence[Any]) -> Any:
        """``values[self]``: a scalar, or where `values` are rows, a row."""
        if len(values) < self.limit:
            fail(f"{self.name} can be up to {self.limit - 1}, but there are only {len(values)} values to select from")
        if isinstance(values[0], list | tuple):
            return [self.select(column) for column in zip(*values, strict=True)]
        recorder = self.recorder
        nodes = [recorder.operand(value) for value in values[: self.limit]]
        recorder.build.current_origin = recorder._here()
        return recorder.scalar(recorder, recorder.build.select(self.node, nodes))


def _inverse(number: Any) -> float:
    if not isinstance(number, int | float):
        fail(f"{type(number).__name__} is not a scalar")
    return power(float(number), -1.0)
