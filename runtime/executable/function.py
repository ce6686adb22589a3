"""A compiled function: it takes the arguments of the function it was compiled from, and gives values and gradients."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from functools import partial
from inspect import signature
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ...compiler.errors import TraceError
from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.ir.names import identifier
from ...compiler.numerics import Numerics, as_numerics, numerics
from ...compiler.pipeline import Stage, compile_graph
from ...compiler.trace import trace
from ...compiler.user_code import described, user_frame
from .. import arguments as checked
from ..reporting import Report, silent
from ..storage.cache import Cache
from .captured import Captured
from .eager_child import EagerWitnesses
from .estimate import Estimate, function_estimate
from .executable import Executable, compile_executable
from .marshal_code import call_maker
from .nodes import ManyRows, Scalar
from .not_finite import NotFinite, not_finite
from .results import Results
from .row_data import Rows, listed, read_rows
from .row_executable import RowsWorkspace, compile_rows
from .row_program import RowProgram, first_not_finite, row_program
from .structure import Structure, structure_of
from .trace_function import check_traced_again, results_of, trace_function
from .wanted import Wanted, argument_names
from .witness import Witness
from .workspace import Workspace

if TYPE_CHECKING:
    from .jax_function import JaxFunction

__all__ = ["CompiledFunction"]


@dataclass(frozen=True)
class _Job:
    """What a function is compiled from.

    Attributes:
        structure: of the arguments.
        example: their floats, in the order of the inputs.
    """

    function: Callable[..., Any]
    structure: Structure
    example: array[float]
    wanted: Wanted
    target: str
    numerics: Numerics


def _restored(kind: type[CompiledFunction], job: _Job, folder: Path) -> CompiledFunction:
    compiled = kind.__new__(kind)
    compiled._compile(job, Cache.open(folder), silent)
    return compiled


def _by_name(module: str, name: str) -> Any:
    """What another process would find under that name; None if it is nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


