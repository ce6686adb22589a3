"""Numerics: what `exp`, `log`, `pow` and the other functions mean, and what passes may do with numbers.

`exact` has the bits of the C library that Python calls, `portable` the correctly rounded ones, which are the same
everywhere. One of them is in force at each moment (`numerics`): constants, the eager autograd, the trace, the passes
and the printers ask `current`. A compiled program keeps the numerics that it was compiled with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType

from . import arithmetic, correctly_rounded

__all__ = ["NUMERICS", "Numerics", "as_numerics", "current", "exact", "meaning", "numerics", "portable", "power"]


@dataclass(frozen=True)
class Numerics:
    """A choice.

    Attributes:
        name: as on the command line and in files.
        libm: whether functions have the bits of the C library's, so that a guess must be proved; else, they are
            correctly rounded, and ``x**2`` is ``x*x``.
    """

    name: str
    libm: bool

    def __repr__(self) -> str:
        return f"{self.name}()"

    def home(self, function: str) -> ModuleType:
        """The module that a function of `arithmetic` comes from."""
        return correctly_rounded if not self.libm and function in correctly_rounded.__all__ else arithmetic


_EXACT, _PORTABLE = Numerics("exact", libm=True), Numerics("portable", libm=False)
# The names of all, the default first.
NUMERICS = (_EXACT.name, _PORTABLE.name)

_in_force: ContextVar[Numerics] = ContextVar("microgpt_numerics", default=_EXACT)
# A look-up a call, without a function of ours.
current: Callable[[], Numerics] = _in_force.get


def exact() -> Numerics:
    """The bits of this machine's C library, which Python computes with. The default."""
    return _EXACT


def portable() -> Numerics:
    """Correctly rounded functions: the same bits on every machine, with every compiler."""
    return _PORTABLE


def as_numerics(choice: Numerics | str | None) -> Numerics:
    """The numerics of that name; those in force for None.

    Raises:
        TypeError: if `choice` is neither numerics nor a name.
        ValueError: if there are no numerics of that name.
    """
    if choice is None:
        return current()
    if isinstance(choice, Numerics):
        return choice
    if not isinstance(choice, str):
        raise TypeError(f"numerics must be one of {', '.join(NUMERICS)}, not {choice!r}")
    if choice not in NUMERICS:
        raise ValueError(f"numerics must be one of {', '.join(NUMERICS)}, not {choice!r}")
    return _EXACT if choice == _EXACT.name else _PORTABLE


@contextmanager
def numerics(choice: Numerics | str | None) -> Iterator[Numerics]:
    """Puts numerics in force: ``with numerics("portable"): ...``.

    What is computed inside by `Value`, constants and functions such as `exp` follows them, and so does what is
    compiled. None leaves those in force.

    Raises:
        TypeError, ValueError: as `as_numerics`.
    """
    chosen = as_numerics(choice)
    token = _in_force.set(chosen)
    try:
        yield chosen
    finally:
        _in_force.reset(token)


def meaning(name: str) -> Callable[..., float]:
    """A function of `arithmetic`, as the numerics in force when it is called mean it."""
    of_libm, right = getattr(arithmetic, name), getattr(correctly_rounded, name)

    def function(*operands: float) -> float:
        result: float = (of_libm if _in_force.get().libm else right)(*operands)
        return result

    function.__name__ = function.__qualname__ = name
    return function


power = meaning("power")
