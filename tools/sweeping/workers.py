"""Processes on this machine that carry out the runs of a sweep, as an executor of `concurrent.futures`.

Python's own pool of processes does not do here: it executes pickles, lets its children import from the current
directory, and in a worker a signal is the result of the task, after which the worker takes the next one. These workers
are plain children that read tasks as lines of JSON, and end when that pipe is closed, whoever closes it.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

from ...runtime.machine.child import child_environment, python_command
from .worker import decode_answer, encode_task

__all__ = ["Workers"]

# Seconds that a worker has to clean up behind itself: a checkpoint, a temporary folder.
GRACE = 5.0

_Task = tuple["Future[Any]", str]


class Workers(Executor):
    """Carries out `make_programs` and `run_job` in so many processes. To be ended by `shutdown` or `stop`."""

    def __init__(self, count: int) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._broken = threading.Event()
        # A signal is for this thread. Workers and threads begin with it blocked.
        with signals_wait():
            self._processes = [_start() for _ in range(count)]
            self._threads = [
                threading.Thread(target=self._serve, args=(process,), daemon=True) for process in self._processes
            ]
            for thread in self._threads:
                thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Has a function of `worker.TASKS` called.

        Raises:
            BrokenExecutor: if a worker has ended.
        """
        if self._broken.is_set():
            raise BrokenExecutor("a worker has ended")
        future: Future[Any] = Future()
        self._tasks.put((future, encode_task(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits until all tasks are done, and ends the workers."""
        self._end_threads()
        self.stop()

    def stop(self) -> None:
        """Ends the workers now: they get some seconds to clean up, unless one more signal comes."""
        self._broken.set()
        try:
            for process in self._processes:
                _hang_up(process)
            deadline = time.monotonic() + GRACE
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            with signals_wait():
                for process in self._processes:
                    process.kill()
                    process.wait()
                self._end_threads()
                for process in self._processes:
                    assert process.stdout is not None
                    process.stdout.close()

    def _end_threads(self) -> None:
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, process: subprocess.Popen[str]) -> None:
        """Hands tasks to one worker; when that has ended, nobody gets a task any more."""
        while task := self._tasks.get():
            future, line = task
            if not future.set_running_or_notify_cancel():
                continue
            if self._broken.is_set() or not (answer := _ask(process, line)):
                self._broken.set()
                future.set_exception(BrokenExecutor("a worker has ended"))
                continue
            try:
                result = decode_answer(answer)
            except Exception as error:  # whatever went wrong there is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(result)


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        python_command(f"{__package__}.worker"),
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
    )


def _ask(process: subprocess.Popen[str], line: str) -> str:
    """The answer of a worker; empty if it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline()
    except (OSError, ValueError):  # of a pipe that is closed at one end, or at this one
        return ""


def _hang_up(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()


@contextmanager
def signals_wait() -> Iterator[None]:
    """What would end us comes a little later, so that no worker is left half started."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
