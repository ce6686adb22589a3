"""Recorder: the graph that a trace writes to, and where in the user's source each operation comes from.

Every traced value refers to the recorder of its trace. The first error that it raises fails the trace, also where the
user's function catches it.
"""

from __future__ import annotations

import inspect
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any, NoReturn, cast

from .. import elementary
from ..errors import TraceError
from ..functions import current_scope
from ..ir.builder import GraphBuilder
from ..ir.graph import Graph, Origin, Output
from ..ir.ops import LESS, SAME
from ..number import ArrayOperandError, Condition, Scalar, real
from ..user_code import called_from, described, is_users, user_frame

__all__ = ["Recorder", "Traced", "passed_through"]

# Parts of a qualified name that are no function of the user's.
_WITHIN = ("<locals>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")

# The global names of the modules whose frames stand between an operation and the user's line.
_SPACES = {id(vars(elementary))}


def passed_through(space: dict[str, Any]) -> None:
    """Says that the module of these global names has methods of traced values: their callers are the user's lines."""
    _SPACES.add(id(space))


class Traced(Scalar):
    """The base of traced values: a node, and the recorder of its graph."""

    __slots__ = ("node", "recorder")

    is_real = False
    is_condition = False

    def __init__(self, recorder: Recorder, node: int) -> None:
        self.recorder = recorder
        self.node = node


