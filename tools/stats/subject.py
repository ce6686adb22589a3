"""What the statistics are about: a program, the graph it comes from, the loops that run, and how long they take."""

from __future__ import annotations

import math
from collections.abc import Callable
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
from ..terminal.failures import ENVIRONMENT, CommandError

__all__ = ["Subject", "difference", "make_subject", "run_seconds"]

SEED = 42

# Steps that are measured at a time, and how often measurements that contradict each other are taken again.
_MANY, _ATTEMPTS = 2000, 50


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

    def loss() -> float:
        return best_seconds(lambda turns: backend.repeat_loss(document, turns))

    if kind == "training":
        return loss()

    def steps(turns: int) -> None:
        backend.advance(State(list(parameters)), [document] * turns, turns)

    def handed_over(count: int) -> float:
        return best_seconds(lambda _: steps(count), 0.0)

    # Handing the state over and back takes as long for one step as for many.
    return difference(lambda: handed_over(2 * _MANY) / _MANY, lambda: handed_over(_MANY) / _MANY, loss)


def difference(whole: Callable[[], float], *parts: Callable[[], float]) -> float:
    """What `whole` takes beyond its parts, in seconds; above zero.

    Each measurement may be too long, because something else ran, and none is too short. So the best count, and where
    these cannot be true, more are taken.

    Raises:
        CommandError: if that does not help.
    """
    best = [math.inf] * (1 + len(parts))
    for _ in range(_ATTEMPTS):
        best = [min(known, measure()) for known, measure in zip(best, (whole, *parts), strict=True)]
        seconds = best[0] - math.fsum(best[1:])
        if seconds > 0.0:
            return seconds
    raise CommandError("this machine is too busy to measure the program; try again, or use --no-machine", ENVIRONMENT)
