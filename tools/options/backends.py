"""The backend that a command is to use, and the user's cache, with warnings as lines on stderr."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...compiler.numerics import current
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends import choose_backend as choosing
from ...runtime.backends.backend import Backend
from ...runtime.backends.choose_backend import BACKENDS, COMPILED, TRAINERS
from ...runtime.executable.estimate import Estimate, TooLargeError, check
from ...runtime.machine.memory import LIMIT_VARIABLE
from ...runtime.programs.library import Library
from ...runtime.storage.cache import Cache
from ...runtime.training.checkpoint import Checkpoint
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError

if TYPE_CHECKING:
    from ...runtime.backends.c_backend import CBackend

__all__ = [
    "BACKENDS",
    "COMPILED",
    "TRAINERS",
    "backend_of",
    "begun_c",
    "check_backend",
    "choose_backend",
    "describe_programs",
    "expect",
    "open_cache",
    "open_library",
    "prepare",
]


def open_cache() -> Cache:
    """The user's cache of programs."""
    return Cache.open(warn=console.warn)


def open_library(jobs: int | None = None) -> Library:
    """The library of generated Python in the user's cache."""
    return Library(open_cache(), jobs)


def check_backend(name: str) -> str:
    """The backend that `name` stands for here, as in the runtime; warnings go to stderr."""
    return choosing.check_backend(name, console.warn)


def choose_backend(
    name: str, config: GPTConfig, optimizer: AdamConfig, jobs: int | None = None, batch_size: int = 1, threads: int = 1
) -> Backend:
    """The backend called `name`, as in the runtime; warnings go to stderr."""
    try:
        return choosing.choose_backend(name, config, optimizer, jobs, console.warn, batch_size, threads)
    except ModuleNotFoundError as error:
        raise CommandError(str(error), ENVIRONMENT) from None


def backend_of(model: Checkpoint, name: str, jobs: int | None) -> Backend:
    """The backend called `name`, with the programs that a trained model samples and is evaluated by."""
    backend = choose_backend(name, model.config, model.optimizer, jobs)
    if current().fast and backend.name == "c":
        console.say(f"{current().name} numerics, not exact")
    prepare(backend, [], model.config.block_size)
    return backend


def prepare(backend: Backend, lengths: Sequence[int], positions: int, what: str = "program") -> None:
    """Has a backend make its programs and shows progress; announces first what it will take, if that is long."""
    with console.compile_progress(what, backend.estimate(lengths, positions)) as progress:
        backend.prepare(lengths, positions, progress)


def expect(estimate: Estimate | None, is_sized: bool = False) -> None:
    """Before graphs are made that no backend keeps: refuses what does not fit into memory, and says what takes long.

    Args:
        is_sized: whether there are loops without a graph, which other commands can show.

    Raises:
        TooLargeError: with the memory that it needs.
    """
    try:
        check(estimate)
    except TooLargeError as error:
        if not is_sized:
            raise
        problem, _ = str(error).split("; ", 1)
        raise TooLargeError(
            f"{problem}; `stats`, `passes`, `explore` without --text and --time, `graph` at the levels model and op, "
            "and `show` with --stage loops, c, assembly or sizes make no graph, and a smaller model (--n-embd 8 "
            "--length 4) has the same loops; "
            f"{LIMIT_VARIABLE}=none tries it all the same"
        ) from error
    if estimate and estimate.announcement:
        console.say(estimate.announcement)


def begun_c(config: GPTConfig) -> CBackend:
    """The C backend of a model, whose library is begun if it is not in the cache."""
    from ...runtime.backends.c_backend import CBackend

    backend = CBackend(config, AdamConfig(), open_cache(), console.warn)
    if not backend.find():
        backend.begin()
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
