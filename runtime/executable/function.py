"""Compiling a scalar function: ``compile(function, *example)`` gives its value and gradient as a program."""

from __future__ import annotations

import inspect
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, NoReturn

from ...compiler.errors import TraceError
from ...compiler.ir.graph import Graph
from ...compiler.ir.names import identifier
from ...compiler.pipeline import Stage, compile_graph
from ...compiler.trace import trace, trace_twice
from ...compiler.user_code import described, user_frame
from .. import arguments as checked
from ..reporting import Report, compile_progress, silent
from ..storage.cache import Cache
from .executable import TARGETS, compile_executable
from .marshal_code import MismatchError, marshal
from .structure import index, structure_of
from .witness import check_graph

__all__ = ["CompiledFunction", "compile_function", "index"]


def compile_function(
    function: Callable[..., Any],
    *example: Any,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
    kind: type[CompiledFunction] | None = None,
) -> CompiledFunction:
    """Compiles a scalar function of scalars for arguments like `example`.

    Args:
        function: computes one scalar with ``+ - * / **``, the functions of docs/operations.md, `select`, and Python's
            own lists, loops and functions. It is run twice, on symbolic scalars, and never again.
        example: an argument each, of floats in lists, tuples, named tuples and dicts. Every float stands for a number
            that varies, and ``index(n)`` for a whole number that does. An `array`, a ``memoryview`` or a NumPy array of
            floats is what a nested list of its shape would be, and that is what the function gets. Everything else,
            whole numbers too, is fixed from now on, and must be of a type that cannot change.
        target: ``c``, ``python``, or ``auto``: C where a compiler is found that keeps every bit and takes the program
            in a reasonable time, else Python. The results have the same bits.
        cache: where compiled programs are kept; by default the user's.
        progress: whether to show what is being done, on a terminal or in a notebook, if it takes longer than a second.
        kind: a class that can do more.

    Raises:
        TraceError: if the function reads a value that is only known later, uses an unknown operation, or does something
            else each time. The message names its line.
        CompileError: if its gradient has no static program.
        TypeError: if `function` is not callable, no float is in the example, or a part of it could change unseen.
        ValueError: if there is no such target, or the example is nested too deeply.
        ToolchainError: if the target is ``c`` and there is no compiler for it.
        MemoryError: if compiling the function takes more memory than is available (`TooLargeError`).
        ProofError: if the program does not compute what the eager autograd does; a mistake in microgpt.
    """
    checked.function("function", function)
    checked.choice("target", target, TARGETS)
    with compile_progress(checked.boolean("progress", progress), "function") as report:
        compiled = (kind or CompiledFunction)(function, example, target, cache or Cache.open(), report)
        report(1, 1)
    return compiled


class CompiledFunction:
    """A compiled function. Calling it gives the value and the gradient, with the bits that the eager ``Value`` gives.

    The gradient has the structure of the example's argument, or for several arguments is a tuple with one for each. It
    has a float in place of every float, an array in place of every array, and None in place of everything else. Calls
    from several threads may overlap.

    Attributes:
        name: of the function.
        ir: what is carried out, operation by operation.
    """

    def __init__(
        self, function: Callable[..., Any], example: Sequence[Any], target: str, cache: Cache, report: Report = silent
    ) -> None:
        self.name = identifier(getattr(function, "__name__", "function"))
        self._structure = structure_of(_argument_names(function, len(example)), example)
        self._function = function
        graphs: list[Graph] = []

        def tell(done: float, total: int, stage: str = "", /) -> None:
            report(done, total, f"{stage}, {len(graphs[-1]):,} operations" if graphs else stage)

        def watch(stage: Stage) -> None:
            graphs.append(stage.product)
            tell(0, 1, stage.name)

        tell(0, 1, "trace")
        self.ir: Graph = compile_graph(self._trace, "parameters", watch)
        # What the example holds, by argument of the graph.
        self._example = {"parameters": self._structure.floats(example)}
        check = partial(check_graph, graphs[0], self.ir, "parameters", self._example)
        self._executable = compile_executable(self.ir, target, cache, check, tell, self._example)
        self._marshal = marshal(self._structure)
        self._value, self._gradient = (output.name for output in self.ir.outputs)

    def __repr__(self) -> str:
        return f"<microgpt.CompiledFunction {self.name} of {len(self.ir):,} operations in {self.target}>"

    def __copy__(self) -> CompiledFunction:
        return self

    def __deepcopy__(self, memo: Any) -> CompiledFunction:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} cannot be pickled; compile the function where it is needed: its program is in the cache"
        )

    def __call__(self, *arguments: Any) -> tuple[float, Any]:
        """The value, and the derivative of the value in every float of the arguments.

        Raises:
            TypeError: if the arguments are not like the example.
            TraceError: if one is a traced value.
            IndexError: if an index is out of its range.
            OverflowError: if a number is too large for a double.
        """
        workspace = self._executable.take()
        try:
            memory = workspace.inputs["parameters"]
            try:
                indices = self._marshal.read(arguments, memory)
            except (MismatchError, TypeError, ValueError, LookupError, OverflowError, AttributeError):
                # The fast road knows the example's own types alone; this one takes what is like them, or says why not.
                floats, indices = self._structure.flatten(arguments)
                memory[:] = array("d", floats)
            except TraceError:
                problem = f"{self.name} is compiled and takes no traced values; call what it was compiled from"
                raise TraceError(described(problem, user_frame(trace.__code__))) from None
            workspace.run(indices)
            value, results = workspace.outputs[self._value][0], self._marshal.write(workspace.outputs[self._gradient])
        finally:
            self._executable.give_back(workspace)
        return value, results[0] if len(results) == 1 else results

    @property
    def target(self) -> str:
        """What it was compiled to: ``c`` or ``python``."""
        return self._executable.target

    @property
    def path(self) -> Path:
        """The generated program."""
        return self._executable.path

    @property
    def source(self) -> str:
        """The text of the generated program."""
        return self._executable.source

    def _trace(self) -> Graph:
        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            scalars = [scalar for block in indices.values() for scalar in block]
            return {"value": [self._function(*self._structure.arrange(inputs["parameters"], scalars))]}

        update_wrapper(run, self._function)  # which errors name
        graph: Graph = trace_twice(run, self.name, self._structure.tensors, self._structure.indices)
        return graph


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        names = [parameter.name for parameter in inspect.signature(function).parameters.values() if parameter.kind < 2]
    except (TypeError, ValueError):
        names = []
    return [names[place] if place < len(names) else f"argument{place}" for place in range(count)]
