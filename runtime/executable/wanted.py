"""What is wanted of a function: its value or a derivative, and the arguments that this is taken in."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .. import arguments as checked

__all__ = ["Wanted", "Wrt", "argument_names", "wanted_of"]

# Arguments by name or position.
Wrt: TypeAlias = "str | int | Sequence[str | int] | None"


@dataclass(frozen=True)
class Wanted:
    """What a compiled function computes.

    Attributes:
        derivative: ``gradient``, ``jacobian``, ``hessian`` or ``hvp``; empty for none.
        wrt: the arguments that it is taken in, by place; None for all of them.
        single: whether the derivative in a single argument is given as it is, and not as a tuple of one.
        value: whether the value is given, too.
        has_aux: whether the function returns a pair, of which the second part is not differentiated.
    """

    derivative: str = "gradient"
    wrt: tuple[int, ...] | None = None
    single: bool = True
    value: bool = True
    has_aux: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs of the graph that this takes."""
        value = ("value",) if self.value or not self.derivative else ()
        return (*value, "aux", *filter(None, (self.derivative,)))


def wanted_of(
    function: Callable[..., Any], count: int, derivative: str, wrt: Wrt, has_aux: bool, value: bool = True
) -> Wanted:
    """What is wanted of a function of `count` arguments.

    Raises:
        TypeError: if `wrt` is no name, position, or sequence of these.
        ValueError: if there is no such argument, or it is mentioned twice.
    """
    if wrt is None:
        return Wanted(derivative, None, True, value, has_aux)
    if not derivative:
        raise ValueError("wrt names what to differentiate in, but gradient=False asks for the value alone")
    names = argument_names(function, count)
    single = isinstance(wrt, str) or hasattr(type(wrt), "__index__")
    if not single and not (isinstance(wrt, Iterable) and not isinstance(wrt, Mapping)):
        raise TypeError(f"wrt must be the name or position of an argument, or a sequence of these, not {wrt!r:.60}")
    entries: list[Any] = [wrt] if single else list(wrt)  # type: ignore[arg-type]
    places = tuple(_place(entry, names) for entry in entries)
    if not places or len(set(places)) < len(places):
        raise ValueError(f"wrt must name at least one argument, and each once, not {wrt!r:.60}")
    return Wanted(derivative, places, single, value, has_aux)


def _place(entry: Any, names: Sequence[str]) -> int:
    """The place of the argument with that name or position."""
    if isinstance(entry, str):
        return names.index(checked.choice("wrt", entry, names))
    if isinstance(entry, bool) or not hasattr(type(entry), "__index__"):
        raise TypeError(f"wrt must be the name or position of an argument, or a sequence of these, not {entry!r:.60}")
    place = operator.index(entry)
    if not -len(names) <= place < len(names):
        raise ValueError(f"wrt is position {place}, but the arguments are {', '.join(names)}")
    return place % len(names)


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the first `count` arguments; ``argument3`` where one has none."""
    try:
        names = [parameter.name for parameter in inspect.signature(function).parameters.values() if parameter.kind < 2]
    except (TypeError, ValueError):
        names = []
    return [names[place] if place < len(names) else f"argument{place}" for place in range(count)]
