"""Trace: runs the user's function once on symbolic scalars and records every operation as a node of a graph.

In: a function of lists of scalars and of indices. Out: a `Graph` with a node for each operation in the order in which
Python carried them out, each with the source line and scope it came from. What cannot be recorded (reading a value
into control flow, an unknown operation) is an error that names the user's line, also where the function catches it.

A traced value has a type: a `TracedScalar` computes as the eager ``Value`` does, a `TracedNumber`, through which no
gradient flows, as a float does.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any, NoReturn

from . import elementary
from .arithmetic import power
from .errors import TraceAttributeError, TraceError
from .functions import FUNCTIONS, current_scope
from .ir.builder import GraphBuilder
from .ir.graph import Graph, IndexTensor, Origin, Output, Tensor
from .ir.ops import ADD, AND, BRANCH, CHOOSE, DIV, LESS, MAX, MUL, NOT, OPS, OPS_BY_NAME, OR, POW, SAME
from .number import ArrayOperandError, Condition, Number, Scalar, real
from .user_code import called_from, described, innermost, is_users, user_frame

__all__ = ["TracedCondition", "TracedIndex", "TracedNumber", "TracedScalar", "trace", "trace_twice"]

# From the inputs and the indices by name to the results by name.
Traceable = Callable[[Mapping[str, list[Any]], Mapping[str, list[Any]]], Mapping[str, Sequence[Any]]]

# Parts of a qualified name that are no function of the user's.
_WITHIN = ("<locals>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")

# Where the frames between an operation and the user's line are.
_HERE, _METHODS = globals(), vars(elementary)

_POWER = OPS_BY_NAME["power"]


def trace(
    function: Traceable,
    name: str,
    inputs: Sequence[Tensor],
    indices: Sequence[IndexTensor] = (),
    scalar: type[TracedScalar | TracedNumber] | None = None,
) -> Graph:
    """Records one run of `function`.

    Args:
        function: is called with two mappings, from argument names to flat lists of scalars and of indices, and
            returns its results by name. Where it only hands on another function's result, ``__wrapped__`` is that one.
        name: of the graph.
        inputs, indices: the arguments, numbered without gaps.
        scalar: what the inputs are: a `TracedScalar`, whose ``/`` is that of the eager autograd (``a * b**-1``), or a
            `TracedNumber`, whose ``/`` is Python's own division of floats.

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
    try:
        results = function(arguments, numbers)
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        # Python's own words, such as "'TracedScalar' object is not iterable", perhaps from inside a library.
        if isinstance(error, TraceError) or not any(kind.__name__ in str(error) for kind in _KINDS):
            raise
        frame, line = innermost(error.__traceback__, trace.__code__) or (None, None)
        raise TraceError(described(str(error), frame, line)) from error
    if recorder.failure is not None:  # which the function caught: it went on without what it had asked for
        raise recorder.failure
    outputs = [
        Output(key, tuple(recorder.result(result, function) for result in values)) for key, values in results.items()
    ]
    graph = recorder.finish(outputs)
    recorder.close()
    return graph


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
    constant = f" {graph.constants[graph.attribute[node]]!r}" if OPS[graph.op[node]].name == "const" else ""
    return f"{OPS[graph.op[node]].name}{constant} {operands}".strip()


