"""Compile kernels: programs of loops become kernels that they share, by one pass after the other.

In: programs of loop nests. Out: a `KernelProgram` for a processor with vectors of a width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..loops.loop_ir import LoopProgram
from ..numerics import Numerics
from .accumulate import accumulate
from .batch_calls import batch_calls
from .hoist import hoist_divisors, hoist_loads
from .hold import hold
from .kernel_ir import Kernel, KernelProgram
from .share import share
from .stage_powers import stage_powers
from .tile import tile
from .vectorise import vectorise
from .walk_pointers import walk_pointers

__all__ = ["compile_kernels"]


def compile_kernels(programs: Sequence[LoopProgram], vector_width: int, numerics: Numerics) -> KernelProgram:
    """The kernels of programs over one memory, and their calls.

    Args:
        vector_width: numbers in the widest vector; 1 if there are no vectors.
    """
    shared = share(programs)
    return replace(shared, kernels=tuple(_passes(kernel, vector_width, numerics) for kernel in shared.kernels))


def _passes(kernel: Kernel, vector_width: int, numerics: Numerics) -> Kernel:
    kernel = hoist_loads(kernel)
    if vector_width > 1:
        kernel = stage_powers(kernel, numerics)
        kernel = tile(kernel)
    kernel = vectorise(kernel, vector_width, numerics)
    kernel = hoist_divisors(kernel)
    kernel = accumulate(kernel)
    if vector_width > 1:
        kernel = hold(kernel)
        kernel = batch_calls(kernel)
    return walk_pointers(kernel)
