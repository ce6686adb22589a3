"""Sums over rows of data: ``sum_rows(function, rows, *shared)``, on plain numbers, on the eager `Value`, and traced.

A sum over rows has a derivative in each shared scalar: the sum of the rows' derivatives, added up from the first row
on, as a loop of ``backward()`` adds them. `sum_rows` computes both at once, and attaches the derivatives to the sum:
the backward pass multiplies each with the gradient of the sum. So a compiled function is a loop over the rows between
two programs that do not know how many rows there are. Under a trace, the function of a row is a graph of its own, a
`RowLoop`, and the sums and their derivatives are inputs of the graph around it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import update_wrapper
from typing import Any, NoReturn

from ...compiler.errors import TraceError
from ...compiler.ir.graph import Graph, Tensor
from ...compiler.ir.names import identifier
from ...compiler.ir.ops import ATTACH
from ...compiler.number import Number
from ...compiler.trace import trace
from ...compiler.tracing.recorder import Recorder, passed_through
from ...compiler.tracing.traced_scalar import Arithmetic, TracedNumber, TracedScalar
from .. import arguments as checked
from ..value import Value
from .nodes import ManyRows, build, is_numpy
from .results import taken_apart
from .row_data import inputs_of, listed, parts_of
from .wanted import argument_names

__all__ = ["ROW", "SHARED", "LoopTrace", "RowLoop", "TracedRows", "mean_rows", "rows_among", "sum_rows"]

passed_through(globals())

# The arguments of the graph of a row.
SHARED, ROW = "shared", "row"


def sum_rows(function: Callable[..., Any], rows: Any, *shared: Any) -> Any:
    """The sum of ``function(*shared, *row)`` over rows of data.

    In a compiled function, `rows` is an argument that was declared with ``rows(row)``, and the sum is a loop over as
    many rows as a call brings. Elsewhere they are a sequence of rows: of plain numbers, or with `Value` among `shared`,
    which then get the same bits. No gradient flows into the rows.

    Args:
        function: computes a scalar, or nested lists, tuples and dicts of scalars, of the shared arguments and the parts
            of a row. It may use no other scalars of the function around it.
        rows: at least one row: a tuple of its parts, or the only part.
        shared: what the function needs beside the row: scalars in lists, tuples, dicts and dataclasses, and numbers.

    Returns:
        what `function` returns, with the sum over all rows in place of every scalar. Its gradient is the sum of the
        rows' gradients, added up from the first row on.

    Raises:
        TraceError: if the function cannot be recorded, or uses scalars that are not among its arguments.
        TypeError: if the rows have no order.
        ValueError: if there are none.

    Example:
        >>> def squared(weights, x, y):
        ...     return (weights[0] * x + weights[1] - y) ** 2
        >>> def loss(weights, data):
        ...     return microgpt.sum_rows(squared, data, weights) + 0.1 * weights[0] ** 2
        >>> compiled = microgpt.compile(loss, [0.0, 0.0], microgpt.rows((1.0, 1.0)), wrt="weights")
        >>> compiled([1.0, 0.0], [(1.0, 1.0), (2.0, 4.0)])
        (4.1, [-7.8, -4.0])
    """
    return _over_rows("sum_rows", function, rows, shared, mean=False)


def mean_rows(function: Callable[..., Any], rows: Any, *shared: Any) -> Any:
    """The mean of ``function(*shared, *row)`` over rows of data: what `sum_rows` gives, divided by their number.

    Args:
        function, rows, shared: as for `sum_rows`.

    Raises:
        TraceError, TypeError, ValueError: as `sum_rows` does.
    """
    return _over_rows("mean_rows", function, rows, shared, mean=True)


def _over_rows(name: str, function: Callable[..., Any], rows: Any, shared: Sequence[Any], mean: bool) -> Any:
    checked.function("function", function)
    if isinstance(rows, TracedRows):
        problem = _misfit(name, function, len(shared), len(rows.node.row.nodes))
        if problem:
            rows.loops.recorder.fail(problem)
        return rows.loops.record(rows, function, shared, mean)
    found = listed(rows, "rows")
    numbers: list[Any] = []
    _replaced([found, list(shared)], numbers.append)
    traced = next((number for number in numbers if isinstance(number, TracedScalar | TracedNumber)), None)
    if traced is not None:
        traced.recorder.fail(
            f"the second argument of {name} is no rows of data: declare them in the example with rows(row), and write "
            f"{name}(function, rows, *shared)"
        )
    return _eagerly(name, function, found, shared, mean)


def _misfit(name: str, function: Callable[..., Any], shared: int, parts: int) -> str:
    """What is wrong with a function that does not take so many arguments; nothing if it does."""
    try:
        inspect.signature(function).bind(*range(shared + parts))
    except TypeError:
        called = ", ".join(argument_names(function, shared + parts))
        return (
            f"{name} calls {getattr(function, '__name__', 'the function')}({called}), with what stands behind the rows "
            f"({shared}) and the parts of a row ({parts}), but it does not take {shared + parts} arguments"
        )
    except ValueError:  # a function of C that does not say what it takes
        pass
    return ""


def _replaced(tree: Any, change: Callable[[Any], Any]) -> Any:
    """A tree with its scalars, traced or eager ones, changed, and everything else as it is."""
    if isinstance(tree, Value | Arithmetic):
        return change(tree)
    if isinstance(tree, list | tuple):
        parts = [_replaced(part, change) for part in tree]
        if isinstance(tree, list):
            return parts
        return type(tree)._make(parts) if hasattr(tree, "_make") else tuple(parts)
    if isinstance(tree, dict):
        return {key: _replaced(part, change) for key, part in tree.items()}
    if is_dataclass(tree) and not isinstance(tree, type):
        copied: Any = object.__new__(type(tree))
        for field in fields(tree):
            object.__setattr__(copied, field.name, _replaced(getattr(tree, field.name), change))
        return copied
    if is_numpy(type(tree)) and getattr(tree, "dtype", None) is not None and tree.dtype.kind == "O":
        import numpy

        flat = numpy.empty(tree.size, dtype=object)
        flat[:] = [_replaced(part, change) for part in tree.ravel().tolist()]
        return flat.reshape(tree.shape)
    return tree


def _eagerly(name: str, function: Callable[..., Any], rows: list[Any], shared: Sequence[Any], mean: bool) -> Any:
    given: list[Value] = []
    copies: list[Value] = []

    def copy(value: Any) -> Value:
        given.append(value)
        copies.append(Value(value.data))
        return copies[-1]

    own = _replaced(list(shared), copy)
    if problem := _misfit(name, function, len(own), len(parts_of(rows[0]))):
        raise TypeError(problem)
    eager = bool(given) or any(_has_value(row) for row in rows)

    def results_of(row: Any) -> tuple[Any, list[Any]]:
        leaves: list[Any] = []
        parts = [_with_values(part) for part in parts_of(row)] if eager else parts_of(row)
        node = taken_apart(function(*own, *parts), leaves, fixed=True)
        return node, leaves

    node, results = results_of(rows[0])
    _check_captured(name, results, results_of(rows[0])[1], copies)
    totals = [0.0] * len(results)
    scalars = [isinstance(result, Value) for result in results]
    slopes = [[0.0] * len(copies) for _ in results]
    for place, row in enumerate(rows):
        found, results = (node, results) if place == 0 else results_of(row)
        if found != node:
            raise TypeError(f"{name}: the function returns another structure for rows[{place}] than for rows[0]")
        for number, result in enumerate(results):
            if not isinstance(result, Value):
                totals[number] += float(result)
                continue
            totals[number] += result.data
            for value, slope in zip(copies, slopes[number], strict=True):
                value.grad = slope
            # A node of its own: `backward` sets the gradient of what it is called on, and that may be a copy.
            end = Value(result.data, (result,), (1.0,))
            end.backward()
            slopes[number] = [value.grad for value in copies]
            for value in end._walk():  # results may share what they are computed from
                value.grad = 0.0
    if mean:
        totals = [total / len(rows) for total in totals]
        slopes = [[slope / len(rows) for slope in own] for own in slopes]
    sums: list[Any] = []
    for total, is_scalar, own in zip(totals, scalars, slopes, strict=True):
        if not is_scalar:
            sums.append(Number(total) if eager else total)
            continue
        result = Value(total)
        for value, slope in zip(given, own, strict=True):
            result = Value(total, (result, value), (1.0, slope))
        sums.append(result)
    return build(node, iter(sums), iter(()))


def _has_value(tree: Any) -> bool:
    found: list[Any] = []
    _replaced(tree, found.append)
    return bool(found)


def _with_values(tree: Any) -> Any:
    """A row's part with values in place of its floats; those that are values are copied, since rows get no gradient."""
    if isinstance(tree, float | Value):
        return Value(tree.data if isinstance(tree, Value) else tree)
    if isinstance(tree, list | tuple):
        parts = [_with_values(part) for part in tree]
        if isinstance(tree, list):
            return parts
        return type(tree)._make(parts) if hasattr(tree, "_make") else tuple(parts)
    if isinstance(tree, dict):
        return {key: _with_values(part) for key, part in tree.items()}
    if is_numpy(type(tree)) and tree.dtype.kind == "f":
        return _with_values(tree.tolist())
    return _replaced(tree, _with_values)


