"""The library: the compiled programs of one model, made when they are first needed and kept in the cache.

A program is named by what decides its text: the model's sources and shape, and those of the compiler. So a second run
finds all of its programs without tracing anything. Several missing ones are compiled side by side, by processes of
their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...model.config import AdamConfig
from ..executable.estimate import Estimate, check
from ..executable.program import Program, load_program, peak_memory, store_program
from ..machine.child import processors
from ..reporting import Report, silent
from ..storage.cache import Cache
from .estimate import estimate_python
from .recipe import Recipe

if TYPE_CHECKING:
    from ...compiler.pipeline import Observer, Stage

__all__ = ["Library"]


class Library:
    """Finds or makes programs.

    Args:
        cache: where they are kept.
        jobs: how many processes may compile at a time; by default one for each processor.
    """

    def __init__(self, cache: Cache, jobs: int | None = None) -> None:
        self.cache = cache
        self.jobs = jobs or processors()
        self._programs: dict[Recipe, Program] = {}

    def get(self, recipe: Recipe) -> Program:
        """The program; compiled here and now if need be."""
        known = self._programs.get(recipe)
        if known is None:
            known = load_program(self.cache, recipe.key)
            if known is None:
                check(estimate_python([recipe], 1))
                known = self.compile(recipe)
            self._programs[recipe] = known
        return known

    def missing(self, recipes: Iterable[Recipe]) -> list[Recipe]:
        """Those that are neither loaded nor in the cache; the others are loaded."""
        missing = []
        for recipe in recipes:
            if recipe not in self._programs:
                program = load_program(self.cache, recipe.key)
                if program is None:
                    missing.append(recipe)
                else:
                    self._programs[recipe] = program
        return missing

    def estimate(self, recipes: Sequence[Recipe]) -> Estimate | None:
        """What `prepare` will take; None if that is little."""
        return estimate_python(self.missing(recipes), self.jobs)

    def prepare(self, recipes: Sequence[Recipe], progress: Report = silent) -> None:
        """Makes sure that all are available; missing ones are compiled, the largest first.

        Raises:
            TooLargeError: if they take more memory than there is.
            CompileError: if a program cannot be compiled.
            ProofError: if one does not compute what the eager autograd does.
            WorkerError: if a process that compiles fails by a mistake of ours.
        """
        missing = sorted(self.missing(recipes), key=lambda recipe: -recipe.number)
        if not missing:
            return
        check(estimate_python(missing, self.jobs))
        from .compile_pool import compile_elsewhere

        progress(0, len(missing))
        # Part of another program, Python may not know how to start another one.
        if self.jobs < 2 or len(missing) < 2 or not sys.executable:
            for done, recipe in enumerate(missing, 1):
                self._programs[recipe] = self.compile(recipe)
                progress(done, len(missing))
            return
        for done, recipe in enumerate(compile_elsewhere(self.cache.folder, missing, self.jobs), 1):
            self.get(recipe)
            progress(done, len(missing))

    def compile(self, recipe: Recipe, observe: Observer | None = None, check: bool = False) -> Program:
        """Compiles a program, checks it and stores it, whether or not it is there already.

        Its report has ``operations`` (after each stage that makes a graph), ``statements``, ``functions``,
        ``seconds`` (of each stage and in all) and ``peak_memory`` in bytes.
        """
        # Not at the top: a start that finds its programs in the cache is over before the compiler would be there.
        from ...compiler.ir.graph import Graph
        from ...compiler.pipeline import compile_graph, compile_python, compile_python_map, without_collection
        from .graphs import MAPPED

        report: dict[str, Any] = {"operations": {}, "seconds": {}}

        def watch(stage: Stage) -> None:
            report["seconds"][stage.name] = stage.seconds
            if isinstance(stage.product, Graph):
                report["operations"][stage.name] = len(stage.product)
            elif stage.name == "form_statements":
                report["statements"] = len(stage.product.roots)
            elif stage.name == "allocate":
                report["functions"] = len(stage.product.functions)
            if observe:
                observe(stage)

        with self.cache.lock(recipe.key), without_collection():
            if observe is None and (stored := load_program(self.cache, recipe.key)):
                return stored  # another process has been compiling it meanwhile
            graph = compile_graph(recipe.trace, recipe.gradient, watch, check, initial=recipe.initial)
            heading = [f"Made for {recipe.config} by microgpt. Do not edit."]
            if recipe.kind == "optimizer":
                source = compile_python_map(graph, MAPPED, heading)
            else:
                source = compile_python(graph, watch, heading)
            report["peak_memory"] = peak_memory()
            return store_program(self.cache, recipe.key, source, report, partial(_check, recipe))


def _check(recipe: Recipe, run: Callable[..., Any]) -> None:
    """Checks that a program computes what the eager autograd does."""
    from .witness import check_inference, check_optimizer, check_training

    if isinstance(recipe.config, AdamConfig):
        check_optimizer(run, recipe.config)
    elif recipe.kind in ("training", "accumulation"):
        check_training(run, recipe.config, recipe.number, recipe.kind == "accumulation")
    else:
        check_inference(run, recipe.config, recipe.number)
