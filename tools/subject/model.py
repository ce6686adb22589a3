"""A program of the GPT as a subject, by its recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from random import Random

from ...compiler.ir.graph import Graph, IndexTensor, Tensor
from ...compiler.loops.compile_family import Family
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.loops.place import Addressing, NotRegularError
from ...compiler.loops.unroll import Unrolled, unroll
from ...compiler.loops.vmap import one_lane
from ...compiler.pipeline import without_collection
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.backend import Document, State
from ...runtime.backends.c_backend import CBackend
from ...runtime.executable.estimate import Estimate
from ...runtime.machine.find_toolchain import vector_width_here
from ...runtime.machine.stopwatch import best_seconds
from ...runtime.machine.toolchain import warn_of_toolchain
from ...runtime.programs.c_source import PROGRAM_NAMES, ModelSource, model_source
from ...runtime.programs.estimate import estimate_c, estimate_graph, estimate_loops, estimate_page
from ...runtime.programs.graphs import MAPPED, inference_interface, training_interface
from ...runtime.programs.library import Library
from ...runtime.programs.model_loops import ModelLoops, entry_size, place_cache, with_copies
from ...runtime.programs.recipe import Recipe
from ...runtime.programs.samples import FIRST
from ...runtime.programs.shapes import PROVED, is_sized
from ...runtime.programs.sized_cache import find_sized, keep_sized
from ...runtime.programs.sized_loops import SizedModel, sized_loops
from ...runtime.reporting import Report, silent
from ...runtime.storage.cache import Cache
from .c_program import CProgram
from .subject import Subject

__all__ = ["BusyError", "ModelSubject", "difference", "length_of", "program_title"]

SEED = 42
# Parameters times characters from which on a graph is not made where loops will do: some 6 million operations, 30 s.
LARGE = 1_000_000
# Steps of a measurement. Handing the state over and back takes as long for one step as for many.
STEPS = 2000
# How often measurements that contradict each other are taken again.
ATTEMPTS = 50


def length_of(recipe: Recipe) -> int | None:
    """How many characters a program reads; None for the optimiser."""
    return {"training": recipe.number, "inference": recipe.number + 1}.get(recipe.kind)


def program_title(recipe: Recipe) -> str:
    """What a program computes, for a heading."""
    length = length_of(recipe)
    if length is None:
        return "Adam, for one parameter"
    characters = f"{length} character{'s' * (length != 1)}"
    return f"Loss and gradient of {characters}" if recipe.kind == "training" else f"What follows {characters}"


class BusyError(RuntimeError):
    """So much else runs on this machine that nothing can be measured."""


def difference(whole: Callable[[], float], *parts: Callable[[], float]) -> float:
    """What `whole` takes beyond its parts, in seconds; above zero.

    Each measurement may be too long, because something else ran, and none is too short. So the best count, and where
    these cannot be true, more are taken.

    Raises:
        BusyError: if that does not help.
    """
    best = [math.inf] * (1 + len(parts))
    for _ in range(ATTEMPTS):
        best = [min(known, measure()) for known, measure in zip(best, (whole, *parts), strict=True)]
        seconds = best[0] - math.fsum(best[1:])
        if seconds > 0.0:
            return seconds
    raise BusyError("this machine is too busy to measure the program; try again, or use --no-machine")


class ModelSubject(Subject):
    """A program of a model.

    Args:
        recipe: which program.
        config: the model's shape, which the C library is made for; only needed for a recipe of the optimiser.
        optimizer: its constants.
        warn: is told what is wrong with the cache or a C compiler.
    """

    def __init__(
        self,
        recipe: Recipe,
        config: GPTConfig | None = None,
        optimizer: AdamConfig | None = None,
        warn: Callable[[str], None] = warn_of_toolchain,
    ) -> None:
        own = recipe.config
        self.recipe = recipe
        self.optimizer = own if isinstance(own, AdamConfig) else optimizer or AdamConfig()
        self._config = own if isinstance(own, GPTConfig) else config
        self._warn = warn
        self._sources: dict[int, ModelSource] = {}
        self.title = program_title(recipe)
        self.name = f"{recipe.kind}{length_of(recipe) or ''}"
        self.about = {"kind": recipe.kind, "length": length_of(recipe)}
        self.gradient = recipe.gradient
        self.heading = [f"Made for {recipe.config} by microgpt. Do not edit."]
        if recipe.kind == "optimizer":
            self.mapped = MAPPED
            self.lanes = self._config.parameter_count if self._config else 1
        else:
            self.is_sized = recipe.kind in ("training", "inference") and is_sized(self.config)

    @cached_property
    def is_large(self) -> bool:  # type: ignore[override]
        if not self.is_sized or self.config.parameter_count * (length_of(self.recipe) or 0) <= LARGE:
            return False
        try:
            return bool(sized_loops(self.config, self._sized, [1], [0]))
        except NotRegularError:
            return False

    @cached_property
    def _sized(self) -> SizedModel:
        """The programs over sizes, proved."""
        model = find_sized(self.cache, self.config.n_layer)
        keep_sized(self.cache, model)
        return model

    @property
    def config(self) -> GPTConfig:
        """The model's shape."""
        if self._config is None:
            raise ValueError("the optimiser's loops need the shape of the model")
        return self._config

    @cached_property
    def cache(self) -> Cache:
        """Where compiled programs are kept: the user's."""
        return Cache.open(warn=self._warn)

    def trace(self) -> Graph:
        return self.recipe.trace()

    def c_program(self, graph: Graph, vector_width: int | None = None) -> CProgram:
        return self._c(graph, vector_width)

    def c_alone(self) -> CProgram:
        return self._c(None)

    def _c(self, graph: Graph | None, vector_width: int | None = None) -> CProgram:
        source = self.library(vector_width)
        name = PROGRAM_NAMES[self.recipe.kind].format(self.recipe.number)
        return CProgram(
            source.text,
            source.body,
            source.body_line,
            name,
            source.programs[name],
            None if graph is None else self._unrolled(source, name, graph),
            source.layout,
            "microgpt_initialize",
            {"parameters": source.addresses["parameters"]},
        )

    def library(self, vector_width: int | None = None) -> ModelSource:
        """The C library of the model, for vectors of this width; by default, for this processor."""
        width = vector_width or vector_width_here()
        if width not in self._sources:
            with without_collection():
                known = (lambda n_layer: self._sized) if self.is_large else None
                self._sources[width] = model_source(self.config, self.optimizer, vector_width=width, find_sized=known)
        return self._sources[width]

    def _unrolled(self, source: ModelSource, name: str, graph: Graph) -> Unrolled:
        program, recipe = source.programs[name], self.recipe
        if recipe.kind == "optimizer":
            inputs = [source.optimizer_addresses[tensor.name] for tensor in graph.inputs]
            return unroll(one_lane(program), graph, source.layout, inputs)
        family = source.families[0 if recipe.kind == "training" else 1]
        where = family.interface(source.layout, recipe.number, graph)
        before = source.programs["copy_parameters"] if recipe.kind == "inference" else None
        return unroll(program, graph, source.layout, where.inputs, before)

    @cached_property
    def _loops(self) -> ModelLoops:
        """Its program's loops, instantiated; each value has an address that it is known by."""
        kind, number = self.recipe.kind, self.recipe.number
        numbers = ([number], [0]) if kind == "training" else ([1], [number])
        return sized_loops(self.config, self._sized, *numbers, reuses=False)

    @property
    def _family(self) -> Family:
        return self._loops.training if self.recipe.kind == "training" else self._loops.inference

    def loops_alone(self) -> tuple[LoopProgram, Layout]:
        name = PROGRAM_NAMES[self.recipe.kind].format(self.recipe.number)
        return with_copies(self._loops).programs[name], self._loops.layout

    def loops_as_found(self) -> tuple[LoopProgram, Layout]:
        return self._family.programs[self.recipe.number], self._loops.layout

    def interface(self, graph: Graph) -> Addressing:
        return self._family.interface(self._loops.layout, self.recipe.number, graph)

    def arguments(self) -> tuple[Sequence[Tensor], Sequence[IndexTensor]]:
        interface = training_interface if self.recipe.kind == "training" else inference_interface
        return interface(self.config, self.recipe.number)

    def results(self) -> Sequence[tuple[int, int]]:
        pinned = self._family.pinned(self.recipe.number)
        return [*self._loops.layout.outputs.values(), *((start, entry_size(self.config)) for start in pinned.values())]

    def numbered(self) -> Mapping[str, int]:
        positions = self.recipe.number if self.recipe.kind == "training" else 1
        return {"position": positions, "head": self.config.n_head, "layer": self.config.n_layer}

    def place_first(self, layout: Layout) -> Mapping[str, int]:
        if self.recipe.kind != "inference":
            return {}
        return {"entry": place_cache(layout, self.config) + entry_size(self.config) * self.recipe.number}

    def small_one(self) -> ModelSubject:
        shape, kind = PROVED[-1], self.recipe.kind
        later = shape.length if kind == "training" else shape.position
        number = later if self.recipe.number >= FIRST[kind] else self.recipe.number
        small = ModelSubject(Recipe(kind, number, shape.config(self.config.n_layer)), warn=self._warn)
        small._sized = self._sized
        return small

    def loops_over_sizes(self) -> LoopProgram:
        return self._sized.program(self.recipe.kind, self.recipe.number)

    def python_source(self, report: Report = silent, jobs: int | None = None) -> str:
        library = Library(self.cache, jobs)
        library.prepare([self.recipe], report)
        return library.get(self.recipe).path.read_text("utf-8")

    def c_source(self, report: Report = silent) -> str:
        return self._backend(report).library.path.read_text("utf-8")

    def _backend(self, report: Report) -> CBackend:
        backend = CBackend(self.config, self.optimizer, self.cache, self._warn)
        backend.prepare((), 0, report)
        return backend

    def stopwatch(self, report: Report = silent) -> Callable[[], float]:
        backend = self._backend(report)
        return lambda: self._seconds(backend)

    def _seconds(self, backend: CBackend) -> float:
        """For one document, token or step. The optimiser has no function of its own in the library: it is what a step
        takes beyond loss and gradient.
        """
        kind, number, config = self.recipe.kind, self.recipe.number, self.config
        rng = Random(SEED)
        parameters = gpt.initial_parameters(config, rng)
        if kind == "inference":
            backend.next_token(parameters, 1.0, 0, 0, [])
            return best_seconds(lambda turns: backend.repeat_next(number, turns))
        length = number if kind == "training" else 1
        document = Document(
            [rng.randrange(config.vocab_size) for _ in range(length)],
            [rng.randrange(config.vocab_size) for _ in range(length)],
        )
        backend.loss_and_gradient(parameters, document)

        def loss() -> float:
            return best_seconds(lambda turns: backend.repeat_loss(document, turns))

        if kind == "training":
            return loss()

        def steps(turns: int) -> None:
            backend.advance(State(list(parameters)), [document] * turns, turns)

        def handed_over(count: int) -> float:
            return best_seconds(lambda _: steps(count), 0.0)

        return difference(lambda: handed_over(2 * STEPS) / STEPS, lambda: handed_over(STEPS) / STEPS, loss)

    def ordinary_inputs(self) -> tuple[Mapping[str, Sequence[float]], Sequence[int]]:
        parameters = gpt.initial_parameters(self.config, Random(SEED))
        return {"parameters": parameters}, [place % self.config.vocab_size for place in range(2 * self.recipe.number)]

    def graph_estimate(self) -> Estimate | None:
        return estimate_graph(self.recipe)

    def c_estimate(self) -> Estimate | None:
        return estimate_c(self.config) if self.is_large else estimate_loops(self.recipe, self.config)

    def page_estimate(self) -> Estimate | None:
        return estimate_page(self.recipe, self.config)
