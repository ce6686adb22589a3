"""``microgpt sweep``: the same training with many options, side by side, and which of them learn best."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ...runtime.backends.choose_backend import FAST
from ...runtime.executable.estimate import together
from ...runtime.machine.child import processors
from ...runtime.storage.files import write_atomically
from ...runtime.training.runs import RunFolder
from ..options import shared as options
from ..options.backends import TRAINERS
from ..options.completing import complete_setting
from ..options.settings import ConfiguredCommand
from ..sweeping.execute import carry_out, open_executor
from ..sweeping.grid import Axis, Job, jobs_of, parse_axes
from ..sweeping.job import Result, estimate_programs, read_result, stored_identity
from ..sweeping.lanes import run_lanes
from ..sweeping.plot import axis_to_plot, draw_plot
from ..sweeping.results import report, settings_of, table
from ..terminal import console
from ..terminal.failures import BAD_INPUT, DIVERGED, ENVIRONMENT, CommandError, StoppedError

__all__ = ["sweep"]

RUNS, RESULTS, PLOT = "runs", "results.json", "sweep.svg"


@click.command(cls=ConfiguredCommand)
@click.option(
    "--set",
    "grid",
    multiple=True,
    metavar="OPTION=VALUE,VALUE...",
    shell_complete=complete_setting,
    help="An option to vary, and what it is to be; may be repeated. Each combination is a run.",
)
@click.option("--seeds", type=options.POSITIVE, metavar="N", help="Run each combination with N seeds, from --seed on.")
@click.option("--out", type=options.PATH, required=True, metavar="DIR", help="Keep the runs and the results here.")
@click.option(
    "--jobs", type=options.POSITIVE, metavar="N", help="Runs at a time.  [default: as many as there are processors]"
)
@click.option("--cluster", metavar="ADDRESS", help="Let a dask cluster do it, whose scheduler is here.")
@click.option("--overwrite", is_flag=True, help="Start over if --out has results.")
@options.json_option
@options.training_options
@options.backend_option(*TRAINERS)
@click.option("--save-every", type=options.POSITIVE, metavar="N", help="Checkpoint each run after every N steps.")
@options.keep_option
@click.pass_context
def sweep(
    context: click.Context,
    /,
    grid: tuple[str, ...],
    seeds: int | None,
    out: Path,
    jobs: int | None,
    cluster: str | None,
    overwrite: bool,
    as_json: bool,
    backend: str,
    save_every: int | None,
    keep: int,
    **settings: Any,
) -> None:
    """Train with many options, side by side, and rank them.

    Every run has the bits of `microgpt train` with the same options, and a
    folder as that command writes it, in DIR/runs. The table is in the order of
    the mean loss of the last 100 steps or, with --eval-fraction, of the loss of
    what was held out. DIR/sweep.svg is a plot of it, DIR/results.json has all.

    The same command goes on with what was interrupted: runs that are done are
    not repeated, and values can be added. A run that diverges ends alone.

    With --backend jax or jax-f32, runs are lanes of one program for each size,
    on a GPU if there is one: fast, not exact. Of a lane, the result is kept.

    \b
    Examples:
      microgpt sweep --set learning_rate=0.003,0.01,0.03 --out sweep
      microgpt sweep --set n_embd=8,16,32 --seeds 3 --out widths --jobs 2
      microgpt sweep --set beta1=0.8,0.9 --set beta2=0.95,0.99 \\
        --eval-fraction 0.1 --steps 5000 --save-every 500 --out betas
      microgpt sweep --set n_layer=1,2 --cluster tcp://head:8786 --out deep
      microgpt sweep --backend jax-f32 --seeds 128 \\
        --set learning_rate=0.003,0.01,0.03 --out lanes
      microgpt sample sweep/runs/learning_rate=0.01
    """
    axes = parse_axes(context, grid, seeds)
    if backend in FAST:
        _check_lanes(axes, {"--jobs": jobs, "--cluster": cluster, "--save-every": save_every}, settings)
    planned = jobs_of(axes, settings, backend, save_every, keep)
    folder = _open(out)
    try:
        results = _known(planned, out / RUNS, overwrite)
        missing = [job for job in planned if job.name not in results]
        if results:
            console.say(f"{len(results)} of {len(planned)} runs are done already")
        if missing:
            if backend in FAST:
                _run_lanes(missing, out, results)
            else:
                _run(missing, out, overwrite, jobs or processors(), cluster, results)
        _tell([results[job.name] for job in planned], axes, out, as_json)
    finally:
        folder.close()


def _open(out: Path) -> RunFolder:
    """The folder, locked against other sweeps."""
    try:
        folder = RunFolder(out)
        (out / RUNS).mkdir(exist_ok=True)
    except OSError as error:
        raise CommandError(f"--out {out} cannot be written: {error.strerror}", ENVIRONMENT) from None
    return folder


def _known(jobs: Sequence[Job], runs: Path, overwrite: bool) -> dict[str, Result]:
    """The results of earlier sweeps, by the names of their jobs.

    Raises:
        CommandError: if a run of that name had other options: what it is compared with must not depend on chance.
    """
    if overwrite:
        return {}
    results = {}
    for job in jobs:
        result = read_result(runs, job)
        if result is not None:
            results[job.name] = result
            continue
        theirs = stored_identity(runs, job) or job.identity
        for name, value in job.identity.items():
            if theirs.get(name) != json.loads(json.dumps(value)):
                raise CommandError(
                    f"{runs / job.name} holds a run with {name} {theirs.get(name)}, not {value}; give another --out, "
                    f"or lose what is there by --overwrite",
                    BAD_INPUT,
                )
    return results


def _run(
    jobs: Sequence[Job], out: Path, overwrite: bool, workers: int, cluster: str | None, results: dict[str, Result]
) -> None:
    """Carries out what is missing, and adds it to `results`."""
    where = f"on {cluster}" if cluster else f"{min(workers, len(jobs))} at a time"
    console.say(f"{len(jobs)} run{'s' * (len(jobs) != 1)}, {where}")
    # What another machine has compiled before, and how fast it is, is not known here.
    estimate = (
        None if cluster else together(map(estimate_programs, {job.program: job for job in jobs}.values()), workers)
    )
    if estimate and estimate.announcement:
        console.say(estimate.announcement)
    try:
        with (
            open_executor(min(workers, len(jobs)), cluster) as executor,
            console.count_progress("sweeping") as progress,
        ):
            carry_out(executor, jobs, out / RUNS, overwrite, _noted(results, len(jobs), progress))
    except KeyboardInterrupt as signal:
        raise _stopped(results, signal) from None


def _check_lanes(axes: Sequence[Axis], refused: dict[str, Any], settings: dict[str, Any]) -> None:
    """Refuses options that lanes of a JAX program have not."""
    refused["--eval-fraction"] = settings["eval_fraction"] or any(axis.name == "eval_fraction" for axis in axes)
    for option, value in refused.items():
        if value:
            raise click.UsageError(f"{option} is for the exact backends; with --backend jax all runs are one program")


def _run_lanes(jobs: Sequence[Job], out: Path, results: dict[str, Result]) -> None:
    """Carries out what is missing as lanes, and adds it to `results`."""
    console.say(f"{len(jobs)} run{'s' * (len(jobs) != 1)} side by side; {jobs[0].backend} is fast, not exact")
    try:
        with console.count_progress("sweeping") as progress:
            run_lanes(jobs, out / RUNS, _noted(results, len(jobs), progress))
    except KeyboardInterrupt as signal:
        raise _stopped(results, signal) from None


def _noted(results: dict[str, Result], count: int, progress: Callable[[int, int], None]) -> Callable[[Result], None]:
    """What adds a result to the others and shows that."""
    before = len(results)
    progress(0, count)

    def note(result: Result) -> None:
        results[result.name] = result
        progress(len(results) - before, count)
        outcome_text = f"loss {result.loss:.4f}" if result.loss is not None else result.message
        console.detail(f"{result.name}: {result.outcome} in {result.seconds:.1f} s, {outcome_text}")

    return note


def _stopped(results: dict[str, Result], signal: KeyboardInterrupt) -> StoppedError:
    return StoppedError(f"after {len(results)} runs, which are kept; the same command goes on with the others", signal)


def _tell(results: Sequence[Result], axes: Sequence[Axis], out: Path, as_json: bool) -> None:
    settings = settings_of(results)
    title, headings, rows = table(settings, axes)
    failed = [result for result in results if result.outcome == "failed"]
    diverged = [result for result in results if result.outcome == "diverged"]
    found = {"plot": str(out / PLOT), **report(settings)}
    try:
        write_atomically(out / RESULTS, json.dumps(found, indent=1, allow_nan=False).encode() + b"\n")
        write_atomically(out / PLOT, draw_plot(settings, axis_to_plot(axes), title).encode())
    except OSError as error:
        console.warn(f"{error.filename} could not be written ({error.strerror})")
    if as_json:
        console.print_json("sweep", found)
    else:
        console.print_table(title, headings, rows)
    for result in diverged[:1]:
        console.warn(f"{len(diverged)} of {len(results)} runs diverged; the first, {result.name}: {result.message}")
    if failed:
        raise CommandError(
            f"{len(failed)} of {len(results)} runs failed; the first, {failed[0].name}: {failed[0].message}; the same "
            f"command tries them again",
            ENVIRONMENT,
        )
    if len(diverged) == len(results):
        raise CommandError("every run diverged; try lower learning rates", DIVERGED)
    console.say(f"the plot is {out / PLOT}")
