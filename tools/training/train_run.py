"""One run of training: taking the steps, and recording them where the user wants it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ...runtime.backends.backend import Backend
from ...runtime.training.evaluation import Evaluation, evaluate
from ...runtime.training.recording import describe_run
from ...runtime.training.runs import RunFolder, keep_last_model, keep_rescued_model
from ...runtime.training.step_log import StepLog
from ...runtime.training.training import NotFiniteError, Step, Training
from ..options.backends import describe_programs, prepare
from ..terminal import console
from ..terminal.failures import DIVERGED, ENVIRONMENT, CommandError, StoppedError, describe_os_error
from ..terminal.signals import deferred_signals
from .run_result import write_result
from .watch import watch_steps

__all__ = ["Run", "describe_step", "open_outputs"]


def open_outputs(out: Path | None, log: Path | None, stack: ExitStack) -> tuple[RunFolder | None, list[StepLog]]:
    """What is to be written, opened before any work is done."""
    option: str = "--out"
    try:
        folder = RunFolder(out) if out else None
        if folder:
            stack.callback(folder.close)
        logs = [stack.enter_context(StepLog(folder.log_path))] if folder else []
        option = "--log"
        if log:
            logs.append(stack.enter_context(StepLog(log)))
    except OSError as error:
        path = out if option == "--out" else log
        raise CommandError(f"{option} {path} cannot be written: {error.strerror}", ENVIRONMENT) from None
    return folder, logs


class Run:
    """One run of the command.

    Args:
        training: what is done.
        backend: what does it.
        folder, logs: where it is recorded.
        save_every, keep: after how many steps a checkpoint is written to the folder, and how many stay; None for never.
        options: of the command, by name.
        shown: whether each step is shown on stdout.

    Attributes:
        losses: of the steps that this process has taken, in nats.
        held_out: how well the model predicts what was held out, in the end; None if nothing was.
    """

    def __init__(
        self,
        training: Training,
        backend: Backend,
        folder: RunFolder | None,
        logs: list[StepLog],
        save_every: int | None,
        keep: int,
        options: Mapping[str, Any],
        shown: bool = True,
    ) -> None:
        self.training, self.backend, self.folder, self.logs = training, backend, folder, logs
        self.save_every, self.keep_count, self.options = save_every, keep, options
        self.last_saved: Path | None = None
        self.shown = shown
        self.losses: list[float] = []
        self.held_out: Evaluation | None = None

    def prepare(self, positions: int) -> None:
        """Makes the programs."""
        training = self.training
        lengths = training.lengths() if training.state.step < training.steps else []
        try:
            prepare(self.backend, lengths, positions)
        except KeyboardInterrupt as signal:
            raise StoppedError("before the first step; nothing has been trained", signal) from None
        console.detail(describe_programs(self.backend))

    def take_steps(self) -> None:
        """Trains and records every step. If that ends early, what was trained is saved, given a folder for it."""
        training, start, first = self.training, time.monotonic(), self.training.state.step
        if self.folder:
            self.folder.begin(describe_run(training, self.backend, self.options), first)
        for log in self.logs:
            log.begin(first)
        try:
            self._take_steps()
        except NotFiniteError as error:
            message = self._diverged(error)
            self._end("diverged", message)
            raise CommandError(message, DIVERGED) from None
        except KeyboardInterrupt as signal:
            done = f"after {training.checkpoint().step} of {training.steps} steps"
            saved = self._save_early()
            self._end("interrupted", f"stopped by a signal {done}")
            raise StoppedError(f"{done}; the model is {saved}", signal) from None
        except BrokenPipeError:
            self._save_early()
            raise
        except OSError as error:
            what, done = describe_os_error(error), f"{training.checkpoint().step} of {training.steps} steps"
            raise CommandError(
                f"{what}; training stopped after {done}, and the model is {self._save_early()}", ENVIRONMENT
            ) from None
        seconds, count = time.monotonic() - start, training.steps - first
        if count:
            steps = f"{count} step{'s' * (count != 1)}"
            per_step = f"{1e3 * seconds / count:.2f} ms each"
            took, name = console.seconds_text(seconds), self.backend.name
            console.say(f"trained {steps} in {took} ({per_step}) with the {name} backend")

    def _take_steps(self) -> None:
        training = self.training
        with (
            watch_steps(training.steps, training.state.step, self.shown) as show,
            deferred_signals() as raise_noted,
        ):
            for step in training.run(self.backend, self.save_every):
                for log in self.logs:
                    log.write(step)
                self.losses.append(step.loss)
                show(step.number, step.loss, describe_step(step, training.steps))
                # Between two slices of the backend, state and log agree.
                if step.number == training.state.step:
                    self._save_step()
                    raise_noted()
        self._sync_logs()

    def _save_step(self) -> None:
        if not self.folder or not self.save_every or self.training.state.step % self.save_every:
            return
        self._sync_logs()
        try:
            self.last_saved = self.folder.save_step(self.training.checkpoint(), self.keep_count)
            console.detail(f"saved {self.last_saved}")
        except OSError as error:
            # What was saved before is still there, and the disk may have room again by the next time.
            step = self.training.state.step
            console.warn(f"no checkpoint of step {step} ({error.strerror}); training goes on")

    def _sync_logs(self) -> None:
        """To be done before a checkpoint is written: one that can be resumed has all of its steps in the log."""
        for log in self.logs:
            log.sync()

    def _save_early(self) -> str:
        if not self.folder:
            return "not saved, since there is no --out"
        # What stopped the run may be the log itself.
        with suppress(OSError):
            self._sync_logs()
        try:
            return f"saved as {self.folder.save(self.training.checkpoint())}"
        except OSError as error:
            return self._rescue(error)

    def _rescue(self, error: OSError) -> str:
        """Saves the model where the user keeps data, since its folder does not take it."""
        try:
            return f"saved as {keep_rescued_model(self.training.checkpoint())} instead ({error.strerror})"
        except OSError:
            kept = f"; the last checkpoint is {self.last_saved}" if self.last_saved else ""
            return f"not saved ({error.strerror}){kept}"

    def _diverged(self, error: NotFiniteError) -> str:
        from ...runtime.training.divergence import find_cause

        cause = find_cause(self.training, error)
        kept = f"; the last good checkpoint is {self.last_saved}" if self.last_saved else ""
        return f"{cause or error}{kept}; train with a lower --learning-rate"

    def keep(self) -> None:
        """Saves the trained model, also if a signal comes meanwhile."""
        with deferred_signals() as raise_noted:
            self._keep()
            raise_noted()

    def _keep(self) -> None:
        checkpoint = self.training.checkpoint()
        if self.folder:
            try:
                console.say(f"saved {self.folder.save(checkpoint)}")
            except OSError as error:
                raise CommandError(
                    f"--out {self.folder.path} has no place for the model; it is {self._rescue(error)}", ENVIRONMENT
                ) from None
        try:
            keep_last_model(checkpoint)
        except OSError as error:
            console.warn(f"the model could not be kept for `microgpt sample` ({describe_os_error(error)})")

    def end(self) -> None:
        """Prints the loss of what was held out, and records that the run has come to its end."""
        self.held_out = self._evaluate() if self.training.held_out else None
        self._end("finished", held_out=self.held_out)

    def keep_samples(self, texts: Sequence[str]) -> None:
        """Writes what was invented at the end to the folder."""
        if self.folder:
            try:
                self.folder.save_samples(texts)
            except OSError as error:
                console.warn(f"the samples could not be written to {self.folder.path} ({error.strerror})")

    def _end(self, outcome: str, message: str = "", held_out: Evaluation | None = None) -> None:
        if self.folder:
            # The log may be what stopped the run.
            with suppress(OSError):
                self._sync_logs()
            write_result(self.folder, self.training, outcome, message, held_out)

    def _evaluate(self) -> Evaluation:
        training = self.training
        with console.step_progress(len(training.held_out)) as progress:
            what = self.backend, training.config, training.tokenizer, training.state.parameters, training.held_out
            result = evaluate(*what, training.pack, progress)
        console.say(
            f"held out: {result.documents} documents, loss {result.document_loss:.4f}, "
            f"{result.bits_per_character:.4f} bits per character"
        )
        return result


def describe_step(step: Step, steps: int) -> str:
    """The line that microgpt.py prints."""
    return f"step {step.number:4d} / {steps:4d} | loss {step.loss:.4f}"
