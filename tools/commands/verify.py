"""``microgpt verify``: compiled programs against the eager autograd, bit by bit."""

from __future__ import annotations

import click

from ..options import shared as options
from ..options.backends import COMPILED
from ..options.chosen_work import chosen_check
from ..terminal import console
from ..terminal.failures import DIFFERENCE

__all__ = ["verify"]

POINTS = 4


@click.command()
@options.program_argument
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
@options.numerics_option
@options.backend_option(*COMPILED)
@options.batch_size_option
@options.jobs_option
@click.option(
    "--points",
    type=options.POSITIVE,
    default=POINTS,
    show_default=True,
    metavar="N",
    help="Of your own function: the example, and points near it.",
)
@click.option(
    "--seconds",
    "sample_seconds",
    type=options.positive_number,
    metavar="N",
    help="If comparing everything takes longer, compare a sample that takes about so long.  [default: 120, where "
    "everything takes over an hour, or more memory than there is]",
)
@options.json_option
@click.pass_context
def verify(
    context: click.Context,
    /,
    program: str | None,
    steps: int,
    samples: int,
    points: int,
    data: str,
    seed: int,
    backend: str,
    jobs: int | None,
    batch_size: int,
    sample_seconds: float | None,
    as_json: bool,
    **shape: int,
) -> None:
    """Check that compiled programs equal the eager autograd, bit by bit.

    Trains both side by side and compares each loss, gradient and parameter, then
    every probability of some samples. Ends with exit code 1 at the first
    difference, and names the first operation that differs.

    Of a model for which the eager autograd takes hours, a sample is compared: the
    loss of a long document, gradients as far as time and memory allow, an update
    and next tokens. What was compared is printed.

    Fast numerics are not equal: of them, the drift from exact ones is printed.

    Of your own function, FILE.py:NAME, every stage of the compiler, the Python
    and the C are compared, at the example and points near it.

    \b
    Examples:
      microgpt verify
      microgpt verify --steps 5 --n-layer 2 --seed 7
      microgpt verify --data poems.txt --block-size 32
      microgpt verify --n-layer 4 --n-embd 128 --block-size 256 --seconds 300
      microgpt verify model.py:loss --points 20
      microgpt verify --numerics fast --steps 1000
    """
    verdict = chosen_check(
        context, program, points, steps, samples, data, seed, backend, jobs, batch_size, sample_seconds, shape
    )
    if as_json:
        console.print_json("verify", verdict.document.data)
    else:
        console.print_document(verdict.document)
    if verdict.difference is not None:
        context.exit(DIFFERENCE)
