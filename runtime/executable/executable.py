"""The front door for one graph: ``compile_executable(graph, target, cache)`` gives a program that is ready to run.

The cache, its lock, the C compiler, the proof and the loading are here, once for all targets. An `Executable` hands out
workspaces: memory of a caller's own, so that threads can run one program side by side.
"""

from __future__ import annotations

import ctypes
import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

from ...compiler.c.emit_function import function_text
from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph
from ...compiler.loops.compile_loops import compile_loops
from ...compiler.loops.coverage import coverage
from ...compiler.pipeline import compile_python
from ..machine.toolchain import Toolchain, ToolchainError
from ..reporting import Report, silent
from ..storage.cache import Cache
from .estimate import check_function
from .native import Native, Source, native_library
from .program import Program, load_program, program_key, store_program
from .witness import Numbers, Witness, check_program, interpreted_witnesses

__all__ = [
    "LONGEST",
    "TARGETS",
    "Executable",
    "Memory",
    "TooLongError",
    "Workspace",
    "c_head",
    "compile_executable",
    "python_heading",
]

TARGETS = ("auto", "c", "python", "jax")

# With the target "auto", programs whose C is longer than this many bytes are Python: GCC takes about 15 s a megabyte.
LONGEST = 600_000


Memory: TypeAlias = "list[float] | memoryview[float]"


class Workspace(ABC):
    """Memory for one run of a program at a time.

    Attributes:
        inputs: by argument of the graph, its floats, to be overwritten before `run`.
        outputs: by name, valid after `run` and until the next one.
    """

    inputs: Mapping[str, Memory]
    outputs: Mapping[str, Sequence[float]]

    @abstractmethod
    def run(self, indices: Sequence[int]) -> None:
        """Runs the program. `indices` are in their ranges, which nobody checks again."""


class Executable(ABC):
    """A graph's program.

    Attributes:
        target: ``c`` or ``python``.
        graph: what it carries out.
        path: of the generated source.
        report: what the compiler made.
    """

    target: str

    def __init__(self, graph: Graph, path: Path, report: Mapping[str, Any]) -> None:
        self.graph, self.path, self.report = graph, path, report
        self._idle: list[Workspace] = []

    @cached_property
    def source(self) -> str:
        """The text of the generated program."""
        return self.path.read_text("utf-8")

    def take(self) -> Workspace:
        """A workspace that nobody else uses; to be given back."""
        # Popping from a list is atomic, so threads need no lock.
        try:
            return self._idle.pop()
        except IndexError:
            return self._workspace()

    def give_back(self, workspace: Workspace) -> None:
        """Hands a workspace to the next caller of `take`."""
        self._idle.append(workspace)

    def run(self, *arguments: Sequence[float]) -> list[list[float]]:
        """The outputs, for a sequence for each argument of the graph, then one for each of its indices.

        Raises:
            IndexError: if an index is out of its range.
            ValueError: if a sequence is not as long as it should be.
        """
        graph = self.graph
        sizes = {name: size for name, (_, size) in graph.arguments().items()}
        indices: list[int] = []
        for tensor, numbers in zip(graph.indices, arguments[len(sizes) :], strict=True):
            if len(numbers) != tensor.count or not all(0 <= number < tensor.limit for number in numbers):
                raise IndexError(f"{tensor.name} has {tensor.count} numbers from 0 to {tensor.limit - 1}")
            indices += (int(number) for number in numbers)
        workspace = self.take()
        for (name, size), values in zip(sizes.items(), arguments, strict=False):
            if len(values) != size:
                raise ValueError(f"{name} has {size} numbers, not {len(values)}")
            workspace.inputs[name][:] = array("d", values)
        workspace.run(indices)
        results = [list(workspace.outputs[output.name]) for output in graph.outputs]
        self.give_back(workspace)
        return results

    @abstractmethod
    def _workspace(self) -> Workspace:
        """A new workspace."""


