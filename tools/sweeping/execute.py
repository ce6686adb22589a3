"""Carrying out the runs of a sweep through an executor of `concurrent.futures`.

That interface is Python's own. On this machine `Workers` has it, and on a cluster the executor of a dask client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ..terminal.failures import ENVIRONMENT, CommandError
from .grid import Job
from .job import Result, make_programs, run_job
from .workers import Workers

__all__ = ["carry_out", "local_executor", "open_executor"]


@contextmanager
def open_executor(jobs: int, cluster: str | None) -> Iterator[Executor]:
    """Where the runs are carried out.

    Args:
        jobs: how many at a time, on this machine.
        cluster: the address of a dask scheduler, whose workers see the same files; None for this machine.

    Raises:
        CommandError: if the scheduler cannot be reached.
    """
    with local_executor(jobs) if cluster is None else _cluster_executor(cluster) as executor:
        yield executor


@contextmanager
def local_executor(jobs: int) -> Iterator[Executor]:
    """Processes, each of which carries out one run after another. None of them outlives the context."""
    workers = Workers(jobs)
    try:
        yield workers
        workers.shutdown()
    except BaseException:
        workers.stop()
        raise


@contextmanager
def _cluster_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise CommandError(
            "--cluster needs the package distributed: pip install 'microgpt-compiler[cluster]'", ENVIRONMENT
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise CommandError(f"--cluster {address} cannot be reached: {error}", ENVIRONMENT) from None
    with client:
        yield client.get_executor(pure=False)


def carry_out(
    executor: Executor, jobs: Sequence[Job], folder: Path, overwrite: bool, done: Callable[[Result], None]
) -> None:
    """Carries out all jobs; those that share programs wait until one has made them.

    Args:
        done: is told what became of each, in no certain order.

    Raises:
        CommandError: if a worker ends before its time.
    """
    groups: dict[tuple[Any, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.program, []).append(job)
    making: dict[Future[Any], list[Job]] = {}
    running: set[Future[Any]] = set()
    # Futures put themselves here when they are done: waiting for any of many would look at each of them, each time.
    ready: SimpleQueue[Future[Any]] = SimpleQueue()

    def submit(*call: Any) -> Future[Any]:
        future = executor.submit(*call)
        future.add_done_callback(ready.put)
        return future

    try:
        for group in groups.values():
            making[submit(make_programs, group[0])] = group
        while making or running:
            future = ready.get()
            if future in running:
                running.remove(future)
                done(future.result())
                continue
            group, problem = making.pop(future), future.result()
            if problem:
                for job in group:
                    done(Result(job.name, job.varied, "failed", message=problem))
            else:
                running.update(submit(run_job, job, folder, overwrite) for job in group)
    except BrokenExecutor:
        raise CommandError(
            "a process that carried out runs has ended before its time, perhaps because memory ran out; the runs that "
            "were done are kept, and the same command goes on with the others",
            ENVIRONMENT,
        ) from None
    finally:
        for future in (*making, *running):
            future.cancel()
