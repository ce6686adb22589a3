"""The pipeline: the stages by name and in order, and a way to watch what each of them makes.

The name of a stage is the name of its function, in dumps, timings and tables.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from .ir.graph import Graph
from .ir.rewrite import Rewritten
from .ir.verify import verify
from .passes.cse import cse
from .passes.dce import dce
from .passes.differentiate import differentiate
from .passes.simplify import simplify
from .passes.sink_through_selects import sink_through_selects
from .python.allocate import allocate
from .python.emit_python import emit_python
from .python.emit_python_map import emit_python_map
from .python.form_statements import form_statements
from .python.schedule import schedule

__all__ = [
    "GRAPH_STAGES",
    "PYTHON_STAGES",
    "Observer",
    "Stage",
    "compile_graph",
    "compile_python",
    "compile_python_map",
    "without_collection",
]

# The stages of `compile_graph` behind the trace, for listings.
GRAPH_STAGES: tuple[Callable[..., Rewritten], ...] = (
    sink_through_selects,
    differentiate,
    simplify,
    cse,
    dce,
)
# Those of `compile_python`.
PYTHON_STAGES: tuple[Callable[..., Any], ...] = (form_statements, schedule, allocate, emit_python)


@dataclass(frozen=True)
class Stage:
    """What a stage made.

    Attributes:
        name: of its function; ``trace`` for the graph that the pipeline began with.
        product: a `Graph`, `Statements`, `Schedule`, `Layout`, or the text of a program.
        seconds: how long it took.
        ids: of a stage from graph to graph, see `Rewritten`: where each node of the graph before has gone.
    """

    name: str
    product: Any
    seconds: float
    ids: Sequence[int] = ()


Observer = Callable[[Stage], None]

T = TypeVar("T")


def compile_graph(
    traced: Callable[[], Graph],
    gradient: str | None = None,
    observe: Observer | None = None,
    check: bool = False,
    derivative: str = "gradient",
    outputs: Sequence[str] | None = None,
    initial: str | None = None,
) -> Graph:
    """Traces, differentiates and cleans a graph.

    Args:
        traced: makes the forward graph.
        gradient: the argument to differentiate in; None for the value alone.
        observe: is told of each stage.
        check: whether to verify the graph after each stage.
        derivative: ``gradient``, ``jacobian``, ``hessian`` or ``hvp``; see `differentiate`.
        outputs: those to keep; None for all.
        initial: the argument that holds the gradient or Jacobian so far, which is added to; None for zero.

    Raises:
        CompileError: if the function cannot be traced, or its gradient has no static program.
    """

    def run(stage: Callable[..., Rewritten], graph: Graph, *further: Any) -> Graph:
        graph = _timed(stage.__name__, partial(stage, graph, *further), observe).graph
        if check:
            verify(graph)
        return graph

    graph = _timed("trace", traced, observe)
    if check:
        verify(graph)
    graph = run(sink_through_selects, graph)
    if gradient is not None:
        graph = run(differentiate, graph, gradient, derivative, initial)
    graph = run(simplify, graph)
    graph = run(cse, graph)
    return run(dce, graph, outputs)


def compile_python(graph: Graph, observe: Observer | None = None, heading: Sequence[str] = ()) -> str:
    """The Python module that carries out a clean graph."""
    statements = _timed("form_statements", partial(form_statements, graph), observe)
    plan = _timed("schedule", partial(schedule, statements), observe)
    layout = _timed("allocate", partial(allocate, plan), observe)
    return _timed("emit_python", partial(emit_python, layout, heading), observe)


def compile_python_map(graph: Graph, mapped: Sequence[str], heading: Sequence[str] = ()) -> str:
    """The Python module that carries out a clean graph of scalars for each lane of the `mapped` arguments."""
    return emit_python_map(form_statements(graph), mapped, heading)


def _timed(name: str, run: Callable[[], T], observe: Observer | None) -> T:
    start = time.perf_counter()
    with without_collection():
        product = run()
    seconds = time.perf_counter() - start
    if observe and isinstance(product, Rewritten):
        observe(Stage(name, product.graph, seconds, product.ids))
    elif observe:
        observe(Stage(name, product, seconds))
    return product


@contextmanager
def without_collection() -> Iterator[None]:
    """Stages make millions of objects and no cycles: looking for garbage among them takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
