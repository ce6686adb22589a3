"""The choice of a backend by its name on the command line."""

from __future__ import annotations

from ..model.config import AdamConfig, GPTConfig
from ..runtime.backend import Backend, EagerBackend, PythonBackend
from ..runtime.cache import Cache
from ..runtime.library import Library
from . import console
from .failures import ENVIRONMENT, CommandError

__all__ = ["BACKENDS", "COMPILED", "check_backend", "choose_backend", "open_library"]

# The first of each is the default.
BACKENDS = ("auto", "c", "python", "eager")
COMPILED = ("auto", "c", "python")


def open_library(jobs: int | None = None) -> Library:
    """The library of compiled programs, in the user's cache."""
    return Library(Cache.open(warn=console.warn), jobs)


def check_backend(name: str) -> str:
    """The backend that `name` stands for on this machine: ``auto`` is the fastest there is.

    Raises:
        CommandError: if it is not available.
    """
    if name == "c":
        raise CommandError(
            "this build of microgpt has no C backend; use --backend python, which gives the same bits", ENVIRONMENT
        )
    return "python" if name == "auto" else name


def choose_backend(name: str, config: GPTConfig, optimizer: AdamConfig, jobs: int | None = None) -> Backend:
    """Makes the backend called `name`, one of `BACKENDS`."""
    if check_backend(name) == "eager":
        return EagerBackend(config, optimizer)
    return PythonBackend(config, optimizer, open_library(jobs))