class Recorder:
    """The graph being recorded, the origin of each operation, and the first error.

    Args:
        build: takes the operations.
        root: of the function that runs the user's; what is below it on the stack is not looked at.
    """

    def __init__(self, build: GraphBuilder, root: CodeType) -> None:
        self.build: GraphBuilder = build
        self._root = root
        self.failure: TraceError | None = None
        self._origins: dict[tuple[str, int, int], int] = {}
        self._numbers: dict[Origin, int] = {Origin("", "", "<input>", 0, "input"): 0}
        self._codes: list[object] = []  # keeps every code object alive, so that its id stays its own

    def inputs(self, first: int, count: int) -> range:
        return self.build.input_nodes(first, count)

    def index(self, number: int) -> int:
        return self.build.index(number)

    def operand(self, value: Any) -> int:
        """The node for a value: a traced scalar of this trace, or a number, which becomes a constant."""
        if isinstance(value, Traced) and value.is_real:
            if value.recorder is not self:
                self.fail(_of_another(value.recorder))
            return value.node
        self.mark()
        return self.build.const(self.real(value))

    def other(self, value: Any) -> int:
        """The node for the other operand of an operator.

        Raises:
            ArrayOperandError: if it is an array, which the operator leaves to the array.
        """
        if isinstance(value, Traced) and value.is_real:
            return self.operand(value)
        self.mark()
        return self.build.const(self.real(value, arrays=True))

    def real(self, value: Any, arrays: bool = False) -> float:
        """The double that a plain number stands for.

        Args:
            arrays: whether an array is an `ArrayOperandError`, and no failure of the trace.
        """
        try:
            return real(value)
        except ArrayOperandError:
            if arrays:
                raise
            self.fail(f"{type(value).__name__} is not a scalar; use its elements one by one")
        except TypeError:
            self.fail(f"{type(value).__name__} is not a scalar; use numbers and the function's own arguments")
        except OverflowError:
            self.fail(f"this {type(value).__name__} is too large for a double")

    def flag(self, condition: Any) -> int:
        """The node for a condition: a comparison of this trace, or a bool."""
        if isinstance(condition, Traced) and condition.is_condition:
            if condition.recorder is not self:
                self.fail(_of_another(condition.recorder))
            return condition.node
        self.mark()
        zero, holds = self.build.const(0.0), condition.holds if isinstance(condition, Condition) else condition
        return self.build.node(SAME if holds else LESS, zero, zero)

    def result(self, value: Any, function: Callable[..., Any]) -> int:
        """The node for what the function has returned."""
        try:
            return self.operand(value)
        except TraceError as error:
            code = getattr(inspect.unwrap(function), "__code__", None)
            if code is None or function is inspect.unwrap(function):
                raise TraceError(f"{self.build.name} returned: {error}") from None
            where = f"{PurePath(code.co_filename).name}:{code.co_firstlineno}"
            raise TraceError(f"{where}: {code.co_qualname} returned: {error}") from None

    def fail(self, problem: str, kind: type[TraceError] = TraceError) -> NoReturn:
        """Raises an error that names the user's line; the trace fails with it even if the function goes on."""
        frame = user_frame(self._root)
        error = kind(described(problem, frame, library=called_from(frame)))
        if kind is TraceError and self.failure is None:
            self.failure = error
        raise error

    def record(self, op: int, *operands: int) -> int:
        """Appends an operation that the user's line asked for."""
        self.mark()
        return self.build.node(op, *operands)

    def record_pair(self, op: int, a: int, b: int) -> int:
        """`record` for two operands, as most operations have."""
        self.mark()
        return self.build.pair(op, a, b)

    def mark(self) -> None:
        """Gives the operations from now on the origin of the user's line that runs."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and id(frame.f_globals) in _SPACES:
            frame = frame.f_back
        # Every operation comes by here. The line is looked up once a place: `f_lasti` is cheap, `f_lineno` decodes the
        # code object's line table. Only places of the user's files are known.
        scope = current_scope()
        known = self._origins.get((scope, id(frame.f_code), frame.f_lasti)) if frame is not None else None
        if known is None:
            if frame is None or not is_users(frame.f_code.co_filename):
                frame = user_frame(self._root)
                if frame is None:  # a constant that the function returned
                    self.build.current_origin = 0
                    return
            code = frame.f_code
            key = (scope, id(code), frame.f_lasti)
            module = frame.f_globals.get("__name__", "?")
            self._codes.append(code)
            file = PurePath(code.co_filename).name
            origin = Origin(scope, _one_word(module), _one_line(file), frame.f_lineno, _one_word(_function(code)))
            known = self._origins[key] = self._numbers.setdefault(origin, len(self._numbers))
        self.build.current_origin = known

    def close(self) -> None:
        """Lets no value of this trace record anything from now on."""
        self.build = cast("GraphBuilder", _Closed(self))

    def finish(self, outputs: Sequence[Output]) -> Graph:
        self.build.source = array("i", range(len(self.build.op)))
        self.build.origins = tuple(self._numbers)
        return self.build.finish(outputs)


def _of_another(recorder: Recorder) -> str:
    """What is wrong with a value of that trace."""
    problem = "a value of another trace was used; a function may only use its own arguments"
    if isinstance(recorder.build, _Closed):
        return problem
    return f"{problem}; pass a function of rows what it needs behind the rows: sum_rows(function, rows, value)"


class _Closed:
    """Stands in place of the builder of a trace that is over."""

    def __init__(self, recorder: Recorder) -> None:
        object.__setattr__(self, "recorder", recorder)

    def __getattr__(self, name: str) -> NoReturn:
        self.recorder.fail(
            "a value kept from an earlier trace was used; a function may only use its own arguments, and what it "
            "computes from them has no value outside of it"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self.__getattr__(name)


def _one_line(text: str) -> str:
    """`text` without what would break a line of a dump or a comment of generated code."""
    return "".join(character if character.isprintable() else "_" for character in text) or "_"


def _one_word(text: object) -> str:
    return _one_line(str(text)).replace(" ", "_")


def _function(code: CodeType) -> str:
    """The function that `code` belongs to; what a comprehension computes belongs to the function that it stands in.

    Since Python 3.12 list comprehensions have no frame of their own (PEP 709), so their names would differ between
    versions.
    """
    names = (name for name in reversed(code.co_qualname.split(".")) if name not in _WITHIN)
    return next(names, "<module>")
