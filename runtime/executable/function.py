"""Compiling a scalar function: ``compile(function, *example)`` gives its value and gradient as a program."""

from __future__ import annotations

import inspect
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, update_wrapper
from pathlib import Path, PurePath
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ...compiler.errors import TraceError
from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import evaluate_nodes
from ...compiler.ir.names import identifier
from ...compiler.numerics import Numerics, as_numerics, numerics
from ...compiler.pipeline import Stage, compile_graph
from ...compiler.trace import trace, trace_twice
from ...compiler.user_code import described, user_frame
from .. import arguments as checked
from ..reporting import Report, compile_progress, silent
from ..storage.cache import Cache
from .captured import Captured
from .estimate import Estimate, function_estimate, memory_bytes
from .executable import TARGETS, Executable, compile_executable
from .marshal_code import call_maker
from .nodes import ManyRows, Scalar, index
from .not_finite import NotFinite, not_finite
from .results import Results, taken_apart
from .row_data import Rows, listed, read_rows
from .row_executable import RowsWorkspace, compile_rows
from .row_program import RowProgram, first_not_finite, row_program
from .row_sums import RowLoop, rows_among
from .structure import Structure, structure_of
from .wanted import Wanted, Wrt, argument_names, wanted_of
from .witness import eager_witnesses
from .workspace import Workspace

if TYPE_CHECKING:
    from .jax_function import JaxFunction

__all__ = ["CompiledFunction", "compile_function", "compile_wanted", "index"]


def compile_function(
    function: Callable[..., Any],
    *example: Any,
    wrt: Wrt = None,
    gradient: bool = True,
    has_aux: bool = False,
    target: str = "auto",
    cache: Cache | None = None,
    progress: bool = True,
    memory_limit: float | str | None = None,
    numerics: Numerics | str | None = None,
) -> CompiledFunction:
    """Compiles a scalar function of scalars for arguments like `example`: its value and gradient.

    Args:
        function: computes one scalar with ``+ - * / **``, the functions of docs/operations.md, `select`, and Python's
            own lists, loops and functions. It is run twice, on symbolic scalars, and never again.
        example: an argument each, of floats in lists, tuples, named tuples and dicts. Every float stands for a number
            that varies, and ``index(n)`` for a whole number that does. An `array`, a ``memoryview`` or a NumPy array of
            floats is what a nested list of its shape would be, and that is what the function gets. Everything else,
            whole numbers too, is fixed from now on, and must be of a type that cannot change.
        wrt: the arguments to differentiate in: a name or a position, for the gradient in this argument; or a sequence
            of them, for a tuple of gradients. By default, all arguments. The others are data: they vary, but no
            gradient in them is computed.
        gradient: False for the value alone. Then `function` may return any nested lists, tuples and dicts of scalars.
        has_aux: `function` returns a pair: the scalar, and an auxiliary result, of any nested structure of scalars, in
            which nothing is differentiated.
        target: ``c``, ``python``, or ``auto``: C where a compiler is found that keeps every bit and takes the program
            in a reasonable time, else Python. The results have the same bits. ``jax`` is fast, not exact: the function
            consists of JAX operations, takes arrays and traced values of JAX, and composes with ``jax.jit`` and
            ``jax.vmap`` and, with ``gradient=False``, with ``jax.grad``. It needs the package jax, an extra.
        cache: where compiled programs are kept; by default the user's.
        progress: whether to show what is being done, on a terminal or in a notebook, if it takes longer than a second.
        memory_limit: how much memory compiling may take: bytes, or a text such as ``"2G"``. By default, what is free,
            or the environment's ``MICROGPT_MEMORY_LIMIT``.
        numerics: ``exact``, for the bits of this machine's C library; ``portable``, for correctly rounded functions and
            the same bits everywhere; `fast`, not exact; by default, those in force (`microgpt.numerics`).

    Returns:
        A function of such arguments, which returns ``value, gradient``, or ``(value, aux), gradient`` with `has_aux`;
        without the gradient, what `function` returns.

    Raises:
        TraceError: if the function reads a value that is only known later, uses an unknown operation, or does something
            else each time. The message names its line.
        CompileError: if its gradient has no static program.
        TypeError: if `function` is not callable, no float is in the example, or a part of it could change unseen.
        ValueError: if there is no such target, numerics or argument to differentiate in, or the example is nested too
            deeply.
        ToolchainError: if the target is ``c`` and there is no compiler for it.
        MemoryError: if compiling the function takes more memory than is available (`TooLargeError`).
        ProofError: if the program does not compute what the eager autograd does; a mistake in microgpt.

    Example:
        >>> def loss(weights, rows, labels):
        ...     guesses = [sum(w * x for w, x in zip(weights, row)) for row in rows]
        ...     errors = [guess - label for guess, label in zip(guesses, labels)]
        ...     return sum(error**2 for error in errors), guesses
        >>> rows, labels = [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]
        >>> fit = microgpt.compile(loss, [0.0, 0.0], rows, labels, wrt="weights", has_aux=True)
        >>> (value, guesses), d_weights = fit([1.0, 0.5], rows, labels)
        >>> value, guesses, d_weights
        (10.0, [2.0, 5.0], [20.0, 28.0])
    """
    checked.function("function", function)
    derivative = "gradient" if checked.boolean("gradient", gradient) else ""
    wanted = wanted_of(function, len(example), derivative, wrt, checked.boolean("has_aux", has_aux))
    return compile_wanted(function, example, wanted, target, cache, progress, memory_limit, numerics)


