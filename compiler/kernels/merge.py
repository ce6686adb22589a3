"""Merge: programs that call the same kernels, with other numbers, share one routine.

In: the calls of programs. Out: `Routine`s, whose parameters are what the programs differ in, and for each program its
routine and the numbers that this one gets. Programs that are alike for all lengths are then as many as there are
routines, and the C compiler takes as long for one as for hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import lcm

from ..loops.loop_ir import Span
from ..loops.place import NotRegularError
from .expressions import Name, Place, Sum
from .kernel_ir import Argument, Invocation, Parameter

__all__ = ["Routed", "Routine", "Series", "merge"]

_Number = int | str


@dataclass(frozen=True)
class Routine:
    """Calls that programs have in common.

    Attributes:
        parameters: whole numbers, ``n0``, ``n1`` and so on, and numbers, ``c0``, ``c1`` and so on.
        calls: with parameters where the programs differ.
    """

    parameters: tuple[Parameter, ...]
    calls: tuple[Invocation, ...]


@dataclass(frozen=True)
class Routed:
    """A program: its routine, by number, and what the parameters of that are."""

    routine: int
    values: tuple[_Number, ...]


@dataclass(frozen=True)
class Series:
    """Programs in which every whole number is a polynomial of degree two, at most, in the number of the program, such
    as its length. So a few of them say what all the others are.

    Attributes:
        names: of all, by number, in order.
        made: the numbers of those few.
        zeros: of a program, by its number.
        constant: from what a constant is in those that are made, in hexadecimal, to what it is in another one.
    """

    names: Mapping[int, str]
    made: Sequence[int]
    zeros: Callable[[int], tuple[Span, ...]]
    constant: Callable[[tuple[str, ...], int], str]

    def between(self, routed: Sequence[Routed], number: int) -> Routed:
        """A program.

        Args:
            routed: those that are made.

        Raises:
            NotRegularError: if these do not say what it is.
        """
        if len({each.routine for each in routed}) > 1:
            raise NotRegularError(f"{self.names[number]} calls other kernels than programs before and after it")
        columns = zip(*(each.values for each in routed), strict=True)
        return Routed(routed[0].routine, tuple(self._value(column, number) for column in columns))

    def _value(self, column: tuple[_Number, ...], number: int) -> _Number:
        if len(set(column)) == 1:
            return column[0]
        texts = tuple(each for each in column if isinstance(each, str))
        if texts:
            return self.constant(texts, number)
        square, linear, constant, divisor = _through(tuple(self.made), tuple(map(int, column)))
        value, rest = divmod((square * number + linear) * number + constant, divisor)
        if rest:
            raise NotRegularError(f"no polynomial of degree two with whole numbers is {column} at {self.made}")
        return value


@cache
def _through(points: tuple[int, ...], values: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The polynomial of degree two through the first three points, which goes through the others, too: its
    coefficients, from the highest on, and what their sum is divided by.

    Raises:
        NotRegularError: if it does not.
    """
    square = linear = constant = Fraction(0)
    for one, value in zip(points[:3], values, strict=False):
        # value * (x - first) * (x - second), as a share of what that is at the point; of fewer points, less of it.
        factors = (Fraction(0), Fraction(0), Fraction(value))
        for other in points[:3]:
            if other != one:
                high, middle, low = (each / (one - other) for each in factors)
                factors = middle - other * high, low - other * middle, -other * low
        square, linear, constant = square + factors[0], linear + factors[1], constant + factors[2]
    if any((square * point + linear) * point + constant != value for point, value in zip(points, values, strict=True)):
        raise NotRegularError(f"no polynomial of degree two is {values} at {points}")
    divisor = lcm(square.denominator, linear.denominator, constant.denominator)
    return int(square * divisor), int(linear * divisor), int(constant * divisor), divisor


def merge(calls: Sequence[tuple[Invocation, ...]]) -> tuple[list[Routine], list[Routed]]:
    """The routines of programs, and each program."""
    members: dict[Hashable, list[int]] = {}
    for program, own in enumerate(calls):
        members.setdefault(tuple(map(_key, own)), []).append(program)
    routines: list[Routine] = []
    routed: dict[int, Routed] = {}
    for alike in members.values():
        columns = list(zip(*(list(_numbers(calls[program])) for program in alike), strict=True))
        parameters: dict[tuple[_Number, ...], Parameter] = {}
        for column in columns:
            if len(set(column)) > 1 and column not in parameters:
                kind = "number" if isinstance(column[0], str) else "whole"
                count = sum(parameter.kind == kind for parameter in parameters.values())
                parameters[column] = Parameter(f"{'c' if kind == 'number' else 'n'}{count}", kind)
        found = iter([parameters.get(column, column[0]) for column in columns])
        routine = Routine(tuple(parameters.values()), tuple(_with(call, found) for call in calls[alike[0]]))
        values = zip(*parameters, strict=True) if parameters else ((),) * len(alike)
        routed.update((program, Routed(len(routines), own)) for program, own in zip(alike, values, strict=True))
        routines.append(routine)
    return routines, [routed[program] for program in range(len(calls))]


def _key(call: Invocation) -> Hashable:
    """Equal for calls that differ in numbers alone."""
    kinds = ((each.base, len(each.index)) if isinstance(each, Place) else type(each) for each in call.arguments)
    return call.kernel, call.nests, call.arrays, call.meets, tuple(kinds)


def _numbers(calls: Sequence[Invocation]) -> Iterator[_Number]:
    """The numbers in arguments. Places have no variables."""
    for call in calls:
        for argument in call.arguments:
            if isinstance(argument, Place):
                yield from (part.constant for part in argument.index)
            elif not isinstance(argument, Name):
                yield argument


def _with(call: Invocation, numbers: Iterator[_Number | Parameter]) -> Invocation:
    """A call with other numbers, or with parameters, in the order of `_numbers`."""

    def argument(old: Argument) -> Argument:
        if isinstance(old, Place):
            return replace(old, index=tuple(_sum(next(numbers)) for _ in old.index))
        new = next(numbers)
        return Name(new.name) if isinstance(new, Parameter) else new

    return replace(call, arguments=tuple(map(argument, call.arguments)))


def _sum(number: _Number | Parameter) -> Sum:
    return Sum(0, ((1, number.name),)) if isinstance(number, Parameter) else Sum(int(number))
