"""A stopwatch for what is over in microseconds: how long one turn takes, the best of several measurements.

The best, because whatever else a machine does makes a turn longer, never shorter.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["best_seconds"]

# Seconds of one measurement, and how many.
SPAN, REPEATS = 0.005, 3
# Only a loop that the compiler has emptied turns more often in that time.
MOST_TURNS = 1 << 30


def best_seconds(run: Callable[[int], object], span: float = SPAN, repeats: int = REPEATS) -> float:
    """Seconds a turn.

    Args:
        run: does as many turns as it is given.
        span: how long a measurement lasts, at least.
        repeats: how many measurements there are.
    """
    turns = 1
    # The best must last that long: one measurement that was interrupted does, however few its turns.
    while (seconds := min(_seconds(run, turns) for _ in range(repeats))) < span and turns < MOST_TURNS:
        turns = max(2 * turns, int(turns * span / max(seconds, 1e-6)))
    return seconds / turns


def _seconds(run: Callable[[int], object], turns: int) -> float:
    start = time.perf_counter()
    run(turns)
    return time.perf_counter() - start
