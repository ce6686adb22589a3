"""The front door for one graph: ``compile_executable(graph, target, cache)`` gives a program that is ready to run.

The cache, its lock, the C compiler, the proof and the loading are here, once for all targets. An `Executable` hands out
workspaces: memory of a caller's own, so that threads can run one program side by side.
"""

from __future__ import annotations

import ctypes
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ...compiler.c.emit_function import memory_size
from ...compiler.c.prelude import prelude
from ...compiler.c.split_c import split_c
from ...compiler.ir.graph import Graph
from ...compiler.loops.coverage import coverage
from ...compiler.loops.looped_graph import LoopedGraph
from ...compiler.pipeline import compile_loops, compile_python, function_text, without_collection
from ..machine.find_toolchain import first_candidate, probing
from ..machine.toolchain import Toolchain, ToolchainError
from ..reporting import Report, silent
from ..storage.cache import Cache
from .estimate import check_function
from .native import LONGEST, Native, Source, TooLongError, find_native, native_library
from .program import load_program, program_key, store_program
from .witness import Numbers, Witness, check_program, interpreted_witnesses
from .workspace import Workspace, c_workspace, python_workspace

__all__ = [
    "TARGETS",
    "Executable",
    "c_head",
    "compile_executable",
    "python_heading",
]

TARGETS = ("auto", "c", "python", "jax")

# C that is no longer than this many characters compiles faster, and runs faster, with its kernels inlined.
_SHORT = 60_000
# With fewer operations than this, a program takes less than some 10 us. It keeps Python's lock: another thread that
# gets it meanwhile gives it back after 5 ms only, and giving it away takes 50 ns.
_BRIEF = 10_000


class Executable:
    """A graph's program.

    Attributes:
        target: ``c`` or ``python``.
        graph: what it carries out.
        path: of the generated source.
        report: what the compiler made.
        workspace: makes memory for runs, one at a time.
    """

    def __init__(
        self, target: str, graph: Graph, path: Path, report: Mapping[str, Any], workspace: Callable[[], Workspace]
    ) -> None:
        self.target, self.graph, self.path, self.report = target, graph, path, report
        self.workspace = workspace

    @cached_property
    def source(self) -> str:
        """The text of the generated program."""
        return self.path.read_text("utf-8")

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
        workspace = self.workspace()
        for (name, size), values in zip(sizes.items(), arguments, strict=False):
            if len(values) != size:
                raise ValueError(f"{name} has {size} numbers, not {len(values)}")
            workspace.inputs[name][:] = array("d", values)
        workspace.indices[:] = array("i", indices)
        workspace.run()
        return [list(workspace.outputs[output.name]) for output in graph.outputs]


def compile_executable(
    graph: Graph,
    target: str,
    cache: Cache,
    witnesses: Callable[[], Iterable[Witness]] | None = None,
    report: Report = silent,
    example: Numbers | None = None,
    limit: float | None = None,
    beside: Callable[[], AbstractContextManager[object]] = nullcontext,
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
        beside: what is done beside the compilation to C, if its program is not in the cache.

    Raises:
        ProofError: if the program does not compute what the graph does; a mistake of the compiler.
        ValueError: if there is no such target.
        ToolchainError: if the target is ``c`` and there is no compiler for it, or the compiler fails.
        TooLargeError: if compiling it takes more memory than there is.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    job = _Job(graph, cache, witnesses or partial(interpreted_witnesses, graph, example), report, limit, beside)
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
    beside: Callable[[], AbstractContextManager[object]]

    @cached_property
    def looped(self) -> tuple[LoopedGraph, float]:
        """The graph as loops, and the seconds that finding them took."""
        check_function(len(self.graph), "c", self.limit)
        self.report(0, 1, "loops")
        start = time.perf_counter()
        with without_collection():
            looped = compile_loops(self.graph)
        return looped, time.perf_counter() - start


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
    return Executable("python", graph, program.path, program.report, partial(python_workspace, program.run, graph))


def c_head(graph: Graph, program: str, vector_width: int, number: str = "") -> str:
    """What the C of a graph begins with.

    Args:
        program: what stands behind it.
    """
    heading = f"/* Made from the function {graph.name} by microgpt. Do not edit. */\n"
    if len(program) < _SHORT:
        heading += "#define KERNEL static void /* inlined where it is called once: the program is short */\n"
    return f"{heading}{prelude(vector_width, number, program)}\n"


def python_heading(graph: Graph) -> list[str]:
    """The comment at the top of the Python of a graph."""
    return [f"Made from the function {graph.name} by microgpt. Do not edit."]


def _c_executable(job: _Job, longest: int | None) -> Executable:
    what = {"graph": job.graph.fingerprint}
    native = find_native(job.cache, "function", what)
    if native is None:
        with job.beside():
            if first_candidate():
                with probing():
                    _ = job.looped
            make = partial(_source, job, longest)
            native = native_library(job.cache, "function", what, make, lambda stage: job.report(0, 1, stage))
    return _loaded(job.graph, native)


def _loaded(graph: Graph, native: Native) -> Executable:
    library: ctypes.CDLL = native.functions
    if len(graph) < _BRIEF:  # PyDLL keeps the lock
        library = ctypes.PyDLL(library._name, handle=library._handle)
    library.run.restype = None
    return Executable("c", graph, native.path, native.report, partial(c_workspace, library, graph, native.report))


def _source(job: _Job, longest: int | None, toolchain: Toolchain) -> Source:
    graph, (looped, seconds) = job.graph, job.looped
    width = toolchain.vector_width
    made = function_text(looped, "run", width)
    if longest is not None and len(made.text) > longest:
        raise TooLongError
    head = c_head(graph, made.text, width)
    text = f"{head}{made.text}"
    layout = looped.layout
    report = {
        "coverage": coverage(looped.program),
        "nests": len(looped.program.nests),
        "memory": memory_size(layout),
        "arguments": {name: layout.arguments[name] for name in graph.arguments()},
        "outputs": {output.name: layout.outputs[output.name] for output in graph.outputs},
    }

    witnesses: list[Witness] = []

    def prove() -> None:
        looped.prove()
        witnesses.extend(job.witnesses())

    return Source(
        text,
        report,
        prove,
        lambda native: check_program(_loaded(graph, native).run, graph, witnesses, is_native=True),
        split_c(text, made.body, head.count("\n") + made.body_line),
        seconds,
    )
