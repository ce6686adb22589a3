"""Compiled functions with methods that show them.

The methods are the commands `show`, `graph`, `explore`, `passes`, `stats`, `verify`, `bench` and `export`. Each imports
its tools when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from .compiler.errors import ProofError
from .compiler.numerics import numerics
from .runtime import arguments as checked
from .runtime.executable import compile_function as compiling
from .runtime.executable import derivatives, over_rows
from .runtime.executable import function as runtime
from .runtime.reporting import compile_progress

if TYPE_CHECKING:
    from .model.config import GPTConfig
    from .tools.checks.function_check import Point
    from .tools.drawing.drawn import Drawing
    from .tools.subject.function import FunctionSubject
    from .tools.subject.one_graph import GraphSubject
    from .tools.text.document import Document

__all__ = [
    "CompiledFunction",
    "compile_function",
    "hessian",
    "hvp",
    "jacobian",
    "mean_over_rows",
    "model_html",
    "to_be_seen",
]


class Seen:
    """A program that shows itself."""

    @property
    def target(self) -> str:
        """What runs: ``c`` or ``python``."""
        raise NotImplementedError

    @property
    def _subject(self) -> GraphSubject:
        raise NotImplementedError

    def _point(self, values: Sequence[Any]) -> Point:
        raise ValueError("values are shown of a whole function without sums over rows; leave them out")

    def show(
        self,
        stage: str | Sequence[str] = (),
        *,
        line: str | int | Sequence[str] = (),
        scope: str | Sequence[str] = (),
        op: str | int | Sequence[str] = (),
        grep: str | None = None,
        interleave: bool = False,
        limit: int | None = None,
    ) -> Document:
        """The text of the program, or of a stage of the compiler.

        Args:
            stage: ``trace``, ``dce``, ``loops``, ``python``, ``c``, ``assembly``, ...; by default what runs.
            line: select by your source lines: 12, ``model.py:12`` or ``model.py:12-15``.
            scope: select by functions or scopes; ``*`` matches anything.
            op: select by operations of the stage.
            grep: select lines that match this regular expression.
            interleave: below each of your lines, show the output of every stage for it.
            limit: the largest number of lines.

        Returns:
            A text that displays itself at a prompt and in a notebook; print it in a script.

        Raises:
            ValueError: if there is no such stage, line, scope or operation.
            ToolchainError: if the stage needs a C compiler and there is none.
        """
        from .tools.provenance.listing import Question, list_program, pane_of

        panes = [pane_of(self._subject, name) for name in _several(stage)]
        if not panes and not interleave:
            panes = [self.target]
        if len(panes) > 1 and not interleave:
            raise ValueError("several stages at a time are for interleave=True")
        question = Question(panes, _several(line), _several(scope), _several(op), grep, interleave, limit)
        with compile_progress(True, "function") as report:
            return list_program(self._subject, question, report)

    def graph(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        level: str | None = None,
        scope: str | None = None,
        around: str | None = None,
        radius: int = 2,
        stage: str | None = None,
        limit: int | None = None,
        values: Sequence[Any] | None = None,
    ) -> Drawing:
        """Draws the program, for a notebook or a file. Pictures need Graphviz's ``dot``.

        Args:
            path: the file to write; its suffix is .svg, .png, .pdf, .dot, .json or .graphml.
            level: ``model`` draws a box for each of your functions, scopes or variables; ``op`` one for each loop, with
                its formula; ``scalar`` one for each operation of a `scope`, or near the operation `around`.
            scope: draw only this function or scope, at the levels ``op`` and ``scalar``.
            around: an operation: ``%12``, or the name of a value in generated code.
            radius: the number of edges to follow from `around`.
            stage: draw the graph after this stage, at the level ``scalar``.
            limit: the largest number of boxes.
            values: arguments of the function; the boxes show their values for these, and their gradients.

        Raises:
            ValueError: if there would be too many boxes, or there is no such scope or operation.
            GraphvizError: if ``dot`` is needed and is missing or fails.
        """
        from .tools.drawing.draw import Wanted, check_wanted, draw
        from .tools.drawing.drawn import Drawing

        worth = None if values is None else self._point(values).worth
        wanted = Wanted(level, scope, around, checked.whole("radius", radius, 0), stage, limit, worth)
        check_wanted(wanted, self._subject)
        drawing = Drawing(draw(self._subject, wanted))
        if path is not None:
            drawing.save(checked.path("path", path))
        return drawing

    def explore(
        self,
        page: str | os.PathLike[str] = "explore.html",
        *,
        timed: bool = False,
        values: Sequence[Any] | None = None,
    ) -> Path:
        """Writes one HTML page with your source, the graph, the Python, the C and the assembly side by side.

        The page shows the value of every operation, and which operations its gradient comes from.

        Args:
            page: the file to write.
            timed: measure every loop of the C.
            values: the arguments of the shown values; by default, those of the example.

        Returns:
            The file.

        Raises:
            TypeError, IndexError, OverflowError: if the arguments do not fit the example.
        """
        import warnings

        from .runtime.storage.files import write_atomically
        from .tools.explore.make import make_page
        from .tools.explore.values import at_point

        path, subject = checked.path("page", page), self._subject
        shown = None if values is None else partial(at_point, point=self._point(values))
        text = make_page(subject, shown, timed, lambda problem: warnings.warn(problem, UserWarning, stacklevel=2))
        write_atomically(path, text.encode())
        return path

    def passes(self, around: str | None = None, *, radius: int = 1, limit: int = 40) -> Document:
        """Counts what each pass of the compiler did.

        Args:
            around: an operation, such as ``%12`` of the trace, or a function; shows also what each pass did near it.
            radius: the number of edges to follow from `around`.
            limit: the largest number of operations to show.

        Raises:
            ValueError: if there is no such operation.
        """
        from .tools.passes.tables import describe_passes

        return describe_passes(self._subject, around, radius, limit)

    def stats(self, *, machine: bool = True) -> Document:
        """Analyses the program: operations, live values, critical path, memory traffic, roofline.

        Args:
            machine: measure this machine and the program on it, if there is a C compiler; takes some seconds.
        """
        from .tools.stats.measure import describe_statistics

        with compile_progress(True, "function") as report:
            return describe_statistics(self._subject, machine, report)


class RowFunction(Seen):
    """A function of a row that a compiled function sums: what is carried out for one row."""

    def __init__(self, whole: CompiledFunction, name: str) -> None:
        self._whole, self._name = whole, name

    def __repr__(self) -> str:
        return f"<microgpt.RowFunction {self._name}, summed in {self._whole.name}>"

    @property
    def target(self) -> str:
        return self._whole.target

    @property
    def _subject(self) -> GraphSubject:
        return self._whole._subject.part(self._name)


class CompiledFunction(runtime.CompiledFunction, Seen):
    __doc__ = runtime.CompiledFunction.__doc__

    @cached_property
    def _seen(self) -> FunctionSubject:
        from .tools.subject.function import FunctionSubject

        return FunctionSubject(self)

    @property
    def _subject(self) -> FunctionSubject:
        self._captured.check()  # most of what is shown is recorded again
        return self._seen

    def _point(self, values: Sequence[Any]) -> Point:
        from .tools.checks.function_check import point_of

        subject = self._subject
        return super()._point(values) if subject.rows else point_of(subject, values)

    @property
    def row_functions(self) -> dict[str, RowFunction]:
        """The functions that it sums over rows, by name, with the methods that show them.

        What is shown of the function itself is the program around its sums, to which they are inputs.
        """
        return {name: RowFunction(self, name) for name in self._subject.rows}

    def verify(self, *arguments: Any) -> Document:
        """Compares every stage of the compiler, the Python and the C with the eager autograd, bit by bit.

        Of fast numerics, the C is not equal: the report says by how much it differs. This calls the function itself
        once with eager values.

        Args:
            arguments: the arguments of a call; by default, the example and points near it.

        Raises:
            ProofError: if any number differs, which is a bug in microgpt.
            TypeError: if the arguments do not fit the example.
        """
        from .tools.checks.function_check import point_of, points_near, verify_function

        subject = self._subject
        points = [point_of(subject, arguments)] if arguments else points_near(subject, 4)
        with compile_progress(True, "function") as report, numerics(self.numerics):
            verdict = verify_function(subject, points, report)
        if verdict.difference is not None:
            raise ProofError("\n".join(verdict.difference))
        return verdict.document

    def bench(self, *arguments: Any, seconds: float = 2.0) -> Document:
        """Measures the compiled function against the eager autograd, alternately.

        Args:
            arguments: the arguments of a call; by default, those of the example.
            seconds: the time to spend on measuring.
        """
        from .tools.checks.function_race import race_function

        seconds = checked.real("seconds", seconds, "above 0", lambda number: number > 0.0)
        with compile_progress(True, "function") as report:
            return race_function(self._subject, arguments or None, seconds, report)

    def export(
        self,
        folder: str | os.PathLike[str],
        *,
        prefix: str | None = None,
        dtype: str = "double",
        plain: bool = False,
    ) -> list[Path]:
        """Writes the function as C that depends only on libm: a source file, its header, an example, and a Makefile.

        Args:
            folder: the folder to write; created if it does not exist.
            prefix: the prefix of file names and of every exported C name; by default the function's name.
            dtype: the type of numbers, ``double``, or ``float``, whose results are others.
            plain: whether it is C99 without vectors, for any compiler; so it is with ``float``.

        Returns:
            The files.

        Raises:
            ValueError: if the prefix is not a C identifier, the type is not one of these, or it is ``float`` in
                portable numerics or with sums over rows.
            OSError: if the folder cannot be written.
        """
        place = checked.path("folder", folder)
        name = self.name if prefix is None else checked.string("prefix", prefix)
        checked.choice("dtype", dtype, ("double", "float"))
        return self._subject.export(place, name, dtype, plain)

    def _repr_html_(self) -> str:
        from .tools.drawing.notebook import function_html

        return function_html(self._subject)


P = ParamSpec("P")
T = TypeVar("T")


def to_be_seen(kind: type[T], compile: Callable[P, Any]) -> Callable[P, T]:
    """Wraps a compiling function so that its result is of a kind that shows itself."""

    @wraps(compile)
    def compiled(*arguments: P.args, **options: P.kwargs) -> T:
        found: Any = compile(*arguments, **options)
        found.__class__ = kind
        return cast(T, found)

    return compiled


compile_function = to_be_seen(CompiledFunction, compiling.compile_function)
jacobian = to_be_seen(CompiledFunction, derivatives.jacobian)
hessian = to_be_seen(CompiledFunction, derivatives.hessian)
hvp = to_be_seen(CompiledFunction, derivatives.hvp)
mean_over_rows = to_be_seen(CompiledFunction, over_rows.mean_over_rows)


def model_html(config: GPTConfig, parameters: int, step: int, losses: Sequence[float]) -> str:
    """A trained model for a notebook: its sizes, and its loss curve if it was trained here."""
    from .tools.drawing.notebook import model_html

    return model_html(config, parameters, step, losses)


def _several(given: str | int | Sequence[str]) -> tuple[str, ...]:
    """A single value or several, as strings."""
    return (str(given),) if isinstance(given, str | int) else tuple(map(str, given))
