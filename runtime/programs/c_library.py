"""The C library of a model as a thing that runs: found in the cache or compiled, loaded, and called."""

from __future__ import annotations

import contextlib
import ctypes
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import check
from ..executable.native import Native, Source, find_native, native_library
from ..machine.child import Child
from ..machine.find_toolchain import first_candidate, probing
from ..machine.toolchain import Toolchain, warn_of_toolchain
from ..reporting import Report, silent
from ..storage.cache import Cache
from ..storage.sources import sources_digest
from .c_numbers import number_type
from .estimate import count_operations, estimate_c
from .shapes import is_sized

if TYPE_CHECKING:
    from .expected import Pending
    from .sized_loops import SizedModel

__all__ = ["Begun", "begin_model_library", "cached_model_library", "load_model_library"]

_NAME = "model"

_Doubles = ctypes.POINTER(ctypes.c_double)
_Numbers = object()  # stands for pointers to numbers of the library's type
_Ints = ctypes.POINTER(ctypes.c_int)
_Longs = ctypes.POINTER(ctypes.c_long)
_Words = ctypes.POINTER(ctypes.c_uint)
_FUNCTIONS: dict[str, tuple[list[Any], Any]] = {
    "microgpt_memory": ([], ctypes.c_long),
    "microgpt_initialize": ([_Numbers], None),
    "microgpt_parameters": ([_Numbers], _Numbers),
    "microgpt_gradient": ([_Numbers], _Numbers),
    "microgpt_first_moment": ([_Numbers], _Numbers),
    "microgpt_second_moment": ([_Numbers], _Numbers),
    "microgpt_cache": ([_Numbers], _Numbers),
    "microgpt_loss": ([_Numbers, ctypes.c_int, _Ints], ctypes.c_double),
    "microgpt_train": ([_Numbers, _Ints, _Ints, *[ctypes.c_long] * 3, ctypes.c_double, _Doubles], None),
    "microgpt_prepare": ([_Numbers], None),
    "microgpt_next": ([_Numbers, ctypes.c_int, ctypes.c_int, ctypes.c_double], _Numbers),
    "microgpt_choose": ([_Numbers, ctypes.c_double], ctypes.c_int),
    "microgpt_sample": (
        [_Numbers, ctypes.c_double, ctypes.c_int, ctypes.c_long, _Words, ctypes.c_long, _Ints, _Longs],
        ctypes.c_long,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Begun:
    """What is done for a library by other processes, which needs no C compiler.

    Attributes:
        learner: makes samples of small models; None if they are not needed.
        pending: what the eager autograd gives.
        close: ends both.
    """

    learner: Child | None
    pending: Pending
    close: Callable[[], None]


def begin_model_library(
    cache: Cache, config: GPTConfig, optimizer: AdamConfig, kind: str = "training", report: Report = silent
) -> Begun:
    """Begins a library, which is then made by `load_model_library`; ends what it began once nobody refers to it.

    Afterwards C compilers have been probed, if there are any: beside that, this process learns what small models have
    in common.

    Args:
        report: takes what is being done.

    Raises:
        TooLargeError: if the model takes more memory than there is.
    """
    from .expected import expecting
    from .sized_cache import find_sized, learning

    stack = contextlib.ExitStack()
    learner = stack.enter_context(learning(cache, config.n_layer, kind)) if is_sized(config) else None
    begun = Begun(learner, stack.enter_context(expecting(config, optimizer, kind)), stack.close)
    weakref.finalize(begun, stack.close)
    if is_sized(config) and first_candidate():
        with probing():
            check(estimate_c(config))
            report(0, 1, "tracing small models")
            from ...compiler.loops.place import NotRegularError

            with contextlib.suppress(NotRegularError):  # then the model's own graphs are made
                find_sized(cache, config.n_layer, learner, kind)
    return begun


def load_model_library(
    cache: Cache,
    config: GPTConfig,
    optimizer: AdamConfig,
    report: Report = silent,
    warn: Callable[[str], None] = warn_of_toolchain,
    begun: Begun | None = None,
    kind: str = "training",
    narrow: bool = False,
    divided: bool = False,
) -> Native:
    """The library of a model; compiled if it is not in the cache. Every function has its types.

    Its report has ``programs``, too: for the largest of each family its ``number``, how many ``nests`` of loops it has,
    how many scalar ``operations`` these carry out, and how many of those ``in_loops`` that turn at least twice; and
    ``flat``, why programs were found at the model's own sizes, which is empty if they were instantiated.

    Args:
        report: takes what is being done, and what share of the operations has been compiled, of 1, if it takes long.
        warn: is told of each C compiler that failed and is passed over.
        begun: of this library.
        kind: of its programs for lengths, see `model_source`.
        narrow: whether its vectors have four doubles at most.
        divided: see `model_source`.

    Raises:
        TooLargeError: if it takes more memory than there is.
        ToolchainError: if no C compiler that keeps every bit can compile it.
        CompileError: if the model cannot be compiled.
        ProofError: if a program is not what it should be; a mistake in microgpt, or in the C compiler.
    """
    known = cached_model_library(cache, config, optimizer, kind, narrow, divided)
    if known is not None:
        return known
    tell = _Meter(config, report)
    with contextlib.closing(begun or begin_model_library(cache, config, optimizer, kind, report)) as begun:
        make = partial(_source, cache, config, optimizer, kind, narrow, divided, tell, begun.pending, begun.learner)
        what = _what(config, optimizer, kind, narrow, divided)
        return _typed(native_library(cache, _NAME, what, make, tell, warn), kind, divided)


def cached_model_library(
    cache: Cache,
    config: GPTConfig,
    optimizer: AdamConfig,
    kind: str = "training",
    narrow: bool = False,
    divided: bool = False,
) -> Native | None:
    """The library that the first compiler found here has made before. That compiler need not be probed again."""
    known = find_native(cache, _NAME, _what(config, optimizer, kind, narrow, divided))
    return _typed(known, kind, divided) if known else None


def _what(config: GPTConfig, optimizer: AdamConfig, kind: str, narrow: bool, divided: bool) -> dict[str, Any]:
    # The learning rate is an argument of the library's functions.
    constants = {name: value for name, value in asdict(optimizer).items() if name != "learning_rate"}
    model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
    chosen = {"kind": kind, "narrow": narrow, "divided": divided}
    return {"config": asdict(config), "optimizer": constants, **chosen, "model": model}


def _typed(native: Native, kind: str, divided: bool) -> Native:
    pointer = ctypes.POINTER(number_type())
    for name, (arguments, result) in _FUNCTIONS.items():
        function = getattr(native.functions, name)
        function.argtypes = [pointer if argument is _Numbers else argument for argument in arguments]
        function.restype = pointer if result is _Numbers else result
    if kind != "training" or divided:
        # The batch, the thread, how many there are, all their memories, and their counts.
        further: list[Any] = [ctypes.c_long] * 3 + [ctypes.POINTER(ctypes.c_void_p), _Longs]
        native.functions.microgpt_train.argtypes = [*native.functions.microgpt_train.argtypes, *further]
    return native


class _Meter:
    """Turns the stages of graphs that are done into a share of all work.

    Attributes:
        proving: whether graphs are made once more, for the proof, which is no news.
    """

    # Of a training graph, and as much as one for what becomes of the graph.
    STAGES = 7

    def __init__(self, config: GPTConfig, report: Report) -> None:
        estimate = None if is_sized(config) else estimate_c(config)
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


def _source(
    cache: Cache,
    config: GPTConfig,
    optimizer: AdamConfig,
    kind: str,
    narrow: bool,
    divided: bool,
    tell: _Meter,
    pending: Pending,
    learner: Child | None,
    toolchain: Toolchain,
) -> Source:
    # Not at the top: a start that finds its library in the cache is over before the compiler would be there.
    from ...compiler.c.split_c import split_c
    from ...compiler.loops.coverage import coverage
    from .c_source import model_source
    from .sized_cache import find_sized, keep_sized
    from .witness import check_library

    found: list[SizedModel] = []

    def find(n_layer: int) -> SizedModel:
        found.append(find_sized(cache, n_layer, learner, kind))
        return found[-1]

    width = min(toolchain.vector_width, 4) if narrow else toolchain.vector_width
    source = model_source(config, optimizer, tell, width, find, kind=kind, divided=divided)
    programs: dict[str, Any] = {}

    # While the C compiler works.
    def prove() -> None:
        tell.proving = True
        source.prove()
        for model in found:
            keep_sized(cache, model)
        for family in source.families:
            number = max(family.programs)
            program = family.programs[number]
            in_loops, operations = coverage(program)
            programs[family.name] = {
                "number": number,
                "nests": len(program.nests),
                "operations": operations,
                "in_loops": in_loops,
            }
        pending.result()

    def try_out(native: Native) -> None:
        constants, addresses = source.constants, source.addresses
        functions, accumulates = _typed(native, kind, divided).functions, kind != "training"
        check_library(functions, config, optimizer, pending.result(), constants, addresses, accumulates, divided)

    parts = split_c(source.text, source.body, source.body_line)
    return Source(source.text, {"programs": programs, "flat": source.reason}, prove, try_out, parts)
