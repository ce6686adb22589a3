"""What mutations do to kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mutations.patches import once

from microgpt.compiler.kernels.expressions import Place, Sum
from microgpt.compiler.kernels.kernel_ir import Kernel, KernelProgram
from microgpt.compiler.kernels.merge import Routed, Routine
from microgpt.compiler.kernels.traverse import rebuilt
from microgpt.compiler.loops.loop_ir import Array


def exchanged_kernels(program: KernelProgram) -> KernelProgram:
    """The first two calls exchange their kernels."""
    (first, second, *others), *further = program.calls
    exchanged = (replace(first, kernel=second.kernel), replace(second, kernel=first.kernel), *others)
    return replace(program, calls=(exchanged, *further))


Merged = tuple[list[Routine], list[Routed]]


def numbers_of_the_one_before(merged: Merged) -> Merged:
    """The second program of a routine gets the whole numbers of the first: those of the next length read too far."""
    return _second(merged, "whole")


def constants_of_the_one_before(merged: Merged) -> Merged:
    """The second program of a routine gets the constants of the first."""
    return _second(merged, "number")


def _second(merged: Merged, kind: str) -> Merged:
    routines, routed = merged
    shared = next(
        place
        for place, routine in enumerate(routines)
        if any(parameter.kind == kind for parameter in routine.parameters)
    )
    one, other, *_ = [place for place, each in enumerate(routed) if each.routine == shared]
    values = [
        ours if parameter.kind == kind else theirs
        for parameter, ours, theirs in zip(
            routines[shared].parameters, routed[one].values, routed[other].values, strict=True
        )
    ]
    return routines, [Routed(shared, tuple(values)) if place == other else each for place, each in enumerate(routed)]


def behind(place: Place) -> Place:
    return replace(place, index=(*place.index[:-1], place.index[-1].plus(Sum(1))))


def first_of(kind: type, change: Callable[[Any], Any], wanted: Callable[[Any], bool]) -> Callable[[Kernel], Kernel]:
    """Changes the first statement of a kind that is wanted, in whatever kernel it is."""
    maybe = once(change, wanted)

    def apply(kernel: Kernel) -> Kernel:
        def ask(part: Any) -> Any:
            if not isinstance(part, kind):
                return None
            found = maybe(part)
            return found if found is not part else None

        return replace(kernel, body=rebuilt(kernel.body, ask))

    return apply


def without_last(kind: type, wanted: Callable[[Any], bool]) -> Callable[[Kernel], Kernel]:
    """A block or loop without its last statement."""
    return first_of(kind, lambda part: replace(part, body=part.body[:-1]), wanted)


def other_place(kind: type, name: str) -> Callable[[Kernel], Kernel]:
    """A variable that has another element of an array, or points to it."""

    def has_place(part: Any) -> bool:
        place = getattr(part, "place", None) or getattr(getattr(part, "value", None), "place", None)
        return place is not None and isinstance(place.base, Array) and place.base.name == name

    def changed(part: Any) -> Any:
        return rebuilt((part,), lambda inner: behind(inner) if isinstance(inner, Place) else None)[0]

    return first_of(kind, changed, has_place)
