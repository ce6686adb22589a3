"""The choice of a backend by its name."""

from __future__ import annotations

from collections.abc import Callable

from ...model.config import AdamConfig, GPTConfig
from ..programs.library import Library
from ..storage.cache import Cache
from .auto_backend import AutoBackend, python_instead
from .backend import Backend, EagerBackend, PythonBackend

__all__ = ["BACKENDS", "COMPILED", "FAST", "TRAINERS", "check_backend", "choose_backend"]

# The first of each is the default.
BACKENDS = ("auto", "c", "python", "eager")
COMPILED = ("auto", "c", "python")
# Those that do not keep the bits, in double and single precision; and all that a model can be trained with.
FAST = ("jax", "jax-f32")
TRAINERS = (*BACKENDS, *FAST)

# What this process has been warned of.
_warned: set[str] = set()


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
    from ..machine.find_toolchain import find_toolchain
    from ..machine.toolchain import ToolchainError

    try:
        find_toolchain()
    except ToolchainError as error:
        problem = str(error).replace("\n", "; ")
        if name == "c":
            raise ToolchainError(
                f"the C backend needs a C compiler that keeps every bit: {problem}; see `microgpt doctor`"
            ) from None
        warn(python_instead(error))
        return "python"
    return "c"


def choose_backend(
    name: str,
    config: GPTConfig,
    optimizer: AdamConfig,
    jobs: int | None,
    warn: Callable[[str], None],
    batch_size: int = 1,
    threads: int = 1,
) -> Backend:
    """Makes the backend called `name`, over the user's cache.

    Args:
        name: one of `TRAINERS`.
        jobs: how many processes may compile at a time; by default one for each processor.
        warn: takes warnings.
        batch_size: documents of a step of training.
        threads: that compute them in C, see `CBackend`.

    Raises:
        ValueError: if there is no backend of that name.
        ToolchainError: if it is not available.
        ModuleNotFoundError: if it is ``jax`` and that is not installed.
    """
    if name not in TRAINERS:
        raise ValueError(f"there is no backend {name!r}; the backends are {', '.join(TRAINERS)}")
    from ..machine.libm import float_fault

    fault = float_fault()
    if fault:
        _warn_once(f"{fault}; results are not those of other processes", warn)
    if name == "eager":
        return EagerBackend(config, optimizer, batch_size)
    cache = Cache.open(warn=warn)
    if name in FAST:
        from .jax_backend import JaxBackend

        precision = "f64" if name == "jax" else "f32"

        def exact() -> Backend:
            return choose_backend("auto", config, optimizer, jobs, warn)

        return JaxBackend(config, optimizer, precision, cache, exact, batch_size)

    def python() -> Backend:
        return PythonBackend(config, optimizer, Library(cache, jobs), batch_size)

    if name in ("auto", "c"):
        from .c_backend import CBackend

        backend = CBackend(config, optimizer, cache, warn, batch_size, threads)
        # What is in the cache was made by a compiler that has been checked.
        found = backend.find()
        if not found:
            backend.begin()
        if found or check_backend(name, warn) == "c":
            _warn_of_neglect(not found, warn)
            return backend if name == "c" else AutoBackend(backend, python, warn)
    return python()


def _warn_of_neglect(probed: bool, warn: Callable[[str], None]) -> None:
    """Says why the C compiler that was asked for is not used, where another one is."""
    from ..machine.find_toolchain import neglected_choice

    problem = neglected_choice(probed)
    if problem:
        _warn_once(
            f"the compiler that $CC names is not used ({problem}); `microgpt doctor` says which one is used", warn
        )


def _warn_once(message: str, warn: Callable[[str], None]) -> None:
    if message not in _warned:
        _warned.add(message)
        warn(message)
