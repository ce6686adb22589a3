"""The cache of generated programs: named entries of real files, in a private folder, shared by all processes of a user.

Generated programs are executed, so the folder must be one that nobody else can write to; and they must be what was
stored, so every entry carries the SHA-256 of its files and is dropped when they differ. An entry appears whole or not
at all. Whatever is wrong with the folder costs time and one warning, never the run: a temporary folder takes its place.
Beyond a bound, the entries that have not been used for longest go.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .cache_upkeep import (
    LIMIT_VARIABLE,
    MANIFEST,
    PLAIN_NAME,
    discard,
    is_own_file,
    list_entries,
    read_limit,
    remove_entries,
    remove_leftovers,
    surplus,
)
from .files import write_plainly

__all__ = ["Cache", "CacheWarning", "UnusableCacheError", "usable_folder"]

ENVIRONMENT_VARIABLE = "MICROGPT_CACHE_DIR"

# Who waits this long, in seconds, for another process to compile, does it itself: twice is slow, but right.
PATIENCE = 600.0


class CacheWarning(UserWarning):
    """The cache folder cannot be used, and a temporary one takes its place."""


class UnusableCacheError(Exception):
    """What is wrong with a folder, as a predicate: ``belongs to another user``."""

    def __init__(self, fault: str, folder: Path) -> None:
        super().__init__(fault)
        self.folder = folder


def _warn(message: str) -> None:
    warnings.warn(message, CacheWarning, stacklevel=2)


class Cache:
    """A folder of entries. Make one with `Cache.open`.

    Attributes:
        folder: where the entries are: ``folder / key / file``.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = _warn) -> None:
        self.folder = folder
        self._warn = warn
        self._temporary = False
        self._told_of_limit = False

    @classmethod
    def open(cls, folder: Path | None = None, warn: Callable[[str], None] = _warn) -> Cache:
        """The cache in `folder`, else in the environment's `MICROGPT_CACHE_DIR`, else where this system keeps caches.

        Args:
            folder: made, for the user alone, if it is not there.
            warn: takes the one message that says why a temporary folder is used instead; by default, a `CacheWarning`.
        """
        if folder is None:
            folder = _default_folder()
        cache = cls(folder, warn)
        try:
            cache.folder = usable_folder(folder)
        except UnusableCacheError as error:
            cache._fall_back(str(error))
        return cache

    def load(self, key: str) -> dict[str, bytes] | None:
        """The files of the entry `key`, by name; None if there is no such entry, or it was broken and is now gone."""
        entry = self.entry(key)
        if not os.path.isdir(entry):  # unlike Path.is_dir, False where we may not even look
            if os.path.lexists(entry):  # not ours, and in the way
                discard(entry)
            return None
        try:
            files = _verified(entry)
        except (OSError, ValueError, RecursionError):
            files = None
        if files is None:
            discard(entry)
        else:
            with contextlib.suppress(OSError):  # such as of a cache that can only be read
                os.utime(entry / MANIFEST)  # its last use, for `surplus`
        return files

    def store(self, key: str, files: Mapping[str, bytes]) -> Path:
        """Keeps `files` (names and contents) as the entry `key`. If a sound one is there already, that one stays.

        Returns:
            the folder that holds the files.

        Raises:
            OSError: if not even a temporary folder can hold them.
            ValueError: if `key` or the name of a file is not a plain file name.
        """
        for name in files:
            if name == MANIFEST or not PLAIN_NAME.fullmatch(name):
                raise ValueError(f"a file in the cache cannot be called {name!r}")
        entry = self.entry(key)
        try:
            self._place(entry, files)
        except OSError as error:
            if self._temporary:
                raise
            self._fall_back(f"cannot be written ({error.strerror})")
            entry = self.entry(key)
            self._place(entry, files)
        self._tidy()
        return entry

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Keeps other processes that ask for the same `key` waiting, so that one compiles and the others load.

        It saves work and is not needed for anything else. Where locks do not work, nobody waits.
        """
        from filelock import FileLock

        self.entry(key)  # checks the key
        lock = FileLock(self.folder / f"{key}.lock", timeout=PATIENCE)
        try:
            lock.acquire()
        except (TimeoutError, NotImplementedError):  # some network file systems have no locks
            pass
        except OSError as error:
            # Nor could the entry be stored in such a folder. The temporary one is ours alone: nobody to wait for.
            if not self._temporary:
                self._fall_back(f"cannot be written ({error.strerror})")
        try:
            yield
        finally:
            lock.release()

    def entry(self, key: str) -> Path:
        """The folder of the entry `key`, whether it is there or not.

        Raises:
            ValueError: if `key` is not a plain file name.
        """
        if not PLAIN_NAME.fullmatch(key):
            raise ValueError(f"a cache entry cannot be called {key!r}")
        return self.folder / key

    def entries(self) -> list[str]:
        """The keys of all entries, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"*/{MANIFEST}") if path.parent.name[0] != ".")

    def _place(self, entry: Path, files: Mapping[str, bytes]) -> None:
        # mkdtemp makes a folder that is the user's alone, also under a umask that lets the group write.
        beside = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        try:
            for name, content in files.items():
                write_plainly(beside / name, content)
            digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
            write_plainly(beside / MANIFEST, json.dumps({"files": digests}, indent=1).encode() + b"\n")
            try:
                beside.rename(entry)
            except OSError:
                # Another process was first, or something broken stands there, which load() clears away.
                if self.load(entry.name) is None:
                    beside.rename(entry)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _tidy(self) -> None:
        """Removes what has not been used for longest, if there is too much; and what killed processes have left."""
        try:
            limit = read_limit()
        except ValueError as error:
            limit = read_limit("")
            if not self._told_of_limit:
                self._told_of_limit = True
                self._warn(f"{LIMIT_VARIABLE}: {error}; it is taken for 1G")
        remove_entries(surplus(list_entries(self.folder), limit))
        remove_leftovers(self.folder)

    def _fall_back(self, fault: str) -> None:
        unusable, self.folder = self.folder, Path(tempfile.mkdtemp(prefix="microgpt-"))
        self._temporary = True
        atexit.register(_remove, self.folder, os.getpid())
        self._warn(
            f"the cache folder {unusable} {fault}; programs are kept in {self.folder} until this run ends and compiled "
            f"again in the next; mend it, or set {ENVIRONMENT_VARIABLE} to a folder of your own"
        )


