"""Sources: a digest of source files, for keys of the cache that say "the same code would come"."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

__all__ = ["sources_digest"]


@cache
def sources_digest(package: str, suffixes: tuple[str, ...] = (".py", ".c", ".h")) -> str:
    """A sha256 over the source files of a package and those inside it."""
    digest = hashlib.sha256()
    folders = [("", files(package))]
    while folders:
        prefix, folder = folders.pop()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                folders.append((f"{name}/", entry))
            elif name.endswith(suffixes):
                digest.update(name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return digest.hexdigest()
