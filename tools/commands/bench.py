"""``microgpt bench``: compiled programs against the eager autograd, on this machine, in one run."""

from __future__ import annotations

import click

from ..options import shared as options
from ..options.backends import COMPILED
from ..options.chosen_work import chosen_race
from ..terminal import console

__all__ = ["bench"]


@click.command()
@options.lengths_option("1, 7 and 16", "[FILE.py:NAME]")
@click.option(
    "--seconds",
    type=options.positive_number,
    metavar="NUMBER",
    default=5.0,
    show_default=True,
    help="To measure each length, or the function.",
)
@options.data_option
@options.seed_option
@options.model_options
@options.numerics_option
@options.backend_option(*COMPILED)
@click.option("--against", metavar="NAME,...", help="Compare a whole run with some of `jax`, `numpy`, `torch`.")
@options.json_option
@click.pass_context
def bench(
    context: click.Context,
    /,
    lengths: tuple[str, ...],
    more: tuple[str, ...],
    seconds: float,
    data: str,
    seed: int,
    backend: str,
    against: str | None,
    as_json: bool,
    **shape: int,
) -> None:
    """Measure compiled programs against the eager autograd.

    Both run side by side, in pairs, so that a machine that slows down slows both
    down; the table shows medians, and the ratios are medians over the pairs. A
    step is loss and gradient of one document, and Adam. Programs are compiled
    anew, by one process, and thrown away afterwards.

    Of your own function, FILE.py:NAME, the call and its program alone are
    measured, in Python and in C.

    \b
    Examples:
      microgpt bench
      microgpt bench --length 1-4 --seconds 2
      microgpt bench --length 16 --json > bench.json
      microgpt bench --length 7 --against jax,numpy
      microgpt bench model.py:loss
    """
    document = chosen_race(context, (*lengths, *more), seconds, data, seed, backend, against, shape)
    if as_json:
        console.print_json("bench", document.data)
    else:
        console.print_document(document)
