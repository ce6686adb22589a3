"""A compiled function as a subject."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from random import Random

from ...compiler.c.emit_function import function_text
from ...compiler.ir.graph import Graph
from ...compiler.loops.compile_loops import LoopedGraph, compile_loops
from ...compiler.loops.unroll import unroll
from ...compiler.pipeline import without_collection
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
from ...runtime.executable.executable import Executable, c_head, python_heading
from ...runtime.executable.function import CompiledFunction
from ...runtime.machine.stopwatch import best_seconds
from ...runtime.machine.toolchain import vector_width_here
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
from .c_program import CProgram
from .subject import Subject

__all__ = ["FunctionSubject", "RowsError"]

_TITLES = {
    "": "Value",
    "gradient": "Value and gradient",
    "jacobian": "Jacobian",
    "hessian": "Hessian",
    "hvp": "Product of a vector with the Hessian",
}
# Seconds that an operation takes in one pass through the compiler (see `runtime/executable/estimate.py`).
_SECONDS = 6e-6


class RowsError(ValueError):
    """A function with sums over rows was to be shown as one program of a fixed size."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(
            f"{name} has rows of data, so it is several programs with loops between them: source, verify and bench "
            f"take it, {what} not; to look at the function of a row, compile it for a row in place of the rows"
        )


class FunctionSubject(Subject):
    """A compiled function.

    Attributes:
        function: it.
        example: by argument of the graph, the numbers that it was compiled for.
    """

    def __init__(self, function: CompiledFunction) -> None:
        self.function = function
        self.example: Mapping[str, Sequence[float]] = {
            name: function._example[name] for name in function.ir.arguments() if name in function._example
        }
        self.name = function.name
        wanted = function._wanted
        self.title = f"{_TITLES[wanted.derivative]} of {function.name}"
        self.about = {"kind": "function", "length": None}
        self.gradient = "parameters" if wanted.derivative else None
        self.derivative = wanted.derivative or "gradient"
        self.outputs = wanted.outputs
        self.heading = python_heading(function.ir)

    def refuse_rows(self, what: str) -> None:
        """Raises `RowsError` if the function has rows of data."""
        if self.function._program is not None:
            raise RowsError(self.name, what)

    def trace(self) -> Graph:
        self.refuse_rows("stages and drawings do")
        return self.function._trace()

    @cached_property
    def looped(self) -> LoopedGraph:
        """The loops of its graph."""
        self.refuse_rows("the stages of its loops do")
        with without_collection():
            return compile_loops(self.function.ir)

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
        """Its program for a target; compiled if it is not in the cache.

        Raises:
            ToolchainError: if the target is ``c`` and there is no compiler for it.
        """
        if self.function.target == target:
            return self.function._executable
        return self.function._executable_for(target, Cache.open(), report)

    def python_source(self, report: Report = silent, jobs: int | None = None) -> str:
        return self.executable("python", report).source

    def c_source(self, report: Report = silent) -> str:
        return self.executable("c", report).source

    def stopwatch(self, report: Report = silent) -> Callable[[], float]:
        self.refuse_rows("stats do")
        executable = self.executable("c", report)
        inputs, indices = self.ordinary_inputs()
        workspace = executable.workspace()
        for name, numbers in inputs.items():
            for place, number in enumerate(numbers):
                workspace.inputs[name][place] = number

        workspace.indices[:] = array("i", indices)

        def turns(count: int) -> None:
            for _ in range(count):
                workspace.run()

        return lambda: best_seconds(turns)

    def ordinary_inputs(self) -> tuple[Mapping[str, Sequence[float]], Sequence[int]]:
        rng = Random(self.name)
        indices = [rng.randrange(tensor.limit) for tensor in self.function.ir.indices for _ in range(tensor.count)]
        return self.example, indices

    def _estimate(self, cost: float, bytes_each: int) -> Estimate | None:
        count = len(self.function.ir)
        if count < SMALL:
            return None
        return Estimate(count, count * cost * _SECONDS, count * bytes_each + BASE_BYTES)

    def graph_estimate(self) -> Estimate | None:
        return self._estimate(PYTHON_COST, GRAPH_BYTES)

    def c_estimate(self) -> Estimate | None:
        return self._estimate(C_COST, C_BYTES)

    def page_estimate(self) -> Estimate | None:
        return self._estimate(C_COST + PYTHON_COST, C_BYTES + PAGE_BYTES)
