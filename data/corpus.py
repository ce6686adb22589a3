"""Corpora: from a file of text to a tuple of documents, one a line.

What goes in is anything a person may have at hand, so it is checked here, once; what comes out is at least one
document, none of them empty. Lines end as they do for ``open()``: at ``\\n``, ``\\r\\n`` or ``\\r``, and nowhere else.
"""

import contextlib
import hashlib
import os
import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from random import Random

from .catalog import CATALOG, FetchError, cached_content, fetch

__all__ = ["Corpus", "CorpusError", "load_corpus"]

SHIPPED = "names"
STANDARD_INPUT = "-"


class CorpusError(ValueError):
    """A corpus that cannot be used. The message says what is wrong, where, and how to mend it."""


@dataclass(frozen=True)
class Corpus:
    """The documents of one file, in its order.

    Attributes:
        name: the path as it was given, or `names` for the shipped corpus.
        documents: the lines, without surrounding white space; blank ones left out.
        sha256: of the bytes of the file, in hexadecimal.
    """

    name: str
    documents: tuple[str, ...]
    sha256: str

    def shuffled(self, rng: Random) -> list[str]:
        """The documents in the order that ``rng.shuffle`` gives to a list of them."""
        documents = list(self.documents)
        rng.shuffle(documents)
        return documents

    def split(self, fraction: float, seed: int) -> tuple["Corpus", "Corpus"]:
        """What to train on, and a share of about `fraction` to hold out.

        The side of a document depends on its text and on `seed` and on nothing else: equal documents stay together, so
        that nothing held out is trained on, and a corpus that grows keeps its split.

        Raises:
            CorpusError: if one side would be empty.
        """
        if not fraction:
            return self, replace(self, documents=())
        limit = int(fraction * 2**64)
        sides: tuple[list[str], list[str]] = [], []
        for document in self.documents:
            digest = hashlib.sha256(f"{seed}\0{document}".encode("utf-8", "surrogatepass")).digest()
            sides[int.from_bytes(digest[:8]) < limit].append(document)
        for side, what in zip(sides, ("to train on", "held out"), strict=True):
            if not side:
                raise CorpusError(
                    f"{self.name}: of {len(self.documents)} documents none is {what} when a share of "
                    f"{fraction:g} is held out; choose another fraction or another seed"
                )
        return replace(self, documents=tuple(sides[0])), replace(self, documents=tuple(sides[1]))


def load_corpus(source: str | os.PathLike[str]) -> Corpus:
    """Reads a corpus in UTF-8, with or without a byte order mark.

    Args:
        source: a path, ``-`` for standard input, or a name of the catalog: ``names`` for the shipped corpus (a file of
            that name is ``./names``). Other named corpora are fetched if they are not there yet.

    Raises:
        CorpusError: if there is no such file, or it cannot be read, is not text in UTF-8, or holds no document.
    """
    name = os.fspath(source)
    try:
        content = _content(source)
    except CorpusError:
        raise
    except FileNotFoundError:
        near = _near(name)
        hint = f"did you mean `{near}`?" if near else f"give the path of a text file, or `{SHIPPED}`"
        raise CorpusError(f"{name}: no such file; {hint}") from None
    except IsADirectoryError:
        raise CorpusError(f"{name} is a folder; give the path of a text file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(f"{name} cannot be read ({reason}); give the path of a readable text file") from None
    lines = _lines(_decode(name, content))
    documents = tuple(document for line in lines if (document := line.strip()))
    if not documents:
        raise CorpusError(f"{name} holds no document; write one on each line")
    return Corpus(name, documents, hashlib.sha256(content).hexdigest())


def _content(source: str | os.PathLike[str]) -> bytes:
    # A path object is always a path, whatever its name.
    if source == SHIPPED:
        return _shipped()
    if isinstance(source, str) and source in CATALOG:
        corpus = CATALOG[source]
        try:
            return cached_content(corpus) or fetch(corpus).read_bytes()
        except FetchError as error:
            raise CorpusError(str(error)) from None
    return sys.stdin.buffer.read() if source == STANDARD_INPUT else Path(source).read_bytes()


def _near(name: str) -> str | None:
    """The corpus with a name, or the file in the same folder, that was probably meant."""
    folder, file = os.path.split(name)
    found = [] if folder else list(CATALOG)
    with contextlib.suppress(OSError):
        found += sorted(entry.name for entry in os.scandir(folder or ".") if entry.is_file())
    near = get_close_matches(file, found, 1)
    return os.path.join(folder, near[0]) if near else None


def _shipped() -> bytes:
    from importlib.resources import files

    return (files("microgpt.data") / "names.txt").read_bytes()


def _decode(name: str, content: bytes) -> str:
    zero = content.find(b"\0")
    if zero >= 0:
        # UTF-8 allows a zero byte, but no text has one; binary files and UTF-16 nearly always do.
        raise CorpusError(
            f"{name} is not text: zero byte {_place(content, zero)}; give a text file in UTF-8 (not UTF-16, not binary)"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The error counts from behind a byte order mark; we count from the start of the file.
        start = len(content) - len(error.object) + error.start
        raise CorpusError(
            f"{name} is not UTF-8: byte 0x{content[start]:02x} {_place(content, start)}; "
            f"convert it, for example with `iconv -f latin1 -t utf-8`"
        ) from None


def _place(content: bytes, offset: int) -> str:
    line = len(_lines(content[:offset].decode("latin1")))
    return f"at offset {offset}, line {line}"


def _lines(text: str) -> list[str]:
    # Not splitlines(): it also cuts at form feeds and Unicode separators, which are part of a line for open().
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
