"""Executables of functions over sizes: C from loops that were instantiated, without a graph.

In: the instance of a function's loops. Out: an `Executable`. The C has been run on numbers, and gave what the function
itself gives at these sizes: see `Trial`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...compiler.c.prelude import prelude
from ...compiler.ir.graph import Graph
from ...compiler.loops.coverage import coverage
from ...compiler.loops.place import NotRegularError
from ...compiler.pipeline import program_text
from ...compiler.sizes.learn import Instance
from ..executable.executable import Executable
from ..executable.native import Native, Source, native_library
from ..executable.witness import Numbers, along_direction, compare
from ..executable.workspace import Workspace, c_workspace
from ..machine.toolchain import Toolchain
from ..reporting import Report
from ..storage.cache import Cache
from .spot_check import check_spots

__all__ = ["SizedExecutable", "Trial", "compile_instance"]


@dataclass(frozen=True)
class Trial:
    """What a program must give.

    Attributes:
        arguments: by argument of the program.
        indices: all whole numbers.
        results: by name: of the function itself, run at these sizes.
        along: a direction in what is differentiated in; empty if nothing is, or if `results` has the gradient.
        slope: the derivative of the result along it.
    """

    arguments: Numbers
    indices: Sequence[int]
    results: Numbers
    along: Sequence[float] = ()
    slope: float = 0.0


class SizedExecutable(Executable):
    """A program at some sizes."""

    def __init__(self, path: Path, report: Mapping[str, Any], workspace: Callable[[], Workspace]) -> None:
        self.target, self.path, self.report, self.workspace = "c", path, report, workspace

    def results(self, trial: Trial) -> dict[str, list[float]]:
        """What it gives for the numbers of a trial."""
        return {name: [*view] for name, view in self.run_trial(trial).outputs.items()}

    def compare(self, trial: Trial) -> None:
        """Compares it with the function that it was compiled from: the results as bits, and the gradient by its
        product with a direction, which is the function's derivative along it but for rounding.

        Raises:
            NotRegularError: naming the first result that differs.
        """
        found = self.results(trial)
        for name, numbers in trial.results.items():
            for place, (ours, theirs) in enumerate(zip(found[name], numbers, strict=True)):
                if ours != theirs and (ours == ours or theirs == theirs):
                    raise NotRegularError(
                        f"here it gives {theirs!r} for {name}[{place}], and its loops at small sizes {ours!r}"
                    )
        product = along_direction(found["gradient"], trial.along, trial.slope) if trial.along else None
        if product is not None:
            raise NotRegularError(
                f"here its derivative along a direction is {trial.slope!r}, and by its loops at small sizes {product!r}"
            )

    def run_trial(self, trial: Trial) -> Workspace:
        """Runs it on the numbers of a trial."""
        space = self.workspace()
        for name, numbers in trial.arguments.items():
            space.inputs[name][:] = array("d", numbers)
        space.indices[:] = array("i", trial.indices)
        space.run()
        return space


def compile_instance(
    instance: Instance,
    heading: str,
    what: Mapping[str, Any],
    signature: Graph,
    trial: Trial,
    eager: Callable[[], Sequence[Trial]],
    cache: Cache,
    report: Report,
) -> SizedExecutable:
    """Compiles an instance, unless its program is in the cache.

    Args:
        heading: of the C, one line.
        what: all that decides the program, but for the compilers; as JSON it names the entry.
        signature: what it takes and gives; a graph without operations.
        trial: what the function itself gives at these sizes, for some numbers.
        eager: what the eager autograd gives, made while the C compiler works.

    Raises:
        NotRegularError: if the program does not give what the function does: at these sizes, that is another one than
            at those that its loops were learned from.
        ProofError: if the program does not compute what its loops do, or gives another gradient than the eager
            autograd; a mistake of microgpt or of the C compiler.
        ToolchainError: if no C compiler that keeps every bit can compile it.
    """
    program, layout = instance.program, instance.layout

    def loaded(native: Native) -> SizedExecutable:
        library = native.functions
        library.run.restype = None
        return SizedExecutable(native.path, native.report, partial(c_workspace, library, signature, native.report))

    def make(toolchain: Toolchain) -> Source:
        report(0, 1, "loops")
        width = toolchain.vector_width
        found = {
            "coverage": coverage(program),
            "nests": len(program.nests),
            "memory": layout.size,
            "arguments": layout.arguments,
            "outputs": layout.outputs,
        }
        also: list[Trial] = []

        def try_out(native: Native) -> None:
            executable = loaded(native)
            space = executable.run_trial(trial)
            check_spots(program, layout, _memory(space), trial.indices)
            executable.compare(trial)
            for each in also:
                compare(f"the program {program.name}", each.results, executable.results(each))

        text = program_text(program, layout, "run", width).text
        return Source(
            f"/* {heading} */\n{prelude(width, 'double', text)}\n{text}", found, lambda: also.extend(eager()), try_out
        )

    found = loaded(native_library(cache, "sized", what, make, lambda stage: report(0, 1, stage)))
    found.compare(trial)
    return found


def _memory(space: Workspace) -> memoryview[float]:
    """What the views of a workspace are parts of."""
    view = next(iter(space.inputs.values()))
    return memoryview(view.obj).cast("B").cast("d")
