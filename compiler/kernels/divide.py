"""Divide: threads that run programs together each take a part of the turns of a kernel's loops.

In: kernels, after all other passes, and the calls of programs. Out: kernels whose outermost loops are divided; and for
each call whether threads wait for one another before it. Each element is computed by one thread, in the order of
operations that it has anyway, so that nothing depends on the number of threads. What has an order, or no loop, is left
to the first thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ..loops.layout import Layout
from ..loops.loop_ir import LoopProgram, Nest, Pick, walk
from ..loops.uses import uses
from .kernel_ir import (
    Block,
    Buffer,
    Declare,
    Evaluate,
    For,
    Invocation,
    Kernel,
    KernelProgram,
    Point,
    Room,
    Statement,
    Transpose,
    Update,
)
from .traverse import mentions, names_in

__all__ = ["divide", "meet"]


def divide(kernel: Kernel) -> Kernel:
    """The kernel divided, if it has loops that can be, and does not add to elements that an index chooses."""
    adds = mentions(kernel.body, lambda part: isinstance(part, Update))
    if adds or not _has_loops(kernel.body) or not all(map(_may_be_divided, kernel.body)):
        return kernel
    # Loops of one batch of calls are divided alike: what a thread puts into its buffer is for its own turns.
    evenly = mentions(kernel.body, lambda part: isinstance(part, Evaluate))
    return replace(kernel, body=tuple(_divided(statement, evenly) for statement in kernel.body), divided=True)


def _has_loops(node: Any) -> bool:
    return mentions(node, lambda part: isinstance(part, For | Transpose))


def _may_be_divided(statement: Statement) -> bool:
    """Whether all threads may carry out a statement at the top of a kernel, or a part of its turns each."""
    if isinstance(statement, Block):
        return not _has_loops(statement) or all(map(_may_be_divided, statement.body))
    if isinstance(statement, For):
        return not statement.ordered
    if isinstance(statement, Declare):
        return statement.value is not None
    return isinstance(statement, Buffer | Evaluate | Point | Room | Transpose)


def _divided(statement: Statement, evenly: bool) -> Statement:
    if isinstance(statement, Block) and not _has_loops(statement):
        return replace(statement, alone=True)
    if isinstance(statement, Block):
        return replace(statement, body=tuple(_divided(part, evenly) for part in statement.body))
    if isinstance(statement, Transpose):
        return replace(statement, divided=True)
    if not isinstance(statement, For):
        return statement

    def varies(part: Any) -> bool:
        return isinstance(part, For) and statement.name in names_in([part.start, part.end])

    in_turns = not evenly and mentions(statement.body, varies)
    return replace(statement, divided="in turns" if in_turns else "evenly", unroll=False)


@dataclass(frozen=True)
class _Access:
    """Addresses that are read or written; by any thread, if it is `divided`, or by the first one."""

    start: int
    end: int
    writes: bool
    divided: bool

    def meets(self, other: _Access) -> bool:
        """Whether threads have to meet between this and the other one."""
        return (
            (self.writes or other.writes)
            and (self.divided or other.divided)
            and self.start < other.end
            and other.start < self.end
        )


def meet(compiled: KernelProgram, programs: Sequence[LoopProgram], layout: Layout) -> KernelProgram:
    """The calls, with what threads wait for: nothing is read or written that another thread may still be at."""
    calls = tuple(
        tuple(_meeting(own, compiled.kernels, program, layout))
        for own, program in zip(compiled.calls, programs, strict=True)
    )
    return replace(compiled, calls=calls, divided=True)


def _meeting(
    calls: Iterable[Invocation], kernels: Sequence[Kernel], program: LoopProgram, layout: Layout
) -> Iterator[Invocation]:
    nests = iter(program.nests)
    # Since threads have met.
    before: set[_Access] = set()
    for span in program.zeros:
        start = layout.start(span.array) + span.start
        before.add(_Access(start, start + span.size, True, False))
    for call in calls:
        divided = kernels[call.kernel].divided
        own = {access for nest in islice(nests, call.nests) for access in _accesses(nest, layout, divided)}
        meets = any(one.meets(other) for one in own for other in before)
        before = own if meets else before | own
        yield replace(call, meets=meets)


def _accesses(nest: Nest, layout: Layout, divided: bool) -> Iterator[_Access]:
    for use in uses(nest.body):
        start = layout.start(use.array)
        yield _Access(start, start + use.array.size, use is nest.body, divided)
    if any(isinstance(part, Pick) for part in walk(nest.body.value)):
        yield _Access(0, layout.size, False, divided)
