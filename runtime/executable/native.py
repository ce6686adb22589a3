"""Native libraries: C text becomes a library that is proved, tried, and kept in the cache.

The C compiler runs in another process; meanwhile the text is proved. The library is then run on inputs whose results
are known, before anybody else may use it. An entry of the cache holds the C source, the library, and a report.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..machine.find_toolchain import first_candidate, with_toolchain
from ..machine.toolchain import Toolchain, ToolchainError, warn_of_toolchain
from ..storage.cache import Cache
from ..storage.files import write_plainly
from .program import peak_memory, program_key

__all__ = ["LONGEST", "Native", "Source", "TooLongError", "find_native", "native_library"]

_REPORT = "report.json"

# With the target "auto", programs whose C is longer than this many bytes are Python: GCC takes about 15 s a megabyte.
LONGEST = 600_000


class TooLongError(Exception):
    """The C would be too long for the target ``auto``."""


@dataclass(frozen=True)
class Source:
    """C that is to become a library.

    Attributes:
        text: of one file.
        report: what is known about it; kept beside the library.
        prove: raises if the C does not come from what it should; called while the C compiler works.
        try_out: raises if the library does not give what it should.
        parts: texts that can be compiled side by side instead of the file.
        seconds: that were spent on it before it was asked for.
    """

    text: str
    report: Mapping[str, Any]
    prove: Callable[[], None]
    try_out: Callable[[Native], None]
    parts: Sequence[str] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Native:
    """A loaded library.

    Attributes:
        functions: its functions, without types.
        path: of its C source.
        report: of its `Source`; also ``bytes`` of source, the ``command`` that compiled it, ``peak_memory``, and
            ``seconds``: of finding the ``loops``, of the ``proof``, and of the compiler, ``cc``, from start to end.
    """

    functions: ctypes.CDLL
    path: Path
    report: Mapping[str, Any]


def find_native(cache: Cache, name: str, what: Mapping[str, Any]) -> Native | None:
    """The library that the first compiler found here has made before. That compiler need not be probed again."""
    compiler = first_candidate()
    return _find(cache, name, _key(name, what, compiler)) if compiler else None


def native_library(
    cache: Cache,
    name: str,
    what: Mapping[str, Any],
    make: Callable[[Toolchain], Source],
    report: Callable[[str], None] = lambda what: None,
    warn: Callable[[str], None] = warn_of_toolchain,
) -> Native:
    """A library from the cache; or compiled, checked and stored there.

    Args:
        name: of the kind of library; its files are called so.
        what: all that decides the text, but for the compiler; as JSON it names the entry.
        make: makes the source.
        report: is told what is being done.
        warn: is told of each C compiler that failed and is passed over.

    Raises:
        ToolchainError: if no C compiler that keeps every bit can compile it.
        ProofError: if a program is not what it should be; a mistake in microgpt, or in the C compiler.
    """
    known = find_native(cache, name, what)
    if known is not None:
        return known

    def made_by(toolchain: Toolchain) -> Native:
        key = _key(name, what, toolchain)
        with cache.lock(key):
            return _find(cache, name, key) or _make(cache, name, key, toolchain, make, report)

    return with_toolchain(made_by, warn)


def _key(name: str, what: Mapping[str, Any], toolchain: Toolchain) -> str:
    return f"{name}-{program_key({**what, 'toolchain': toolchain.identity})}"


def _find(cache: Cache, name: str, key: str) -> Native | None:
    files = cache.load(key)
    if files is None or not {f"{name}.c", f"{name}.so", _REPORT} <= files.keys():
        return None
    try:
        return _loaded(cache.entry(key), name, json.loads(files[_REPORT]))
    except ToolchainError:
        return None  # made for another system; compiled anew


def _make(
    cache: Cache,
    name: str,
    key: str,
    toolchain: Toolchain,
    make: Callable[[Toolchain], Source],
    report: Callable[[str], None],
) -> Native:
    files = _compiled(name, toolchain, make, report)
    entry, library = cache.store(key, files), files[f"{name}.so"]
    # A library that was there before, and could not be loaded, is not replaced by the cache: this one has a name of its
    # own.
    if (entry / f"{name}.so").read_bytes() != library:
        entry = cache.store(f"{key}-{hashlib.sha256(library).hexdigest()[:8]}", files)
    return _loaded(entry, name, json.loads(files[_REPORT]))


def _compiled(
    name: str, toolchain: Toolchain, make: Callable[[Toolchain], Source], report: Callable[[str], None]
) -> dict[str, bytes]:
    from ...compiler.pipeline import without_collection  # which a start that finds its library does without

    start = time.perf_counter()
    with without_collection():
        source = make(toolchain)
    made = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        path, library = Path(folder) / f"{name}.c", Path(folder) / f"{name}.so"
        write_plainly(path, source.text.encode())
        report("the C compiler, and the proof beside it")
        parts = [Path(folder) / str(number) / f"{name}.o" for number in range(len(source.parts))]
        if len(parts) > 1 and (os.cpu_count() or 1) > 1:
            for part, text in zip(parts, source.parts, strict=True):
                part.parent.mkdir()
                write_plainly(part.with_suffix(".c"), text.encode())
            processes = [toolchain.start_part(part.with_suffix(".c"), part) for part in parts]
        else:
            processes = [toolchain.start(path, library)]
        try:
            with without_collection():
                source.prove()
            proved = time.perf_counter()
            for process in processes:
                toolchain.finish(process)
            if len(processes) > 1:
                toolchain.link(parts, library)
        finally:
            for process in processes:
                if process.stdout and not process.stdout.closed:
                    toolchain.stop(process)
        found = {
            **source.report,
            "seconds": {
                "loops": source.seconds + made - start,
                "proof": proved - made,
                "cc": time.perf_counter() - made,
            },
            "bytes": len(source.text),
            "peak_memory": peak_memory(),
            "command": list(toolchain.command),
        }
        source.try_out(_loaded(Path(folder), name, found))
        return {
            path.name: source.text.encode(),
            library.name: library.read_bytes(),
            _REPORT: json.dumps(found, indent=1).encode() + b"\n",
        }


def _loaded(folder: Path, name: str, report: Mapping[str, Any]) -> Native:
    try:
        functions = ctypes.CDLL(str(folder / f"{name}.so"))
    except OSError as error:
        # Folders may be mounted so that nothing in them can be executed.
        raise ToolchainError(f"the library that the C compiler made cannot be loaded: {error}") from None
    return Native(functions, folder / f"{name}.c", report)
