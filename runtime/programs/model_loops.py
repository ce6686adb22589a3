"""Model loops: the loop programs of a model for all lengths and positions, over one memory.

In: the model's shape. Out: `ModelLoops`. Programs are found at the model's own sizes here; `sized_loops` finds them at
small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from ...compiler.ir.graph import Graph
from ...compiler.kernels.merge import Series
from ...compiler.loops.compile_family import Family, compile_family
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Array, LoopProgram, Nest, Span
from ...compiler.loops.reuse import LARGE, check_reuse, live_ranges, reuse
from ...compiler.loops.transpose import Transposer
from ...compiler.loops.vmap_program import VmapPrograms
from ...compiler.pipeline import compile_graph, form_loops
from ...model.config import GPTConfig
from . import graphs
from .recipe import Recipe

__all__ = [
    "PROGRAM_NAMES",
    "FinalPrograms",
    "ModelLoops",
    "Programs",
    "Regular",
    "Tell",
    "build_graph",
    "entry_size",
    "flat_inference",
    "flat_loops",
    "gradient_name",
    "gradient_spans",
    "place_cache",
    "side_by_side",
    "with_copies",
    "without_copies",
]

# The functions in C of what is compiled, by kind; with the number of its length or position.
PROGRAM_NAMES = {
    "training": "length{}",
    "accumulation": "length{}",
    "lanes": "length{}",
    "inference": "position{}",
    "optimizer": "adam",
}


class Tell(Protocol):
    """Takes what is being done; of a stage of a graph that is done, also the kind and number of its program."""

    def __call__(self, what: str, kind: str = "", number: int = 0, /) -> None: ...


@dataclass(frozen=True)
class Regular:
    """Programs of a family that a few of them say everything about, see `Series`.

    Attributes:
        numbers: of all.
        made: of those few.
        zeros, constant: as those of a `Series`.
    """

    numbers: Sequence[int]
    made: Sequence[int]
    zeros: Callable[[int], tuple[Span, ...]]
    constant: Callable[[tuple[str, ...], int], str]


@dataclass(frozen=True)
class ModelLoops:
    """Programs of loops.

    Attributes:
        layout: of their memory.
        training, inference: by length, and by position. The name of the first is the kind of its programs.
        cache: where keys and values are.
        spans: see `gradient_spans`.
        prove_origin: if the programs were instantiated, checks those that they are instances of, and keeps them.
        regular: by the name of a family, which of its programs say what the others are.
    """

    layout: Layout
    training: Family
    inference: Family
    cache: int
    spans: Sequence[range] = ()
    prove_origin: Callable[[], None] | None = None
    regular: Mapping[str, Regular] = field(default_factory=dict)

    @property
    def families(self) -> tuple[Family, Family]:
        """Both."""
        return self.training, self.inference

    def prove(self, final: FinalPrograms, family: Family, number: int) -> int:
        """Checks that the program that runs, copies and all, is its graph, and returns how large that is.

        Raises:
            ProofError: if it is not.
        """
        program = final.whole(PROGRAM_NAMES[family.name].format(number))
        before = final.copy_parameters if family is self.inference else None
        return len(family.prove(self.layout, number, program, before))


def build_graph(config: GPTConfig, kind: str, tell: Tell, number: int) -> Graph:
    """The clean graph of a length or a position."""
    recipe = Recipe(kind, number, config)
    told, words = ("inference", "position") if kind == "inference" else ("training", "length")
    return compile_graph(
        recipe.trace,
        recipe.gradient,
        lambda stage: tell(f"tracing {words} {number}", told, number),
        initial=recipe.initial,
    )


def flat_loops(
    config: GPTConfig,
    tell: Tell,
    lengths: Sequence[int] = (),
    positions: Sequence[int] = (),
    layout: Layout | None = None,
    kind: str = "training",
) -> ModelLoops:
    """Finds the loops in graphs of the model's own sizes.

    Args:
        lengths, positions: that are wanted; all by default.
        layout: takes the arrays.
        kind: of the programs for lengths, ``training``, ``accumulation`` or ``lanes``.
    """
    layout = Layout() if layout is None else layout
    if kind != "training":
        # The gradient takes the place of what it is added to.
        tensors = graphs.gradient_tensors(config)
        gradient = layout.add_tensors(Array("gradient", (config.parameter_count,), space="argument"), tensors)
        layout.arguments[graphs.SO_FAR] = layout.outputs["gradient"] = gradient, config.parameter_count
    if kind == "lanes":
        shares = layout.add(Array(graphs.SHARES, (config.block_size,), ("position",), "argument"))
        layout.arguments[graphs.SHARES] = shares, config.block_size
    training = compile_family(
        layout, kind, partial(build_graph, config, kind, tell), form_loops, lengths or range(1, config.block_size + 1)
    )
    inference, cache = flat_inference(config, tell, layout, positions)
    return ModelLoops(layout, training, inference, cache, gradient_spans(config))


def flat_inference(config: GPTConfig, tell: Tell, layout: Layout, positions: Sequence[int] = ()) -> tuple[Family, int]:
    """The programs for positions, all by default; and where in memory the cache is."""
    cache, entry = place_cache(layout, config), entry_size(config)
    family = compile_family(
        layout,
        "inference",
        partial(build_graph, config, "inference", tell),
        form_loops,
        positions or range(config.block_size),
        lambda position: {"entry": cache + entry * position},
    )
    return family, cache


def entry_size(config: GPTConfig) -> int:
    """How many numbers a position adds to the cache."""
    return 2 * config.n_layer * config.n_embd


def place_cache(layout: Layout, config: GPTConfig) -> int:
    """Finds room for keys and values of all positions; returns its address."""
    entry = entry_size(config)
    cache = layout.add(Array("cache", (config.block_size, entry), ("position",), "state"))
    layout.arguments["cache"] = cache, entry * config.block_size
    return cache


class Programs(Mapping[str, LoopProgram]):
    """Programs by the names of their functions.

    Args:
        names: of all, in order.
        made: those that there are.
        make: makes another one, and those that are made with it.
    """

    def __init__(
        self,
        names: Iterable[str],
        made: Mapping[str, LoopProgram],
        make: Callable[[str], Mapping[str, LoopProgram]] | None = None,
    ) -> None:
        self._names, self._made, self._make = dict.fromkeys(names), dict(made), make

    def __getitem__(self, name: str) -> LoopProgram:
        if name not in self._made and self._make and name in self._names:
            self._made.update(self._make(name))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def made(self) -> dict[str, LoopProgram]:
        """Those that there are so far, in order."""
        return {name: self._made[name] for name in self._names if name in self._made}

    def with_further(self, **programs: LoopProgram) -> Programs:
        """These, and others at their end."""
        return Programs((*self._names, *programs), {**self._made, **programs}, self._make)


@dataclass(frozen=True)
class FinalPrograms:
    """The programs as they run, by the names of their functions.

    Attributes:
        programs: of all lengths and positions.
        copy_parameters: makes the copies that the programs for positions read.
        series: what is known of those that are not made yet.

    Those that accumulate are apart: what `length7` computes is added to the gradient by `length7_gradient0`,
    `length7_gradient1` and so on, a program for each of `gradient_spans`.
    """

    programs: Programs
    copy_parameters: LoopProgram
    series: tuple[Series, ...] = ()

    def whole(self, name: str) -> LoopProgram:
        """A program with those that run behind it."""
        program, part = self.programs[name], 0
        while further := self.programs.get(gradient_name(name, part)):
            program, part = replace(program, nests=program.nests + further.nests), part + 1
        return program


def with_copies(loops: ModelLoops) -> FinalPrograms:
    """Gives programs copies of matrices that they would walk across."""
    training, inference = (_Named(loops, family) for family in loops.families)
    # While documents are drawn the parameters stay as they are, so their copies are made once. In training each is made
    # just before it is read, in the cache.
    once, each = Transposer(loops.layout, "kept_transposed"), Transposer(loops.layout)
    still = {number: once.transpose(inference.family.programs[number]) for number in inference.first}
    copies = dict.fromkeys(nest for program in still.values() for nest in once.copies_of(program))
    each.take_turns(training.family.programs[number] for number in training.first)
    made = {
        part: program
        for number in training.first
        for part, program in training.parts(each.transpose(training.family.programs[number]), number).items()
    }
    made.update((inference.name(number), once.without_copies(program)) for number, program in still.items())

    def make(name: str) -> Mapping[str, LoopProgram]:
        if name in inference.numbers:
            program = once.transpose(inference.family.programs[inference.numbers[name]])
            return {name: once.without_copies(program)}
        number = training.numbers[name]
        return training.parts(each.transpose(training.family.programs[number]), number)

    programs = Programs((*training.numbers, *inference.numbers), made, make)
    return FinalPrograms(programs, once.only(tuple(copies)), (*training.series(), *inference.series()))


class _Named:
    """The programs of a family, and the names of their functions.

    Attributes:
        first: the numbers of those that are to be made in any case.
        numbers: by name, also of parts, see `FinalPrograms`.
    """

    def __init__(self, loops: ModelLoops, family: Family) -> None:
        self.family, self._loops, self._regular = family, loops, loops.regular.get(family.name)
        self._spans = range(len(loops.spans)) if family.name == "accumulation" else range(0)
        later = set(self._regular.numbers) - set(self._regular.made) if self._regular else set()
        self.first = [number for number in family.programs if number not in later]
        self.numbers = {name: number for number in family.programs for name in self._names(number)}

    def name(self, number: int) -> str:
        """The function of a program."""
        return PROGRAM_NAMES[self.family.name].format(number)

    def _names(self, number: int) -> list[str]:
        name = self.name(number)
        return [name, *(gradient_name(name, part) for part in self._spans)]

    def parts(self, program: LoopProgram, number: int) -> dict[str, LoopProgram]:
        """A program by the name of its function; or those that it consists of."""
        name = self.name(number)
        return _apart(self._loops, name, program) if self._spans else {name: program}

    def series(self) -> Iterator[Series]:
        """One; or one for each of the programs that one consists of."""
        if self._regular is None:
            return
        numbers = self._regular.numbers
        for names in zip(*map(self._names, numbers), strict=True):
            # The parts of a gradient set nothing to zero.
            zeros = self._regular.zeros if names[0] == self.name(numbers[0]) else lambda number: ()
            yield Series(dict(zip(numbers, names, strict=True)), self._regular.made, zeros, self._regular.constant)


def without_copies(loops: ModelLoops) -> FinalPrograms:
    """Programs as they were found."""
    programs = {
        PROGRAM_NAMES[family.name].format(number): program
        for family in loops.families
        for number, program in family.programs.items()
    }
    return FinalPrograms(Programs(programs, programs), LoopProgram("copy_parameters", ()))


def side_by_side(loops: ModelLoops, lanes: int) -> ModelLoops:
    """The programs for lengths for so many documents at once, which share the parameters and add to one gradient.

    Raises:
        NotRegularError: if they choose from places all over their memory.
    """
    shared = [
        array.name
        for array, _, parts in loops.layout.placed
        if array.name in ("parameters", "gradient") or (parts and array.space == "argument")
    ]
    own = {array.name: array.of for array, _ in loops.layout.arrays}
    shared += [name for name, of in own.items() if of in shared]
    mapped = VmapPrograms(loops.layout, tuple(loops.training.programs.values()), shared, lanes)
    programs = {number: mapped.program(program) for number, program in loops.training.programs.items()}
    training = replace(loops.training, programs=programs)
    layout = mapped.layout
    if loops.prove_origin and layout.size >= LARGE:
        others = (loops.inference.programs[number] for number in _Named(loops, loops.inference).first)
        layout = reuse(layout, live_ranges((*programs.values(), *others)))
        for program in programs.values():
            check_reuse(program, layout)
    starts = {array.name: start for array, start, _ in loops.layout.placed}
    cache = next(name for name, start in starts.items() if start == loops.cache)
    return replace(loops, layout=layout, training=training, cache=layout.named(cache)[1])


def gradient_spans(config: GPTConfig) -> list[range]:
    """The parts of the gradient that threads take turns at: neighbouring matrices, of about a quarter each.

    The last ones come first: rows of embeddings, which an index chooses, are added to at the end.
    """
    spans: list[range] = []
    start = at = 0
    for _, rows, columns in config.matrices():
        at += rows * columns
        if 4 * (at - start) >= config.parameter_count:
            spans.append(range(start, at))
            start = at
    return [*spans, range(start, at)][::-1] if at > start else spans[::-1]


def gradient_name(name: str, part: int) -> str:
    """The program that adds to a part of the gradient, behind the program of that name."""
    return f"{name}_gradient{part}"


def _apart(loops: ModelLoops, name: str, program: LoopProgram) -> dict[str, LoopProgram]:
    """A program that accumulates, apart."""
    layout, (gradient, size) = loops.layout, loops.layout.outputs["gradient"]
    places = [layout.start(nest.body.array) - gradient for nest in program.nests]
    found = {name: replace(program, nests=tuple(_those(program, places, lambda at: not 0 <= at < size)))}
    for part, span in enumerate(loops.spans):
        nests = tuple(_those(program, places, span.__contains__))
        found[gradient_name(name, part)] = LoopProgram(f"{program.name}_gradient{part}", nests, program.places)
    return found


def _those(program: LoopProgram, places: Sequence[int], chosen: Callable[[int], bool]) -> list[Nest]:
    return [nest for nest, place in zip(program.nests, places, strict=True) if chosen(place)]
