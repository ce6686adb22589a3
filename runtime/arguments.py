"""Checking the arguments of the public API: each function gives the value, or an error that names the argument, the
value and what is allowed. A wrong type is a `TypeError`, a wrong value of the right type a `ValueError`.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["boolean", "choice", "documents", "function", "path", "real", "string", "whole"]

Called = TypeVar("Called", bound=Callable[..., Any])


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`: an int, or what stands for one, such as those of NumPy; no bool."""
    allowed = f"from {least} to {most}" if most is not None else f"of at least {least}"
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} must be a whole number (an int) {allowed}, not {_shown(value)}")
    if number < least or (most is not None and number > most):
        raise ValueError(f"{name} must be a whole number {allowed}, not {number}")
    return number


def real(name: str, value: Any, allowed: str, test: Callable[[float], bool]) -> float:
    """A finite number that passes `test`; no bool.

    Args:
        allowed: what passes, in words that follow "a number".
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number {allowed}, not {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and test(number)):
        raise ValueError(f"{name} must be a number {allowed}, not {value!r:.60}")
    return number


def boolean(name: str, value: Any) -> bool:
    """True or False; nothing that is merely taken for one."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {_shown(value)}")
    return value


def string(name: str, value: Any) -> str:
    """A str."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {_shown(value)}")
    return value


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """One of `allowed`."""
    words = " or ".join(filter(None, (", ".join(map(repr, allowed[:-1])), repr(allowed[-1]))))
    if not isinstance(value, str):
        raise TypeError(f"{name} must be {words}, not {_shown(value)}")
    if value not in allowed:
        near = get_close_matches(value.lower(), allowed, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be {words}, not {value!r:.60}{hint}")
    return value


def path(name: str, value: Any) -> Path:
    """The path that a str or an `os.PathLike` gives."""
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str):
        raise TypeError(f"{name} must be a path (a str or an os.PathLike), not {_shown(value)}")
    if not found or "\0" in found:
        raise ValueError(f"{name} must be a path, not {found!r:.60}")
    return Path(found)


def function(name: str, value: Called) -> Called:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {_shown(value)}")
    return value


def documents(name: str, value: Any) -> Iterator[str]:
    """The texts of an iterable with an order of its own; no text, bytes, dict or set."""
    if isinstance(value, str):
        raise TypeError(f"{name} must be an iterable of str, not a str; for a single text, write [text]")
    if not isinstance(value, Iterable) or isinstance(value, bytes | bytearray | memoryview | Mapping | Set):
        raise TypeError(f"{name} must be an iterable of str such as a list, not {_shown(value)}")
    return _texts(name, value)


def _texts(name: str, value: Iterable[Any]) -> Iterator[str]:
    for place, text in enumerate(value):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{place}] must be a str, not {_shown(text)}")
        yield text


def _shown(value: object) -> str:
    """A value and its type; only the type where the value is long."""
    if value is None:
        return "None"
    text, kind = repr(value), type(value).__qualname__
    return f"{text} ({kind})" if len(text) <= 60 and "\n" not in text else f"a value of type {kind}"
