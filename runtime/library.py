"""The library: the compiled programs of one model, made when they are first needed and kept in the cache.

A program is named by what decides its text: the model's sources and shape, and those of the compiler. So a second run finds all of
its programs without tracing anything. Several missing ones are compiled side by side, by processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import Any

from ..compiler.errors import CompileError
from ..compiler.graph import Graph
from ..compiler.pipeline import Observer, Stage, compile_graph, compile_python, compile_python_map
from ..model.config import AdamConfig, GPTConfig
from . import graphs
from .cache import Cache
from .program import Program, load_program, peak_memory, program_key, sources_digest, store_program

__all__ = ["Library", "Recipe"]

# Told of each program that has become available: how many of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Recipe:
    """Which program of a model.

    Attributes:
        kind: ``training``, ``inference`` or ``optimizer``.
        number: the length of the document, the position, or 0.
        config: the model's shape; for the optimiser, its constants.
    """

    kind: str
    number: int
    config: GPTConfig | AdamConfig

    def trace(self) -> Graph:
        """The forward graph."""
        if isinstance(self.config, AdamConfig):
            return graphs.optimizer_graph(self.config)
        make = {"training": graphs.training_graph, "inference": graphs.inference_graph}[self.kind]
        return make(self.config, self.number)

    @property
    def gradient(self) -> str | None:
        """The argument to differentiate in."""
        return "parameters" if self.kind == "training" else None

    @property
    def key(self) -> str:
        """The program's name in the cache."""
        # The learning rate is an argument of the optimiser's program, and so no part of it.
        config = {name: value for name, value in asdict(self.config).items() if name != "learning_rate"}
        model = sources_digest("microgpt.model") + sources_digest("microgpt.runtime")
        return f"{self.kind}{self.number}-" + program_key({**config, "kind": self.kind, "number": self.number, "model": model})

    def to_json(self) -> str:
        """As text, for another process."""
        return json.dumps({"kind": self.kind, "number": self.number, "config": asdict(self.config)})

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Reads `to_json`."""
        parts = json.loads(text)
        config = (AdamConfig if parts["kind"] == "optimizer" else GPTConfig)(**parts["config"])
        return cls(parts["kind"], parts["number"], config)


class Library:
    """Finds or makes programs.

    Args:
        cache: where they are kept.
        jobs: how many processes may compile at a time; by default one for each processor.
    """

    def __init__(self, cache: Cache, jobs: int | None = None) -> None:
        self.cache = cache
        self.jobs = jobs or _processors()
        self._programs: dict[Recipe, Program] = {}

    def get(self, recipe: Recipe) -> Program:
        """The program; compiled here and now if need be."""
        known = self._programs.get(recipe)
        if known is None:
            known = load_program(self.cache, recipe.key) or self.compile(recipe)
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

    def prepare(self, recipes: Sequence[Recipe], progress: Progress = lambda done, total: None) -> None:
        """Makes sure that all are available; missing ones are compiled, the largest first.

        Raises:
            CompileError: if a program cannot be compiled.
        """
        missing = sorted(self.missing(recipes), key=lambda recipe: -recipe.number)
        if not missing:
            return
        progress(0, len(missing))
        if min(self.jobs, len(missing)) < 2:
            for done, recipe in enumerate(missing, 1):
                self.get(recipe)
                progress(done, len(missing))
            return
        with ThreadPoolExecutor(min(self.jobs, len(missing))) as pool:
            tasks = [pool.submit(self._compile_elsewhere, recipe) for recipe in missing]
            try:
                for done, task in enumerate(as_completed(tasks), 1):
                    task.result()
                    progress(done, len(missing))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        for recipe in missing:
            self.get(recipe)

    def compile(self, recipe: Recipe, observe: Observer | None = None, check: bool = False) -> Program:
        """Compiles a program and stores it, whether or not it is there already.

        Its report has ``operations`` (after each stage that makes a graph), ``statements``, ``functions``, ``seconds`` (of each
        stage and in all) and ``peak_memory`` in bytes.
        """
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

        with self.cache.lock(recipe.key):
            if observe is None and (stored := load_program(self.cache, recipe.key)):
                return stored  # another process has been compiling it meanwhile
            graph = compile_graph(recipe.trace, recipe.gradient, watch, check)
            heading = [f"Made for {recipe.config} by microgpt. Do not edit."]
            if recipe.kind == "optimizer":
                source = compile_python_map(graph, graphs.MAPPED, heading)
            else:
                source = compile_python(graph, watch, heading)
            report["peak_memory"] = peak_memory()
            return store_program(self.cache, recipe.key, source, report)

    def _compile_elsewhere(self, recipe: Recipe) -> None:
        """Compiles in a process of its own. It is a plain child, so that a caller's script need not be importable."""
        command = [sys.executable, "-m", "microgpt.runtime.compile_one", str(self.cache.folder), recipe.to_json()]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if result.returncode:
            last = result.stderr.strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
            raise CompileError(f"the {recipe.kind} program {recipe.number} could not be compiled: {last[0]}")


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
