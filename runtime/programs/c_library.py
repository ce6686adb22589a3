"""The C library of a model as a thing that runs: found in the cache or compiled, loaded, and called.

While the C compiler works, the programs of the longest sequence are proved against their graphs. If they are not what
they should be, all graphs are made and compiled instead. An entry of the cache holds the C source, for people, the
library, and a report.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...model.config import AdamConfig, GPTConfig
from ..executable.program import peak_memory, program_key, sources_digest
from ..machine.toolchain import Toolchain, ToolchainError, first_candidate, warn_of_toolchain, with_toolchain
from ..reporting import Report, silent
from ..storage.cache import Cache
from ..storage.files import write_plainly
from .estimate import count_operations, estimate_c

if TYPE_CHECKING:
    from .expected import Pending

__all__ = ["ModelLibrary", "cached_model_library", "load_model_library"]

_SOURCE, _LIBRARY, _REPORT = "model.c", "model.so", "report.json"

_Doubles = ctypes.POINTER(ctypes.c_double)
_Ints = ctypes.POINTER(ctypes.c_int)
_Longs = ctypes.POINTER(ctypes.c_long)
_FUNCTIONS: dict[str, tuple[list[Any], Any]] = {
    "microgpt_memory": ([], ctypes.c_long),
    "microgpt_initialize": ([_Doubles], None),
    "microgpt_parameters": ([_Doubles], _Doubles),
    "microgpt_gradient": ([_Doubles], _Doubles),
    "microgpt_first_moment": ([_Doubles], _Doubles),
    "microgpt_second_moment": ([_Doubles], _Doubles),
    "microgpt_cache": ([_Doubles], _Doubles),
    "microgpt_loss": ([_Doubles, ctypes.c_int, _Ints], ctypes.c_double),
    "microgpt_train": ([_Doubles, _Ints, _Ints, _Doubles, ctypes.c_long, _Doubles], None),
    "microgpt_prepare": ([_Doubles], None),
    "microgpt_next": ([_Doubles, ctypes.c_int, ctypes.c_int, ctypes.c_double], _Doubles),
    "microgpt_choose": ([_Doubles, ctypes.c_double], ctypes.c_int),
    "microgpt_sample": (
        [_Doubles, ctypes.c_double, ctypes.c_int, ctypes.c_long, _Doubles, ctypes.c_long, _Ints, _Longs],
        ctypes.c_long,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class ModelLibrary:
    """A loaded library.

    Attributes:
        functions: the library; every function has its types.
        path: of the C source.
        report: ``seconds`` by stage, ``bytes`` of source, ``peak_memory``, the ``command`` that compiled it, and
            ``programs``: for the largest of each family its ``number``, how many ``nests`` of loops it has, how many
            scalar ``operations`` these carry out, and how many of those ``in_loops`` that turn at least twice.
    """

    functions: ctypes.CDLL
    path: Path
    report: Mapping[str, Any]


def load_model_library(
    cache: Cache,
    config: GPTConfig,
    optimizer: AdamConfig,
    report: Report = silent,
    warn: Callable[[str], None] = warn_of_toolchain,
) -> ModelLibrary:
    """The library of a model; compiled if it is not in the cache.

    Args:
        report: takes what is being done, and what share of the operations has been compiled, of 1, if it takes long.
        warn: is told of each C compiler that failed and is passed over.

    Raises:
        TooLargeError: if it takes more memory than there is.
        ToolchainError: if no C compiler that keeps every bit can compile it.
        CompileError: if the model cannot be compiled.
        ProofError: if a program is not what it should be; a mistake in microgpt, or in the C compiler.
    """
    known = cached_model_library(cache, config, optimizer)
    if known is not None:
        return known

    def made_by(toolchain: Toolchain) -> ModelLibrary:
        key = _key(config, optimizer, toolchain)
        with cache.lock(key):
            return _load(cache, key) or _compile(cache, key, config, optimizer, toolchain, _Meter(config, report))

    return with_toolchain(made_by, warn)


def cached_model_library(cache: Cache, config: GPTConfig, optimizer: AdamConfig) -> ModelLibrary | None:
    """The library that the first compiler found here has made before. That compiler need not be probed again."""
    compiler = first_candidate()
    return _load(cache, _key(config, optimizer, compiler)) if compiler else None


def _key(config: GPTConfig, optimizer: AdamConfig, toolchain: Toolchain) -> str:
    # The learning rate is an argument of the library's functions.
    constants = {name: value for name, value in asdict(optimizer).items() if name != "learning_rate"}
    model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
    what = {"config": asdict(config), "optimizer": constants, "model": model, "toolchain": toolchain.identity}
    return f"c-{program_key(what)}"


def _load(cache: Cache, key: str) -> ModelLibrary | None:
    files = cache.load(key)
    if files is None or not {_SOURCE, _LIBRARY, _REPORT} <= files.keys():
        return None
    entry = cache.entry(key)
    try:
        return ModelLibrary(_typed(entry / _LIBRARY), entry / _SOURCE, json.loads(files[_REPORT]))
    except (OSError, AttributeError):
        return None  # made for another system; compiled anew


def _typed(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (arguments, result) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def _compile(
    cache: Cache, key: str, config: GPTConfig, optimizer: AdamConfig, toolchain: Toolchain, tell: _Meter
) -> ModelLibrary:
    from .expected import expecting

    with expecting(config, optimizer) as pending:
        files = _make(config, optimizer, toolchain, tell, pending)
    entry = cache.store(key, files)
    report = json.loads(files[_REPORT])
    # A library that was there before, and could not be loaded, is not replaced by the cache: this one has a name of its
    # own.
    if (entry / _LIBRARY).read_bytes() != files[_LIBRARY]:
        entry = cache.store(f"{key}-{hashlib.sha256(files[_LIBRARY]).hexdigest()[:8]}", files)
    return ModelLibrary(_just_made(entry / _LIBRARY), entry / _SOURCE, report)


def _just_made(path: Path) -> ctypes.CDLL:
    try:
        return _typed(path)
    except OSError as error:
        # Folders may be mounted so that nothing in them can be executed.
        raise ToolchainError(f"the library that the C compiler made cannot be loaded: {error}") from None


class _Meter:
    """Turns the stages of graphs that are done into a share of all work.

    Attributes:
        proving: whether graphs are made once more, for the proof, which is no news.
    """

    # Of a training graph, and as much as one for what becomes of the graph.
    STAGES = 7

    def __init__(self, config: GPTConfig, report: Report) -> None:
        estimate = estimate_c(config)
        self.proving = False
        self._config, self._report, self._done, self._what = config, report, 0, ""
        self._total = self.STAGES * estimate.operations if estimate else 0

    def __call__(self, what: str, kind: str = "", number: int = 0) -> None:
        """Takes what is being done, and the graph of which a stage has been done."""
        if kind and self._total:
            self._done += count_operations(kind, self._config, number)
        if not self.proving:
            self._what = what
        self._report(min(self._done / self._total, 0.99) if self._total else 0, 1, self._what)


def _make(
    config: GPTConfig, optimizer: AdamConfig, toolchain: Toolchain, tell: _Meter, pending: Pending
) -> dict[str, bytes]:
    # Not at the top: a start that finds its library in the cache is over before the compiler would be there.
    from ...compiler.loops.coverage import coverage
    from ...compiler.pipeline import without_collection
    from .c_source import model_source
    from .witness import check_library

    start = time.perf_counter()
    with without_collection():
        source = model_source(config, optimizer, tell, toolchain.vector_width)
    made = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="microgpt-", ignore_cleanup_errors=True) as folder:
        path, library = Path(folder) / _SOURCE, Path(folder) / _LIBRARY
        write_plainly(path, source.text.encode())
        tell("the C compiler, and the proof beside it")
        tell.proving = True
        process = toolchain.start(path, library)
        try:
            with without_collection():
                source.prove()
                expected = pending.result()
            proved = time.perf_counter()
            toolchain.finish(process)
        finally:
            if process.poll() is None:
                toolchain.stop(process)
        finished = time.perf_counter()
        check_library(_just_made(library), config, optimizer, expected, source.layout.constants, source.addresses)
        programs = {}
        for family in source.families:
            number, program = max(family.programs.items())
            in_loops, operations = coverage(program)
            programs[family.name] = {
                "number": number,
                "nests": len(program.nests),
                "operations": operations,
                "in_loops": in_loops,
            }
        report = {
            "programs": programs,
            "seconds": {"loops": made - start, "proof": proved - made, "cc": finished - made},
            "bytes": len(source.text),
            "peak_memory": peak_memory(),
            "command": list(toolchain.command),
        }
        return {
            _SOURCE: source.text.encode(),
            _LIBRARY: library.read_bytes(),
            _REPORT: json.dumps(report, indent=1).encode() + b"\n",
        }