def usable_folder(folder: Path | None = None) -> Path:
    """The folder of `Cache.open`, made if it is not there.

    Raises:
        UnusableCacheError: saying what is wrong with it.
    """
    if folder is None:
        folder = _default_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # What is checked is what is used from now on, wherever a symbolic link may come to point.
        folder = folder.resolve()
        fault = _fault(folder)
    except FileExistsError:
        fault = "is not a folder"
    except OSError as error:
        fault = f"cannot be used ({error.strerror})"
    if fault:
        raise UnusableCacheError(fault, folder)
    return folder


def _default_folder() -> Path:
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    if given:
        return Path(os.path.expanduser(given))
    from platformdirs import user_cache_path

    return user_cache_path("microgpt", appauthor=False)


def _fault(folder: Path) -> str | None:
    """Why programs in `folder` are not to be trusted, or None."""
    status = folder.stat()
    if not hasattr(os, "getuid"):  # Windows, where a user's folders are private unless somebody changes that
        return None
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be written by others (mode {stat.S_IMODE(status.st_mode):o}; chmod 700 makes it private)"
    return None


def _verified(entry: Path) -> dict[str, bytes] | None:
    """The files of an entry, or None if they are not what was stored."""
    manifest = json.loads((entry / MANIFEST).read_bytes())
    digests = manifest.get("files") if isinstance(manifest, dict) else None
    if _fault(entry) or not isinstance(digests, dict) or not all(map(PLAIN_NAME.fullmatch, digests)):
        return None
    # A link, or what another user owns, could be something else when it is loaded than when it is read here.
    if not all(is_own_file(entry / name) for name in (MANIFEST, *digests)):
        return None
    files = {name: (entry / name).read_bytes() for name in digests}
    sound = all(hashlib.sha256(content).hexdigest() == digests[name] for name, content in files.items())
    return files if sound else None


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child must not take the folder from its parent
        shutil.rmtree(folder, ignore_errors=True)
