"""Downloading a file of known size so that what has arrived is never asked for again."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["DownloadError", "download"]

# Seconds without a byte, after which a connection counts as lost; and tries in a row that bring nothing new.
TIMEOUT = 20.0
TRIES = 3
CHUNK = 1 << 16


class DownloadError(Exception):
    """What could not be downloaded, and why."""


def download(url: str, part: Path, size: int, progress: Callable[[int, int], None] | None = None) -> None:
    """Completes the file at `part`, which may hold the beginning from an earlier try.

    Args:
        size: of the whole file, in bytes. More is never read.

    Raises:
        DownloadError: if it does not get complete. What has arrived stays for the next time.
        OSError: if it cannot be written.
    """
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url} is not the address of a file on the web")
    fruitless = 0
    while True:
        before = _size(part)
        if before > size:
            part.unlink()
            before = 0
        if before == size:
            return
        problem = _continue(url, part, before, size, progress)
        if _size(part) == size:
            return
        if problem is None and _size(part) > size:
            raise DownloadError(f"{url} gives more than the {size:,} bytes that it should")
        fruitless = 0 if _size(part) > before else fruitless + 1
        if fruitless >= TRIES or (problem and problem.final):
            raise DownloadError(f"{problem or 'the connection was closed early'} ({url})")
        time.sleep(min(0.1 * 2**fruitless, 2.0))


class _Problem:
    """Why a try ended early; `final` if another would end the same."""

    def __init__(self, text: str, final: bool = False) -> None:
        self.text, self.final = text, final

    def __str__(self) -> str:
        return self.text


def _continue(
    url: str, part: Path, start: int, size: int, progress: Callable[[int, int], None] | None
) -> _Problem | None:
    """One request for what is missing; what arrives is appended. From the start, if the server cannot do parts."""
    request = urllib.request.Request(url, headers={"User-Agent": "microgpt", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
            if not resumed:
                start = 0
            with open(part, "ab" if resumed else "wb") as file:
                while start <= size and (chunk := response.read(min(CHUNK, size + 1 - start))):
                    _write(file, chunk, part)
                    start += len(chunk)
                    if progress:
                        progress(min(start, size), size)
                file.flush()
                os.fsync(file.fileno())
    except urllib.error.HTTPError as error:
        with error:  # it is the response, whose connection is still open
            if error.code == 416 and start:  # it has nothing from there on: ours is no part of it
                part.unlink(missing_ok=True)
                return _Problem("the server does not know that part")
            return _Problem(f"the server answers {error.code} {error.reason}", final=error.code < 500)
    except urllib.error.URLError as error:
        reason = error.reason.strerror if isinstance(error.reason, OSError) and error.reason.strerror else error.reason
        return _Problem(f"no connection: {reason}")
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        return _Problem(f"the connection broke: {str(error) or type(error).__name__}")
    return None


def _write(file: BinaryIO, chunk: bytes, path: Path) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        error.filename = str(path)  # of a write, the system does not say it
        raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
