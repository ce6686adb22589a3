"""The choice of a backend by its name."""

from __future__ import annotations

from collections.abc import Callable

from ..model.config import AdamConfig, GPTConfig
from .backend import Backend, EagerBackend, PythonBackend
from .cache import Cache
from .library import Library

__all__ = ["BACKENDS", "COMPILED", "check_backend", "choose_backend"]

# The first of each is the default.
BACKENDS = ("auto", "c", "python", "eager")
COMPILED = ("auto", "c", "python")


def check_backend(name: str, warn: Callable[[str], None]) -> str:
    """The backend that `name` stands for here: ``auto`` is C if a C compiler keeps every bit, else Python.

    Args:
        name: one of `BACKENDS`.
        warn: takes the message that ``auto`` is Python here.

    Raises:
        ToolchainError: if ``c`` is not available.
    """
    if name not in ("auto", "c"):
        return name
    from .toolchain import ToolchainError, find_toolchain

    try:
        find_toolchain()
    except ToolchainError as error:
        problem = str(error).replace("\n", "; ")
        if name == "c":
            raise ToolchainError(
                f"the C backend needs a C compiler that keeps every bit: {problem}; `microgpt doctor` tells more"
            ) from None
        warn(f"programs run in Python, for want of a C compiler ({problem}); `microgpt doctor` tells more")
        return "python"
    return "c"


def choose_backend(
    name: str, config: GPTConfig, optimizer: AdamConfig, jobs: int | None, warn: Callable[[str], None]
) -> Backend:
    """Makes the backend called `name`, over the user's cache.

    Args:
        name: one of `BACKENDS`.
        jobs: how many processes may compile at a time; by default one for each processor.
        warn: takes warnings.

    Raises:
        ValueError: if there is no backend of that name.
        ToolchainError: if it is not available.
    """
    if name not in BACKENDS:
        raise ValueError(f"there is no backend {name!r}; the backends are {', '.join(BACKENDS)}")
    if name == "eager":
        return EagerBackend(config, optimizer)
    cache = Cache.open(warn=warn)
    if name in ("auto", "c"):
        from .c_backend import CBackend

        backend = CBackend(config, optimizer, cache)
        # What is in the cache was made by a compiler that has been checked.
        if backend.find() or check_backend(name, warn) == "c":
            return backend
    return PythonBackend(config, optimizer, Library(cache, jobs))