def compile_executable(
    graph: Graph,
    target: str,
    cache: Cache,
    witnesses: Callable[[], Iterable[Witness]] | None = None,
    report: Report = silent,
    example: Numbers | None = None,
    limit: float | None = None,
) -> Executable:
    """Compiles a clean graph, unless its program is in the cache.

    Args:
        target: ``c``, ``python``, or ``auto``: C where a compiler is found that keeps every bit and takes it in a
            reasonable time, else Python. The bits are the same.
        witnesses: what the program must give, asked for when it is not in the cache; by default, what the interpreter
            makes of the graph. Raises `ProofError` if the graph is not as it should be.
        report: takes what is being done.
        example: by name, arguments that the graph is defined for; the program is tried near them, too.
        limit: how many bytes of memory it may take; None for what there is.

    Raises:
        ProofError: if the program does not compute what the graph does; a mistake of the compiler.
        ValueError: if there is no such target.
        ToolchainError: if the target is ``c`` and there is no compiler for it, or the compiler fails.
        TooLargeError: if compiling it takes more memory than there is.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    job = _Job(graph, cache, witnesses or partial(interpreted_witnesses, graph, example), report, limit)
    if target != "python":
        try:
            return _c_executable(job, LONGEST if target == "auto" else None)
        except (ToolchainError, TooLongError):
            if target == "c":
                raise
    return _python_executable(job)


@dataclass(frozen=True)
class _Job:
    """What `compile_executable` was given."""

    graph: Graph
    cache: Cache
    witnesses: Callable[[], Iterable[Witness]]
    report: Report
    limit: float | None


class TooLongError(Exception):
    """The C would be too long for the target ``auto``."""


class _PythonWorkspace(Workspace):
    def __init__(self, run: Callable[..., Any], graph: Graph) -> None:
        self._run = run
        self._spans = [(tensor.start, tensor.start + tensor.count) for tensor in graph.indices]
        self._names = [output.name for output in graph.outputs]
        self.inputs: dict[str, Memory] = {name: [0.0] * size for name, (_, size) in graph.arguments().items()}
        self.outputs: dict[str, Sequence[float]] = {}

    def run(self, indices: Sequence[int]) -> None:
        results = self._run(*self.inputs.values(), *(indices[start:end] for start, end in self._spans))
        self.outputs = dict(zip(self._names, results, strict=True))


class _PythonExecutable(Executable):
    target = "python"

    def __init__(self, graph: Graph, program: Program) -> None:
        super().__init__(graph, program.path, program.report)
        self._run = program.run

    def _workspace(self) -> Workspace:
        return _PythonWorkspace(self._run, self.graph)


def _python_executable(job: _Job) -> Executable:
    graph = job.graph
    key = f"python-{program_key({'graph': graph.fingerprint})}"
    with job.cache.lock(key):
        program = load_program(job.cache, key)
        if program is None:
            check_function(len(graph), "python", job.limit)
            source = compile_python(graph, heading=python_heading(graph))
            check = partial(check_program, graph=graph, witnesses=job.witnesses())
            program = store_program(job.cache, key, source, {"operations": len(graph)}, check)
    return _PythonExecutable(graph, program)


class _CWorkspace(Workspace):
    """Memory of the program's layout, with a view for each argument and output."""

    def __init__(self, library: ctypes.CDLL, graph: Graph, report: Mapping[str, Any]) -> None:
        memory = (ctypes.c_double * (report["memory"] + 8))()
        view = memoryview(memory).cast("B").cast("d")
        view[:] = array("d", [math.nan]) * len(view)  # so that nothing right comes from what was not assigned
        library.run_begin(memory)
        self.inputs = {name: view[start : start + size] for name, (start, size) in report["arguments"].items()}
        self.outputs = {name: view[start : start + size] for name, (start, size) in report["outputs"].items()}
        count = sum(tensor.count for tensor in graph.indices)
        indices = (ctypes.c_int * max(1, count))()
        self._indices = memoryview(indices).cast("B").cast("i")[:count]
        self._count = count
        self._run, self._pointers = library.run, (ctypes.byref(memory), ctypes.byref(indices))

    def run(self, indices: Sequence[int]) -> None:
        if self._count:
            self._indices[:] = array("i", indices)
        self._run(*self._pointers)


class _CExecutable(Executable):
    target = "c"

    def __init__(self, graph: Graph, native: Native) -> None:
        super().__init__(graph, native.path, native.report)
        self._library = native.functions

    def _workspace(self) -> Workspace:
        return _CWorkspace(self._library, self.graph, self.report)


def c_head(graph: Graph, vector_width: int) -> str:
    """What the C of a graph begins with."""
    return f"/* Made from the function {graph.name} by microgpt. Do not edit. */\n{prelude(vector_width)}"


def python_heading(graph: Graph) -> list[str]:
    """The comment at the top of the Python of a graph."""
    return [f"Made from the function {graph.name} by microgpt. Do not edit."]


def _c_executable(job: _Job, longest: int | None) -> Executable:
    what = {"graph": job.graph.fingerprint}
    native = native_library(
        job.cache, "function", what, partial(_source, job, longest), lambda stage: job.report(0, 1, stage)
    )
    return _CExecutable(job.graph, native)


def _source(job: _Job, longest: int | None, toolchain: Toolchain) -> Source:
    graph = job.graph
    check_function(len(graph), "c", job.limit)
    job.report(0, 1, "loops")
    looped = compile_loops(graph)
    width = toolchain.vector_width
    body = function_text(looped, "run", width).text
    if longest is not None and len(body) > longest:
        raise TooLongError
    layout = looped.layout
    report = {
        "coverage": coverage(looped.program),
        "nests": len(looped.program.nests),
        "memory": layout.size,
        "arguments": {name: layout.arguments[name] for name in graph.arguments()},
        "outputs": {output.name: layout.outputs[output.name] for output in graph.outputs},
    }

    witnesses: list[Witness] = []

    def prove() -> None:
        looped.prove()
        witnesses.extend(job.witnesses())

    return Source(
        f"{c_head(graph, width)}{body}",
        report,
        prove,
        lambda native: check_program(_CExecutable(graph, native).run, graph, witnesses),
    )
