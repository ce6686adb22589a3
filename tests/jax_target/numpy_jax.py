"""As much of JAX as printed programs use, on NumPy: they can be tested without JAX, and without compiling each.

What JAX promises of indices outside of an array is kept: reading takes the nearest element, writing does nothing.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

__all__ = ["load_functions"]


class Array(np.ndarray):
    """An array with the property ``at``."""

    def __getitem__(self, key: Any) -> Any:
        return _wrap(np.asarray(self)[_inside(key, self.shape)])

    @property
    def at(self) -> Any:
        return _At(self)


class _At:
    def __init__(self, array: Array, key: Any = None) -> None:
        self.array, self.key = array, key

    def __getitem__(self, key: Any) -> _At:
        return _At(self.array, key)

    def set(self, value: Any, mode: str = "") -> Array:
        return self._changed(value, False)

    def add(self, value: Any) -> Array:
        return self._changed(value, True)

    def _changed(self, value: Any, adds: bool) -> Array:
        # One more element in each dimension takes what JAX drops.
        shape = self.array.shape
        wider = np.zeros([extent + 1 for extent in shape], self.array.dtype)
        inner = tuple(slice(0, extent) for extent in shape)
        wider[inner] = self.array
        entries = self.key if isinstance(self.key, tuple) else (self.key,)
        key = tuple(_kept(entry, extent) for entry, extent in zip(_filled(entries, len(shape)), shape, strict=True))
        if adds:
            np.add.at(wider, key, np.asarray(value))
        else:
            wider[key] = np.asarray(value)
        return _wrap(wider[inner])


def _filled(entries: tuple[Any, ...], count: int) -> list[Any]:
    if Ellipsis in [entry for entry in entries if entry is Ellipsis]:
        return [slice(None)] * count
    return [*entries, *[slice(None)] * (count - len(entries))]


def _kept(entry: Any, extent: int) -> Any:
    if isinstance(entry, slice):
        return slice(*entry.indices(extent)) if entry.step is None or entry.step > 0 else _backward(entry, extent)
    numbers = np.asarray(entry)
    numbers = np.where(numbers < 0, numbers + extent, numbers)
    return np.where((numbers < 0) | (numbers > extent), extent, numbers)


def _backward(entry: slice, extent: int) -> Any:
    return np.arange(extent)[entry]


def _inside(key: Any, shape: tuple[int, ...]) -> Any:
    entries = key if isinstance(key, tuple) else (key,)
    found, place = [], 0
    for entry in entries:
        if entry is None:
            found.append(entry)
            continue
        if not isinstance(entry, slice):
            numbers, extent = np.asarray(entry), shape[place]
            numbers = np.where(numbers < 0, numbers + extent, numbers)
            entry = np.clip(numbers, 0, extent - 1)
        found.append(entry)
        place += 1
    return tuple(found)


def _wrap(value: Any) -> Array:
    return np.asarray(value).view(Array)


def _wrapped(function: Any) -> Any:
    return lambda *arguments, **options: _wrap(function(*arguments, **options))


def _loop(first: int, last: int, body: Any, state: Any) -> Any:
    for step in range(first, last):
        state = body(step, state)
    return state


# fmt: off
_NAMES = (
    "arange", "where", "exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tanh", "sinh", "cosh", "arctan",
    "power", "maximum", "einsum", "zeros", "ones", "stack", "asarray", "array",
)
# fmt: on
jnp = SimpleNamespace(
    **{name: _wrapped(getattr(np, name)) for name in _NAMES},
    broadcast_to=_wrapped(lambda value, shape: np.broadcast_to(value, shape).copy()),
    result_type=lambda *arrays: np.float64,
    inf=np.inf,
    nan=np.nan,
)
lax = SimpleNamespace(rsqrt=_wrapped(lambda x: 1 / np.sqrt(x)), stop_gradient=lambda x: x, fori_loop=_loop)
jax = SimpleNamespace(
    nn=SimpleNamespace(
        relu=_wrapped(lambda x: np.maximum(x, 0)),
        sigmoid=_wrapped(special.expit),
        softplus=_wrapped(lambda x: np.logaddexp(x, 0)),
    ),
    scipy=SimpleNamespace(special=SimpleNamespace(erf=_wrapped(special.erf))),
)


def load_functions(text: str) -> dict[str, Any]:
    """The functions of a printed module."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith(("import ", "from ")))
    made: dict[str, Any] = {"jnp": jnp, "lax": lax, "jax": jax}
    exec(compile(plain, "printed.py", "exec"), made)
    return made
