"""The corpora that have a name: the one that is shipped, and public ones that are fetched from their home on demand.

What is fetched must have the size and the SHA-256 that stand here, wherever it comes from, so a run on a named corpus
is the same run everywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .places import user_data_folder

__all__ = ["CATALOG", "FetchError", "NamedCorpus", "cached_content", "cached_path", "fetch", "keep_file"]


class FetchError(ValueError):
    """A corpus that could not be fetched. The message says why, and how to get it by hand."""


@dataclass(frozen=True)
class NamedCorpus:
    """A public corpus.

    Attributes:
        name: what to call it on the command line.
        description: what it is, and where it comes from.
        home: where people find it.
        url: of the file; empty for what is shipped.
        size, sha256: of the file.
    """

    name: str
    description: str
    home: str
    url: str
    size: int
    sha256: str


CATALOG = {
    corpus.name: corpus
    for corpus in (
        NamedCorpus(
            "names",
            "32,257 US first names of 2018, public domain; comes with microgpt",
            "https://www.ssa.gov/oact/babynames/limits.html",
            "",
            229_804,
            "bd02dfd33179e23ec2dd093cbd4de619834f75d660ef1ae04d3127e7a0110053",
        ),
        NamedCorpus(
            "makemore",
            "32,033 first names, the corpus of makemore and of microgpt.py",
            "https://github.com/karpathy/makemore",
            "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
            228_145,
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        ),
    )
}


def cached_path(corpus: NamedCorpus) -> Path:
    """Where a corpus is kept, once it has been fetched."""
    return user_data_folder() / "corpora" / f"{corpus.name}.txt"


def cached_content(corpus: NamedCorpus) -> bytes | None:
    """What was fetched, if it is there and still what it should be."""
    try:
        content = cached_path(corpus).read_bytes()
    except OSError:
        return None
    return content if _is_right(corpus, content) else None


def fetch(corpus: NamedCorpus, url: str | None = None, progress: Callable[[int, int], None] | None = None) -> Path:
    """Downloads a corpus, unless it is there already, and returns where it is.

    Args:
        url: where to get it instead of from its home.
        progress: is told how many bytes of how many are there.

    Raises:
        FetchError: if it cannot be had, or is not what it should be.
        OSError: if it cannot be written.
    """
    path = cached_path(corpus)
    if cached_content(corpus) is not None:
        return path
    from filelock import FileLock

    from .download import DownloadError, download

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    source = url or corpus.url
    with FileLock(path.with_suffix(".lock")):
        if cached_content(corpus) is not None:
            return path  # another process has fetched it meanwhile
        for attempt in (1, 2):
            resumed = part.exists()
            try:
                download(source, part, corpus.size, progress)
            except DownloadError as error:
                raise FetchError(f"{corpus.name} could not be fetched: {error}; {_by_hand(corpus)}") from None
            content = part.read_bytes()
            if _is_right(corpus, content):
                break
            # A part left from before may be to blame, so once more from the start; what is wrong again is wrong.
            part.unlink()
            if attempt == 2 or not resumed:
                raise FetchError(
                    f"{corpus.name} could not be fetched: what {source} gives is not the corpus (sha256 "
                    f"{hashlib.sha256(content).hexdigest()[:12]}... instead of {corpus.sha256[:12]}...); "
                    f"{_by_hand(corpus)}"
                )
        os.replace(part, path)
    return path


def keep_file(corpus: NamedCorpus, source: str | os.PathLike[str]) -> Path:
    """Takes a file that the user has got by hand.

    Raises:
        FetchError: if it is not the corpus.
        OSError: if it cannot be read, or not be kept.
    """
    content = Path(source).read_bytes()
    if not _is_right(corpus, content):
        raise FetchError(
            f"{os.fspath(source)} is not the corpus {corpus.name}: its sha256 is "
            f"{hashlib.sha256(content).hexdigest()}, not {corpus.sha256}"
        )
    path = cached_path(corpus)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        part.write_bytes(content)
    except OSError as error:
        error.filename = str(part)  # of a write, the system does not say it
        raise
    os.replace(part, path)
    with contextlib.suppress(OSError):
        path.with_suffix(".lock").unlink(missing_ok=True)
    return path


def _is_right(corpus: NamedCorpus, content: bytes) -> bool:
    return len(content) == corpus.size and hashlib.sha256(content).hexdigest() == corpus.sha256


def _by_hand(corpus: NamedCorpus) -> str:
    return f"without a network, get {corpus.url} some other way and run `microgpt data fetch {corpus.name} --from FILE`"
