"""What the statistics are about: a program, the graph it comes from, the loops that run, and how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from ...compiler.ir.graph import Graph
from ...compiler.loops.layout import Layout
from ...compiler.loops.loop_ir import LoopProgram
from ...compiler.pipeline import compile_graph
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.backend import Document, State
from ...runtime.backends.c_backend import CBackend
from ...runtime.machine.stopwatch import best_seconds
from ...runtime.programs.recipe import Recipe
from ..provenance.c_program import c_program

__all__ = ["Subject", "make_subject", "run_seconds"]

SEED = 42


@dataclass(frozen=True)
class Subject:
    """A program.

    Attributes:
        recipe: which one.
        config: the model's shape.
        graph: its operations; the optimiser's, for one parameter.
        lanes: how many times the graph is carried out: once, or for every parameter.
        loops: what the C library runs for it.
        layout: of the library's memory.
    """

    recipe: Recipe
    config: GPTConfig
    graph: Graph
    lanes: int
    loops: LoopProgram
    layout: Layout


def make_subject(recipe: Recipe, config: GPTConfig) -> Subject:
    """Compiles a program, but for the C compiler.

    Raises:
        CompileError: if the model cannot be compiled.
    """
    graph = compile_graph(recipe.trace, recipe.gradient)
    found = c_program(recipe, graph, config, AdamConfig())
    lanes = config.parameter_count if recipe.kind == "optimizer" else 1
    return Subject(recipe, config, graph, lanes, found.program, found.source.layout)


def run_seconds(subject: Subject, backend: CBackend) -> float:
    """How long the program takes, the best of some measurements; for one document, token or step.

    The optimiser has no function of its own in the library: it is what a step takes beyond loss and gradient.
    """
    kind, number, config = subject.recipe.kind, subject.recipe.number, subject.config
    rng = Random(SEED)
    parameters = gpt.initial_parameters(config, rng)
    if kind == "inference":
        backend.next_token(parameters, 1.0, 0, 0, [])
        return best_seconds(lambda turns: backend.repeat_next(number, turns))
    length = number if kind == "training" else 1
    document: Document = (
        [rng.randrange(config.vocab_size) for _ in range(length)],
        [rng.randrange(config.vocab_size) for _ in range(length)],
    )
    backend.loss_and_gradient(parameters, document)
    loss = best_seconds(lambda turns: backend.repeat_loss(document, turns))
    if kind == "training":
        return loss

    def steps(turns: int) -> None:
        backend.advance(State(list(parameters)), [document] * turns, turns)

    # Handing the state over and back takes as long for one step as for many.
    many = 2000
    twice, once = (best_seconds(lambda _, count=count: steps(count), 0.0) for count in (2 * many, many))  # type: ignore[misc]
    return max((twice - once) / many - loss, 0.0)
