"""Compiling several programs at a time, each worker a process of its own.

Workers are plain children that read recipes and answer. Python's process pools would import the caller's script
again, and so fail in one that is not written for that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from ..compiler.errors import CompileError
from .recipe import Recipe

__all__ = ["compile_elsewhere"]


def compile_elsewhere(folder: Path, recipes: Sequence[Recipe], jobs: int) -> Iterator[Recipe]:
    """Compiles `recipes` into the cache in `folder`, starting them in this order; gives each when it is there.

    Raises:
        CompileError: if one cannot be compiled.
    """
    workers = [_start(folder) for _ in range(min(jobs, len(recipes)))]
    remaining = iter(recipes)
    pool = ThreadPoolExecutor(len(workers))
    tasks: dict[Future[None], tuple[subprocess.Popen[str], Recipe]] = {}

    def give(worker: subprocess.Popen[str]) -> None:
        recipe = next(remaining, None)
        if recipe is not None:
            tasks[pool.submit(_ask, worker, recipe)] = worker, recipe

    try:
        for worker in workers:
            give(worker)
        while tasks:
            for task in wait(tasks, return_when=FIRST_COMPLETED).done:
                worker, recipe = tasks.pop(task)
                task.result()
                give(worker)
                yield recipe
    finally:
        # Also when interrupted: a worker that is ended leaves nothing half written in the cache.
        for worker in workers:
            worker.kill()
        pool.shutdown()
        for worker in workers:
            worker.communicate()


def _start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "microgpt.runtime.compile_worker", str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)


def _ask(worker: subprocess.Popen[str], recipe: Recipe) -> None:
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(recipe.to_json() + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
    except BrokenPipeError:
        line = ""
    problem = json.loads(line) if line else f"the process that compiles ended with status {worker.wait()}"
    if problem:
        raise CompileError(f"the {recipe.kind} program {recipe.number} could not be compiled: {problem}")
