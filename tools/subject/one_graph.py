"""One graph as a subject: what a function, and the function of a row of data, have in common."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from random import Random

from ...compiler.ir.graph import Graph
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.looped_graph import LoopedGraph
from ...compiler.loops.unroll import unroll
from ...compiler.numerics import Numerics, numerics
from ...compiler.pipeline import compile_loops, function_text, without_collection
from ...runtime.executable.estimate import (
    BASE_BYTES,
    C_BYTES,
    C_COST,
    GRAPH_BYTES,
    PAGE_BYTES,
    PYTHON_COST,
    SMALL,
    Estimate,
)
from ...runtime.executable.executable import Executable, c_head, compile_executable, python_heading
from ...runtime.executable.export import export_function
from ...runtime.machine.find_toolchain import vector_width_here
from ...runtime.machine.stopwatch import best_seconds
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
from .c_program import CProgram
from .subject import Subject

__all__ = ["GraphSubject"]

# Seconds that an operation takes in one pass through the compiler (see `runtime/executable/estimate.py`).
_SECONDS = 6e-6


class GraphSubject(Subject):
    """A program that is one graph.

    Args:
        final: the graph, clean.
        example: by argument, numbers that it is defined for.
        chosen: the numerics that it was compiled with.
    """

    about: Mapping[str, str | None] = {"kind": "function", "length": None}

    def __init__(self, final: Graph, example: Mapping[str, Sequence[float]], chosen: Numerics) -> None:
        self.final, self.numerics = final, chosen
        self.example: Mapping[str, Sequence[float]] = {
            name: example[name] for name in final.arguments() if name in example
        }
        self.heading = python_heading(final)

    @cached_property
    def looped(self) -> LoopedGraph:
        """The loops of its graph."""
        with without_collection():
            return compile_loops(self.final)

    def loops(self, graph: Graph) -> tuple[LoopProgram, Layout]:
        return self.looped.program, self.looped.layout

    def c_program(self, graph: Graph, vector_width: int | None = None) -> CProgram:
        looped, width = self.looped, vector_width or vector_width_here()
        with without_collection():
            function = function_text(looped, "run", width)
            unrolled = unroll(looped.program, graph, looped.layout, looped.where.inputs)
        head = c_head(graph, function.text, width)
        return CProgram(
            head + function.text,
            function.body,
            head.count("\n") + function.body_line,
            function.name,
            looped.program,
            unrolled,
            looped.layout,
            "run_begin",
            {name: looped.layout.arguments[name][0] for name in graph.arguments()},
        )

    def executable(self, target: str, report: Report = silent) -> Executable:
        """The graph's program for a target; compiled if it is not in the cache.

        Raises:
            ToolchainError: if the target is ``c`` and there is no compiler for it.
        """
        return compile_executable(self.final, target, Cache.open(), report=report)

    def python_source(self, report: Report = silent, jobs: int | None = None) -> str:
        return self.executable("python", report).source

    def c_source(self, report: Report = silent) -> str:
        return self.executable("c", report).source

    def stopwatch(self, report: Report = silent) -> Callable[[], float]:
        executable = GraphSubject.executable(self, "c", report)
        inputs, indices = self.ordinary_inputs()
        workspace = executable.workspace()
        for name, numbers in inputs.items():
            workspace.inputs[name][:] = array("d", numbers)
        workspace.indices[:] = array("i", indices)

        def turns(count: int) -> None:
            for _ in range(count):
                workspace.run()

        return lambda: best_seconds(turns)

    def ordinary_inputs(self) -> tuple[Mapping[str, Sequence[float]], Sequence[int]]:
        rng = Random(self.name)
        indices = [rng.randrange(tensor.limit) for tensor in self.final.indices for _ in range(tensor.count)]
        # Sums over rows, and what a row shares with the others, have no example.
        spans = self.final.arguments().items()
        return {name: self.example.get(name, [1.0] * size) for name, (_, size) in spans}, indices

    def export(self, folder: Path, prefix: str, number: str = "double", plain: bool = False) -> list[Path]:
        """Writes it as C that stands alone; see `export_function`."""
        with numerics(self.numerics):
            return export_function(self.final, folder, prefix, *self.ordinary_inputs(), number, plain)

    def _estimate(self, cost: float, bytes_each: int) -> Estimate | None:
        count = len(self.final)
        if count < SMALL:
            return None
        return Estimate(count, count * cost * _SECONDS, count * bytes_each + BASE_BYTES)

    def graph_estimate(self) -> Estimate | None:
        return self._estimate(PYTHON_COST, GRAPH_BYTES)

    def c_estimate(self) -> Estimate | None:
        return self._estimate(C_COST, C_BYTES)

    def page_estimate(self) -> Estimate | None:
        return self._estimate(C_COST + PYTHON_COST, C_BYTES + PAGE_BYTES)
