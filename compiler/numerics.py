"""Numerics: what `exp`, `log`, `pow` and the other functions mean, and what passes may do with numbers.

`exact` has the bits of the C library that Python calls, `portable` the correctly rounded ones, which are the same
everywhere. `fast` has neither: its programs in C compute in single or double precision and fuse products and sums.
They are labelled wherever they go, and never the default. One of them is in force at each moment (`numerics`):
constants, the eager autograd, the trace, the passes and the printers ask `current`. A compiled program keeps the
numerics that it was compiled with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType

from . import arithmetic, correctly_rounded

__all__ = [
    "NUMERICS",
    "Numerics",
    "as_numerics",
    "current",
    "exact",
    "fast",
    "meaning",
    "numerics",
    "portable",
    "power",
]


@dataclass(frozen=True)
class Numerics:
    """A choice.

    Attributes:
        name: as on the command line and in files.
        libm: whether functions have the bits of the C library's, so that a guess must be proved; else, they are
            correctly rounded, and ``x**2`` is ``x*x``.
        fast: whether programs in C may differ from the eager autograd in rounding. All else is as in exact numerics.
        number: the type of numbers in C, ``double`` or ``float``.
        tolerance: of what is fast: by how much a result may differ from the exact one, as a share of the largest number
            that is computed together with it.
    """

    name: str
    libm: bool
    fast: bool = False
    number: str = "double"
    tolerance: float = 0.0

    def __repr__(self) -> str:
        return f"fast('{_DTYPES[self.number]}')" if self.fast else f"{self.name}()"

    @property
    def proves(self) -> bool:
        """Whether a guess of a function's result must be proved to have the bits of the C library's."""
        return self.libm and not self.fast

    def lanes(self, doubles: int) -> int:
        """Numbers in a vector of so many doubles; one if there are no vectors."""
        return 2 * doubles if self.number == "float" and doubles > 1 else doubles

    def home(self, function: str) -> ModuleType:
        """The module that a function of `arithmetic` comes from."""
        return correctly_rounded if not self.libm and function in correctly_rounded.__all__ else arithmetic


_DTYPES = {"float": "float32", "double": "float64"}
_EXACT, _PORTABLE = Numerics("exact", libm=True), Numerics("portable", libm=False)
_FAST = {
    "float32": Numerics("fast", libm=True, fast=True, number="float", tolerance=1e-4),
    "float64": Numerics("fast-float64", libm=True, fast=True, tolerance=1e-12),
}
_BY_NAME = {each.name: each for each in (_EXACT, _PORTABLE, *_FAST.values())}
# The names of all, the default first.
NUMERICS = tuple(_BY_NAME)

_in_force: ContextVar[Numerics] = ContextVar("microgpt_numerics", default=_EXACT)
# A look-up a call, without a function of ours.
current: Callable[[], Numerics] = _in_force.get


def exact() -> Numerics:
    """The bits of this machine's C library, which Python computes with. The default."""
    return _EXACT


def portable() -> Numerics:
    """Correctly rounded functions: the same bits on every machine, with every compiler."""
    return _PORTABLE


def fast(dtype: str = "float32") -> Numerics:
    """Programs in C as fast as they get: results differ from exact ones, and by how much is measured.

    Args:
        dtype: ``float32`` or ``float64``.

    Raises:
        ValueError: if it is neither.
    """
    if not isinstance(dtype, str) or dtype not in _FAST:
        raise ValueError(f"dtype must be one of {', '.join(_FAST)}, not {dtype!r}")
    return _FAST[dtype]


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
    return _BY_NAME[choice]


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
