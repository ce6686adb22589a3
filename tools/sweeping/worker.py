"""A process that carries out runs of a sweep: ``python -P -m microgpt.tools.sweeping.worker``.

Reads tasks from stdin, a line of JSON each, and answers each with a line. It ends when stdin does, also in the middle
of a run, which is left as Ctrl-C leaves it: with a checkpoint of what was trained.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import IO, Any

from ..terminal.failures import TERMINATED, TerminatedError
from .grid import Job
from .job import Result, make_programs, run_job

__all__ = ["TASKS", "RemoteError", "decode_answer", "encode_task"]

# What can be asked for, by name.
TASKS: dict[str, Callable[..., Any]] = {"make_programs": make_programs, "run_job": run_job}
# Seconds for cleaning up; more than whoever closed stdin waits, if that is still there.
GRACE = 10.0


class RemoteError(Exception):
    """Where in another process an error comes from; shown by ``--debug`` as the cause of what is raised here."""


def encode_task(function: Callable[..., Any], job: Job, folder: Path | None = None, overwrite: bool = False) -> str:
    """The line that asks for ``function(job)`` or ``function(job, folder, overwrite)``."""
    name = next(name for name, known in TASKS.items() if known is function)
    more = [] if folder is None else [str(folder), overwrite]
    return json.dumps({"task": name, "job": asdict(job), "more": more}) + "\n"


def _carry_out(line: str) -> str:
    found = json.loads(line)
    answer: dict[str, Any]
    job, more = Job(**found["job"]), found["more"]
    try:
        result = TASKS[found["task"]](job, *(Path(more[0]), more[1]) if more else ())
    except Exception as error:
        # A mistake of ours: what can go wrong with a run is in its result.
        answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    else:
        answer = {"result": asdict(result) if isinstance(result, Result) else result}
    return json.dumps(answer) + "\n"


def decode_answer(line: str) -> Any:
    """The result in an answer.

    Raises:
        RuntimeError: if the worker met an error that it does not know.
    """
    answer = json.loads(line)
    if "error" in answer:
        raise RuntimeError(answer["error"]) from RemoteError("\n" + answer["traceback"])
    result = answer["result"]
    return Result(**result) if isinstance(result, dict) else result


def _pipes() -> tuple[IO[str], IO[str]]:
    """Stdin and stdout for this module alone: a C compiler, or a stray print, gets others."""
    tasks, answers = (os.fdopen(os.dup(number), mode, encoding="ascii") for number, mode in ((0, "r"), (1, "w")))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    return tasks, answers


def _listen(tasks: IO[str], inbox: SimpleQueue[str]) -> None:
    for line in tasks:
        inbox.put(line)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os._exit(TERMINATED)


def _terminate(signum: int, frame: FrameType | None) -> None:
    # Once: a second signal must not disturb the cleaning up.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TerminatedError


def main() -> None:
    """Carries out tasks until there are none."""
    tasks, answers = _pipes()
    inbox: SimpleQueue[str] = SimpleQueue()
    try:
        # Ctrl-C reaches all processes of a terminal; what it means here, the process that asks says.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _terminate)
        # Started while signals are still blocked, so that they interrupt this thread and not that one.
        threading.Thread(target=_listen, args=(tasks, inbox), daemon=True).start()
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        while True:
            answer = _carry_out(inbox.get())
            answers.write(answer)
            answers.flush()
    except (TerminatedError, BrokenPipeError):
        sys.exit(TERMINATED)


if __name__ == "__main__":
    main()
