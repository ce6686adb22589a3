"""The choice of a backend by its name on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..model.config import AdamConfig, GPTConfig
from ..runtime.backend import Backend, EagerBackend, PythonBackend
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
    "backend_of",
    "check_backend",
    "choose_backend",
    "compiled_c",
    "describe_programs",
    "open_cache",
    "open_library",
    "prepare",
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
        problem = str(error).replace("\n", "; ")
        if name == "c":
            raise CommandError(
                f"the C backend needs a C compiler that keeps every bit: {problem}; `microgpt doctor` tells more",
                ENVIRONMENT,
            ) from None
        console.warn(f"programs run in Python, for want of a C compiler ({problem}); `microgpt doctor` tells more")
        return "python"
    return "c"


def choose_backend(name: str, config: GPTConfig, optimizer: AdamConfig, jobs: int | None = None) -> Backend:
    """Makes the backend called `name`, one of `BACKENDS`."""
    if name in ("auto", "c"):
        from ..runtime.c_backend import CBackend

        backend = CBackend(config, optimizer, open_cache())
        # What is in the cache was made by a compiler that has been checked.
        if backend.find() or check_backend(name) == "c":
            return backend
    if name == "eager":
        return EagerBackend(config, optimizer)
    return PythonBackend(config, optimizer, open_library(jobs))


def backend_of(model: Checkpoint, name: str, jobs: int | None) -> Backend:
    """The backend called `name`, with the programs that a trained model samples and is evaluated by."""
    backend = choose_backend(name, model.config, optimizer_of(model), jobs)
    prepare(backend, [], model.config.block_size)
    return backend


def prepare(backend: Backend, lengths: Sequence[int], positions: int, what: str = "program") -> None:
    """Has a backend make its programs, and tells how that goes; before it begins, what it will take if that is long."""
    with console.compile_progress(what, backend.estimate(lengths, positions)) as progress:
        backend.prepare(lengths, positions, progress)


def compiled_c(config: GPTConfig) -> CBackend:
    """The C backend of a model, with its library, which is compiled if it is not in the cache."""
    from ..runtime.c_backend import CBackend

    backend = CBackend(config, AdamConfig(), open_cache())
    prepare(backend, (), 0, "library")
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
