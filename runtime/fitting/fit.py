"""``fit(loss, weights, examples)``: trains a user's own function in one compiled call that takes many steps."""

from __future__ import annotations

import os
import time
import warnings
from array import array
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...compiler.numerics import Numerics
from ...compiler.numerics import numerics as in_force
from .. import arguments as checked
from ..executable.marshal_code import writer_maker
from ..executable.native import LONGEST, TooLongError
from ..executable.results import Results
from ..executable.row_data import listed, read_rows
from ..executable.wanted import Wanted
from ..machine.toolchain import ToolchainError
from ..reporting import Report, compile_progress, step_progress
from ..storage.cache import Cache
from .c_engine import c_engine
from .engine import EagerEngine, Engine, State
from .optimizers import Optimizer, adam, optimizer_of
from .order import Order
from .problem import INITIAL, ROW, WEIGHTS, Problem, problem_of
from .run import FitStep, NotFinite, Run

if TYPE_CHECKING:
    from .divergence import Cause
    from .record import Record

__all__ = ["TARGETS", "DivergedError", "Fit", "FitStep", "engine_of", "fit"]

TARGETS = ("auto", "c", "python", "eager")


@dataclass(frozen=True)
class Fit:
    """What `fit` gives.

    Attributes:
        weights: in the structure in which they were given.
        losses: before each step that this call took: the mean over the batch, and the penalty.
        steps: how many steps were taken, those before a resumed checkpoint too.
        target: what took them: ``c``, ``python`` or ``eager``.
        interrupted: whether Ctrl-C ended it early.
        seconds: by part: ``compile``, for the trace, the program and its checks or its finding in the cache, and
            ``run``, from reading the examples to the weights.
    """

    weights: Any
    losses: list[float] = field(repr=False)
    steps: int
    target: str
    interrupted: bool = False
    seconds: dict[str, float] = field(default_factory=dict, repr=False)
    _engine: Engine | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        """The text of the generated program; empty for the eager target."""
        return self._engine.source if self._engine else ""

    def __repr__(self) -> str:
        loss = f", loss {self.losses[-1]:.6g}" if self.losses else ""
        return f"<microgpt.Fit after {self.steps:,} steps in {self.target}{loss}{', interrupted' * self.interrupted}>"


class DivergedError(ArithmeticError):
    """A fit came to a NaN or an infinity, after which nothing can be learned.

    Attributes:
        step: where that happened, counted from 1.
        cause: the operation that first gave it; None if by the function's arithmetic none does.
        result: what was reached before that step.
    """

    def __init__(self, step: int, cause: Cause | None, result: Fit) -> None:
        what = f": {cause}" if cause else " has come to a number that is not finite"
        super().__init__(f"step {step}{what}")
        self.step, self.cause, self.result = step, cause, result


