"""The C backend: trains and samples in calls of a compiled library, many steps or documents each."""

from __future__ import annotations

import ctypes
import sys
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from struct import pack_into
from threading import Barrier
from typing import Any

from ...compiler.numerics import current
from ...model.config import AdamConfig, GPTConfig
from ..executable.estimate import Estimate, check
from ..executable.native import Native
from ..machine.child import processors
from ..machine.find_toolchain import first_candidate
from ..machine.pages import new_numbers
from ..machine.toolchain import warn_of_toolchain
from ..programs.c_library import Begun, begin_model_library, cached_model_library, load_model_library
from ..programs.c_numbers import counts, number_type
from ..programs.estimate import estimate_c, least_divided
from ..reporting import Report, silent
from ..storage.cache import Cache
from .backend import Document, State

__all__ = ["CBackend"]

# Documents for which random numbers are drawn at a time: handing them over costs more than a document.
_DOCUMENTS = 256
# So many are drawn again at a time.
_NUMBERS = 4096
# A slice has so many products of parameters and positions, which take about a second where a document fills the block;
# and so many steps: for fewer, handing the state over takes a part of the time, and more make no difference.
_SLICE, _LEAST, _MOST = 3_000_000_000, 16, 1000
# So many documents of a step are worth being computed side by side, in the lanes of vectors.
_SIDE_BY_SIDE = 4