class CompiledFunction:
    """A compiled function. What it computes has the bits that the eager ``Value`` gives.

    A gradient has the structure of the example's argument; in several arguments it is a tuple with one for each. It
    has a float in place of every float, an array in place of every array, and None in place of everything else. Calls
    from several threads may overlap.

    A call gives what the function was compiled for: see `compile_function`. Arguments may be named, as in Python. It
    raises TypeError if the arguments are not like the example, TraceError if one is a traced value, IndexError if an
    index is out of its range, OverflowError if a number is too large for a double, and RuntimeError if something else
    that the function reads, such as a global list, has changed since it was compiled.

    Attributes:
        name: of the function.
        ir: what is carried out, operation by operation.
    """

    # Each has a `__call__` of its own, made for its arguments: a method that calls what was made takes as long as a
    # program of some hundred operations.
    __slots__ = ("__call__", "__dict__", "__weakref__")

    __call__: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        example: Sequence[Any],
        target: str,
        cache: Cache,
        report: Report = silent,
        wanted: Wanted | None = None,
        limit: float | None = None,
        numerics: Numerics | None = None,
    ) -> None:
        wanted = wanted or Wanted()
        structure = structure_of(argument_names(function, len(example)), example, wanted.wrt)
        floats = structure.floats(example)
        if wanted.derivative == "hvp":
            structure = structure.with_vector(wanted.single)
            floats += [1.0] * structure.size
        job = _Job(function, structure, array("d", floats), wanted, target, as_numerics(numerics))
        self._compile(job, cache, report, limit)

    def _compile(self, job: _Job, cache: Cache, report: Report, limit: float | None = None) -> None:
        with numerics(job.numerics):
            self._compile_here(job, cache, report, limit)

    def _compile_here(self, job: _Job, cache: Cache, report: Report, limit: float | None) -> None:
        structure, wanted = job.structure, job.wanted
        self._job, self._cache_folder = job, cache.folder
        self._structure, self._function, self._wanted = structure, job.function, wanted
        self.name = identifier(getattr(job.function, "__name__", "function"))
        self.__module__ = getattr(job.function, "__module__", __name__)  # where pickle looks for it
        # What the example holds, by argument of the graph.
        self._example = structure.by_argument(job.example)
        graphs: list[Graph] = []

        estimate: Estimate | None = None

        def tell(done: float, total: int, stage: str = "", /) -> None:
            many = f", {len(graphs[-1]):,} operations" if graphs else ""
            report(done, total, f"{stage}{many}{f', {estimate.cost}' if estimate and estimate.announcement else ''}")

        def watch(stage: Stage) -> None:
            self._watch(stage)
            graphs.append(stage.product)
            tell(0, 1, stage.name)

        tell(0, 1, "trace")
        gradient = "parameters" if wanted.derivative else None
        derivative = wanted.derivative or "gradient"
        self.ir: Graph = compile_graph(self._trace, gradient, watch, derivative=derivative, outputs=wanted.outputs)
        estimate = function_estimate(len(self.ir), "python" if job.target == "python" else "c")
        self._eager = EagerWitnesses(graphs[0], gradient, self._example, derivative)
        self._jax = self._in_jax(graphs[0]) if job.target == "jax" else None
        self._many = {place: node for place, node in enumerate(structure.nodes) if isinstance(node, ManyRows)}
        for loop in self._loops:  # errors in reading rows call their parts as the function does
            row = replace(self._many[loop.place].row, names=loop.names)
            self._many[loop.place] = replace(self._many[loop.place], row=row)
        self._idle: list[tuple[Any, ...]] = []
        self._program: RowProgram | None = None
        if not self._jax:
            if self._many:
                self._program = row_program(graphs[0], self.ir, self._loops, self._many)
            self._prepare, self._make_call = call_maker(structure, wanted, self._results)
            self._finish(partial(self._executable_for, job.target, cache, tell, limit))
        self._check_again()
        self._captured = Captured(
            (job.function,), self.name, self._recorded(graphs[0]), self._trace_again, self._set_call
        )

    def _watch(self, stage: Stage) -> None:
        """Called with what each stage of its graph makes."""

    def _finish(self, make: Callable[[], Executable]) -> None:
        """Called at the end: the program is made, and not by the first call."""
        self._executable = make()

    def _executable_for(self, target: str, cache: Cache, report: Report, limit: float | None = None) -> Executable:
        """Its program for a target, which is compiled if it is not in the cache."""
        if self._program is not None:
            return compile_rows(self._program, target, cache, report, self._example, limit)
        beside = self._eager.beside
        return compile_executable(self.ir, target, cache, self._witnesses, report, limit=limit, beside=beside)

    def _witnesses(self) -> list[Witness]:
        """What its program must give. It is asked for while the C compiler works: there is time for the second run."""
        self._check_again()
        return self._eager()

    def _recorded(self, traced: Graph) -> str:
        """What decides what the function is."""
        return "".join((traced.fingerprint, *(loop.graph.fingerprint for loop in self._loops)))

    def __repr__(self) -> str:
        fast = f", {self.numerics!r}" if self.numerics.fast else ""
        return f"<microgpt.CompiledFunction {self.name} of {len(self.ir):,} operations in {self.target}{fast}>"

    def __copy__(self) -> CompiledFunction:
        return self

    def __deepcopy__(self, memo: Any) -> CompiledFunction:
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        """By name, as Python pickles functions: what takes its place is found, or compiled again, from the cache."""
        function, found = self._function, None
        if isinstance(function, FunctionType):
            found = _by_name(function.__module__, function.__qualname__)
            if found is self:  # which was given the name of what it was compiled from
                return function.__qualname__
            if found is not function:
                raise TypeError(
                    f"{self!r} cannot be pickled: another process finds {function.__qualname__} by its name alone; "
                    f"define it at the top level of a module"
                )
        return _restored, (type(self), self._job, self._cache_folder)

    def _set_call(self, check: Callable[[], None]) -> None:
        """Sets what a call carries out.

        Args:
            check: looks whether what the function reads has changed.
        """
        if self._jax:
            self.__call__ = partial(self._call_in_jax, self._jax, check)
        else:
            self.__call__ = self._make_call(check, self._idle, self._in_order, self._new_space)
        self.__signature__ = signature(self.__call__)

    def _call_in_jax(self, jax: JaxFunction, check: Callable[[], None], /, *arguments: Any, **named: Any) -> Any:
        check()
        return jax(*(self._in_order(arguments, named) if named else arguments))

    def _in_order(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments, those that are named in their places."""
        names = self._structure.names
        following = names[len(arguments) :]
        for name in named:
            if name not in following:
                problem = f"is given {name} twice" if name in names else f"has no argument {name}"
                raise TypeError(f"{self.name} {problem}; it was compiled for {', '.join(names)}")
        missing = [name for name in following if name not in named]
        if missing:
            raise TypeError(f"{self.name} needs {', '.join(missing)}; it was compiled for {', '.join(names)}")
        return (*arguments, *(named[name] for name in following))

    def _new_space(self) -> tuple[Any, ...]:
        """What a call needs that no other call is in."""
        space = self._executable.workspace()
        ready = (*self._prepare(space.inputs, space.indices, space.outputs), space.run, partial(self._read, space))
        return (*ready, partial(self._read_rows, space.rows)) if isinstance(space, RowsWorkspace) else ready

    def _read_rows(self, rows: list[Rows], arguments: Sequence[Any]) -> None:
        rows[:] = self._rows_among(arguments)

    def _read(self, space: Workspace, arguments: Sequence[Any]) -> None:
        """Reads whatever is like the example, even if its types are others, or says why it is not."""
        try:
            floats, indices = self._structure.flatten(arguments)
        except TraceError:
            problem = f"{self.name} is compiled and takes no traced values; call what it was compiled from"
            raise TraceError(described(problem, user_frame(trace.__code__))) from None
        given = self._structure.by_argument(floats)
        for name, view in space.inputs.items():
            view[:] = array("d", given[name])
        space.indices[:] = array("i", indices)

    def read(self, rows: Iterable[Any], argument: str | None = None) -> Rows:
        """Rows that several calls take in place of `rows`, read once.

        Args:
            argument: the name of the argument that they are for; needed if several are rows of data.

        Raises:
            ValueError: if there is no such argument, or there are no rows.
            TypeError: if the rows have no order, or one is not like the row that the function was compiled for.
            IndexError, OverflowError: if an index is out of its range, or a number too large for a double.
        """
        names = {self._structure.names[place]: node for place, node in self._many.items()}
        if not names:
            raise ValueError(f"{self.name} takes no rows of data; declare them in the example: rows(row)")
        name = next(iter(names)) if argument is None and len(names) == 1 else argument
        chosen = checked.choice("argument", name, list(names))
        return read_rows(names[chosen].row, listed(rows, chosen), chosen)

    def _rows_among(self, arguments: Sequence[Any]) -> list[Rows]:
        self._structure.check_count(arguments)
        found = []
        for place, node in self._many.items():
            rows, name = arguments[place], self._structure.names[place]
            found.append(rows if isinstance(rows, Rows) else read_rows(node.row, listed(rows, name), name))
            if found[-1].structure is not node.row and found[-1].structure != node.row:
                raise TypeError(f"{name} was read for rows of another structure; read it with {self.name}.read")
        return found

    def first_nan(self, *arguments: Any) -> NotFinite | None:
        """The operation that first gives a NaN or an infinity, of those that make a result one; None without such.

        The function is carried out by an interpreter, operation by operation, forward and backward, with the bits of
        the program. That is some hundred times slower than a call.

        Raises:
            TypeError, IndexError, OverflowError, RuntimeError: as a call does.

        Example:
            >>> norm = microgpt.compile(lambda x, y: microgpt.sqrt(x * x + y * y), 1.0, 1.0)
            >>> print(norm.first_nan(0.0, 0.0))  # doctest: +ELLIPSIS
            backward: div(0.5, 0) is inf in the derivative of ...; not finite are the gradient in x, the gradient in y
        """
        self._captured.check()
        floats, numbers = self._structure.flatten(arguments)
        spans = {tensor.name: numbers[tensor.start : tensor.start + tensor.count] for tensor in self.ir.indices}
        with numerics(self.numerics):
            given = self._structure.by_argument(floats)
            if self._program is not None:
                given = {name: given[name] for name in self._program.arguments}
                names = [self._structure.names[place] for place in self._many]
                return first_not_finite(self._program, given, numbers, self._rows_among(arguments), names)
            values = evaluate_nodes(self.ir, given, spans)
        return not_finite(self.ir, values)

    @property
    def numerics(self) -> Numerics:
        """What it was compiled with."""
        return self._job.numerics

    @property
    def target(self) -> str:
        """What it was compiled to: ``c``, ``python`` or ``jax``."""
        return "jax" if self._jax else self._executable.target

    @property
    def path(self) -> Path:
        """The generated program.

        Raises:
            ValueError: if the target is JAX, whose program is no file.
        """
        if self._jax:
            raise ValueError("a program for JAX is no file; see source, or microgpt export --target jax")
        return self._executable.path

    @property
    def source(self) -> str:
        """The text of the generated program."""
        return self._jax.source if self._jax else self._executable.source

    def _in_jax(self, traced: Graph) -> JaxFunction:
        """The function for JAX.

        Args:
            traced: its forward graph.
        """
        from .jax_function import JaxFunction

        wanted = self._wanted
        if self._loops:
            raise ValueError("target 'jax' takes a fixed number of rows: give an example of them without rows()")
        if wanted.derivative not in ("", "gradient") or wanted.has_aux:
            raise ValueError(
                "target 'jax' gives a value, or a value and its gradient; take further derivatives with jax.jacobian "
                "or jax.hessian of it, compiled with gradient=False"
            )
        forward = compile_graph(lambda: traced, outputs=("value",))
        backward = None
        if isinstance(self._results.value, Scalar):
            backward = compile_graph(lambda: traced, "parameters", outputs=("value", "gradient"))
        return JaxFunction(self.name, self._structure, self._results, wanted, forward, backward)

    def _trace_again(self) -> str:
        with numerics(self.numerics):
            return self._recorded(self._trace())

    def _trace(self) -> Graph:
        """Runs the function once."""
        traced = trace_function(self._function, self.name, self._structure, self._wanted)
        self._results, self._loops = traced.results, traced.loops
        what = self._function, self.name, self._structure, self._wanted
        # Runs it once more, the first time that it is called.
        self._check_again = once(partial(check_traced_again, traced, *what))
        return traced.graph

    def _taken_apart(self, result: Any, outputs: dict[str, list[Any]]) -> Results:
        """The structure of what the function has returned; its numbers are added to `outputs`."""
        return results_of(self._function, self.name, self._wanted, result, outputs)
