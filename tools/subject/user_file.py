"""User file: a compiled function, or a function with an example, in a file of the user's: ``FILE.py:NAME``.

The file runs as ``python FILE.py`` would run it: its folder is where it imports from first, as long as it is being
imported. It is not ``__main__``, so that what only a script does stays undone. The current directory counts for
nothing. ``FILE.py:NAME:ROW`` is a function of a row that ``NAME`` sums over rows of data.

A function needs an example to be compiled for. It stands beside it, as ``NAME_example`` or, for all functions of the
file, ``EXAMPLE``: a tuple of the arguments.
"""

from __future__ import annotations

import contextlib
import importlib.util
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ...compiler.errors import CompileError, InternalError
from ...compiler.pipeline import Stage
from ...runtime.executable.compile_function import compile_function
from ...runtime.executable.executable import Executable
from ...runtime.executable.function import CompiledFunction
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import compile_progress, silent
from ...runtime.storage.cache import Cache

__all__ = ["UserFileError", "is_program", "load_function", "load_module", "look_at", "row_function"]

_PROGRAM = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)(:(?P<row>[^\W\d]\w*))?")
# What may follow the name of a function to say what it is compiled for.
_EXAMPLE, _EXAMPLES = "{}_example", "EXAMPLE"
# What compiling says for itself.
_OURS = (CompileError, InternalError, ToolchainError, MemoryError, OSError)


class UserFileError(ValueError):
    """A file of the user's that has no such function, or cannot be run. The message names the user's line."""


def is_program(text: str) -> bool:
    """Whether a word of a command line is meant as ``FILE.py:NAME``."""
    return _PROGRAM.fullmatch(text) is not None or ".py:" in text or text.endswith(".py")


class LookedAt(CompiledFunction):
    """A function that is to be looked at: it keeps what the stages made, and its program is made when it is asked for.

    Attributes:
        stages: those of its graph.
    """

    stages: list[Stage]

    def _watch(self, stage: Stage) -> None:
        self.__dict__.setdefault("stages", []).append(stage)

    def _finish(self, make: Callable[[], Executable]) -> None:
        pass

    @cached_property
    def _executable(self) -> Executable:  # type: ignore[override]
        return self._executable_for("auto", Cache.open(), silent)


def look_at(function: Callable[..., Any], *example: Any, progress: bool = True) -> CompiledFunction:
    """A function as `compile_function` compiles it, without its program."""
    with compile_progress(progress, "function") as report:
        return LookedAt(function, example, "auto", Cache.open(), report)


def row_function(text: str) -> str | None:
    """The function of a row that ``FILE.py:NAME:ROW`` names beside the one that sums it; None without one."""
    match = _PROGRAM.fullmatch(text)
    return match["row"] if match else None


def load_function(
    text: str, make: Callable[..., CompiledFunction] = compile_function, **options: Any
) -> CompiledFunction:
    """The compiled function that ``FILE.py:NAME`` names; compiled if it is not yet.

    Args:
        make, options: what compiles it.

    Raises:
        UserFileError: if there is no such file or function, it has no example or one that does not fit, or the file
            cannot be run.
        CompileError: if it cannot be compiled.
    """
    match = _PROGRAM.fullmatch(text)
    if match is None:
        raise UserFileError(f"{text} names no function; write {text.partition('.py')[0]}.py:NAME, as in model.py:loss")
    file, name = match["file"], match["name"]
    path = Path(file)
    if not path.is_file():
        raise UserFileError(f"there is no file {file}")
    module = load_module(path)
    found = getattr(module, name, None)
    if isinstance(found, CompiledFunction):
        return found
    if not callable(found):
        known = _functions(module)
        there = f"; there are {', '.join(known[:12])}" if known else "; it has no function"
        what = (
            f"has nothing called {name}"
            if found is None
            else f": {name} is no function, but of type {type(found).__name__}"
        )
        raise UserFileError(f"{path.name} {what}{there}".replace(" :", ":"))
    own = _EXAMPLE.format(name)
    wanted = own if hasattr(module, own) else _EXAMPLES
    if not hasattr(module, wanted):
        line = getattr(getattr(found, "__code__", None), "co_firstlineno", 0)
        where = f"{path.name}:{line}" if line else path.name
        raise UserFileError(
            f"{where}: {name} has no example to be compiled for; write beside it {own} = (...), a tuple with an "
            f"argument each, or {name} = microgpt.compile({name}, ...)"
        )
    example = getattr(module, wanted)
    if not isinstance(example, tuple):
        raise UserFileError(
            f"{path.name}: {wanted} is a {type(example).__name__}; it must be a tuple with an argument each, such as "
            "(1.0, [2.0, 3.0])"
        )
    try:
        return make(found, *example, **options)
    except _OURS:
        raise
    except Exception as error:
        problem = _explained(path, error)
        ours = problem == f"{path.name}: {type(error).__name__}: {error}"
        raise UserFileError(f"{path.name}: {wanted}: {error}" if ours else problem) from error


def load_module(path: Path) -> ModuleType:
    """A file as a module of its own.

    Raises:
        UserFileError: if it cannot be run; the message names the user's line.
        CompileError: what compiling a function in it says.
    """
    name = _free_name(path.resolve())
    specification = importlib.util.spec_from_file_location(name, path.resolve())
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look there for the module of a class
    try:
        with _as_script_folder(path.resolve().parent):
            specification.loader.exec_module(module)
    except CompileError:  # which names the line already
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserFileError(_explained(path, error)) from error
    return module


def _free_name(path: Path) -> str:
    """A name for the module that no other module has: a file may be called ``random.py``."""
    name = re.sub(r"\W", "_", path.stem)
    while name in sys.stdlib_module_names or getattr(sys.modules.get(name), "__file__", str(path)) != str(path):
        name += "_"
    return name


@contextlib.contextmanager
def _as_script_folder(folder: Path) -> Iterator[None]:
    """Imports look in this folder first, and not in the current directory. What is printed meanwhile is no result."""
    before = list(sys.path)
    wanted = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    here = {"", str(Path.cwd())}.difference(wanted)
    sys.path[:] = [str(folder), *(entry for entry in before if entry not in here)]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path[:] = before


def _functions(module: ModuleType) -> list[str]:
    """Compiled functions, functions with an example, and those that the file itself defines."""

    def counts(name: str, value: object) -> bool:
        if isinstance(value, CompiledFunction) or hasattr(module, _EXAMPLE.format(name)):
            return True
        return isinstance(value, FunctionType) and value.__module__ == module.__name__

    return [name for name, value in vars(module).items() if counts(name, value)]


def _explained(path: Path, error: BaseException) -> str:
    """An error of the user's file in one line, with the line of the user's."""
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").strip()
        return f"{Path(error.filename).name}:{error.lineno}: {error.msg}" + (f"  [{text}]" if text else "")
    what = "it ended the program" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    # The innermost line of the user's: of the file itself, or of one beside it.
    folder = str(path.resolve().parent)
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename.startswith(folder)
    ]
    if not frames:
        return f"{path.name}: {what}"
    file, line = frames[-1]
    text = linecache.getline(file, line).strip()
    return f"{Path(file).name}:{line}: {what}" + (f"  [{text}]" if text else "")
