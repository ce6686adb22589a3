"""The pipeline: every road from a function to a program, stage by stage.

A graph becomes Python (`compile_python`), or loops (`compile_loops`), and these C (`compile_c`) or JAX (`compile_jax`).
Graphs that share a memory become loops by the same stages (`form_loops`), which `loops/compile_family` is given for
each of them, as `sizes/learn` is given `compile_loops` for the sizes that it learns from. The name of a stage is the
name of its function, in dumps, timings and tables.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .c.emit_c import CText, emit_c
from .c.emit_function import FunctionText, emit_function
from .ir.graph import Graph
from .ir.rewrite import Rewritten
from .ir.verify import verify
from .kernels.accumulate import accumulate
from .kernels.batch_calls import batch_calls
from .kernels.carry import carry
from .kernels.divide import divide, meet
from .kernels.hoist import hoist_divisors, hoist_loads
from .kernels.hold import hold
from .kernels.kernel_ir import Kernel, KernelProgram
from .kernels.merge import Series
from .kernels.share import share
from .kernels.stage_powers import stage_powers
from .kernels.tile import tile
from .kernels.vectorise import vectorise
from .kernels.walk_pointers import walk_pointers
from .loops.form_reductions import form_reductions
from .loops.join_recurrences import join_recurrences
from .loops.layout import Layout
from .loops.loop_ir import LoopProgram
from .loops.looped_graph import LoopedGraph
from .loops.name_arrays import name_arrays
from .loops.place import Addressing, address, place
from .loops.reroll import reroll
from .loops.schedule import schedule as schedule_groups
from .loops.stored_nodes import stored_nodes
from .loops.transpose import Transposer
from .numerics import Numerics, current
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

if TYPE_CHECKING:
    from .jax.elements import IndexName

__all__ = [
    "GRAPH_STAGES",
    "PYTHON_STAGES",
    "Observer",
    "Stage",
    "compile_c",
    "compile_graph",
    "compile_jax",
    "compile_kernels",
    "compile_loops",
    "compile_python",
    "compile_python_map",
    "form_loops",
    "function_text",
    "program_text",
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
        product: a `Graph`; on the way to Python `Statements`, a `Schedule`, a `Layout`, or the text of a program; on
            the way to C a `Layout`, `Grouped` statements, their parts in order, a `LoopProgram`, a `KernelProgram`, a
            tuple of kernels, or a `CText`.
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
        graph = _run(observe, stage, graph, *further).graph
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
    statements = _run(observe, form_statements, graph)
    plan = _run(observe, schedule, statements)
    layout = _run(observe, allocate, plan)
    return _run(observe, emit_python, layout, heading)


def compile_python_map(graph: Graph, mapped: Sequence[str], heading: Sequence[str] = ()) -> str:
    """The Python module that carries out a clean graph of scalars for each lane of the `mapped` arguments."""
    return emit_python_map(form_statements(graph), mapped, heading)


def compile_loops(
    graph: Graph, observe: Observer | None = None, transposed: bool = True, aligned: bool = True
) -> LoopedGraph:
    """The loops of a graph without equal or dead nodes, over a memory of its own.

    Args:
        transposed: whether matrices are copied for loops that walk down their columns.
        aligned: see `Layout`.
    """
    layout, stored = Layout(aligned=aligned), stored_nodes(graph)
    _run(observe, place, layout, "graph", {0: (graph, stored)})
    where = address(layout, "graph", graph, stored)
    program = form_loops(graph, stored, layout, where, observe, own_constants=True)
    program = _run(observe, name_arrays, program, layout, graph.indices)
    if transposed:
        program = _run(observe, Transposer(layout).transpose, program)
    return LoopedGraph(graph, program, layout, where)


def form_loops(
    graph: Graph,
    stored: bytearray,
    layout: Layout,
    where: Addressing,
    observe: Observer | None = None,
    own_constants: bool = False,
) -> LoopProgram:
    """The loop program of a graph whose values are at the addresses `where`: its nests carry out every operation, each
    after those it needs.

    Args:
        own_constants: see `form_reductions`.
    """
    grouped = _run(observe, form_reductions, graph, stored, layout, where, own_constants)
    parts = _run(observe, schedule_groups, grouped.groups, layout.size)
    program = _run(observe, reroll, grouped, parts, where)
    return _run(observe, join_recurrences, program)


def compile_kernels(
    programs: Sequence[LoopProgram],
    vector_width: int,
    numerics: Numerics,
    observe: Observer | None = None,
    divided: Layout | None = None,
) -> KernelProgram:
    """The kernels of programs over one memory, and their calls.

    Args:
        vector_width: numbers in the widest vector; 1 if there are no vectors.
        divided: the layout of the memory, if threads are to run the programs together.
    """
    # Processors have instructions for a part of a vector from eight doubles on.
    shared = _run(observe, share, programs, numerics.fast or vector_width >= 8)
    kernels = shared.kernels

    def run(stage: Callable[..., Kernel], *further: Any) -> None:
        nonlocal kernels
        each = [partial(stage, kernel, *further) for kernel in kernels]
        kernels = _timed(stage.__name__, lambda: tuple(make() for make in each), observe)

    run(hoist_loads)
    if vector_width > 1:
        run(stage_powers, vector_width, numerics)
        run(tile, vector_width, numerics)
    run(vectorise, vector_width, numerics)
    run(hoist_divisors)
    run(accumulate)
    if vector_width > 1:
        run(hold)
        run(batch_calls)
    run(carry)
    run(walk_pointers, vector_width if vector_width == numerics.lanes(8) else 0)  # eight doubles, or 512 bits
    if divided is None:
        return replace(shared, kernels=kernels)
    run(divide)
    return _run(observe, meet, replace(shared, kernels=kernels), programs, divided)


def compile_c(
    programs: Sequence[LoopProgram],
    names: Sequence[str],
    layout: Layout,
    vector_width: int = 8,
    prefix: str = "",
    number: str = "",
    outside: str = "",
    series: Sequence[Series] = (),
    observe: Observer | None = None,
    divided: bool = False,
) -> CText:
    """C for programs over one memory, a function each, in the numerics in force; see `emit_c`.

    Args:
        vector_width: doubles in the widest vector, one of `prelude.VECTOR_WIDTHS`. Vectors of one number are none: then
            the C is C99.
        number: the type of numbers, ``double`` or ``float``; by default, that of the numerics.
        divided: whether threads are to run the programs together.
    """
    numerics = current()
    over = layout if divided else None
    kernels = compile_kernels(programs, numerics.lanes(vector_width), numerics, observe, over)
    what = programs, names, layout, prefix, number or numerics.number, outside, series
    return _run(observe, emit_c, kernels, *what)


def function_text(looped: LoopedGraph, name: str, vector_width: int = 8, number: str = "") -> FunctionText:
    """C for a graph that stands alone, see `program_text`."""
    return program_text(looped.program, looped.layout, name, vector_width, number)


def program_text(program: LoopProgram, layout: Layout, name: str, vector_width: int, number: str = "") -> FunctionText:
    """C for a program that stands alone, see `emit_function`."""
    body = compile_c([program], [f"{name}_program"], layout, vector_width, f"{name}_", number)
    return emit_function(body, program, layout, name, number)


def compile_jax(
    program: LoopProgram,
    indices: Sequence[IndexName] = (),
    padded: Mapping[str, str] | None = None,
    unrolled: Sequence[str] = (),
    counts: Mapping[str, str] | None = None,
) -> list[str]:
    """The body of a function in JAX.

    Args:
        indices, counts: see `emit_jax`.
        padded, unrolled: see `array_program`.
    """
    # Here, because all other roads do without.
    from .jax.emit_jax import emit_jax
    from .jax.first_rows import join_first_rows
    from .jax.program import array_program

    arrays = array_program(program, padded, unrolled)
    arrays = join_first_rows(arrays)
    return emit_jax(arrays, indices, counts)


def _run(observe: Observer | None, stage: Callable[..., T], *arguments: Any, **named: Any) -> T:
    return _timed(stage.__name__, partial(stage, *arguments, **named), observe)


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
