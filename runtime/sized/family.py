"""Families: one function for all sizes. Its loops are learned at small sizes, once, and a call with sizes gives the
compiled function there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Never

from ...compiler.errors import InternalError
from ...compiler.ir.graph import Graph
from ...compiler.loops.loop_text import format_program
from ...compiler.loops.place import NotRegularError
from ...compiler.numerics import Numerics, as_numerics, numerics
from ...compiler.pipeline import compile_graph, compile_loops, without_collection
from ...compiler.sizes.fit import Fitter
from ...compiler.sizes.generalise import SizedPrograms
from ...compiler.sizes.learn import learn, sizes_text
from ...compiler.sizes.polynomial import Polynomial
from ...compiler.sizes.sample_sizes import LEAST, MORE, sample_sizes
from .. import arguments as checked
from ..executable.compile_function import compile_wanted
from ..executable.estimate import SMALL, check_function, function_estimate, memory_bytes
from ..executable.function import CompiledFunction
from ..executable.program import program_key
from ..executable.wanted import Wrt, argument_names, wanted_of
from ..executable.witness import check_graph, eager_witnesses
from ..machine.toolchain import ToolchainError
from ..programs.program_json import from_json, to_json
from ..reporting import compile_progress
from ..storage.cache import Cache
from .function import SizedFunction, TracedFunction, WrittenFunction
from .ledger import Ledger
from .named_sizes import checked_sizes, parameters_of
from .structure import SizedStructure, sized_structure

__all__ = ["Family", "Options"]

Sizes = Mapping[str, int]
_TARGETS = ("auto", "c", "python")
# In the cache: the loops over the sizes, or why there are none.
_FILE, _REASON = "programs.json", "reason.txt"
# Traces of samples with more operations than this are not made again at larger sizes.
_LONG = 5_000


class Options(NamedTuple):
    """Those of `compile_sized`."""

    wrt: Wrt
    gradient: bool
    has_aux: bool
    target: str
    cache: Cache | None
    progress: bool
    memory_limit: float | str | None
    numerics: Numerics | str | None


class Family:
    """A function for all sizes; made by `compile_sized`.

    Attributes:
        name: of the function.
        sizes: the names of the sizes.
        traced: at which sizes the function has been traced so far, to learn its loops or prove them.
    """

    _sized: type[SizedFunction] = SizedFunction

    def __init__(self, function: Callable[..., Any], example: Callable[..., Any], options: Options) -> None:
        self._function, self._example = checked.function("function", function), checked.function("example", example)
        self._options = options
        derivative = "gradient" if checked.boolean("gradient", options.gradient) else ""
        has_aux = checked.boolean("has_aux", options.has_aux)
        self._target = checked.choice("target", options.target, _TARGETS)
        self._progress, self._limit = checked.boolean("progress", options.progress), memory_bytes(options.memory_limit)
        self._cache, chosen = options.cache or Cache.open(), as_numerics(options.numerics)
        if chosen.fast:
            raise ValueError(f"functions over sizes have exact or portable numerics, not {chosen.name}; use compile")
        self._parameters = parameters_of(example)
        self.sizes = tuple(self._parameters)
        small = dict(zip(self.sizes, sample_sizes(len(self.sizes)).learned[0], strict=True))
        count = len(self._arguments(small))
        self._wanted = wanted_of(function, count, derivative, options.wrt, has_aux)
        self._written = WrittenFunction(function, self._wanted, chosen)
        self.name = self._written.name
        self.traced: list[dict[str, int]] = []
        # What smaller sizes do is special; and what is known where these are fixed.
        self._least = LEAST
        self._learned: dict[tuple[int, tuple[tuple[str, int], ...]], _Learned | str] = {}
        self._traces: dict[tuple[int, tuple[tuple[str, int], ...]], _Samples] = {}
        self._compiled: dict[tuple[int, ...], CompiledFunction] = {}
        self._refuse_ignored(small)

    def __repr__(self) -> str:
        return f"<microgpt.Family {self.name} over {', '.join(self.sizes)}>"

    def __call__(self, /, *unnamed: Never, **sizes: int) -> CompiledFunction:
        """The compiled function at some sizes; the same one each time.

        Raises:
            TypeError: if a size is missing, unknown, without its name, or no whole number.
            ValueError: if one is not positive.
            TraceError, CompileError, ToolchainError, MemoryError, ProofError: as `compile` does.
        """
        found = checked_sizes(self.name, self._parameters, sizes, unnamed)
        key = tuple(found.values())
        if key not in self._compiled:
            self._compiled[key] = self._compile(found)
        return self._compiled[key]

    def __reduce__(self) -> tuple[Any, ...]:
        options = self._options._replace(cache=None, numerics=self._written.numerics.name)
        return _restored, (type(self), self._function, self._example, options, self._cache.folder)

    def flat(self, /, *unnamed: Never, **sizes: int) -> CompiledFunction:
        """The function at some sizes, compiled from its graph: what `compile` gives for the example.

        Raises:
            TypeError, ValueError, TraceError, CompileError, ToolchainError, MemoryError, ProofError: as a call does.
        """
        return self._flat(checked_sizes(self.name, self._parameters, sizes, unnamed))

    @property
    def source(self) -> str:
        """The loops over the sizes, as text.

        Raises:
            ValueError: if the function has none, with the reason.
        """
        with numerics(self._written.numerics):
            learned = self._loops({})
        if not isinstance(learned, _Learned):
            raise ValueError(f"{self.name} has no loops over its sizes: {learned}")
        (program,) = learned.programs.programs.values()
        return format_program(replace(program, name=self.name))

    def _arguments(self, sizes: Sizes) -> tuple[Any, ...]:
        """The example at some sizes."""
        found = self._example(**sizes)
        return found if type(found) is tuple else (found,)

    def _structure(self, sizes: Sizes, lists: bool = True) -> SizedStructure:
        example = self._arguments(sizes)
        return sized_structure(argument_names(self._function, len(example)), example, self._wanted.wrt, lists)

    def _refuse_ignored(self, sizes: Sizes) -> None:
        before = self._structure(sizes)
        for name in self.sizes:
            if self._structure({**sizes, name: sizes[name] + 1}) == before:
                raise ValueError(
                    f"the example ignores the size {name}: it is the same for {name}={sizes[name]} and "
                    f"{name}={sizes[name] + 1}; use {name} in it, or leave it out"
                )

    def _compile(self, sizes: dict[str, int]) -> CompiledFunction:
        if len(self._small(sizes)) == len(sizes) or self._target == "python":
            return self._flat(sizes)
        with compile_progress(self._progress, "function") as report, numerics(self._written.numerics):
            report(0, 1, "loops over the sizes")
            learned = self._loops(sizes)
            if not isinstance(learned, _Learned):
                reason = learned
            else:
                restore = _instance, (self, tuple(sizes.items()))
                make = partial(self._sized, self._written, sizes, self._structure(sizes, learned.lists))
                try:
                    known = learned.programs, learned.what, learned.sample, learned.ledger
                    return make(*known, restore, self._cache, report, self._limit)
                except NotRegularError as error:
                    reason = str(error)
                except ToolchainError as error:
                    if self._target == "c":
                        raise
                    # As `compile` does, small programs become Python without a word.
                    reason = str(error) if self._operations(sizes) > SMALL else ""
        return self._flat(sizes, reason)

    def _flat(self, sizes: dict[str, int], reason: str = "") -> CompiledFunction:
        written, target = self._written, "python" if self._target == "python" else "c"
        with numerics(written.numerics), without_collection():
            count = self._operations(sizes)
        # Of a function that does not take small sizes, nothing is known; perhaps it takes none, and its error says so.
        cost = f" of about {float(f'{count:.2g}'):,.0f} operations, {function_estimate(count, target).cost}"
        text = f"{self.name} at {sizes_text(sizes)} is compiled from its graph{cost if count else ''}: {reason}"
        if reason and count:
            warnings.warn(text, UserWarning, stacklevel=4)
        check_function(count, target, self._limit)
        options = self._target, self._cache, self._progress, self._limit, written.numerics
        compiled = self._compiled_flat(written.function, self._arguments(sizes), written.wanted, *options)
        if reason and not count:
            warnings.warn(text, UserWarning, stacklevel=4)
        return compiled

    @staticmethod
    def _compiled_flat(*arguments: Any) -> CompiledFunction:
        return compile_wanted(*arguments)

    def _small(self, sizes: Sizes) -> dict[str, int]:
        """Those sizes that are special, and so fixed."""
        return {name: size for name, size in sizes.items() if size < self._least}

    def _samples(self, fixed: Sizes) -> _Samples:
        """The function, traced at small values of all sizes but those that are fixed; once."""
        key = self._least, tuple(fixed.items())
        if key not in self._traces:
            free = [name for name in self.sizes if name not in fixed]
            table = sample_sizes(len(free), self._least)
            rows = [
                {name: fixed.get(name, 0) for name in self.sizes} | dict(zip(free, row, strict=True))
                for row in (*table.learned, *table.proved)
            ]
            # Lists that are not rectangular have parts, if there are as many at all sizes.
            lists = len({len(self._structure(sizes).tensors) for sizes in rows}) == 1
            self._traces[key] = _Samples(rows, len(table.learned), lists)
        return self._traces[key]

    def _trace(self, sizes: Sizes, lists: bool) -> TracedFunction:
        if sizes not in self.traced:
            self.traced.append(dict(sizes))
        return TracedFunction(self._written, self._structure(sizes, lists))

    def _graph(self, traced: TracedFunction) -> Graph:
        return self._clean(traced.traced)

    def _clean(self, graph: Graph) -> Graph:
        return compile_graph(lambda: graph, self._argument, outputs=self._wanted.outputs)

    def _check(self, traced: TracedFunction, graph: Graph, sizes: Sizes) -> None:
        """Compares a graph with the eager autograd."""
        structure = traced._structure
        example = structure.by_argument(structure.floats(self._arguments(sizes)))
        check_graph(graph, eager_witnesses(traced.traced, self._argument, example))

    @property
    def _argument(self) -> str | None:
        """The argument of the graph that is differentiated in."""
        return "parameters" if self._wanted.derivative else None

    def _loops(self, sizes: Sizes) -> _Learned | str:
        """The loops over all sizes but the small ones; or why there are none, empty if all sizes are small."""
        fixed = self._small(sizes)
        if fixed and len(fixed) == len(sizes):
            return ""
        with without_collection():
            learned = self._learn(fixed)
            known = self._traces.get((self._least, tuple(fixed.items())))
            is_long = known is not None and max(known.traced, default=0) > _LONG
            if isinstance(learned, str) and self._least < MORE and not is_long:
                self._least = MORE
                if isinstance(self._learn(fixed), _Learned):
                    return self._loops(sizes)
                self._least = LEAST
        return learned

    def _learn(self, fixed: Sizes) -> _Learned | str:
        """The loops over all sizes but those that are fixed; or why there are none."""
        key = self._least, tuple(fixed.items())
        if key not in self._learned:
            try:
                self._learned[key] = self._learned_now(fixed)
            except InternalError:
                raise
            except Exception as error:  # whatever the function raises at sizes that nobody has asked for
                words = str(error) if isinstance(error, NotRegularError) else f"{type(error).__name__}: {error}"
                self._learned[key] = words
        return self._learned[key]

    def _learned_now(self, fixed: Sizes) -> _Learned:
        samples = self._samples(fixed)
        learned, proved = samples.rows[: samples.learned], samples.rows[samples.learned :]
        traces = [self._trace(sizes, samples.lists) for sizes in learned]
        samples.traced = tuple(len(traced.traced) for traced in traces)
        prints = [traced.traced.fingerprint for traced in traces]
        what = {"family": prints, "fixed": dict(fixed), "outputs": self._wanted.outputs}
        key = f"family-{program_key(what)}"
        files = self._cache.load(key)
        if files is not None and _FILE in files:
            # The cache has checked the folder's owner and the hash of every file: this is what was stored below.
            return self._with_ledger(from_json(files[_FILE]), what, traces[0], samples)
        if files is not None and _REASON in files:
            raise NotRegularError(files[_REASON].decode())
        known = dict(zip(map(sizes_text, learned), traces, strict=True))
        made: list[tuple[TracedFunction, Graph, Sizes]] = []

        def graph_at(sizes: Sizes) -> Graph:
            traced = known.get(sizes_text(sizes))
            if traced is not None:
                made.append((traced, self._graph(traced), sizes))
                samples.share = len(made[-1][1]) / len(traced.traced)
                return made[-1][1]
            traced = self._trace(sizes, samples.lists)
            graph = self._graph(traced)
            self._check(traced, graph, sizes)
            return graph

        try:
            programs = learn(graph_at, partial(compile_loops, transposed=False, aligned=False), learned, proved)
        except NotRegularError as error:
            for each in made:  # what is wrong is not irregular
                self._check(*each)
            self._cache.store(key, {_REASON: str(error).encode()})
            raise
        self._cache.store(key, {_FILE: to_json(programs).encode()})
        return self._with_ledger(programs, what, traces[0], samples)

    def _with_ledger(
        self, programs: SizedPrograms, what: Mapping[str, Any], sample: TracedFunction, samples: _Samples
    ) -> _Learned:
        structures = [(row, self._structure(row, samples.lists)) for row in samples.rows[: samples.learned]]
        ledger = Ledger(self._function, programs, structures, sample.traced, self._clean)
        return _Learned(programs, what, sample, ledger, samples.lists)

    def _operations(self, sizes: Sizes) -> int:
        """About how many operations the graph at some sizes has; 0 where all sizes are small."""
        fixed = self._small(sizes)
        if len(fixed) == len(sizes):
            return 0
        try:
            samples = self._samples(fixed)
            rows = samples.rows[: samples.learned]
            if not samples.traced:
                samples.traced = tuple(len(self._trace(row, samples.lists).traced) for row in rows)
            if not samples.share:
                traced = self._trace(rows[0], samples.lists)
                samples.share = len(self._graph(traced)) / len(traced.traced)
        except InternalError:
            raise
        except Exception:  # the function may not take such sizes
            return 0
        try:
            found = Fitter([*rows]).number(samples.traced)
            count: float = found.value(sizes) if isinstance(found, Polynomial) else found
        except NotRegularError:
            each = max(count / _floats(self._structure(row)) for count, row in zip(samples.traced, rows, strict=True))
            count = each * _floats(self._structure(sizes))
        return int(samples.share * count)


@dataclass
class _Samples:
    """Small sizes.

    Attributes:
        rows: first those to learn from, then others to prove at.
        learned: how many of the first kind.
        lists: see `SizedStructure`.
        traced: how many operations each trace of the first kind has; empty before they are made.
        share: how many times as many a graph with its gradient has; 0 before one is made.
    """

    rows: Sequence[dict[str, int]]
    learned: int
    lists: bool
    traced: tuple[int, ...] = ()
    share: float = 0.0


@dataclass(frozen=True)
class _Learned:
    """Loops over sizes.

    Attributes:
        programs: they.
        what: all that decides them, as JSON.
        sample: the function at one of the sizes that they were learned from.
        ledger: what it computes at all of these.
        lists: see `SizedStructure`.
    """

    programs: SizedPrograms
    what: Mapping[str, Any]
    sample: TracedFunction
    ledger: Ledger
    lists: bool


def _floats(structure: SizedStructure) -> int:
    return sum(tensor.size for tensor in structure.tensors)


def _instance(family: Family, sizes: tuple[tuple[str, int], ...]) -> CompiledFunction:
    return family(**dict(sizes))


def _restored(kind: type[Family], function: Any, example: Any, options: Options, folder: Path) -> Family:
    return kind(function, example, options._replace(cache=Cache.open(folder)))
