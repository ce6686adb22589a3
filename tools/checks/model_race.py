"""Compiled programs of a model against the eager autograd: how long each takes, measured in turns, in one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Any

from ...compiler.numerics import current
from ...model import gpt
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.backend import Backend, EagerBackend, PythonBackend, State
from ...runtime.backends.backend import Document as Tokens
from ...runtime.programs.library import Library
from ...runtime.reporting import silent
from ...runtime.storage.cache import Cache
from ...runtime.training.training import Training
from ..baselines.run import RIVAL_RUNS, RivalResult, Work, run_rivals
from ..text.document import Document

__all__ = ["RUN_STEPS", "race_model"]

# A compiled program runs this often beside each eager run: it is that much faster and its time that much noisier.
REPEATS = {"python": 7, "c": 500}

# The run of the golden figures, and how many of its steps are measured eagerly.
RUN_STEPS = 1000
EAGER_STEPS = 25


@dataclass(frozen=True)
class Timing:
    """What was measured for one length; medians, in seconds.

    Attributes:
        gradient_ratio, step_ratio: how many times faster the compiled program is; medians over pairs of runs.
    """

    length: int
    pairs: int
    eager_gradient: float
    compiled_gradient: float
    gradient_ratio: float
    eager_step: float
    compiled_step: float
    step_ratio: float
    compile: float


@dataclass(frozen=True)
class Run:
    """A whole run, in seconds a step.

    Attributes:
        steps, eager_steps: how many were taken, compiled and eagerly.
        eager_step: the mean over documents of all lengths.
        compiled_step: the median over runs of the mean over all steps.
        ratio: of the two.
    """

    steps: int
    eager_steps: int
    eager_step: float
    compiled_step: float
    ratio: float


def race_model(
    name: str,
    training: Training,
    lengths: Sequence[int],
    seconds: float,
    seed: int,
    rivals: Sequence[str],
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> Document:
    """Measures.

    Args:
        name: of the backend: ``c`` or ``python``.
        training: whose documents a run takes.
        seconds: to measure each length.
        rivals: what else is to do the same run.
        say, warn: take what is being done, and what cannot be.
    """
    config = training.config
    with tempfile.TemporaryDirectory(prefix="microgpt-bench-") as folder:
        compiled = _make_backend(name, config, Cache.open(Path(folder), warn), warn)
        timings = []
        for length in lengths:
            say(f"length {length}: compiling, then measuring for {seconds:g} s")
            timings.append(_measure(compiled, length, seconds, Random(seed)))
        run = _measure_run(compiled, training, say) if name == "c" else None
        work = _work(compiled, training)
        others = run_rivals(rivals, work, progress=say)
        if others:
            others.insert(0, _run_alone(compiled, work, timings[0].compile))
    rows = [asdict(timing) for timing in timings]
    result: dict[str, Any] = {"model": asdict(config), "backend": name, "unit": "seconds", "lengths": rows}
    result["run"] = asdict(run) if run else None
    document = Document(data={**result, "rivals": [asdict(other) for other in others]})
    _add_timings(document, name, timings, run)
    if others:
        _add_rivals(document, others)
    return document


def _make_backend(name: str, config: GPTConfig, cache: Cache, warn: Callable[[str], None]) -> Backend:
    if name == "python":
        return PythonBackend(config, AdamConfig(), Library(cache, jobs=1))
    from ...runtime.backends.c_backend import CBackend

    return CBackend(config, AdamConfig(), cache, warn)


def _measure(compiled: Backend, length: int, seconds: float, rng: Random) -> Timing:
    config = compiled.config
    eager = EagerBackend(config, AdamConfig())
    start = time.perf_counter()
    compiled.prepare([length], 0, silent)
    compile_seconds = time.perf_counter() - start
    parameters = gpt.initial_parameters(config, rng)
    tokens = [rng.randrange(config.vocab_size) for _ in range(length + 1)]
    document = Tokens(tokens[:-1], tokens[1:])
    states = State(list(parameters)), State(list(parameters))
    repeats = REPEATS[compiled.name]
    _steps(compiled, states[1], document, 1)  # the first run of all is slower
    compiled.loss_and_gradient(parameters, document)
    gradients: list[tuple[float, float]] = []
    steps: list[tuple[float, float]] = []
    deadline = time.perf_counter() + seconds
    while not gradients or time.perf_counter() < deadline:
        gradients.append(
            (
                _seconds(lambda: eager.loss_and_gradient(parameters, document)),
                _seconds(lambda: _gradients(compiled, parameters, document, repeats)) / repeats,
            )
        )
        steps.append(
            (
                _seconds(lambda: _steps(eager, states[0], document, 1)),
                _seconds(lambda: _steps(compiled, states[1], document, repeats)) / repeats,
            )
        )
    return Timing(length, len(gradients), *_summary(gradients), *_summary(steps), compile_seconds)


def _gradients(backend: Backend, parameters: list[float], document: Tokens, times: int) -> None:
    repeat = getattr(backend, "repeat_loss", None)
    if repeat is not None:  # C: computing takes less time than handing numbers over and back
        repeat(document, times)
        return
    for _ in range(times):
        backend.loss_and_gradient(parameters, document)


def _steps(backend: Backend, state: State, document: Tokens, times: int) -> None:
    backend.advance(state, [document] * times, RUN_STEPS)
    state.step = 0  # so that any number of steps can be taken


def _work(compiled: Backend, training: Training) -> Work:
    """The run that rivals do as well, with the losses that they should come near to."""
    documents = [training.document(step) for step in range(RUN_STEPS)]
    parameters = list(training.state.parameters)
    compiled.prepare(sorted({document.length for document in documents}), 0, silent)
    losses = compiled.advance(State(list(parameters)), documents, RUN_STEPS)
    return Work(training.config, training.optimizer, parameters, documents, losses)


def _run_alone(compiled: Backend, work: Work, seconds: float) -> RivalResult:
    """The run as rivals do it, again and again, with nothing in between; `seconds` is what compiling took."""
    runs = [
        _seconds(partial(compiled.advance, State(list(work.parameters)), work.documents, RUN_STEPS)) / RUN_STEPS
        for _ in range(RIVAL_RUNS)
    ]
    precision = {"double": "f64", "float": "f32"}[current().number]
    return RivalResult("microgpt", precision, seconds, 1e6 * min(runs), 1e6 * median(runs), 0.0, 0.0)


def _measure_run(compiled: Backend, training: Training, say: Callable[[str], None]) -> Run:
    """A whole run in one call, and the eager autograd on some of its documents, of all lengths in proportion."""
    documents = [training.document(step) for step in range(RUN_STEPS)]
    by_length = sorted(documents, key=lambda document: document.length)
    some = by_length[RUN_STEPS // EAGER_STEPS // 2 :: RUN_STEPS // EAGER_STEPS]
    say(f"a run of {RUN_STEPS} steps, and {len(some)} of them eagerly")
    eager = EagerBackend(training.config, training.optimizer)
    slow, fast = [], []
    for document in some:
        state, other = State(list(training.state.parameters)), State(list(training.state.parameters))
        slow.append(_seconds(partial(eager.advance, state, [document], RUN_STEPS)))
        fast.append(_seconds(partial(compiled.advance, other, documents, RUN_STEPS)) / RUN_STEPS)
    return Run(RUN_STEPS, len(some), fmean(slow), median(fast), fmean(slow) / median(fast))


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _summary(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    eager, compiled = zip(*pairs, strict=True)
    return median(eager), median(compiled), median(slow / fast for slow, fast in pairs)


def _add_timings(document: Document, name: str, timings: Sequence[Timing], run: Run | None) -> None:
    columns = [
        f"{what} {column}" for what in ("gradient", "step") for column in ("eager ms", "compiled us", "times faster")
    ]
    headings = ["length", *columns, "compile s", "pairs"]
    rows = [
        [
            str(timing.length),
            f"{1e3 * timing.eager_gradient:.1f}",
            f"{1e6 * timing.compiled_gradient:,.1f}",
            f"{timing.gradient_ratio:,.0f}",
            f"{1e3 * timing.eager_step:.1f}",
            f"{1e6 * timing.compiled_step:,.1f}",
            f"{timing.step_ratio:,.0f}",
            f"{timing.compile:.2f}",
            str(timing.pairs),
        ]
        for timing in timings
    ]
    language = {"c": "C", "python": "generated Python"}[name]
    document.say(f"Loss and gradient, and the whole step: eager against {language}", style="bold")
    document.table(headings, rows)
    if run:
        document.gap()
        document.say(
            f"a run of {run.steps} steps, {1e6 * run.compiled_step:.1f} us a step in C, "
            f"{1e3 * run.eager_step:.0f} ms eager: {run.ratio:,.0f} times faster"
        )


def _add_rivals(document: Document, rivals: Sequence[RivalResult]) -> None:
    headings = ["program", "precision", "compile s", "us a step", "losses differ by"]
    rows = [
        [rival.name, rival.precision, f"{rival.compile:.1f}", f"{rival.median_step:,.1f}", f"{rival.difference:.0e}"]
        for rival in rivals
    ]
    document.gap()
    document.say("The same run, the whole loop in one program on one core", style="bold")
    document.table(headings, rows)