def _check_captured(name: str, results: list[Any], again: list[Any], copies: list[Value]) -> None:
    """Refuses scalars that are no arguments: they are the same ones in every call."""
    first, second = (
        {id(value): value for result in each if isinstance(result, Value) for value in result._walk()}
        for each in (results, again)
    )
    if (first.keys() & second.keys()) - {id(value) for value in copies}:
        raise TypeError(
            f"{name}: the function uses a scalar that is not among its arguments; pass it behind the rows: "
            f"{name}(function, rows, scalar), and the function takes it before the parts of a row"
        )


@dataclass(frozen=True)
class RowLoop:
    """A sum over rows in a function that was traced.

    Attributes:
        place: of the rows among the arguments of the function.
        graph: of one row: ``results (shared, row)``.
        size, row_size, count: how many shared scalars, floats of a row, and results there are.
        mean: whether the sums are divided by the number of rows.
        start: the number of the first input of the graph around it that holds a sum; behind the sums are their
            derivatives, by sum.
        shared: the output of the graph around it that the shared scalars are.
        names: of the parts of a row.
    """

    place: int
    graph: Graph
    size: int
    row_size: int
    count: int
    mean: bool
    start: int
    shared: str
    names: tuple[str, ...]

    @property
    def index_count(self) -> int:
        """How many whole numbers a row has."""
        return sum(tensor.count for tensor in self.graph.indices)


