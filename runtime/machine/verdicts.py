"""Verdicts: what a probe has found of a C compiler, kept in the user's cache.

A probe takes a second of work, and finds the same in every process that compiles. So a compiler that keeps every bit is
probed once; whatever could make a difference (the compiler, its flags, the processor, libm, Python, our own sources)
is part of the name that the verdict is found by. A compiler that is refused is tried anew by each process, which says
why.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace

from ..storage.cache import Cache, UnusableCacheError, usable_folder
from ..storage.sources import sources_digest
from .toolchain import Toolchain

__all__ = ["known_or_probed"]

_FILE = "verdict.json"


def known_or_probed(toolchain: Toolchain, probe: Callable[[Toolchain], Toolchain]) -> Toolchain:
    """What `probe` finds of a compiler, or has found before.

    Raises:
        ToolchainError: as `probe` does.
    """
    try:
        cache = Cache(usable_folder(), lambda problem: None)  # whoever needs the folder says what is wrong with it
    except UnusableCacheError:
        return probe(toolchain)
    key = _key(toolchain)
    known = _known(cache, key, toolchain)
    if known is None:
        with cache.lock(key):
            known = _known(cache, key, toolchain)  # another process has been probing it meanwhile
            if known is None:
                known = probe(toolchain)
                with contextlib.suppress(OSError):
                    cache.store(key, {_FILE: json.dumps([known.flags, known.vector_width]).encode()})
    return known


def _known(cache: Cache, key: str, toolchain: Toolchain) -> Toolchain | None:
    files = cache.load(key)
    if files is None or _FILE not in files:
        return None
    # The cache has checked the folder's owner and the hash of the file: this is what was stored above.
    flags, width = json.loads(files[_FILE])
    return replace(toolchain, flags=tuple(flags), vector_width=width)


def _key(toolchain: Toolchain) -> str:
    # A program that stands for several compilers, as ccache does, is told by what it says of itself.
    parts = (
        toolchain.identity,
        toolchain.version,
        sys.version,
        sources_digest("microgpt.compiler"),
        sources_digest("microgpt.runtime.machine"),
    )
    return f"compiler-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"
