"""What the scripts of the rivals share: the job that they read, how they are timed, and the result that they print.

A job says what is trained, how, and on what; the result has the seconds of every run and the losses of the last. Both
are JSON, so that a rival can be run by hand, and written in another language.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from ...model.config import AdamConfig, GPTConfig

__all__ = ["Job", "Result", "answer", "time_runs"]


@dataclass(frozen=True)
class Job:
    """A whole training run, which a rival carries out several times.

    Attributes:
        parameters: what every run begins with, in the order of ``config.matrices()``.
        documents: the tokens of each, with the one that begins and ends it; cycled through, one a step.
        steps: how many a run takes; the learning rate falls to zero over them.
        precision: ``f64`` or ``f32``, of all that is computed.
        repeats: how many runs are timed.
        core: the processor to stay on, where the system allows to choose it.
    """

    config: GPTConfig
    optimizer: AdamConfig
    parameters: Sequence[float]
    documents: Sequence[Sequence[int]]
    steps: int
    precision: str = "f64"
    repeats: int = 5
    core: int | None = None

    def text(self) -> str:
        """The job as JSON, on one line."""
        return json.dumps(asdict(self))

    @staticmethod
    def parse(text: str) -> Job:
        """The job that `text` was made from."""
        fields = json.loads(text)
        config, optimizer = GPTConfig(**fields.pop("config")), AdamConfig(**fields.pop("optimizer"))
        return Job(config, optimizer, **fields)

    def document(self, step: int) -> tuple[Sequence[int], Sequence[int]]:
        """What is read at a step, counted from 0, and what is to be said."""
        tokens = self.documents[step % len(self.documents)]
        length = min(self.config.block_size, len(tokens) - 1)
        return tokens[:length], tokens[1 : length + 1]


@dataclass(frozen=True)
class Result:
    """What a rival did.

    Attributes:
        compile: seconds from the job to a program that can run.
        runs: seconds of each run.
        losses: of every step of the last run.
    """

    compile: float
    runs: Sequence[float]
    losses: Sequence[float]


def time_runs(run: Callable[[], Sequence[float]], repeats: int, compile_seconds: float = 0.0) -> Result:
    """Calls `run` once to warm up, and then `repeats` times, timed; it begins anew each time and returns the losses."""
    losses = run()
    seconds = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        losses = run()
        seconds.append(time.perf_counter() - start)
    return Result(compile_seconds, seconds, list(losses))


def answer(rival: Callable[[Job], Result]) -> None:
    """Reads a job from standard input, keeps to its core, and prints the result."""
    job = Job.parse(sys.stdin.read())
    if job.core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {job.core})
    print(json.dumps(asdict(rival(job))))