def compile_wanted(
    function: Callable[..., Any],
    example: Sequence[Any],
    wanted: Wanted,
    target: str,
    cache: Cache | None,
    progress: bool,
    memory_limit: float | str | None = None,
    numerics: Numerics | str | None = None,
) -> CompiledFunction:
    """Compiles a function; `compile_function` says how."""
    chosen = as_numerics(numerics)
    checked.choice("target", target, TARGETS)
    limit = memory_bytes(memory_limit)
    with compile_progress(checked.boolean("progress", progress), "function") as report:
        compiled = CompiledFunction(function, example, target, cache or Cache.open(), report, wanted, limit, chosen)
        report(1, 1)
    return compiled


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

    Attributes:
        name: of the function.
        ir: what is carried out, operation by operation.
    """

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
        witnesses = partial(eager_witnesses, graphs[0], gradient, self._example, derivative)
        self._jax = self._in_jax(graphs[0]) if job.target == "jax" else None
        self._many = {place: node for place, node in enumerate(structure.nodes) if isinstance(node, ManyRows)}
        for loop in self._loops:  # errors in reading rows call their parts as the function does
            row = replace(self._many[loop.place].row, names=loop.names)
            self._many[loop.place] = replace(self._many[loop.place], row=row)
        self._captured = Captured((job.function,), self.name, self._recorded(graphs[0]), self._trace_again)
        self._idle: list[Callable[[Sequence[Any]], Any]] = []
        self._program: RowProgram | None = None
        if self._jax:
            return
        if self._many:
            self._program = row_program(graphs[0], self.ir, self._loops, self._many)
        self._witnesses = witnesses
        self._make_call = call_maker(structure, wanted, self._results)
        self._finish(partial(self._executable_for, job.target, cache, tell, limit))

    def _watch(self, stage: Stage) -> None:
        """Called with what each stage of its graph makes."""

    def _finish(self, make: Callable[[], Executable]) -> None:
        """Called at the end: the program is made, and not by the first call."""
        self._executable = make()

    def _executable_for(self, target: str, cache: Cache, report: Report, limit: float | None = None) -> Executable:
        """Its program for a target, which is compiled if it is not in the cache."""
        if self._program is None:
            return compile_executable(self.ir, target, cache, self._witnesses, report, limit=limit)
        return compile_rows(self._program, target, cache, report, self._example, limit)

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

    def __call__(self, *arguments: Any) -> Any:
        """What the function was compiled for: see `compile_function`.

        Raises:
            TypeError: if the arguments are not like the example.
            TraceError: if one is a traced value.
            IndexError: if an index is out of its range.
            OverflowError: if a number is too large for a double.
            RuntimeError: if something else that the function reads, such as a global list, has changed since it was
                compiled.
        """
        self._captured.check()
        # Threads need calls of their own. Popping from a list is atomic, so they need no lock.
        try:
            call = self._idle.pop()
        except IndexError:
            call = self._new_call()
        try:
            return call(arguments)
        finally:
            self._idle.append(call)

    def _new_call(self) -> Callable[[Sequence[Any]], Any]:
        if self._jax:
            jax = self._jax
            return lambda arguments: jax(*arguments)
        space = self._executable.workspace()
        call = self._make_call(space.inputs, space.indices, space.outputs, space.run, partial(self._read, space))
        if not isinstance(space, RowsWorkspace):
            return call
        rows = space.rows

        def call_with_rows(arguments: Sequence[Any]) -> Any:
            rows[:] = self._rows_among(arguments)
            return call(arguments)

        return call_with_rows

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
        found: list[tuple[Results, list[RowLoop]]] = []

        def run(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            scalars = [scalar for block in indices.values() for scalar in block]
            floats = [scalar for block in inputs.values() for scalar in block]
            arguments, loops = rows_among(self._structure.arrange(floats, scalars), floats[0].recorder)
            result = self._function(*(arguments[:-1] if self._wanted.derivative == "hvp" else arguments))
            outputs: dict[str, list[Any]] = {"value": []}
            found.append((self._taken_apart(result, outputs), loops.found))
            outputs |= loops.outputs
            return {name: leaves for name, leaves in outputs.items() if leaves or name == "value"}

        update_wrapper(run, self._function)  # which errors name
        graph: Graph = trace_twice(run, self.name, self._structure.tensors, self._structure.indices)
        (self._results, self._loops), (again, loops) = found
        if self._results != again:
            raise self._returned("a different structure each time; let it depend on the arguments alone")
        if self._loops != loops:
            raise self._returned("another function of a row each time; let it depend on its arguments alone")
        if self._loops and self._wanted.derivative in ("hessian", "hvp"):
            raise self._returned("a sum over rows, of which there is no second derivative; pass the rows as a list")
        return graph

    def _taken_apart(self, result: Any, outputs: dict[str, list[Any]]) -> Results:
        """The structure of what the function has returned, and its numbers by output."""
        aux = None
        if self._wanted.has_aux:
            if not isinstance(result, tuple | list) or len(result) != 2:
                raise self._returned(f"{_kind(result)}; with has_aux=True it returns a pair, of a result and another")
            result, beside = result
            aux = taken_apart(beside, outputs.setdefault("aux", []), fixed=True)
        if result is None:
            raise self._returned("None, which is no number; is there a return missing?")
        value = taken_apart(result, outputs["value"], fixed=False)
        if self._wanted.derivative not in ("", "jacobian") and not isinstance(value, Scalar):
            kind = {"gradient": "gradient"}.get(self._wanted.derivative, "Hessian")
            raise self._returned(
                f"{_kind(result)}, and a {kind} is taken of one number: use microgpt.jacobian for the derivatives of "
                "each, has_aux=True for a loss with something beside it, or gradient=False for the values alone"
            )
        if not outputs["value"]:
            raise self._returned("no number")
        return Results(value, aux)

    def _returned(self, problem: str) -> TraceError:
        """An error about what the function returns."""
        code = getattr(inspect.unwrap(self._function), "__code__", None)
        where = f"{PurePath(code.co_filename).name}:{code.co_firstlineno}: {code.co_qualname}" if code else self.name
        return TraceError(f"{where} returned {problem}")


def _kind(result: Any) -> str:
    if isinstance(result, list | tuple | dict):
        return f"a {type(result).__name__} of {len(result)}"
    return f"a value of type {type(result).__name__}"
