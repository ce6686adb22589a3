"""Model loops: the loop programs of a model for all lengths and positions, over one memory.

In: the model's shape. Out: `ModelLoops`. Programs are found at the model's own sizes here; `sized_loops` finds them at
small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ...compiler.ir.graph import Graph
from ...compiler.loops.compile_family import Family, compile_family
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import Array, LoopProgram
from ...compiler.loops.transpose import Transposer
from ...compiler.pipeline import compile_graph
from ...model.config import GPTConfig
from . import graphs
from .recipe import Recipe

__all__ = [
    "PROGRAM_NAMES",
    "FinalPrograms",
    "ModelLoops",
    "Tell",
    "build_graph",
    "flat_inference",
    "flat_loops",
    "with_copies",
]

# The functions in C of what is compiled, by kind; with the number of its length or position.
PROGRAM_NAMES = {"training": "length{}", "accumulation": "length{}", "inference": "position{}", "optimizer": "adam"}


class Tell(Protocol):
    """Takes what is being done; of a stage of a graph that is done, also the kind and number of its program."""

    def __call__(self, what: str, kind: str = "", number: int = 0, /) -> None: ...


@dataclass(frozen=True)
class ModelLoops:
    """Programs of loops.

    Attributes:
        layout: of their memory.
        training, inference: by length, and by position. The name of the first is the kind of its programs.
        cache: where keys and values are.
        prove_origin: if the programs were instantiated, checks those that they are instances of, and keeps them.
    """

    layout: Layout
    training: Family
    inference: Family
    cache: int
    prove_origin: Callable[[], None] | None = None

    @property
    def families(self) -> tuple[Family, Family]:
        """Both."""
        return self.training, self.inference

    def prove(self, final: FinalPrograms, family: Family, number: int) -> int:
        """Checks that the program that runs, copies and all, is its graph, and returns how large that is.

        Raises:
            ProofError: if it is not.
        """
        program = final.programs[PROGRAM_NAMES[family.name].format(number)]
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
        kind: of the programs for lengths, ``training`` or ``accumulation``.
    """
    layout = Layout() if layout is None else layout
    if kind == "accumulation":
        # The gradient takes the place of what it is added to.
        tensors = graphs.gradient_tensors(config)
        gradient = layout.add_tensors(Array("gradient", (config.parameter_count,), space="argument"), tensors)
        layout.arguments[graphs.SO_FAR] = layout.outputs["gradient"] = gradient, config.parameter_count
    training = compile_family(
        layout, kind, partial(build_graph, config, kind, tell), lengths or range(1, config.block_size + 1)
    )
    inference, cache = flat_inference(config, tell, layout, positions)
    return ModelLoops(layout, training, inference, cache)


def flat_inference(config: GPTConfig, tell: Tell, layout: Layout, positions: Sequence[int] = ()) -> tuple[Family, int]:
    """The programs for positions, all by default; and where in memory the cache is."""
    entry = 2 * config.n_layer * config.n_embd
    cache = layout.add(Array("cache", (config.block_size, entry), ("position",), "state"))
    layout.arguments["cache"] = cache, entry * config.block_size
    family = compile_family(
        layout,
        "inference",
        partial(build_graph, config, "inference", tell),
        positions or range(config.block_size),
        lambda position: {"entry": cache + entry * position},
    )
    return family, cache


@dataclass(frozen=True)
class FinalPrograms:
    """The programs as they run, by the names of their functions.

    Attributes:
        programs: of all lengths and positions.
        copy_parameters: makes the copies that the programs for positions read.
    """

    programs: Mapping[str, LoopProgram]
    copy_parameters: LoopProgram


def with_copies(loops: ModelLoops) -> FinalPrograms:
    """Gives programs copies of matrices that they would walk across."""
    transposer = Transposer(loops.layout)
    programs = {
        PROGRAM_NAMES[loops.training.name].format(number): transposer.transpose(program)
        for number, program in loops.training.programs.items()
    }
    # While documents are drawn the parameters stay as they are, so their copies are made once.
    still = {
        PROGRAM_NAMES["inference"].format(number): transposer.transpose(program)
        for number, program in loops.inference.programs.items()
    }
    copies = dict.fromkeys(nest for program in still.values() for nest in transposer.copies_of(program))
    programs.update({name: transposer.without_copies(program) for name, program in still.items()})
    return FinalPrograms(programs, transposer.only(tuple(copies)))
