"""How long compiling takes and how much memory, before it begins; what does not fit into memory is refused."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..arguments import real
from ..machine.memory import LIMIT_VARIABLE, available_memory
from ..storage.sizes import parse_size, size_text

__all__ = [
    "Estimate",
    "TooLargeError",
    "check",
    "check_function",
    "check_memory",
    "function_estimate",
    "memory_bytes",
    "together",
]

# Measured with CPython 3.11 on one core, a process a shape: CPU seconds, and the most memory that the process held. The
# shapes are vocabulary, layers, width, heads and block size. For C, `model_source` and its proof; for Python,
# `Library.compile` of one training program. The small graphs that are counted here took 5.7 to 6.7 us an operation.
#
#   C      27 1 16 4 16    0.81 M operations made and proved    7.6 s   159 MB, the longest graph has 0.39 M
#   C      27 1 32 4 16    2.87 M                              25.2 s   442 MB                        1.35 M
#   C      27 1 48 4 16    6.20 M                              53.7 s  1062 MB                        2.91 M
#   C      27 2 16 4 16    1.49 M                              12.9 s   296 MB                        0.72 M
#   C      27 1 16 4 32    1.58 M                              13.4 s   316 MB                        0.83 M
#   C    1000 1 16 4 16    4.76 M                              50.9 s   797 MB                        2.24 M
#   Python 27 1 16 4 12    0.28 M                               3.8 s   118 MB
#   Python 27 1 16 4 16    0.39 M                               5.9 s   152 MB
#   Python 27 1 32 4 16    1.35 M                              20.3 s   455 MB
#
# For C, the eager autograd runs beside it in a process of its own: 5.9 s and 56 MB of the first shape, 25.6 s and
# 156 MB of the second. That is no more seconds than the rest takes, and 105 bytes an operation of the longest graph.
#
# An operation of a program costs so many times what one of the small graphs does. The C compiler runs beside the proof.
C_COST = 1.4
PYTHON_COST = 2.3
# Bytes of the process for each operation of the longest graph, and for everything else.
C_BYTES = 360 + 105
PYTHON_BYTES = 320
# The same, where the stages of one graph are kept (`passes`: 430, a `Chain`: 403, a picture: 313); and where every text
# of it is kept as well (`explore`).
GRAPH_BYTES = 430
PAGE_BYTES = 630
BASE_BYTES = 40 << 20
# Of own functions, CPU seconds an operation of the graph, from the trace to a program that has been compared. Measured
# on a busy machine: 29,999 operations of a curve fit take 2.4 s in C (and GCC 2.0 s beside it) and 2.7 s in Python;
# 172,969 of a Gaussian process 10.3 s in Python.
FUNCTION_SECONDS_C, FUNCTION_SECONDS_PYTHON = 8e-5, 7e-5
# Of models whose programs are instantiated, CPU seconds for each parameter and position: of the small models that are
# traced and proved (4.9 s for 71,000), and of what the eager autograd computes; and bytes of its longest graph.
SIZED_SECONDS, WITNESS_SECONDS, WITNESS_BYTES = 7e-5, 1.1e-5, 800
# Of a model too large for that, on scalars that keep no graph.
FORWARD_SECONDS, FORWARD_BYTES = 4e-6, 400
# What takes longer than this is worth a word, and what is sure to take less is not even estimated.
LONG = 10.0
SMALL = 100_000


class TooLargeError(MemoryError):
    """A model whose compilation does not fit into the memory of this machine."""


@dataclass(frozen=True)
class Estimate:
    """What compiling will take.

    Attributes:
        operations: of all graphs that will be made, each counted as often as it is made.
        seconds: of one process.
        memory: bytes, of all processes together.
    """

    operations: int
    seconds: float
    memory: float

    @property
    def announcement(self) -> str:
        """What to say before compiling begins; empty if it is short."""
        return f"compiling {self}" if self.seconds > LONG else ""

    def __str__(self) -> str:
        return f"{self.operations / 1e6:,.1f} million operations: {self.cost}"

    @property
    def cost(self) -> str:
        """Time and memory, in words."""
        return f"about {_time_text(self.seconds)} and {size_text(self.memory)}"


def _time_text(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:,.0f} hours"


def together(estimates: Iterable[Estimate | None], jobs: int) -> Estimate | None:
    """What several compilations take, `jobs` at a time; None if all of them are little."""
    found = sorted((each for each in estimates if each is not None), key=lambda each: -each.memory)
    if not found:
        return None
    at_once = found[:jobs]
    seconds = math.fsum(each.seconds for each in found) / len(at_once)
    return Estimate(sum(each.operations for each in found), seconds, math.fsum(each.memory for each in at_once))


def check(estimate: Estimate | None) -> None:
    """Refuses what does not fit into the memory of this machine.

    Raises:
        TooLargeError: with the memory that it needs, and what to do.
        LimitError: if the limit in the environment is no size.
    """
    if estimate is None:
        return
    available = available_memory()
    if estimate.memory > available:
        raise TooLargeError(
            f"compiling {estimate}, but {size_text(available)} are available; choose a smaller n_embd, n_layer or "
            f"block_size, or a corpus of fewer different characters; the eager backend compiles nothing; "
            f"{LIMIT_VARIABLE}=none tries it all the same"
        )


def function_estimate(operations: int, target: str) -> Estimate:
    """What compiling a function takes, once its graph of so many operations is there."""
    seconds = operations * (FUNCTION_SECONDS_C if target == "c" else FUNCTION_SECONDS_PYTHON)
    return Estimate(operations, seconds, operations * (C_BYTES if target == "c" else PYTHON_BYTES) + BASE_BYTES)


def memory_bytes(limit: float | str | None) -> float | None:
    """The bytes of a limit: a number of them, or a text such as ``2G``.

    Raises:
        TypeError: if it is neither.
        ValueError: if it is no size.
    """
    if limit is None or isinstance(limit, str):
        try:
            return None if limit is None else parse_size(limit)
        except ValueError as error:
            raise ValueError(f"memory_limit: {error}") from None
    return real("memory_limit", limit, "of bytes, more than 0, or a text such as '2G'", lambda size: size > 0)


def check_memory(what: str, needed: float, limit: float | None = None) -> None:
    """Refuses what takes so many bytes, if they do not fit into memory.

    Args:
        what: it is.
        limit: how many bytes there may be; None for what this machine has.

    Raises:
        TooLargeError: with the memory that it needs.
        LimitError: if the limit in the environment is no size.
    """
    available = available_memory() if limit is None else limit
    if needed > available:
        again = f"; {LIMIT_VARIABLE}=none tries it all the same" if limit is None else ", or raise memory_limit"
        raise TooLargeError(
            f"{what} takes about {size_text(needed)}, but {size_text(available)} are available; give the function "
            f"fewer numbers{again}"
        )


def check_function(operations: int, target: str, limit: float | None = None) -> None:
    """Refuses a graph of so many operations, if compiling it to `target` does not fit into memory.

    Args:
        limit: how many bytes there may be; None for what this machine has.

    Raises:
        TooLargeError: with the memory that it needs.
        LimitError: if the limit in the environment is no size.
    """
    if operations <= SMALL and limit is None:
        return
    check_memory(f"compiling {operations:,} operations", function_estimate(operations, target).memory, limit)