def fit(
    loss: Callable[..., Any],
    weights: Any,
    examples: Iterable[Any],
    *,
    optimizer: Optimizer | Callable[..., Any] | None = None,
    steps: int = 1000,
    batch: int | None = None,
    penalty: Callable[..., Any] | None = None,
    shuffle: int | None = None,
    row: Any = None,
    target: str = "auto",
    out: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    resume: bool = False,
    on_step: Callable[[FitStep], object] | None = None,
    cache: Cache | None = None,
    progress: bool = True,
    numerics: Numerics | str | None = None,
) -> Fit:
    """Fits weights to examples: loss, gradient and optimiser are compiled into one call that takes many steps.

    A step takes a batch. The gradients of its examples are added up, in order, as a loop of ``backward()`` adds them,
    and divided by their number; ``penalty`` adds to that, once; then the optimiser changes every weight. All targets
    have the same bits, those of this loop on `Value`, which ``target="eager"`` runs.

    Args:
        loss: ``loss(weights, *example)``, a scalar: what `compile` compiles. It is traced, and never run again.
        weights: the numbers to fit, in lists, tuples, dicts and arrays, at the values they begin with.
        examples: one example after the other, each a tuple of the parts that `loss` takes, or the only part. All are
            alike. Their numbers may differ, and how many they are is not compiled in.
        optimizer: `adam`, `sgd`, `momentum`, an `Optimizer` of your own, or a function from a parameter and its
            gradient to the new parameter. By default ``adam()``.
        steps: how many to take in all.
        batch: examples a step; by default all of them. Batches go on where the last one ended, again and again over
            all examples.
        penalty: ``penalty(weights)``, a scalar that is added to the mean loss, for regularisation.
        shuffle: seeds a new order of the examples for each pass over them; by default, theirs.
        row: an example like all others, in which ``index(n)`` stands for a whole number below n, for `select`. By
            default the first, and all numbers are floats.
        target: ``c``, ``python``, ``eager``, or ``auto``: C where a compiler is found that keeps every bit and takes
            the program in a reasonable time, else Python.
        out: a folder for the log and the checkpoint.
        save_every: write the checkpoint after so many steps, not only at the end.
        resume: go on, bit for bit, with what `out` holds, if it holds anything.
        on_step: called after each step; with compiled targets, after some steps at once.
        cache: where compiled programs are kept; by default the user's.
        progress: whether to show what takes longer than a second, on a terminal or in a notebook.
        numerics: ``exact``, ``portable`` or ``fast``, as in `compile`.

    Returns:
        the weights that were reached, and the losses. Ctrl-C ends early, with a warning; a second one is yours.

    Raises:
        TraceError, CompileError: if `loss`, `penalty` or `optimizer` cannot be compiled. The message names the line.
        TypeError: if an argument is of another type, or an example is not like the others.
        ValueError: if an argument is out of its range, or `resume` meets another fit (`ResumeError`) or a damaged
            file (`CheckpointError`).
        IndexError, OverflowError: if an example holds an index out of its range, or a number too large for a double.
        DivergedError: if a step comes to a NaN or an infinity. The message names the example and the line.
        ToolchainError: if the target is ``c`` and there is no compiler for it.
        MemoryError: if compiling takes more memory than is available (`TooLargeError`).
        OSError: if `out` cannot be written.
        RuntimeError: if something else that `loss`, `penalty` or `optimizer` reads, such as a global list, is changed
            by `on_step`.
    """
    begun = time.perf_counter()
    checked.function("loss", loss)
    if penalty is not None:
        checked.function("penalty", penalty)
    rule = optimizer_of(adam() if optimizer is None else optimizer)
    steps = checked.whole("steps", steps, 0)
    target = checked.choice("target", target, TARGETS)
    folder = None if out is None else checked.path("out", out)
    save_every = None if save_every is None else checked.whole("save_every", save_every, 1)
    resume, progress = checked.boolean("resume", resume), checked.boolean("progress", progress)
    if on_step is not None:
        checked.function("on_step", on_step)
    if folder is None and (save_every or resume):
        raise ValueError(f"{'save_every' if save_every else 'resume'} needs `out`, a folder for the checkpoint")
    rows = listed(examples)
    batch = len(rows) if batch is None else checked.whole("batch", batch, 1, len(rows))
    order = Order(len(rows), None if shuffle is None else checked.whole("shuffle", shuffle, 0))
    with in_force(numerics):
        problem = problem_of(loss, penalty, rule, weights, rows[0] if row is None else row)
        data = read_rows(problem.row, rows)
        flat = problem.weights.floats([weights])
        read = time.perf_counter()
        with compile_progress(progress, "function") as report:
            engine = engine_of(problem, flat, data.floats_of(0), target, cache or Cache.open(), report)
            report(1, 1)
        compiled = time.perf_counter()
        captured = problem.captured() if on_step else None
        run = Run(problem, data, engine, order, batch, State.initial(flat, rule))
        writer = writer_maker(problem.weights, Wanted(""), Results(problem.weights.nodes[0]))

        def result(interrupted: bool = False) -> Fit:
            seconds = {"compile": compiled - read, "run": read - begun + time.perf_counter() - compiled}
            found = writer({"value": memoryview(array("d", run.state.weights))})()
            return Fit(found, run.losses, run.state.step, engine.target, interrupted, seconds, engine)

        interrupted = False
        with ExitStack() as stack:
            record = stack.enter_context(_record(folder, run, save_every)) if folder else None
            if record:
                record.begin(resume, steps)
            report = stack.enter_context(step_progress(progress))
            try:
                for step in run.slices(steps, save_every):
                    if record:
                        record.write(step)
                    if on_step and captured:
                        for taken in step:
                            captured.check()  # what `on_step` may have changed after the step before
                            on_step(taken)
                    report(run.state.step, steps, f"loss {step[-1].loss:.4g}")
            except KeyboardInterrupt:
                interrupted = True
                at = f"after step {run.state.step:,} of {steps:,}"
                warnings.warn(f"interrupted {at}; the result is what was reached", stacklevel=2)
            except NotFinite as error:
                if record:
                    record.save()
                raise DivergedError(error.step, error.cause, result()) from None
            if record:
                record.save()
        return result(interrupted)


def engine_of(
    problem: Problem, weights: list[float], row: list[float], target: str, cache: Cache, report: Report
) -> Engine:
    """An engine for a problem.

    Args:
        weights, row: floats that the loss is defined for.
    """
    example = {WEIGHTS: weights, INITIAL: [0.0] * problem.size, ROW: row}
    report(0, 1, "trace")
    if target in ("c", "auto"):
        try:
            return c_engine(problem, cache, report, example, LONGEST if target == "auto" else None)
        except (ToolchainError, TooLongError):
            if target == "c":
                raise
    problem.confirm()
    if target == "eager":
        return EagerEngine(problem)
    from .python_engine import PythonEngine

    return PythonEngine(problem, cache, report, example)


def _record(folder: Path, run: Run, save_every: int | None) -> Record:
    from .record import Record  # which most fits do without

    return Record(folder, run, save_every)
