"""``microgpt train``: trains a model, line for line as microgpt.py does, and keeps what was trained."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import click
from click.core import ParameterSource

from ...compiler.numerics import Numerics, current, numerics
from ...runtime.backends.choose_backend import FAST
from ...runtime.machine.child import processors
from ...runtime.programs.estimate import least_divided
from ...runtime.training.recording import describe_result
from ...runtime.training.sampling import SamplingOptions, sample_texts
from ...runtime.training.training import ResumeError, Training
from ..options import shared as options
from ..options.backends import TRAINERS, choose_backend
from ..options.chosen_program import check_shape
from ..options.completing import complete_file
from ..options.new_training import SHAPE, new_training
from ..options.settings import ConfiguredCommand
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError
from ..training.resume import Resumption, find_run, refuse_unfinished
from ..training.sampling import print_samples
from ..training.train_run import Run, open_outputs

__all__ = ["train"]


@click.command(cls=ConfiguredCommand)
@options.training_options
@options.backend_option(*TRAINERS)
@click.option(
    "--threads",
    type=options.POSITIVE,
    default=1,
    show_default=True,
    metavar="N",
    help="Threads for C: for documents of a batch, or parts of a long document. The bits stay the same.",
)
@click.option(
    "--samples",
    type=options.NOT_NEGATIVE,
    default=20,
    show_default=True,
    metavar="N",
    help="Number of samples at the end.",
)
@options.temperature_option
@click.option("--log", type=options.PATH, metavar="FILE", help="Write a JSON line for each step.")
@click.option("--out", type=options.PATH, metavar="DIR", help="Write checkpoint, log and configuration.")
@click.option(
    "--save-every", type=options.POSITIVE, metavar="N", help="Also write a checkpoint to --out after every N steps."
)
@options.keep_option
@click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[DIR|CHECKPOINT]",
    shell_complete=complete_file,
    help="Go on with an earlier run, bit for bit. Alone: with the one in --out, if there is one.",
)
@click.option("--overwrite", is_flag=True, help="Start over if --out has a run that could be resumed.")
@options.jobs_option
@options.json_option
@click.pass_context
def train(context: click.Context, /, resume: str | None, overwrite: bool, as_json: bool, **settings: Any) -> None:
    """Train a model and invent names with it.

    The model is also kept in your data folder, where `microgpt sample` finds
    it. Ctrl-C stops after the step at hand; with --out, what was trained until
    then is saved. A run that is resumed has the options it began with; others
    are refused, so that the result is that of an undisturbed run.

    Options are taken from the command line, else from variables such as
    MICROGPT_STEPS, else from the file microgpt.toml, else from the defaults.

    \b
    Examples:
      microgpt train
      microgpt train --data poems.txt --block-size 32 --steps 5000
      microgpt train --n-layer 2 --n-embd 32 --out runs/wide
      microgpt train --batch-size 16 --threads 2 --steps 500
      microgpt train --steps 20000 --out runs/long --save-every 500
      microgpt train --resume runs/long
      microgpt train --print-config > microgpt.toml
      microgpt train --backend eager --steps 20    the slow, plain autograd
      microgpt train --backend jax --batch-size 8  on GPUs; fast, not exact
      microgpt train --log loss.jsonl | tail -20   nothing but the samples
      microgpt train --json | jq '.losses[-1]'
    """
    resumption = None
    if resume is not None:
        resumption = find_run(resume, settings["out"])
        _adopt(context, settings, resumption)
    out, samples = settings["out"], settings["samples"]
    if settings["save_every"] and not out:
        raise click.UsageError("--save-every needs an --out folder for the checkpoints")
    check_shape({name: settings[name] for name in SHAPE})
    context.with_resource(numerics(settings["numerics"]))
    training = new_training(settings)
    console.detail(f"corpus {training.corpus.name}: sha256 {training.corpus.sha256}")
    if resumption and resumption.checkpoint:
        _restore(training, resumption)
    engine = choose_backend(
        settings["backend"],
        training.config,
        training.optimizer,
        settings["jobs"],
        training.batch_size,
        settings["threads"],
    )
    _check_threads(settings["threads"], training, engine.name)
    with ExitStack() as stack:
        folder, logs = open_outputs(out, settings["log"], stack)
        if out and resumption is None and not overwrite:
            refuse_unfinished(out)
        run = Run(training, engine, folder, logs, settings["save_every"], settings["keep"], settings, not as_json)
        if not as_json:
            print(f"num docs: {len(training.corpus.documents)}")
            print(f"vocab size: {training.config.vocab_size}")
            print(f"num params: {training.config.parameter_count}", flush=True)
        if engine.name in FAST:
            console.say(f"{engine.name} is fast, not exact: its losses agree with the other backends' up to rounding")
        if current().fast:
            console.say(_label(engine.name, current()))
        run.prepare(training.config.block_size if samples or training.held_out else 0)
        run.take_steps()
        run.keep()
        run.end()
        what = engine, training.config, training.tokenizer, training.state.parameters, training.rng
        drawing = SamplingOptions(settings["temperature"])
        texts = []
        if as_json:
            texts = list(sample_texts(*what, drawing, samples))
            console.print_json("train", _as_json(run, settings) | {"samples": texts})
        elif samples:
            print("\n--- inference (new, hallucinated names) ---")
            texts = print_samples(samples, *what, drawing)
        if texts:
            run.keep_samples(texts)


def _check_threads(threads: int, training: Training, backend: str) -> None:
    """Says why fewer threads are used than were asked for."""
    size, cores = training.batch_size, processors()
    is_long = least_divided(training.config) > 0
    if threads > cores > size and backend == "c" and is_long:
        console.say(f"this process may use {cores} cores, so --threads {threads} is {cores}")
    elif threads > size and not (backend == "c" and is_long and cores > size):
        short = ", too short to be divided" * (backend == "c" and not is_long)
        console.say(f"a step has {size} document{'s' * (size > 1)}{short}, so --threads {threads} is {size}")
    elif threads > 1 and backend != "c":
        console.say(f"the {backend} backend has one thread; --threads is for C")


def _label(backend: str, chosen: Numerics) -> str:
    if backend != "c":
        return f"{chosen.name} numerics are for C; the {backend} backend computes as in exact ones"
    command = f"microgpt verify --numerics {chosen.name}"
    return f"{chosen.name} numerics, not exact: `{command}` measures by how much results differ"


def _as_json(run: Run, settings: dict[str, Any]) -> dict[str, Any]:
    """What came of a run, but for its samples."""
    training = run.training
    result = describe_result("finished", training.state.step, held_out=run.held_out)
    return {
        "documents": len(training.corpus.documents),
        "model": asdict(training.config),
        "parameters": training.config.parameter_count,
        "backend": run.backend.name,
        "numerics": training.numerics,
        "folder": str(settings["out"]) if settings["out"] else None,
        "steps": training.steps,
        "first_step": training.state.step - len(run.losses) + 1,
        "losses": run.losses,
        "held_out": result["held_out"],
    }


def _adopt(context: click.Context, settings: dict[str, Any], resumption: Resumption) -> None:
    """Takes the options of the run that is resumed, but for those that were given."""
    settings["out"] = resumption.out
    for name, value in resumption.options.items():
        if name in settings and context.get_parameter_source(name) in (ParameterSource.DEFAULT, None):
            if (name, value) == ("data", "-"):
                raise click.UsageError("this run's corpus came from standard input; give it again with --data")
            settings[name] = value


def _restore(training: Training, resumption: Resumption) -> None:
    assert resumption.checkpoint is not None
    try:
        training.restore(resumption.checkpoint)
    except ResumeError as error:
        different = error.describe(lambda name: "--" + name.replace("_", "-"))
        raise CommandError(
            f"{resumption.path} is of another run: {different}; give what it began with, or begin a run of its own",
            BAD_INPUT,
        ) from None
    step, steps = training.state.step, training.steps
    if step == steps:
        console.say(f"all {steps} steps have been taken; nothing is left to train, from {resumption.path}")
    else:
        console.say(f"going on after step {step} of {steps}, from {resumption.path}")