class CBackend:
    """Runs a model's C library, over a memory of its own: what training changes is copied in and out for each slice.

    Args:
        warn: is told of each C compiler that failed and is passed over; by default, a `ToolchainWarning`.
        batch_size: documents of a step.
        threads: that compute the documents of a step; or divide each document, if they are more than documents, and
            documents are long enough.
    """

    name = "c"

    def __init__(
        self,
        config: GPTConfig,
        optimizer: AdamConfig,
        cache: Cache,
        warn: Callable[[str], None] = warn_of_toolchain,
        batch_size: int = 1,
        threads: int = 1,
    ) -> None:
        self.config, self.optimizer, self.cache, self._warn = config, optimizer, cache, warn
        self.batch_size = batch_size
        # Threads without a core of their own would hold up the others.
        cores = min(threads, processors())
        self._divided = cores > batch_size and least_divided(config) > 0
        self._threads = cores if self._divided else min(threads, batch_size)
        self._pool: ThreadPoolExecutor | None = None
        documents = max(_SLICE // (config.parameter_count * config.block_size), _LEAST)
        self.slice = min(max(1, documents // batch_size), _MOST)
        self._kind = "training" if batch_size == 1 else "accumulation"
        if current().fast and batch_size >= _SIDE_BY_SIDE and not self._divided:
            self._kind = "lanes"
        # Half of the widest vector takes less time than all of it, if it has room for the documents of a thread. In two
        # turns, threads share longer and shorter documents more evenly than in one of whole vectors.
        turns = 1 if self._threads == 1 else 2
        self._narrow = self._kind == "lanes" and -(-batch_size // self._threads) <= turns * current().lanes(4)
        self._library: Native | None = None
        self._begun: Begun | None = None
        # The parameters that the sampling programs have been prepared for.
        self._prepared: list[float] | None = None
        # The document that memory has keys and values of: the parameters, its cache, and how long that is.
        self._document: tuple[list[float], list[float], int] | None = None

    def begin(self) -> None:
        """Begins what its library needs besides a compiler, while that is looked for; unless there is none, or it takes
        long, which is said, or refused, first.
        """
        if first_candidate() and not estimate_c(self.config):
            self._begun = begin_model_library(self.cache, self.config, self.optimizer, self._kind)

    def estimate(self, lengths: Sequence[int], positions: int) -> Estimate | None:
        """What `prepare` will take; None if that is little."""
        return None if self.find() else estimate_c(self.config)

    def prepare(
        self,
        lengths: Sequence[int],
        positions: int,
        progress: Report = silent,
    ) -> None:
        """Finds or makes the library, which serves all lengths and positions."""
        if not self.find():
            check(estimate_c(self.config))
            progress(0, 1)
            begun, self._begun = self._begun, None
            what = self.cache, self.config, self.optimizer, progress, self._warn, begun
            self._use(load_model_library(*what, self._kind, self._narrow, self._divided))
            progress(1, 1)

    def find(self) -> bool:
        """Whether the library need not be compiled any more: it is loaded, or is now from the cache."""
        if self._library is None:
            what = self.cache, self.config, self.optimizer
            known = cached_model_library(*what, self._kind, self._narrow, self._divided)
            if known is not None:
                self._use(known)
        return self._library is not None

    @property
    def library(self) -> Native:
        """The library; compiled now if need be."""
        self.prepare((), 0)
        assert self._library is not None
        return self._library

    def _use(self, library: Native) -> None:
        self._number = number_type()
        self._memory = self._new_memory(library)
        others = range(1, self._threads)
        self._others = [self._memory if self._divided else self._new_memory(library) for _ in others]
        size = self.config.parameter_count
        sizes = {"parameters": size, "gradient": size, "first_moment": size, "second_moment": size}
        sizes["cache"] = 2 * self.config.n_layer * self.config.n_embd * self.config.block_size
        self._views: dict[str, memoryview[float]] = {
            name: _view(getattr(library.functions, f"microgpt_{name}")(self._memory), self._number, size)
            for name, size in sizes.items()
        }
        self._library = library

    def _new_memory(self, library: Native) -> Any:
        numbers = new_numbers(self._number, library.functions.microgpt_memory())
        library.functions.microgpt_initialize(numbers)
        return numbers

    def _put(self, name: str, values: Sequence[float]) -> None:
        view = self._views[name]
        if isinstance(values, array) and values.typecode == view.format:
            view[:] = memoryview(values)
        elif view.format == "d":
            pack_into(f"{len(values)}d", view, 0, *values)  # in half of the time
        else:
            view[:] = array("f", values)

    def loss_and_gradient(self, parameters: Sequence[float], document: Document) -> tuple[float, list[float]]:
        """The loss of one document and its derivative in each parameter."""
        self.prepare((), 0)
        self._prepared = self._document = None
        self._put("parameters", parameters)
        self._put("gradient", [0.0] * len(parameters))  # a program that accumulates adds to it
        loss = self.repeat_loss(document, 1)
        return loss, [*self._views["gradient"]]

    def repeat_loss(self, document: Document, times: int) -> float:
        """Computes loss and gradient `times` times with the parameters of the last call; for measuring."""
        functions = self.library.functions
        numbers = _ints(document.packed)
        for _ in range(times):
            loss = functions.microgpt_loss(self._memory, document.length, numbers)
        return float(loss)

    def repeat_next(self, position: int, times: int) -> None:
        """Computes `times` times what follows one token at `position`, whatever stands before it; for measuring."""
        functions, self._document = self.library.functions, None
        for _ in range(times):
            functions.microgpt_next(self._memory, position, 0, 1.0)

    def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
        """Trains `state` on a batch of documents a step."""
        functions = self.library.functions
        self._prepared = self._document = None
        count = len(documents) // self.batch_size
        lengths = _ints(array("i", [document.length for document in documents]))
        index = _ints(b"".join([document.packed for document in documents]))
        results = (ctypes.c_double * len(documents))()
        for name in ("parameters", "first_moment", "second_moment"):
            self._put(name, state.held[name])
        what = lengths, index, state.step, count, num_steps, self.optimizer.learning_rate, results
        if self._kind == "training" and not self._divided:
            functions.microgpt_train(self._memory, *what)
        else:
            self._train_batches(what)
        for name in ("parameters", "first_moment", "second_moment"):
            state.held[name] = array(self._views[name].format, self._views[name].tobytes())
        state.step += count
        return results[:count]

    def _train_batches(self, what: tuple[Any, ...]) -> None:
        """Trains in this thread and those of the pool, each with a memory of its own unless they divide documents."""
        if self._others and self._pool is None:
            self._start_threads()
        memories = [self._memory, *self._others]
        progress = (ctypes.c_long * counts(len(memories)))()
        states = (ctypes.c_void_p * len(memories))(*map(ctypes.addressof, memories))

        def run(thread: int) -> None:
            self.library.functions.microgpt_train(
                memories[thread], *what, self.batch_size, thread, len(memories), states, progress
            )

        running = [self._pool.submit(run, thread) for thread in range(1, len(memories))] if self._pool else []
        run(0)
        for each in running:
            each.result()

    def _start_threads(self) -> None:
        """Starts a pool that lives as long as the backend; where there are no threads, this one does all."""
        pool, all_there = ThreadPoolExecutor(len(self._others), "microgpt"), Barrier(len(self._others))
        try:
            for _ in self._others:
                pool.submit(all_there.wait)
        except RuntimeError as error:
            all_there.abort()
            self._warn(f"no threads can be started ({error}), so one computes all documents")
            self._others = []
        else:
            self._pool = pool

    def next_token(
        self, parameters: list[float], temperature: float, token: int, position: int, cache: list[float]
    ) -> list[float]:
        """The probability of each token after `token`; `cache` grows by what this position adds."""
        functions = self.library.functions
        entry = 2 * self.config.n_layer * self.config.n_embd
        stored, known = self._views["cache"], self._document
        if not known or known[0] is not parameters or known[1] is not cache or known[2] != len(cache):
            # Within a document, looking at all numbers again would take ten times as long as computing what follows.
            self._prepare(parameters)
            stored[: len(cache)] = array(stored.format, cache)
        probabilities = functions.microgpt_next(self._memory, position, token, temperature)[: self.config.vocab_size]
        cache += stored[len(cache) : len(cache) + entry]
        self._document = parameters, cache, len(cache)
        return list(probabilities)

    def _prepare(self, parameters: list[float]) -> None:
        if self._prepared != parameters:
            self._put("parameters", parameters)
            self.library.functions.microgpt_prepare(self._memory)
            self._prepared = list(parameters)

    def sample_many(
        self, parameters: list[float], rng: Random, temperature: float, bos: int, documents: int
    ) -> list[list[int]]:
        """Draws documents: the same, from the same stream of random numbers, as ``rng.choices`` would draw token by
        token.

        Raises:
            ValueError: if the model gives weights that nothing can be chosen by.
        """
        functions, block = self.library.functions, self.config.block_size
        self._prepare(parameters)
        self._document = None
        drawn: list[list[int]] = []
        state, total = rng.getstate(), 0
        left: array[int] = array("I")
        tokens = (ctypes.c_int * (min(_DOCUMENTS, documents or 1) * (block + 1)))()
        found = memoryview(tokens).cast("B").cast("i")
        try:
            while len(drawn) < documents:
                wanted, used = min(_DOCUMENTS, documents - len(drawn)), ctypes.c_long()
                # Documents are mostly shorter than a block. What is left of the numbers is for the next ones.
                left += _random_words(rng, 2 * wanted * block - len(left))
                words = (ctypes.c_uint * len(left)).from_buffer(left)
                count = functions.microgpt_sample(
                    self._memory, temperature, bos, wanted, words, len(words) // 2, tokens, ctypes.byref(used)
                )
                total += used.value
                if count < 0:
                    raise ValueError("the model's probabilities are not finite numbers; nothing can be drawn")
                left = left[2 * used.value :]
                drawn += _split(found[: used.value + count].tolist(), count)
        finally:
            # The stream stands where it would stand if each number, of two words, had been drawn when it was needed.
            rng.setstate(state)
            for start in range(0, total, _NUMBERS):
                _random_words(rng, 2 * min(_NUMBERS, total - start))
        return drawn


def _random_words(rng: Random, count: int) -> array[int]:
    """The next words of 32 bits, of which `Random.random` takes two for a number."""
    words = array("I")
    if count > 0:
        words.frombytes(rng.getrandbits(32 * count).to_bytes(4 * count, "little"))
        if sys.byteorder == "big":
            words.byteswap()
    return words


def _split(tokens: list[int], count: int) -> list[list[int]]:
    """The first documents, behind each of which is -1."""
    documents, start = [], 0
    for _ in range(count):
        end = tokens.index(-1, start)
        documents.append(tokens[start:end])
        start = end + 1
    return documents


def _view(pointer: Any, number: type[ctypes.c_double] | type[ctypes.c_float], size: int) -> memoryview[float]:
    """Numbers of the library's memory, which the caller keeps alive."""
    numbers = memoryview((number * size).from_address(ctypes.addressof(pointer.contents))).cast("B")
    return numbers.cast("f") if number is ctypes.c_float else numbers.cast("d")


def _ints(numbers: bytes | array[int]) -> ctypes.Array[ctypes.c_int]:
    """Numbers for a function in C."""
    view = memoryview(numbers)
    return (ctypes.c_int * (view.nbytes // ctypes.sizeof(ctypes.c_int))).from_buffer_copy(view)
