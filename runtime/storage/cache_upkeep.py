"""What is in a folder of the cache, and what may go: entries, the least recently used first, and leftovers.

Somebody may have pointed the cache at a folder that holds other things. So only what looks like ours in every respect
is ever removed: a real folder of the user's, whose manifest names the files that are there and no others. Links are
never followed. What another process writes or compiles at the moment stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .sizes import parse_size

__all__ = [
    "LIMIT_VARIABLE",
    "MANIFEST",
    "PLAIN_NAME",
    "Entry",
    "discard",
    "is_own_file",
    "list_entries",
    "read_limit",
    "remove_entries",
    "remove_leftovers",
    "surplus",
]

MANIFEST = "manifest.json"
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")

LIMIT_VARIABLE = "MICROGPT_CACHE_LIMIT"
# About 600 libraries of the default model.
DEFAULT_LIMIT = 1 << 30

# Seconds. What was used so lately may be about to be loaded.
RECENT = 600.0
# What a process that was killed has left is removed after so long: no process writes one entry for a day.
LEFTOVER_AGE = 86400.0
# As `tempfile` calls them.
_LEFTOVER = re.compile(r"\.(new|old)-[a-z0-9_]{8}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """An entry of the cache.

    Attributes:
        path: its folder; the name is its key.
        size: bytes in its files.
        used: when it was last stored or loaded, in seconds since the epoch.
    """

    path: Path
    size: int
    used: float

    @property
    def key(self) -> str:
        """Its name in the cache."""
        return self.path.name


def read_limit(text: str | None = None) -> float:
    """The most bytes that entries may have in all: from `text`, else from the environment, else 1 GiB.

    Raises:
        ValueError: if it is no size, such as ``500M``, ``2G`` or ``none``.
    """
    if text is None:
        text = os.environ.get(LIMIT_VARIABLE, "")
    return parse_size(text) if text.strip() else DEFAULT_LIMIT


def list_entries(folder: Path) -> list[Entry]:
    """All entries in `folder`, sorted by key."""
    entries = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            if PLAIN_NAME.fullmatch(path.name) and (entry := _entry(path)):
                entries.append(entry)
    return entries


def _entry(path: Path) -> Entry | None:
    """The entry in `path`, whole or damaged; None if it is not ours."""
    try:
        if not _is_own_folder(path) or not is_own_file(path / MANIFEST):
            return None
        manifest = json.loads((path / MANIFEST).read_bytes())
        digests = manifest["files"]
        if not isinstance(digests, dict) or not all(_DIGEST.fullmatch(digest) for digest in digests.values()):
            return None
        files = list(path.iterdir())
        if not {file.name for file in files} <= {MANIFEST, *digests} or not all(map(is_own_file, files)):
            return None
        return Entry(path, sum(file.lstat().st_size for file in files), (path / MANIFEST).lstat().st_mtime)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def surplus(entries: list[Entry], limit: float, now: float | None = None) -> list[Entry]:
    """What has to go so that at most `limit` bytes stay: the least recently used first, but nothing used just now."""
    total, oldest = sum(entry.size for entry in entries), (now or time.time()) - RECENT
    chosen = []
    for entry in sorted(entries, key=lambda entry: (entry.used, entry.key)):
        if total <= limit or entry.used > oldest:
            break
        chosen.append(entry)
        total -= entry.size
    return chosen


def remove_entries(entries: list[Entry]) -> list[Entry]:
    """Removes entries and their lock files, but for those that a process holds the lock of.

    Returns:
        those that are gone.
    """
    return [entry for entry in entries if _remove(entry)]


def _remove(entry: Entry) -> bool:
    with _lock_now(entry.path.with_name(f"{entry.key}.lock")) as free:
        if free:
            discard(entry.path)
        return free and not os.path.lexists(entry.path)


@contextlib.contextmanager
def _lock_now(path: Path) -> Iterator[bool]:
    """Gives whether nobody else holds that lock. If so, its file is gone afterwards.

    Who was waiting for it then holds the lock of a file that is gone, and others make a new one: two may compile the
    same program, and one of them is first to store it.
    """
    from filelock import FileLock

    try:
        foreign = not is_own_file(path)
    except FileNotFoundError:  # also where another process has just removed it
        foreign = False
    if foreign:
        yield False
        return
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except TimeoutError:
        yield False
        return
    except (OSError, NotImplementedError):  # there are no locks here, or no files can be made
        yield True
        return
    try:
        yield True
        with contextlib.suppress(OSError):
            path.unlink()
    finally:
        lock.release()


def remove_leftovers(folder: Path, dry: bool = False, now: float | None = None) -> list[Path]:
    """Removes what killed processes have left: half-made folders and the locks of entries that are not there.

    Args:
        dry: only list what would be removed.

    Returns:
        what was removed.
    """
    oldest = (now or time.time()) - LEFTOVER_AGE
    removed = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest and _is_leftover(path) and (dry or _remove_leftover(path)):
                    removed.append(path)
    return removed


def _is_leftover(path: Path) -> bool:
    if path.suffix == ".lock":
        key = path.name.removesuffix(".lock")
        is_lock = PLAIN_NAME.fullmatch(key) and is_own_file(path) and path.lstat().st_size == 0
        return bool(is_lock) and not os.path.lexists(path.with_name(key))
    if not _LEFTOVER.fullmatch(path.name) or not _is_own_folder(path):
        return False
    return all(PLAIN_NAME.fullmatch(file.name) and is_own_file(file) for file in path.iterdir())


def _remove_leftover(path: Path) -> bool:
    if path.suffix == ".lock":
        with _lock_now(path):
            pass
    else:
        shutil.rmtree(path, ignore_errors=True)
    return not os.path.lexists(path)


def discard(path: Path) -> None:
    """Removes an entry, or what is in its place.

    It is renamed first, so that no process sees an entry with half of its files gone. That needs no space.
    """
    with contextlib.suppress(OSError):
        grave = path.rename(path.with_name(f".old-{secrets.token_hex(4)}"))
        if _is_own_folder(grave):
            shutil.rmtree(grave, ignore_errors=True)
        else:
            grave.unlink()


def is_own_file(path: Path) -> bool:
    """Whether `path` is a file of the user's. Who may write to it does not matter: the folder lets nobody else in."""
    return _is_own(path, stat.S_ISREG)


def _is_own_folder(path: Path) -> bool:
    return _is_own(path, stat.S_ISDIR)


def _is_own(path: Path, is_kind: Callable[[int], bool]) -> bool:
    status = path.lstat()
    return is_kind(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())
