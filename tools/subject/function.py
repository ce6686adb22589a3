"""A compiled function as a subject; one with sums over rows is several, a program around them and one for each."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from ...compiler.ir.graph import Graph
from ...compiler.ir.names import unused
from ...compiler.numerics import numerics
from ...compiler.pipeline import Observer
from ...runtime.executable.executable import Executable
from ...runtime.executable.export import export_rows
from ...runtime.executable.function import CompiledFunction
from ...runtime.executable.repeat import BLOCK
from ...runtime.executable.row_graphs import INITIAL, RowPlan
from ...runtime.executable.row_program import near_rows
from ...runtime.executable.row_sums import ROW
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
from .one_graph import GraphSubject
from .user_file import LookedAt

__all__ = ["FunctionSubject", "RowSubject", "RowsError"]

_TITLES = {
    "": "Value",
    "gradient": "Value and gradient",
    "jacobian": "Jacobian",
    "hessian": "Hessian",
    "hvp": "Product of a vector with the Hessian",
}


class RowsError(ValueError):
    """There is no such function of a row."""


class FunctionSubject(GraphSubject):
    """A compiled function. With sums over rows, the program around them, to which they are inputs.

    Attributes:
        function: it.
        example: by argument of the graph, the numbers that it was compiled for.
    """

    def __init__(self, function: CompiledFunction) -> None:
        super().__init__(function.ir, function._example, function.numerics)
        self.function = function
        self.name = function.name
        wanted = function._wanted
        self.title = f"{_TITLES[wanted.derivative]} of {function.name}"
        if self.rows:
            self.title += ", around its sums over rows"
        self.gradient = "parameters" if wanted.derivative else None
        self.derivative = wanted.derivative or "gradient"
        self.outputs = wanted.outputs

    def trace(self) -> Graph:
        return self.function._trace()

    def compile(self, observe: Observer | None = None) -> Graph:
        if isinstance(self.function, LookedAt):
            for stage in self.function.stages:
                if observe:
                    observe(stage)
            return self.function.ir
        return super().compile(observe)

    @cached_property
    def rows(self) -> dict[str, RowSubject]:
        """The functions that it sums over rows, by name."""
        found: dict[str, RowSubject] = {}
        for plan in self.function._program.plans if self.function._program else ():
            name = unused(plan.loop.graph.name, found)
            found[name] = RowSubject(self, name, plan)
        return found

    def part(self, name: str) -> RowSubject:
        """The function of a row that it sums.

        Raises:
            RowsError: if there is none of that name.
        """
        if name not in self.rows:
            there = f"it sums {', '.join(self.rows)}" if self.rows else "it has no sums over rows"
            raise RowsError(f"{self.name} has no function of a row called {name}; {there}")
        return self.rows[name]

    def executable(self, target: str, report: Report = silent) -> Executable:
        """The whole program for a target, with its loops over rows; compiled if it is not in the cache.

        Raises:
            ToolchainError: if the target is ``c`` and there is no compiler for it.
        """
        if "_executable" in vars(self.function) and self.function.target == target:
            return self.function._executable
        return self.function._executable_for(target, Cache.open(), report)

    def export(self, folder: Path, prefix: str, number: str = "double", plain: bool = False) -> list[Path]:
        """Writes it as C that stands alone; see `export_function`.

        Raises:
            ValueError: if the type is ``float`` and it has sums over rows.
        """
        function, program = self.function, self.function._program
        if program is None:
            return super().export(folder, prefix, number, plain)
        with numerics(self.numerics):
            if number != "double":
                raise ValueError(f"dtype {number!r} has no sums over rows; export in double")
            _, indices = self.ordinary_inputs()
            rows = {
                function._structure.names[place]: near_rows(node, BLOCK + 3, f"export {place}")
                for place, node in function._many.items()
            }
            return export_rows(program, folder, prefix, self.example, indices, rows, plain)


class RowSubject(GraphSubject):
    """What the loop of a sum over rows carries out for one row: its results, and its derivatives, added to those of the
    rows before.

    Args:
        around: the function that sums it.
    """

    def __init__(self, around: FunctionSubject, name: str, plan: RowPlan) -> None:
        row = plan.one
        data = around.function._many[plan.loop.place]
        initial = [0.0] * (len(plan.results) * len(plan.shared))
        super().__init__(row.graph, {ROW: data.example, INITIAL: initial}, around.numerics)
        self.name = name
        what = "Results and derivatives" if row.derivatives else "Results"
        self.title = f"{what} of {name} for a row, summed in {around.name}"
        self.gradient, self.derivative, self.outputs, self.initial = row.options
        self._traced = row.traced

    def trace(self) -> Graph:
        return self._traced
