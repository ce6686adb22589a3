"""Trace: runs the user's function once on symbolic scalars and records every operation as a node of a graph.

In: a function of lists of scalars and of indices. Out: a `Graph` with a node for each operation in the order in which
Python carried them out, each with the source line and scope it came from. What cannot be recorded (reading a value
into control flow, an unknown operation) is an error that names the user's line, also where the function catches it.

A traced value has a type: a `TracedScalar` computes as the eager ``Value`` does, a `TracedNumber`, through which no
gradient flows, as a float does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import TraceError
from .ir.builder import GraphBuilder
from .ir.graph import Graph, IndexTensor, Output, Tensor
from .ir.ops import OPS
from .tracing.recorder import Recorder
from .tracing.traced_index import TracedIndex
from .tracing.traced_scalar import TracedCondition, TracedNumber, TracedScalar
from .user_code import described, innermost

__all__ = ["check_again", "trace"]

# From the inputs and the indices by name to the results by name.
Traceable = Callable[[Mapping[str, list[Any]], Mapping[str, list[Any]]], Mapping[str, Sequence[Any]]]

_KINDS = (TracedScalar, TracedNumber, TracedIndex, TracedCondition)


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
    recorder = Recorder(GraphBuilder(name, tuple(inputs), tuple(indices)), trace.__code__)
    scalar = scalar or TracedScalar
    arguments: dict[str, list[Any]] = {}
    for tensor in inputs:
        block = arguments.setdefault(tensor.argument, [])
        block += (scalar(recorder, node) for node in recorder.inputs(tensor.start, tensor.size))
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
        text = " (a traced value is only known when the program runs)" if "convert" in str(error) else ""
        raise TraceError(described(f"{error}{text}", frame, line)) from error
    if recorder.failure is not None:  # which the function caught: it went on without what it had asked for
        raise recorder.failure
    outputs = [
        Output(key, tuple(recorder.result(result, function) for result in values)) for key, values in results.items()
    ]
    graph = recorder.finish(outputs)
    recorder.close()
    return graph


def check_again(first: Graph, second: Graph) -> None:
    """Checks that a second run of a function has recorded what the first one did.

    Raises:
        TraceError: naming the first operation that differs.
    """
    if first == second:
        return
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
