"""Hold: vectors that several sums read in one turn are read once, into a register.

In: a kernel in which folds have become variables. Out: the same, in which loops of nothing but sums read what they
share into variables. GCC would otherwise read it from memory for each sum, and a processor can read two vectors while
it multiplies two and adds two: with four sums for each vector, reading would take half as long again as computing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .expressions import Name, Read, ReadPart
from .kernel_ir import Assign, Declare, For, Kernel, Statement
from .traverse import rebuilt

__all__ = ["hold"]


def hold(kernel: Kernel) -> Kernel:
    """The kernel with shared vectors in variables."""

    def change(part: Any) -> Any:
        if not isinstance(part, For) or not all(isinstance(each, Assign) for each in part.body):
            return None
        return replace(part, body=_held(part.body))

    return replace(kernel, body=rebuilt(kernel.body, change))


def _held(body: Sequence[Statement]) -> tuple[Statement, ...]:
    counts: Counter[Read | ReadPart] = Counter()

    def count(part: Any) -> Any:
        if isinstance(part, Read | ReadPart) and part.width > 1:
            counts[part] += 1
        return None

    rebuilt(tuple(body), count)
    names = {read: f"r{number}" for number, read in enumerate(read for read, times in counts.items() if times > 1)}

    def change(part: Any) -> Any:
        return Name(names[part], part.width) if isinstance(part, Read | ReadPart) and part in names else None

    declared = (Declare(name, read, "held", read.width) for read, name in names.items())
    return (*declared, *rebuilt(tuple(body), change))
