"""``microgpt stats``: what a program is made of, what it moves, and how fast this machine could carry it out."""

from __future__ import annotations

import click

from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import given_subject
from ..stats.measure import describe_statistics
from ..terminal import console

__all__ = ["stats"]


@click.command()
@options.program_argument
@options.length_option
@options.kind_option
@click.option(
    "--machine/--no-machine", default=True, show_default=True, help="Measure this machine and the run of the program."
)
@options.data_option
@options.model_options
@options.json_option
@click.pass_context
def stats(
    context: click.Context,
    /,
    program: str | None,
    length: int | None,
    kind: str,
    machine: bool,
    data: str,
    as_json: bool,
    **shape: int,
) -> None:
    """Analyse what a program is made of, and how fast it could be.

    Counts operations by kind and by scope, forward and backward; how long values
    are needed; the critical path; and what the loops of the C program read and
    write. With a C compiler, this machine is measured (a few seconds, one core),
    and the program's run is compared with its roofs (Williams, Waterman and
    Patterson, 2009).

    The program is one of the GPT's, or your own function: see `microgpt show
    --help`.

    \b
    Examples:
      microgpt stats
      microgpt stats --length 16 --json > stats.json
      microgpt stats --kind inference --length 1
      microgpt stats --kind optimizer
      microgpt stats --no-machine --n-layer 4
      microgpt stats model.py:loss
    """
    subject = given_subject(context, program, kind, length, data, shape)
    if machine or not subject.is_large:
        expect(subject.c_estimate())
    with console.compile_progress(estimate=None) as progress:
        document = describe_statistics(subject, machine, progress, console.say, console.warn)
    if as_json:
        console.print_json("stats", document.data)
    else:
        console.print_document(document)
