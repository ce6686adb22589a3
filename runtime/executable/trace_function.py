"""Tracing a function of nested arguments: its graph, and the structure of what it returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import PurePath
from typing import Any

from ...compiler.errors import TraceError
from ...compiler.ir.graph import Graph
from ...compiler.trace import check_again, trace
from .nodes import Scalar
from .results import Results, taken_apart
from .row_sums import RowLoop, rows_among
from .structure import Structure
from .wanted import Wanted

__all__ = ["Traced", "check_traced_again", "results_of", "trace_function"]


@dataclass(frozen=True)
class Traced:
    """A function that has been traced.

    Attributes:
        graph: forward.
        results: the structure of what it returns.
        loops: its sums over rows.
    """

    graph: Graph
    results: Results
    loops: list[RowLoop]


def trace_function(function: Callable[..., Any], name: str, structure: Structure, wanted: Wanted) -> Traced:
    """Runs a function once on symbolic scalars.

    Args:
        name: of the graph.
        structure: of the arguments.

    Raises:
        TraceError: if it reads a value that is only known later, or returns what cannot be differentiated as `wanted`.
    """
    found: list[tuple[Results, list[RowLoop]]] = []

    def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        scalars = [scalar for block in indices.values() for scalar in block]
        floats = [scalar for block in inputs.values() for scalar in block]
        arguments, loops = rows_among(structure.arrange(floats, scalars), floats[0].recorder)
        result = function(*(arguments[:-1] if wanted.derivative == "hvp" else arguments))
        outputs: dict[str, list[Any]] = {"value": []}
        found.append((results_of(function, name, wanted, result, outputs), loops.found))
        outputs |= loops.outputs
        return {name: leaves for name, leaves in outputs.items() if leaves or name == "value"}

    update_wrapper(run, function)  # which errors name
    graph = trace(run, name, structure.tensors, structure.indices)
    results, loops = found[0]
    if loops and wanted.derivative in ("hessian", "hvp"):
        problem = "a sum over rows, of which there is no second derivative; pass the rows as a list"
        raise _returned(function, name, problem)
    return Traced(graph, results, loops)


def check_traced_again(
    traced: Traced, function: Callable[..., Any], name: str, structure: Structure, wanted: Wanted
) -> None:
    """Runs a function that has been traced a second time.

    Raises:
        TraceError: if it does something else each time.
    """
    again = trace_function(function, name, structure, wanted)
    check_again(traced.graph, again.graph)
    if traced.results != again.results:
        problem = "a different structure each time; let it depend on the arguments alone"
        raise _returned(function, name, problem)
    if traced.loops != again.loops:
        problem = "another function of a row each time; let it depend on its arguments alone"
        raise _returned(function, name, problem)


def results_of(
    function: Callable[..., Any], name: str, wanted: Wanted, result: Any, outputs: dict[str, list[Any]]
) -> Results:
    """The structure of what a function has returned; its numbers are added to `outputs`.

    Raises:
        TraceError: if that cannot be differentiated as `wanted`.
    """
    aux = None
    if wanted.has_aux:
        if not isinstance(result, tuple | list) or len(result) != 2:
            problem = f"{_kind(result)}; with has_aux=True it returns a pair, of a result and another"
            raise _returned(function, name, problem)
        result, beside = result
        aux = taken_apart(beside, outputs.setdefault("aux", []), fixed=True)
    if result is None:
        raise _returned(function, name, "None, which is no number; is there a return missing?")
    value = taken_apart(result, outputs["value"], fixed=False)
    if wanted.derivative not in ("", "jacobian") and not isinstance(value, Scalar):
        kind = "gradient" if wanted.derivative == "gradient" else "Hessian"
        problem = (
            f"{_kind(result)}, and a {kind} is taken of one number: use microgpt.jacobian for the derivatives of each, "
            "has_aux=True for a loss with something beside it, or gradient=False for the values alone"
        )
        raise _returned(function, name, problem)
    if not outputs["value"]:
        raise _returned(function, name, "no number")
    return Results(value, aux)


def _returned(function: Callable[..., Any], name: str, problem: str) -> TraceError:
    """An error about what the function returns."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f"{PurePath(code.co_filename).name}:{code.co_firstlineno}: {code.co_qualname}" if code else name
    return TraceError(f"{where} returned {problem}")


def _kind(result: Any) -> str:
    if isinstance(result, list | tuple | dict):
        return f"a {type(result).__name__} of {len(result)}"
    return f"a value of type {type(result).__name__}"
