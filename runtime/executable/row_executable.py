"""Executables of functions with sums over rows: in C one library with the loops, in Python loops around programs."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...compiler.ir.graph import Graph
from ..machine.toolchain import Toolchain, ToolchainError
from ..reporting import Report
from ..storage.cache import Cache
from ..storage.sources import sources_digest
from .estimate import check_function
from .executable import Executable, compile_executable
from .native import LONGEST, Native, Source, TooLongError, native_library
from .row_c import rows_source
from .row_data import Rows
from .row_graphs import RowGraph
from .row_program import Before, RowProgram, Run, check_row_program, run_loops
from .witness import check_graph
from .workspace import Workspace, doubles

__all__ = ["RowsExecutable", "RowsWorkspace", "compile_rows"]


@dataclass(frozen=True)
class RowsWorkspace(Workspace):
    """A workspace with rows.

    Attributes:
        rows: of each argument that is rows of data, in order; to be overwritten before `run`.
    """

    rows: list[Rows]


class RowsExecutable(Executable):
    """The program of a function with sums over rows.

    Attributes:
        program: its parts.
    """

    def __init__(
        self,
        target: str,
        program: RowProgram,
        path: Path,
        report: Mapping[str, Any],
        workspace: Callable[[], RowsWorkspace],
    ) -> None:
        super().__init__(target, program.ir, path, report, workspace)
        self.program = program

    def outputs(
        self, arguments: Mapping[str, Sequence[float]], indices: Sequence[int], rows: Sequence[Rows]
    ) -> dict[str, list[float]]:
        """The results by name, for arguments by name."""
        workspace = self.workspace()
        assert isinstance(workspace, RowsWorkspace)
        for name, numbers in arguments.items():
            workspace.inputs[name][:] = array("d", numbers)
        workspace.indices[:] = array("i", indices)
        workspace.rows[:] = rows
        workspace.run()
        return {name: list(view) for name, view in workspace.outputs.items()}


def compile_rows(
    program: RowProgram,
    target: str,
    cache: Cache,
    report: Report,
    example: Mapping[str, Sequence[float]],
    limit: float | None = None,
) -> RowsExecutable:
    """Compiles a function with sums over rows, unless its program is in the cache; see `compile_executable`.

    Args:
        example: by name, arguments that the function is defined for.

    Raises:
        ProofError, ToolchainError, TooLargeError: as `compile_executable` does.
    """
    if target != "python":
        try:
            return _c_executable(program, cache, report, example, limit, LONGEST if target == "auto" else None)
        except (ToolchainError, TooLongError):
            if target == "c":
                raise
    return _python_rows(program, cache, report, limit)


def _c_workspace(library: ctypes.CDLL, program: RowProgram, report: Mapping[str, Any]) -> RowsWorkspace:
    size: int = report["memory"]
    room = ctypes.create_string_buffer(8 * size + 64)
    # An address that 64 divides.
    memory = (ctypes.c_double * size).from_buffer(room, -ctypes.addressof(room) % 64)
    view: memoryview[float] = memoryview(memory).cast("B").cast("d")
    view[:] = array("d", [math.nan]) * size  # so that nothing right comes from what was not assigned
    library.rows_begin(memory)
    count = _index_count(program)
    indices = (ctypes.c_int * max(1, count))()
    floats, numbers, counts = (
        (kind * report["rows"])() for kind in (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_longlong)
    )
    rows: list[Rows] = []
    held: list[Rows | None] = [None] * report["rows"]
    rows_run, pointers = library.rows_run, [*map(ctypes.byref, (memory, indices, floats, numbers, counts))]

    def run() -> None:
        for place, data in enumerate(rows):
            if data is not held[place]:
                held[place] = data
                floats[place], numbers[place], counts[place] = data.addresses
        rows_run(*pointers)

    return RowsWorkspace(
        {name: view[start : start + size] for name, (start, size) in report["arguments"].items()},
        memoryview(indices).cast("B").cast("i")[:count],
        {name: view[start : start + size] for name, (start, size) in report["outputs"].items()},
        run,
        rows,
    )


def _index_count(program: RowProgram) -> int:
    return sum(tensor.count for tensor in program.ir.indices)


def _c_rows(program: RowProgram, native: Native) -> RowsExecutable:
    workspace = partial(_c_workspace, native.functions, program, native.report)
    return RowsExecutable("c", program, native.path, native.report, workspace)


def _c_executable(
    program: RowProgram,
    cache: Cache,
    report: Report,
    example: Mapping[str, Sequence[float]],
    limit: float | None,
    longest: int | None,
) -> RowsExecutable:
    def make(toolchain: Toolchain) -> Source:
        check_function(program.operations, "c", limit)
        report(0, 1, "loops")
        source = rows_source(program, toolchain.vector_width)
        if longest is not None and len(source.text) > longest:
            raise TooLongError

        def prove() -> None:
            for looped in source.looped:
                looped.prove()
            for part in _parts(program):
                check_graph(part.graph, part.witnesses())

        def try_out(native: Native) -> None:
            check_row_program(_c_rows(program, native).outputs, program, example)

        return Source(source.text, source.report, prove, try_out)

    what = {"graphs": program.fingerprint, "driver": sources_digest("microgpt.runtime.executable")}
    return _c_rows(program, native_library(cache, "rows", what, make, lambda stage: report(0, 1, stage)))


def _parts(program: RowProgram) -> list[RowGraph | Before]:
    """The graphs beside the last one."""
    parts: list[RowGraph | Before] = [part for plan in program.plans for part in (plan.one, plan.block) if part]
    return [*parts, *(part for part in program.before if part.inputs is None)]


def _python_rows(program: RowProgram, cache: Cache, report: Report, limit: float | None) -> RowsExecutable:
    def compiled(graph: Graph, witnesses: Any = None) -> Executable:
        return compile_executable(graph, "python", cache, witnesses, report, limit=limit)

    before = [compiled(each.graph, each.witnesses) if each.inputs is None else None for each in program.before]
    of_row = [compiled(plan.one.graph, plan.one.witnesses) for plan in program.plans]
    last = compiled(program.ir)

    def workspace() -> RowsWorkspace:
        runs = [None if each is None else _run_of(each) for each in before]
        return _python_workspace(program, runs, [*map(_run_of, of_row)], _run_of(last))

    found = RowsExecutable("python", program, last.path, last.report, workspace)
    found.__dict__["source"] = "\n\n".join(each.source for each in (*filter(None, before), *of_row, last))
    return found


def _python_workspace(
    program: RowProgram, before: Sequence[Run | None], of_row: Sequence[Run], last: Run
) -> RowsWorkspace:
    inputs = {name: doubles(size) for name, (_, size) in program.arguments.items()}
    indices: memoryview[int] = memoryview(array("i", [0]) * _index_count(program))
    outputs = {output.name: doubles(len(output.nodes)) for output in program.ir.outputs}
    rows: list[Rows] = []

    def run() -> None:
        given = {name: view.tolist() for name, view in inputs.items()}
        found = run_loops(program, before, of_row, last, given, indices.tolist(), rows)
        for name, view in outputs.items():
            view[:] = array("d", found[name])

    return RowsWorkspace(inputs, indices, outputs, run, rows)


def _run_of(executable: Executable) -> Run:
    workspace = executable.workspace()

    def run(arguments: Mapping[str, Sequence[float]], indices: Sequence[int]) -> Mapping[str, Sequence[float]]:
        for name, numbers in arguments.items():
            workspace.inputs[name][:] = array("d", numbers)
        workspace.indices[:] = array("i", indices)
        workspace.run()
        return {name: view.tolist() for name, view in workspace.outputs.items()}

    return run
