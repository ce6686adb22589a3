"""Executables of functions with sums over rows: in C one library with the loops, in Python loops around programs."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...compiler.ir.graph import Graph
from ..machine.toolchain import Toolchain, ToolchainError
from ..reporting import Report
from ..storage.cache import Cache
from .estimate import check_function
from .executable import LONGEST, Executable, Memory, TooLongError, Workspace, compile_executable
from .native import Native, Source, native_library
from .program import sources_digest
from .row_c import rows_source
from .row_data import Rows
from .row_graphs import RowGraph
from .row_program import Before, RowProgram, Run, check_row_program, run_loops
from .witness import check_graph

__all__ = ["RowsExecutable", "RowsWorkspace", "compile_rows"]


class RowsWorkspace(Workspace):
    """A workspace with rows.

    Attributes:
        rows: of each argument that is rows of data, in order; to be set before `run`.
    """

    rows: Sequence[Rows]


class RowsExecutable(Executable):
    """The program of a function with sums over rows.

    Attributes:
        program: its parts.
    """

    def __init__(self, program: RowProgram, path: Path, report: Mapping[str, Any]) -> None:
        super().__init__(program.ir, path, report)
        self.program = program

    def outputs(
        self, arguments: Mapping[str, Sequence[float]], indices: Sequence[int], rows: Sequence[Rows]
    ) -> dict[str, list[float]]:
        """The results by name, for arguments by name."""
        workspace = self.take()
        assert isinstance(workspace, RowsWorkspace)
        for name, numbers in arguments.items():
            workspace.inputs[name][:] = array("d", numbers)
        workspace.rows = rows
        workspace.run(indices)
        found = {name: list(numbers) for name, numbers in workspace.outputs.items()}
        self.give_back(workspace)
        return found


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
    return _PythonRows(program, cache, report, limit)


class _CWorkspace(RowsWorkspace):
    def __init__(self, library: ctypes.CDLL, report: Mapping[str, Any]) -> None:
        size: int = report["memory"]
        # Kept as long as the workspace: `_memory` points into it, at an address that 64 divides.
        self._bytes = ctypes.create_string_buffer(8 * size + 64)
        self._memory = (ctypes.c_double * size).from_buffer(self._bytes, -ctypes.addressof(self._bytes) % 64)
        view: memoryview[float] = memoryview(self._memory).cast("B").cast("d")
        view[:] = array("d", [math.nan]) * size  # so that nothing right comes from what was not assigned
        library.rows_begin(self._memory)
        self.inputs = {name: view[start : start + size] for name, (start, size) in report["arguments"].items()}
        self.outputs = {name: view[start : start + size] for name, (start, size) in report["outputs"].items()}
        self._held: list[Rows | None] = [None] * report["rows"]
        self._run = library.rows_run
        self._floats, self._indices, self._counts = (
            (kind * report["rows"])() for kind in (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_longlong)
        )
        self._pointers = [*map(ctypes.byref, (self._memory, self._floats, self._indices, self._counts))]

    def run(self, indices: Sequence[int]) -> None:
        for place, rows in enumerate(self.rows):
            if rows is not self._held[place]:
                self._held[place] = rows
                self._floats[place], self._indices[place], self._counts[place] = rows.addresses
        if indices:
            numbers = array("i", indices)
            self._run(self._pointers[0], ctypes.c_void_p(numbers.buffer_info()[0]), *self._pointers[1:])
        else:
            self._run(self._pointers[0], None, *self._pointers[1:])


class _CRows(RowsExecutable):
    target = "c"

    def __init__(self, program: RowProgram, native: Native) -> None:
        super().__init__(program, native.path, native.report)
        self._library = native.functions

    def _workspace(self) -> Workspace:
        return _CWorkspace(self._library, self.report)


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
            check_row_program(_CRows(program, native).outputs, program, example)

        return Source(source.text, source.report, prove, try_out)

    what = {"graphs": program.fingerprint, "driver": sources_digest("microgpt.runtime.executable")}
    return _CRows(program, native_library(cache, "rows", what, make, lambda stage: report(0, 1, stage)))


def _parts(program: RowProgram) -> list[RowGraph | Before]:
    """The graphs beside the last one."""
    parts: list[RowGraph | Before] = [part for plan in program.plans for part in (plan.one, plan.block) if part]
    return [*parts, *(part for part in program.before if part.inputs is None)]


class _PythonWorkspace(RowsWorkspace):
    def __init__(self, program: RowProgram, before: list[Executable | None], rows: list[Executable], last: Executable):
        self._program = program
        self._before = [None if each is None else _run_of(each) for each in before]
        self._of_row, self._behind = [_run_of(each) for each in rows], _run_of(last)
        self.inputs: dict[str, Memory] = {name: [0.0] * size for name, (_, size) in program.arguments.items()}
        self.outputs: Mapping[str, Sequence[float]] = {}

    def run(self, indices: Sequence[int]) -> None:
        self.outputs = run_loops(
            self._program, self._before, self._of_row, self._behind, self.inputs, indices, self.rows
        )


def _run_of(executable: Executable) -> Run:
    workspace = executable.take()

    def run(arguments: Mapping[str, Sequence[float]], indices: Sequence[int]) -> Mapping[str, Sequence[float]]:
        for name, numbers in arguments.items():
            workspace.inputs[name][:] = array("d", numbers)
        workspace.run(indices)
        return workspace.outputs

    return run


class _PythonRows(RowsExecutable):
    target = "python"

    def __init__(self, program: RowProgram, cache: Cache, report: Report, limit: float | None) -> None:
        def compiled(graph: Graph, witnesses: Any = None) -> Executable:
            return compile_executable(graph, "python", cache, witnesses, report, limit=limit)

        self._before = [
            compiled(each.graph, each.witnesses) if each.inputs is None else None for each in program.before
        ]
        self._rows = [compiled(plan.one.graph, plan.one.witnesses) for plan in program.plans]
        self._last = compiled(program.ir)
        super().__init__(program, self._last.path, self._last.report)
        programs = [*filter(None, self._before), *self._rows, self._last]
        self.__dict__["source"] = "\n\n".join(each.source for each in programs)

    def _workspace(self) -> Workspace:
        return _PythonWorkspace(self.program, self._before, self._rows, self._last)
