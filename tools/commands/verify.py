"""``microgpt verify``: compiled programs against the eager autograd, bit by bit."""

from __future__ import annotations

import click

from ...data.corpus import load_corpus
from ...model.config import AdamConfig
from ...runtime.machine.libm import float_fault
from ...runtime.training.training import Training, sample
from ..checks.checker import Checker, UnequalError
from ..options import shared as options
from ..options.backends import COMPILED, choose_backend, open_library, prepare
from ..options.chosen_program import check_shape
from ..terminal import console
from ..terminal.failures import DIFFERENCE, ENVIRONMENT, CommandError

__all__ = ["verify"]

TEMPERATURE = 0.5


@click.command()
@click.option(
    "--steps", type=options.POSITIVE, default=20, show_default=True, metavar="N", help="Of training, to compare."
)
@click.option(
    "--samples",
    type=options.NOT_NEGATIVE,
    default=5,
    show_default=True,
    metavar="N",
    help="To compare, after training.",
)
@options.data_option
@options.seed_option
@options.model_options
@options.backend_option(*COMPILED)
@options.jobs_option
@options.json_option
def verify(
    steps: int, samples: int, data: str, seed: int, backend: str, jobs: int | None, as_json: bool, **shape: int
) -> None:
    """Check that compiled programs equal the eager autograd, bit by bit.

    Trains both side by side and compares each loss, gradient and parameter, then
    every probability of some samples. Ends with exit code 1 at the first
    difference, and names the first operation that differs.

    \b
    Examples:
      microgpt verify
      microgpt verify --steps 5 --n-layer 2 --seed 7
      microgpt verify --data poems.txt --block-size 32
    """
    check_shape(shape)
    fault = float_fault()
    if fault:
        raise CommandError(f"{fault}, so that nothing can be verified in it", ENVIRONMENT)
    training = Training(load_corpus(data), seed, steps, AdamConfig(), **shape)
    engine = choose_backend(backend, training.config, training.optimizer, jobs)
    checker = Checker(
        training.config, training.optimizer, open_library(jobs), None if engine.name == "python" else engine
    )
    prepare(engine, training.lengths(), training.config.block_size if samples else 0)
    report = {"backend": engine.name, "steps": steps, "samples": samples}
    try:
        with console.step_progress(steps) as progressed:
            for step in training.run(checker):
                progressed(f"step {step.number}")
        for number in range(1, samples + 1):
            checker.where = f"sample {number}"
            sample(checker, training.config, training.tokenizer, training.state.parameters, training.rng, TEMPERATURE)
    except UnequalError as difference:
        if as_json:
            console.print_json("verify", {**report, "compared": checker.compared, "difference": difference.lines})
        else:
            click.echo("\n".join(difference.lines))
        click.get_current_context().exit(DIFFERENCE)
    if as_json:
        console.print_json("verify", {**report, "compared": checker.compared, "difference": None})
        return
    equal = f"{checker.compared:,} numbers of the {engine.name} backend, all equal to the eager autograd's, bit by bit"
    console.echo_wrapped(f"{steps} steps and {samples} samples: {equal}")
