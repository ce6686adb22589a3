"""How much memory this process may still take: what is free, and the limits of its cgroup and of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..storage.sizes import parse_size

__all__ = ["LIMIT_VARIABLE", "LimitError", "available_memory"]

LIMIT_VARIABLE = "MICROGPT_MEMORY_LIMIT"
_ROOT = Path("/")


class LimitError(ValueError):
    """The limit in the environment is no size."""


def available_memory(root: Path = _ROOT) -> float:
    """Bytes; infinite where nothing is known. The environment's `MICROGPT_MEMORY_LIMIT` comes before all else.

    Args:
        root: where ``proc`` and ``sys`` are.

    Raises:
        LimitError: if that is no size.
    """
    given = os.environ.get(LIMIT_VARIABLE, "").strip()
    if given:
        try:
            return parse_size(given)
        except ValueError as error:
            raise LimitError(f"{LIMIT_VARIABLE}: {error}") from None
    return max(0.0, min((*_free(root), *_left_in_cgroups(root), *_left_of_own(root)), default=math.inf))


def _free(root: Path) -> Iterator[float]:
    fields = _fields(root / "proc/meminfo")
    if "MemAvailable" in fields:
        # In KiB. Swap is not counted: what is compiled there does not end.
        yield 1024 * fields["MemAvailable"]
    elif hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def _left_in_cgroups(root: Path) -> Iterator[float]:
    """Of each cgroup that this process is in, from the innermost out. A container may see its own as the root."""
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        (
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    )
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, inside = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            top = root / "sys/fs/cgroup" / controllers
            limit, usage, reclaimable = names[controllers == "memory"]
            place = Path(inside.lstrip("/"))
            for folder in (top / place, *(top / parent for parent in place.parents), top):
                with suppress(OSError, ValueError):
                    most = int((folder / limit).read_text())
                    used = int((folder / usage).read_text())
                    # Files that were read lately count as used, and make room where it is needed.
                    yield most - used + _fields(folder / "memory.stat").get(reclaimable, 0.0)


def _left_of_own(root: Path) -> Iterator[float]:
    """Under the limits of this process, as ``ulimit -v`` sets them."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = _fields(root / "proc/self/status")
    for limit, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            yield most - 1024 * used.get(field, 0.0)


def _fields(path: Path) -> dict[str, float]:
    """Lines such as ``MemAvailable:  123 kB`` or ``inactive_file 123``."""
    fields = {}
    with suppress(OSError):
        for line in path.read_text(errors="replace").splitlines():
            words = line.replace(":", " ").split()
            if len(words) > 1 and words[1].isdecimal():
                fields[words[0]] = float(words[1])
    return fields
