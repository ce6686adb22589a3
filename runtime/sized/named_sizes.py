"""Named sizes: the parameters of an example, and the sizes that a call gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import arguments as checked

__all__ = ["checked_sizes", "parameters_of"]


def parameters_of(example: Callable[..., Any]) -> dict[str, int | None]:
    """The sizes of an example function, with their defaults.

    Raises:
        TypeError: if it takes none, or something else.
    """
    found: dict[str, int | None] = {}
    for parameter in inspect.signature(example).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"the parameters of the example are sizes, with names; {parameter} is none")
        found[parameter.name] = None if parameter.default is parameter.empty else parameter.default
    if not found:
        raise TypeError("the example takes no size; give it one, as in: def example(n): return [0.0] * n")
    return found


def checked_sizes(
    name: str, parameters: Mapping[str, int | None], sizes: Mapping[str, Any], unnamed: Sequence[Any]
) -> dict[str, int]:
    """The sizes of a call, in the order of the parameters, with their defaults.

    Args:
        name: of the function.
        unnamed: what the call gave without a name.

    Raises:
        TypeError: if a size is missing, unknown, without its name, or no whole number.
        ValueError: if one is not positive.
    """
    known = f"the sizes of {name} are {', '.join(parameters)}"
    if unnamed:
        raise TypeError(f"sizes are given by name, as in {next(iter(parameters))}=6, not {unnamed[0]!r:.60}; {known}")
    for each in sizes:
        if each not in parameters:
            raise TypeError(f"there is no size {each!r:.60}; {known}")
    given = {each: default for each, default in parameters.items() if default is not None} | dict(sizes)
    missing = [each for each in parameters if each not in given]
    if missing:
        raise TypeError(f"missing {', '.join(missing)}; {known}")
    return {each: checked.whole(each, given[each], 1) for each in parameters}
