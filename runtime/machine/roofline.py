"""Roofs: what this machine can do at most, measured by a small C program on one core.

The roofline model (Williams, Waterman, Patterson: Roofline, Communications of the ACM 52(4), 2009) bounds how fast a
program can be by two figures of the machine: how many operations on doubles it carries out a second, and how many bytes
a second reach them. The second has a value for each cache (Ilic, Pratas, Sousa: Cache-aware roofline model, IEEE
Computer Architecture Letters 13(1), 2014). Bandwidth is that of STREAM's triad (McCalpin, 1995), 24 bytes a turn.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..storage.files import write_plainly
from .find_toolchain import with_toolchain
from .roofline_source import CALLS, DIVISIONS, LATENCIES, SOURCE
from .stopwatch import best_seconds
from .toolchain import Toolchain

__all__ = ["Level", "Machine", "Roofs"]

_ALIGN = 64
# What is assumed of a machine that does not say: few have less.
_ASSUMED = {"L1": 32 << 10, "L2": 256 << 10}
# Arrays in memory are four times as large as the caches, as STREAM wants it, or twice if that is more than any machine
# has to spare.
_MEMORY_LEAST, _MEMORY_MOST = 64 << 20, 192 << 20


@dataclass(frozen=True)
class Level:
    """A level of the memory.

    Attributes:
        name: ``L1``, ``L2``, ... or ``memory``.
        size: in bytes; None for memory.
        bandwidth: bytes a second.
    """

    name: str
    size: int | None
    bandwidth: float


@dataclass(frozen=True)
class Roofs:
    """Of one core.

    Attributes:
        compiler: its first line of version.
        lanes: doubles in a vector.
        flops: additions and multiplications a second, as separate operations, as exactness wants them.
        fused_flops: with fused multiply-adds, each of which counts as two.
        levels: L1 first, memory last.
        latencies: by name of operation, seconds until its result can be used.
        calls: by name of function of the C library, seconds that a call takes when none waits for another.
        divisions: of the unit that divides, results a second: ``div``, and ``root``.
    """

    compiler: str
    lanes: int
    flops: float
    fused_flops: float
    levels: tuple[Level, ...]
    latencies: dict[str, float]
    calls: dict[str, float]
    divisions: dict[str, float]

    def level_of(self, size: int) -> Level:
        """The first level that `size` bytes fit in."""
        return next(level for level in self.levels if level.size is None or size <= level.size)


class Machine:
    """Measures, as often as it is asked to, and keeps the best: what else runs on a machine only ever makes it slower.

    Raises:
        ToolchainError: if no C compiler that keeps every bit can compile the program.
    """

    def __init__(self) -> None:
        with_toolchain(self._compile)
        self._lanes = int(self._functions.roof_width())
        self._caches = _cache_sizes()
        # By function and size of data, the fewest seconds that a turn took.
        self._best: dict[tuple[str, int], float] = {}

    def _compile(self, toolchain: Toolchain) -> None:
        self._compiler = toolchain.version
        with tempfile.TemporaryDirectory(prefix="microgpt-roofs-", ignore_cleanup_errors=True) as folder:
            source, library = Path(folder) / "roofs.c", Path(folder) / "roofs.so"
            write_plainly(source, SOURCE.encode())
            toolchain.build(source, library)
            self._functions = ctypes.CDLL(str(library))

    def measure(self) -> None:
        """Measures everything once more; takes about a second."""
        factor, term, one = ctypes.c_double(0.999), ctypes.c_double(0.001), ctypes.c_double(1.0)
        for name in ("separate", "fused"):
            self._time(name, lambda function, turns: function(ctypes.c_long(turns), factor, term))
        unit = (f"divisions_{name}" for name in DIVISIONS)
        for name in (*LATENCIES, *(f"calls_{name}" for name in CALLS), *unit):
            self._time(name, lambda function, turns: function(ctypes.c_long(turns), one))
        memory = ctypes.create_string_buffer(self._memory_size + _ALIGN)
        start = ctypes.addressof(memory)
        start += -start % _ALIGN
        half = ctypes.c_double(0.5)
        for count in self._counts().values():
            self._time(
                "triad",
                lambda function, turns, count=count: function(  # type: ignore[misc]
                    ctypes.c_void_p(start), ctypes.c_long(count), ctypes.c_long(turns), half
                ),
                count,
            )

    @property
    def roofs(self) -> Roofs:
        """The best of what was measured until now."""
        best = self._best
        arithmetic = [2 * 12 * self._lanes / best[name, 0] for name in ("separate", "fused")]
        sizes: dict[str, int | None] = {**self._caches, "memory": None}
        levels = [
            Level(name, sizes[name], 24 * self._lanes * count / best["triad", count])
            for name, count in self._counts().items()
        ]
        latencies = {
            name: max(best[name, 0] - (best[other, 0] if other else 0.0), 0.0) for name, (_, other) in LATENCIES.items()
        }
        calls = {name: best[f"calls_{name}", 0] / 64 for name in CALLS}
        divisions = {name: 12 * self._lanes / best[f"divisions_{name}", 0] for name in DIVISIONS}
        # A compiler that cannot fuse for this processor has the roof of separate operations.
        fused = max(arithmetic)
        return Roofs(self._compiler, self._lanes, arithmetic[0], fused, tuple(levels), latencies, calls, divisions)

    def _time(self, name: str, run: Callable[[Any, int], object], size: int = 0) -> None:
        function = getattr(self._functions, f"roof_{name}")
        seconds = best_seconds(lambda turns: run(function, turns))
        self._best[name, size] = min(seconds, self._best.get((name, size), seconds))

    @property
    def _memory_size(self) -> int:
        last = max(self._caches.values())
        return max(min(max(4 * last, _MEMORY_LEAST), _MEMORY_MOST), 2 * last)

    def _counts(self) -> dict[str, int]:
        """For each level, how many vectors each of the three arrays of the triad has."""
        # Half of a cache: the other half is for what else runs.
        sizes = {name: size // 2 for name, size in self._caches.items()} | {"memory": self._memory_size}
        counts = {name: size // 3 // (8 * self._lanes) for name, size in sizes.items()}
        return {name: count - count % 4 for name, count in counts.items()}


def _cache_sizes() -> dict[str, int]:
    """By level, the bytes of the first core's caches for data; assumed where the system does not say."""
    sizes: dict[str, int] = {}
    for entry in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = ((entry / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.removesuffix("K").isdecimal():
            sizes[f"L{level}"] = int(size.removesuffix("K")) << 10
    if not sizes and hasattr(os, "sysconf_names"):
        for cache, name in (("L1", "SC_LEVEL1_DCACHE_SIZE"), ("L2", "SC_LEVEL2_CACHE_SIZE")):
            known = os.sysconf(name) if name in os.sysconf_names else 0
            if known > 0:
                sizes[cache] = known
    return sizes or dict(_ASSUMED)
