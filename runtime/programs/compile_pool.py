"""Compiling several programs at a time, each worker a process of its own.

Workers are plain children that read recipes and answer. Python's process pools would import the caller's script
again, and so fail in one that is not written for that.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ...compiler import errors
from ...compiler.errors import CompileError
from ...compiler.numerics import current
from ..machine.child import child_environment, python_command
from .recipe import Recipe

__all__ = ["WorkerError", "compile_elsewhere"]

# Of what a worker that died wrote to stderr, so many characters are shown.
_TAIL = 4000


class WorkerError(errors.InternalError):
    """A worker failed by a mistake of ours; its traceback is a note."""


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[str]
    stderr: IO[str]

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        self.stderr.seek(0)
        return self.stderr.read()[-_TAIL:].strip()


def compile_elsewhere(folder: Path, recipes: Sequence[Recipe], jobs: int) -> Iterator[Recipe]:
    """Compiles `recipes` into the cache in `folder`, starting them in this order; gives each when it is there.

    Raises:
        CompileError: if one cannot be compiled.
        MemoryError, OSError: if the system lacks something that a worker needs, or ended it.
        WorkerError: if a worker failed by a mistake of ours.
    """
    workers: list[_Worker] = []
    remaining = iter(recipes)
    pool = ThreadPoolExecutor(min(jobs, len(recipes)))
    tasks: dict[Future[None], tuple[_Worker, Recipe]] = {}

    def give(worker: _Worker) -> None:
        recipe = next(remaining, None)
        if recipe is not None:
            tasks[pool.submit(_ask, worker, recipe)] = worker, recipe

    try:
        for _ in range(min(jobs, len(recipes))):
            workers.append(_start(folder))
            give(workers[-1])
        while tasks:
            for task in wait(tasks, return_when=FIRST_COMPLETED).done:
                worker, recipe = tasks.pop(task)
                task.result()
                give(worker)
                yield recipe
    finally:
        # Also when interrupted: a worker that is ended leaves nothing half written in the cache.
        for worker in workers:
            worker.process.kill()
        pool.shutdown()
        for worker in workers:
            worker.process.communicate()
            worker.stderr.close()


def _start(folder: Path) -> _Worker:
    # A file: nobody reads while the worker works, and a pipe that is full would stop it.
    stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        python_command("microgpt.runtime.programs.compile_worker", str(folder), current().name),
        env=child_environment(),
        stdin=pipe,
        stdout=pipe,
        stderr=stderr,
        encoding="utf-8",
    )
    return _Worker(process, stderr)


def _ask(worker: _Worker, recipe: Recipe) -> None:
    assert worker.process.stdin is not None
    assert worker.process.stdout is not None
    try:
        worker.process.stdin.write(recipe.to_json() + "\n")
        worker.process.stdin.flush()
        line = worker.process.stdout.readline()
    except BrokenPipeError:
        line = ""
    what = f"the {recipe.kind} program {recipe.number}"
    if not line:
        raise _death(worker, what)
    try:
        problem = json.loads(line)
    except ValueError:
        raise WorkerError(f"the process that compiled {what} gave no answer but {line!r}") from None
    if problem:
        raise _error(problem, what)


def _death(worker: _Worker, what: str) -> Exception:
    """For a worker that ended without an answer."""
    status, said = worker.process.wait(), worker.said()
    if status < 0:
        return ChildProcessError(
            f"the process that compiled {what} was ended by signal {-status}, perhaps because memory ran out"
        )
    last = said.rpartition("\n")[2]
    error = WorkerError(f"the process that compiled {what} ended with status {status}" + (f": {last}" if last else ""))
    if said:
        error.add_note(f"It wrote to stderr:\n{said}")
    return error


def _error(problem: Mapping[str, Any], what: str) -> Exception:
    """What a worker raised, as it would have been raised here."""
    kind, name, message = problem["kind"], problem["name"], problem["message"]
    error: Exception
    if kind == "CompileError":
        error = getattr(errors, name, CompileError)(message)
    elif kind == "OSError":
        number, filename = problem["errno"], problem["filename"]
        error = OSError(message) if number is None else OSError(number, message, filename)
    elif kind == "MemoryError":
        error = MemoryError(message)
    else:
        error = WorkerError(f"{what}: {name}: {message}")
    error.add_note(f"Raised by the process that compiled {what}:\n{problem['traceback']}")
    return error