class _Recorder:
    """The graph being recorded, the origin of each operation, and the first error."""

    def __init__(self, build: GraphBuilder, scalar: type[TracedScalar | TracedNumber]) -> None:
        self.build: Any = build
        self.scalar = scalar
        self.failure: TraceError | None = None
        self._origins: dict[tuple[str, int, int], int] = {}
        self._numbers: dict[Origin, int] = {Origin("", "", "<input>", 0, "input"): 0}
        self._codes: list[object] = []  # keeps every code object alive, so that its id stays its own

    def input(self, number: int) -> int:
        return self.build.input(number)

    def index(self, number: int) -> int:
        return self.build.index(number)

    def operand(self, value: Any) -> int:
        """The node for a value: a traced scalar of this trace, or a number, which becomes a constant."""
        if isinstance(value, _Arithmetic):
            if value.recorder is not self:
                self.fail("a value of another trace was used; a function may only use its own arguments")
            return value.node
        self.mark()
        return self.build.const(self.real(value))

    def other(self, value: Any) -> int:
        """The node for the other operand of an operator.

        Raises:
            ArrayOperandError: if it is an array, which the operator leaves to the array.
        """
        if isinstance(value, _Arithmetic):
            return self.operand(value)
        self.mark()
        return self.build.const(self.real(value, arrays=True))

    def real(self, value: Any, arrays: bool = False) -> float:
        """The double that a plain number stands for.

        Args:
            arrays: whether an array is an `ArrayOperandError`, and no failure of the trace.
        """
        try:
            return real(value)
        except ArrayOperandError:
            if arrays:
                raise
            self.fail(f"{type(value).__name__} is not a scalar; use its elements one by one")
        except TypeError:
            self.fail(f"{type(value).__name__} is not a scalar; use numbers and the function's own arguments")
        except OverflowError:
            self.fail(f"this {type(value).__name__} is too large for a double")

    def flag(self, condition: Any) -> int:
        """The node for a condition: a comparison of this trace, or a bool."""
        if isinstance(condition, TracedCondition):
            if condition.recorder is not self:
                self.fail("a condition of another trace was used; a function may only use its own arguments")
            return condition.node
        self.mark()
        zero, holds = self.build.const(0.0), condition.holds if isinstance(condition, Condition) else condition
        return self.build.node(SAME if holds else LESS, zero, zero)

    def result(self, value: Any, function: Traceable) -> int:
        """The node for what the function has returned."""
        try:
            return self.operand(value)
        except TraceError as error:
            code = getattr(inspect.unwrap(function), "__code__", None)
            if code is None or function is inspect.unwrap(function):
                raise TraceError(f"{self.build.name} returned: {error}") from None
            where = f"{PurePath(code.co_filename).name}:{code.co_firstlineno}"
            raise TraceError(f"{where}: {code.co_qualname} returned: {error}") from None

    def fail(self, problem: str, kind: type[TraceError] = TraceError) -> NoReturn:
        """Raises an error that names the user's line; the trace fails with it even if the function goes on."""
        frame = user_frame(trace.__code__)
        error = kind(described(problem, frame, library=called_from(frame)))
        if kind is TraceError and self.failure is None:
            self.failure = error
        raise error

    def mark(self) -> None:
        """Gives the operations from now on the origin of the user's line that runs."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and ((space := frame.f_globals) is _HERE or space is _METHODS):
            frame = frame.f_back
        # Every operation comes by here. The line is looked up once a place: `f_lasti` is cheap, `f_lineno` decodes the
        # code object's line table. Only places of the user's files are known.
        scope = current_scope()
        known = self._origins.get((scope, id(frame.f_code), frame.f_lasti)) if frame is not None else None
        if known is None:
            if frame is None or not is_users(frame.f_code.co_filename):
                frame = user_frame(trace.__code__)
                if frame is None:  # a constant that the function returned
                    self.build.current_origin = 0
                    return
            code = frame.f_code
            key = (scope, id(code), frame.f_lasti)
            module = frame.f_globals.get("__name__", "?")
            self._codes.append(code)
            file = PurePath(code.co_filename).name
            origin = Origin(scope, _one_word(module), _one_line(file), frame.f_lineno, _one_word(_function(code)))
            known = self._origins[key] = self._numbers.setdefault(origin, len(self._numbers))
        self.build.current_origin = known

    def close(self) -> None:
        """Lets no value of this trace record anything from now on."""
        self.build = _Closed(self)

    def finish(self, outputs: Sequence[Output]) -> Graph:
        self.build.source = list(range(len(self.build.op)))
        self.build.origins = tuple(self._numbers)
        return self.build.finish(outputs)


class _Closed:
    """Stands in place of the builder of a trace that is over."""

    def __init__(self, recorder: _Recorder) -> None:
        object.__setattr__(self, "recorder", recorder)

    def __getattr__(self, name: str) -> NoReturn:
        self.recorder.fail(
            "a value kept from an earlier trace was used; a function may only use its own arguments, and what it "
            "computes from them has no value outside of it"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self.__getattr__(name)


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


def _refuse(problem: str) -> Callable[..., Any]:
    def method(self: _Traced, *_: object) -> NoReturn:
        self.recorder.fail(problem)

    return method


_KNOWN = (
    "the operations are + - * / ** < <= == != > >=, where(), maximum(), minimum(), select(), choose(), "
    f"{', '.join(f'{name}()' for name in sorted(FUNCTIONS))}"
)


_WRITE_WHERE = "only known when the program runs: write where(condition, a, b)"


class _Traced(Scalar):
    """What no traced value can do: tell its value while it is being traced."""

    __slots__ = ("node", "recorder")

    node: int
    recorder: _Recorder

    __bool__ = _refuse(f"a traced value was used as a condition; its value is {_WRITE_WHERE}")
    __hash__ = object.__hash__
    __float__ = __int__ = __round__ = __trunc__ = __floor__ = __ceil__ = __complex__ = _refuse(
        f"a traced value was read as a plain number (by a function of math?); {_KNOWN}"
    )
    __index__ = _refuse(
        "a traced value was used to index a list or to count; for an index of the program use select(values, index)"
    )
    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __divmod__ = __rdivmod__ = _refuse(
        f"this operator has no traced operation; {_KNOWN}"
    )
    __matmul__ = __rmatmul__ = __mod__

    __reduce_ex__ = _refuse(
        "a traced value was copied or pickled; no operation changes one, so copy the lists that hold it: list(values)"
    )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} %{self.node}>"

    def __format__(self, specification: str) -> str:
        if specification:
            self.recorder.fail(f"a traced value was formatted as a number; {_KNOWN}")
        return repr(self)

    def _where(self, condition: Any, first: Any, second: Any) -> Any:
        recorder = self.recorder
        nodes = recorder.flag(condition), recorder.operand(first), recorder.operand(second)
        recorder.mark()
        return _kind(first, second)(recorder, recorder.build.node(BRANCH, *nodes))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("data", "grad"):
            self.recorder.fail(
                f"a traced value was read (.{name}), but is only known when the program runs: use select()"
            )
        self.recorder.fail(f"there is no operation {name!r}; {_KNOWN}", TraceAttributeError)


class _Arithmetic(_Traced):
    """The operations that scalars and constants share."""

    __slots__ = ()

    def __init__(self, recorder: _Recorder, node: int) -> None:
        self.recorder = recorder
        self.node = node

    def _record(self, op: int, *others: int) -> Any:
        """Appends an operation on this value that the calling frame of the user asked for; its result is like it."""
        recorder = self.recorder
        recorder.mark()
        return type(self)(recorder, recorder.build.node(op, self.node, *others))

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, _Arithmetic | Number):
            return self._pair(_POWER, self, exponent)
        try:
            return self._record(POW, self.recorder.operand(self.recorder.real(exponent, arrays=True)))
        except ArrayOperandError:
            return NotImplemented

    def __rpow__(self, base: Any) -> Any:
        return self._pair(_POWER, base, self)

    def __pos__(self) -> Any:
        return self

    def __neg__(self) -> Any:
        return self._record(MUL, self.recorder.operand(-1))

    def _apply(self, op: int) -> Any:
        return self._record(op)

    def _pair(self, op: int, first: Any, second: Any) -> Any:
        recorder = self.recorder
        nodes = recorder.operand(first), recorder.operand(second)
        recorder.mark()
        return _kind(first, second)(recorder, recorder.build.node(op, *nodes))

    def _compare(self, op: int, first: Any, second: Any) -> TracedCondition:
        recorder = self.recorder
        nodes = recorder.operand(first), recorder.operand(second)
        recorder.mark()
        return TracedCondition(recorder, recorder.build.node(op, *nodes))

    def _choose_fixed(self, values: Sequence[Any], place: int) -> Any:
        """The value at a place; the others have their places in the order of gradients, too."""
        *others, chosen = values
        for at in range(len(others) - 1, -1, -1):
            chosen = self._where(at == place, others[at], chosen)
        return chosen if isinstance(chosen, _Arithmetic) else self._where(True, chosen, chosen)

    @staticmethod
    def constant_maximum(values: Sequence[Any]) -> TracedNumber:
        """The largest of `values`, as a constant through which no gradient flows."""
        recorder = next(value.recorder for value in values if isinstance(value, _Arithmetic))
        largest = TracedNumber(recorder, recorder.operand(values[0]))
        # One value alone is compared to itself: the operation is what keeps gradients from flowing.
        for value in values[1:] or values:
            largest = largest._record(MAX, recorder.operand(value))
        return largest


def _kind(*values: Any) -> type[TracedScalar | TracedNumber]:
    """Of a result of these: a scalar if one of them is."""
    return TracedScalar if any(isinstance(value, TracedScalar) for value in values) else TracedNumber


class TracedScalar(_Arithmetic):
    """A scalar of the program being recorded. Its arithmetic is that of the eager autograd, operation by operation."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        try:
            return self._record(ADD, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        try:
            return self._record(MUL, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __sub__(self, other: Any) -> Any:
        try:
            return self + (-other if isinstance(other, _Arithmetic) else -self.recorder.real(other, arrays=True))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            inverse = other**-1 if isinstance(other, _Arithmetic) else power(self.recorder.real(other, True), -1.0)
            return self * inverse
        except ArrayOperandError:
            return NotImplemented

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return self**-1 * other

    def constant(self, number: Any) -> TracedScalar:
        """A scalar worth `number` through which no gradient flows."""
        return TracedScalar(self.recorder, self.recorder.operand(number))


class TracedNumber(_Arithmetic):
    """A constant of the program being recorded: it stands for a plain float. ``/`` is one division.

    Among scalars it is what a float is to a ``Value``, so the operators leave that to the scalar.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(ADD, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __mul__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(MUL, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __sub__(self, other: Any) -> Any:
        try:
            if isinstance(other, TracedScalar):
                return NotImplemented
            return self + (-other if isinstance(other, TracedNumber) else -self.recorder.real(other, arrays=True))
        except ArrayOperandError:
            return NotImplemented

    def __truediv__(self, other: Any) -> Any:
        try:
            return NotImplemented if isinstance(other, TracedScalar) else self._record(DIV, self.recorder.other(other))
        except ArrayOperandError:
            return NotImplemented

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __rtruediv__(self, other: Any) -> Any:
        return TracedNumber(self.recorder, self.recorder.operand(other)) / self


class TracedIndex(_Traced):
    """A whole number that is known only when the program runs. It can choose, through ``select(values, index)``."""

    __slots__ = ("limit", "name")

    def __init__(self, recorder: _Recorder, tensor: IndexTensor, node: int) -> None:
        self.recorder, self.name, self.limit, self.node = recorder, tensor.name, tensor.limit, node

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        _refuse("an index cannot be computed with; it can only choose, through select(values, index)")
    )
    _apply = _pair = __neg__
    __lt__ = __le__ = __gt__ = __ge__ = _refuse(
        "an index was compared; it can only be equal to a whole number, or choose, through select(values, index)"
    )

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, int):
            self.recorder.fail(f"an index was compared with {type(other).__name__}; it can be equal to a whole number")
        self.recorder.mark()
        if not 0 <= other < self.limit:
            return TracedCondition(self.recorder, self.recorder.flag(False))
        return TracedCondition(self.recorder, self.recorder.build.equal(self.node, int(other)))

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    __hash__ = object.__hash__

    def select(self, values: Sequence[Any]) -> Any:
        """``values[self]``: a scalar, or among numbers a constant; where `values` are rows, a row."""
        recorder = self.recorder
        self._check_count("select", values)
        if isinstance(values[0], list | tuple):
            if not all(isinstance(row, list | tuple) and len(row) == len(values[0]) for row in values):
                recorder.fail("select() was given rows of different lengths")
            return [self.select(column) for column in zip(*values, strict=True)]
        nodes = [recorder.operand(value) for value in values[: self.limit]]
        recorder.mark()
        return _kind(*values)(recorder, recorder.build.select(self.node, nodes))

    def _choose(self, values: Sequence[Any]) -> Any:
        """``values[self]``, of which all have their places in the order of gradients."""
        recorder = self.recorder
        self._check_count("choose", values)
        nodes = [recorder.operand(value) for value in values]
        recorder.mark()
        return _kind(*values)(recorder, recorder.build.node(CHOOSE, self.node, *nodes))

    def _check_count(self, name: str, values: Sequence[Any]) -> None:
        if len(values) < self.limit:
            self.recorder.fail(
                f"{self.name} can be up to {self.limit - 1}, but there are only {len(values)} values to {name} from"
            )


class TracedCondition(_Traced):
    """Whether a comparison of the program being recorded holds. It has no gradient."""

    __slots__ = ()

    is_condition = True

    def __init__(self, recorder: _Recorder, node: int) -> None:
        self.recorder, self.node = recorder, node

    def __and__(self, other: Any) -> Any:
        return self._joined(AND, other)

    def __or__(self, other: Any) -> Any:
        return self._joined(OR, other)

    __rand__, __ror__ = __and__, __or__

    def __invert__(self) -> TracedCondition:
        return self._record(NOT)

    def _joined(self, op: int, other: Any) -> Any:
        if not isinstance(other, bool | Condition | TracedCondition):
            return NotImplemented
        return self._record(op, self.recorder.flag(other))

    def _record(self, op: int, *others: int) -> TracedCondition:
        self.recorder.mark()
        return TracedCondition(self.recorder, self.recorder.build.node(op, self.node, *others))

    __bool__ = _refuse(
        "traced values were compared to decide what Python does next; their values are "
        f"{_WRITE_WHERE}, maximum() or minimum(), and &, | and ~ for and, or and not"
    )
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __neg__ = (
        _refuse("a condition is no number: where(condition, 1, 0) is one")
    )
    _apply = _pair = _compare = __neg__


_KINDS = (TracedScalar, TracedNumber, TracedIndex, TracedCondition)