class TracedRows:
    """Rows of data in a function that is being traced: not to be looked at, since their number is known in calls only.

    Args:
        loops: of the trace.
        place: among the arguments of the function.
    """

    def __init__(self, loops: LoopTrace, place: int, node: ManyRows) -> None:
        self.loops, self.place, self.node = loops, place, node

    def _refuse(self, *_: object) -> NoReturn:
        self.loops.recorder.fail(
            "rows of data were looked at, but how many they are and what they hold is only known when the program "
            "runs: write sum_rows(function, rows, *shared) or mean_rows(function, rows, *shared), where function takes "
            "one row"
        )

    __iter__ = __len__ = __getitem__ = __bool__ = __contains__ = __reversed__ = __array__ = _refuse


class LoopTrace:
    """What one trace of a function records of its sums over rows.

    Attributes:
        found: the loops.
        outputs: by name, the shared scalars of each.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.found: list[RowLoop] = []
        self.outputs: dict[str, list[Any]] = {}

    def record(self, rows: TracedRows, function: Callable[..., Any], shared: Sequence[Any], mean: bool) -> Any:
        """A sum over rows, of the trace's scalars."""
        recorder, structure = self.recorder, rows.node.row
        given: list[Arithmetic] = []
        _replaced(list(shared), given.append)
        leaves: list[Any] = []
        nodes: list[Any] = []

        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            numbers = iter(inputs.get(SHARED, ()))

            def own(value: Any) -> Any:
                scalar = next(numbers)
                return scalar if isinstance(value, TracedScalar) else TracedNumber(scalar.recorder, scalar.node)

            chosen = [scalar for block in indices.values() for scalar in block]
            parts = structure.arrange(inputs.get(ROW, ()), chosen)
            nodes.append(taken_apart(function(*_replaced(list(shared), own), *parts), leaves, fixed=True))
            return {"results": leaves}

        update_wrapper(run, function)
        size, name = len(given), identifier(getattr(function, "__name__", "function"))
        tensors = [Tensor(SHARED, SHARED, 0, (size,))] if size else []
        row_tensors = inputs_of(structure, ROW, size)
        try:
            outer = [recorder.operand(value) for value in given]
            graph = trace(run, name, [*tensors, *row_tensors], structure.indices)
            if not leaves:
                recorder.fail(f"{name} returned no number to add up over rows; is there a return missing?")
        except TraceError as error:
            recorder.failure = recorder.failure or error
            raise
        build_outer, number = recorder.build, len(self.found)
        start = sum(tensor.size for tensor in build_outer.inputs)
        extra = [Tensor(f"sums{number}", f"sums{number}", start, (len(leaves),))]
        if size:
            extra.append(Tensor(f"slopes{number}", f"slopes{number}", start + len(leaves), (len(leaves), size)))
        build_outer.inputs = (*build_outer.inputs, *extra)
        self.outputs[f"shared{number}"] = list(given)
        row_size = sum(tensor.size for tensor in row_tensors)
        names = argument_names(function, len(shared) + len(structure.nodes))[len(shared) :]
        loop = RowLoop(rows.place, graph, size, row_size, len(leaves), mean, start, f"shared{number}", tuple(names))
        self.found.append(loop)
        recorder.mark()
        sums: list[Any] = []
        for place, leaf in enumerate(leaves):
            at = build_outer.input(start + place)
            if not isinstance(leaf, TracedScalar):
                sums.append(TracedNumber(recorder, at))
                continue
            for other, (value, scalar) in enumerate(zip(outer, given, strict=True)):
                # Also where a row does not depend on it: as on `Value`, zero times infinity is NaN.
                if isinstance(scalar, TracedScalar):
                    slope = build_outer.input(start + len(leaves) + place * size + other)
                    at = build_outer.node(ATTACH, at, value, slope)
            sums.append(TracedScalar(recorder, at))
        return build(nodes[0], iter(sums), iter(()))


def rows_among(arguments: Iterable[Any], recorder: Recorder) -> tuple[list[Any], LoopTrace]:
    """The arguments of a function that is traced, with what stands for rows of data."""
    loops = LoopTrace(recorder)
    return [
        TracedRows(loops, place, argument) if isinstance(argument, ManyRows) else argument
        for place, argument in enumerate(arguments)
    ], loops
