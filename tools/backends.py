"""The choice of a backend by its name on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from ..model.config import AdamConfig, GPTConfig
from ..runtime.backend import Backend, Document, EagerBackend, PythonBackend, State
from ..runtime.cache import Cache
from ..runtime.checkpoint import Checkpoint
from ..runtime.library import Library
from . import console
from .failures import ENVIRONMENT, CommandError
from .models import optimizer_of

if TYPE_CHECKING:
    from ..runtime.c_backend import CBackend

__all__ = [
    "BACKENDS",
    "COMPILED",
    "AutoBackend",
    "backend_of",
    "check_backend",
    "choose_backend",
    "compiled_c",
    "describe_programs",
    "open_cache",
    "open_library",
    "warn_of_python",
]

# The first of each is the default.
BACKENDS = ("auto", "c", "python", "eager")
COMPILED = ("auto", "c", "python")


def open_cache() -> Cache:
    """The user's cache of programs."""
    return Cache.open(warn=console.warn)


def open_library(jobs: int | None = None) -> Library:
    """The library of generated Python in the user's cache."""
    return Library(open_cache(), jobs)


def check_backend(name: str) -> str:
    """The backend that `name` stands for here: ``auto`` is C if a C compiler keeps every bit, else Python.

    Raises:
        CommandError: if it is not available.
    """
    if name not in ("auto", "c"):
        return name
    from ..runtime.toolchain import ToolchainError, find_toolchain

    try:
        find_toolchain()
    except ToolchainError as error:
        if name == "c":
            problem = str(error).replace("\n", "; ")
            raise CommandError(
                f"the C backend needs a C compiler that keeps every bit: {problem}; `microgpt doctor` tells more",
                ENVIRONMENT,
            ) from None
        warn_of_python(error)
        return "python"
    return "c"


def warn_of_python(error: Exception) -> None:
    """Says that programs run in Python, and why."""
    problem = str(error).replace("\n", "; ")
    console.warn(f"programs run in Python, for want of a C compiler ({problem}); `microgpt doctor` tells more")


class AutoBackend:
    """The C backend as long as a C compiler can be used; where the last one fails at the model, Python in its place.

    Args:
        c: what is tried first.
        python: makes what takes its place.
    """

    def __init__(self, c: CBackend, python: Callable[[], Backend]) -> None:
        self._c, self._python = c, python
        self._use(c)

    def _use(self, backend: Backend) -> None:
        self._current = backend
        self.name, self.slice, self.config = backend.name, backend.slice, backend.config

    def __getattr__(self, name: str) -> Any:
        """What some backends have: programs to be described, ways to draw many documents at a time."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._compiled(), name)

    def _compiled(self) -> Backend:
        if self._current is self._c:
            self.prepare((), 0, lambda done, total: None)
        return self._current

    def prepare(self, lengths: Sequence[int], positions: int, progress: Callable[[int, int], None]) -> None:
        from ..runtime.toolchain import ToolchainError

        try:
            self._current.prepare(lengths, positions, progress)
        except ToolchainError as error:
            warn_of_python(error)
            self._use(self._python())
            self._current.prepare(lengths, positions, progress)

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        return self._compiled().advance(state, documents, num_steps)

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        return self._compiled().loss_and_gradient(parameters, document)

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        return self._compiled().next_token(parameters, temperature, token, position, cache)


def choose_backend(name: str, config: GPTConfig, optimizer: AdamConfig, jobs: int | None = None) -> Backend:
    """Makes the backend called `name`, one of `BACKENDS`."""
    from ..runtime.libm import float_fault

    fault = float_fault()
    if fault:
        _warn_once(f"{fault}; results are not those of other processes")
    if name in ("auto", "c"):
        from ..runtime.c_backend import CBackend

        backend = CBackend(config, optimizer, open_cache(), console.warn)
        # What is in the cache was made by a compiler that has been checked.
        found = backend.find()
        if found or check_backend(name) == "c":
            _warn_of_neglect(probed=not found)
            return backend if name == "c" else AutoBackend(backend, lambda: _python_backend(config, optimizer, jobs))
    if name == "eager":
        return EagerBackend(config, optimizer)
    return _python_backend(config, optimizer, jobs)


def _python_backend(config: GPTConfig, optimizer: AdamConfig, jobs: int | None) -> Backend:
    return PythonBackend(config, optimizer, open_library(jobs))


def _warn_of_neglect(probed: bool) -> None:
    """Says why the C compiler that was asked for is not used, where another one is."""
    from ..runtime.toolchain import neglected_choice

    problem = neglected_choice(probed)
    if problem:
        _warn_once(f"the compiler that $CC names is not used ({problem}); `microgpt doctor` tells which one is")


@cache
def _warn_once(message: str) -> None:
    console.warn(message)


def backend_of(model: Checkpoint, name: str, jobs: int | None) -> Backend:
    """The backend called `name`, with the programs that a trained model samples and is evaluated by."""
    backend = choose_backend(name, model.config, optimizer_of(model), jobs)
    with console.compile_progress() as progress:
        backend.prepare([], model.config.block_size, progress)
    return backend


def compiled_c(config: GPTConfig) -> CBackend:
    """The C backend of a model, with its library, which is compiled if it is not in the cache."""
    from ..runtime.c_backend import CBackend

    backend = CBackend(config, AdamConfig(), open_cache(), console.warn)
    with console.compile_progress("library") as progress:
        backend.prepare((), 0, progress)
    return backend


def describe_programs(backend: Backend) -> str:
    """Where the programs of a backend that has been prepared are, and how they were made."""
    library = getattr(backend, "library", None)
    if library is None:
        return f"the {backend.name} backend has no programs"
    if isinstance(library, Library):
        return f"programs in {library.cache.folder}"
    seconds = ", ".join(f"{stage} {time:.1f} s" for stage, time in library.report["seconds"].items())
    return f"program {library.path} (by {shlex.join(library.report['command'])}; {seconds})"
