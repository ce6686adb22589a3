"""``microgpt passes``: what each pass of the compiler did, in numbers and around one operation."""

from __future__ import annotations

import click

from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import given_subject
from ..passes.tables import RADIUS, SHOWN, describe_passes
from ..terminal import console

__all__ = ["passes"]


@click.command()
@options.program_argument
@options.length_option
@options.kind_option
@click.option(
    "--around",
    metavar="OP",
    help="Show what each pass did around this operation: its number in the trace, the name of a value, or a scope.",
)
@click.option(
    "--radius",
    type=options.NOT_NEGATIVE,
    default=RADIUS,
    show_default=True,
    metavar="N",
    help="With --around: how many steps away to look.",
)
@click.option(
    "--limit",
    type=options.POSITIVE,
    default=SHOWN,
    show_default=True,
    metavar="N",
    help="With --around: most operations to show, the nearest first.",
)
@options.data_option
@options.model_options
@options.json_option
@click.pass_context
def passes(
    context: click.Context,
    /,
    program: str | None,
    length: int | None,
    kind: str,
    around: str | None,
    radius: int,
    limit: int,
    data: str,
    as_json: bool,
    **shape: int,
) -> None:
    """Show what each pass of the compiler does to a program.

    With --around, also how the operations near one operation change from pass to
    pass: lines with - are gone after it, lines with + are new. An operation keeps
    its number in all passes. It may be given by its number in the trace, or in
    another stage (simplify:1234), by the name that generated code gives its
    value, or by a scope, whose first operation is taken.

    The program is one of the GPT's, or your own function: see `microgpt show
    --help`.

    \b
    Examples:
      microgpt passes
      microgpt passes --length 16 --json
      microgpt passes --length 1 --around position0.layer0.query
      microgpt passes --length 2 --around p0_l0_h0_scores_0 --radius 2
      microgpt passes --kind optimizer
      microgpt passes model.py:loss
    """
    subject = given_subject(context, program, kind, length, data, shape)
    if not subject.is_large:
        expect(subject.graph_estimate())
    try:
        document = describe_passes(subject, around, radius, limit)
    except ValueError as error:
        raise click.UsageError(f"--around {error}") from None
    if as_json:
        console.print_json("passes", document.data)
    else:
        console.print_document(document)
