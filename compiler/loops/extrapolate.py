"""Extrapolate: from the programs of three consecutive members of a family to those of all later members.

In: programs of graphs that are made alike for n, n+1 and n+2, say for sequences of these lengths. Out: a function from
a number to its program. The loops must be the same, and each number in them that may change, where an array is read or
written at first and how often a loop turns, must change by the same amount from one to the next. That later members
really are like this is for `prove_loops` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from .loop_ir import Affine, LoopProgram, Span
from .place import NotRegularError

__all__ = ["extrapolate"]

# Of a kind of node, the fields in which numbers may change.
_NAMES: dict[object, tuple[str, ...]] = {}


def extrapolate(programs: Mapping[int, LoopProgram], name: Callable[[int], str]) -> Callable[[int], LoopProgram]:
    """The program of every later member.

    Args:
        programs: by number, three consecutive ones.
        name: of the graph of a number.

    Raises:
        NotRegularError: if the three do not continue each other.
    """
    (first, one), (_, two), (_, three) = programs.items()
    members = (one, two, three)
    if any(program.places for program in members):
        raise NotRegularError(f"{one.name}, {two.name} and {three.name} choose from different places")
    parts = [(program.nests, program.zeros) for program in members]
    changing = list(_changes(*parts))

    def program(number: int) -> LoopProgram:
        further = number - first
        nests, zeros = _rebuilt(parts[0], iter([start + step * further for start, step in changing]))
        if any(span.size < 0 for span in zeros):
            raise NotRegularError(f"the zeros of {name(number)} end before they begin")
        return LoopProgram(name(number), nests, (), tuple(span for span in zeros if span.size))

    return program


def _changes(one: Any, two: Any, three: Any) -> Iterator[tuple[int, int]]:
    """Each number that may change, and by how much it does."""
    if isinstance(one, Affine):
        if not one.steps == two.steps == three.steps:
            raise NotRegularError(f"the steps {one.steps}, {two.steps} and {three.steps} differ")
        yield _straight(one.start, two.start, three.start)
    elif isinstance(one, Span):
        yield _straight(one.start, two.start, three.start)
        yield _straight(one.size, two.size, three.size)
    elif is_dataclass(one):
        if not type(one) is type(two) is type(three):
            raise NotRegularError(f"{type(one).__name__}, {type(two).__name__} and {type(three).__name__} differ")
        for name in _names(one):
            yield from _changes(getattr(one, name), getattr(two, name), getattr(three, name))
    elif isinstance(one, tuple):
        if not len(one) == len(two) == len(three):
            raise NotRegularError("the loops differ")
        for parts in zip(one, two, three, strict=True):
            yield from _changes(*parts)
    elif not one == two == three:
        raise NotRegularError(f"{one}, {two} and {three} differ")


def _straight(a: int, b: int, c: int) -> tuple[int, int]:
    if c - b != b - a:
        raise NotRegularError(f"{a}, {b}, {c} do not change evenly")
    return a, b - a


def _rebuilt(part: Any, numbers: Iterator[int]) -> Any:
    """What has these numbers in place of those that may change."""
    if isinstance(part, Affine):
        return Affine(next(numbers), part.steps)
    if isinstance(part, Span):
        return Span(part.array, next(numbers), next(numbers))
    if is_dataclass(part):
        return replace(part, **{name: _rebuilt(getattr(part, name), numbers) for name in _names(part)})  # type: ignore[type-var]
    return tuple(_rebuilt(each, numbers) for each in part) if isinstance(part, tuple) else part


def _names(part: Any) -> Sequence[str]:
    kind = type(part)
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(kind) if field.name not in ("array", "label"))
    return _NAMES[kind]
