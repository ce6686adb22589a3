"""``microgpt explore``: one page that shows a program in all its forms, linked line by line."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import check_shape_of, given_subject
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError
from ..terminal.output_file import check_output, write_output

__all__ = ["explore"]

# Characters. Everything is there, and the page is small.
SHORT = 4


@click.command()
@options.program_argument
@click.option(
    "--length",
    type=options.POSITIVE,
    metavar="N",
    help=f"How many characters the program reads.  [default: what all texts have, or {SHORT}]",
)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=Path("explore.html"),
    show_default=True,
    metavar="FILE",
    help="Where to write the page.",
)
@options.values_option("Show the value of every operation in this trained model")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="The text that the model reads; may be repeated, to switch between several in the page.",
)
@click.option("--time", "timed", is_flag=True, help="Measure every loop of the C; then no two pages are the same.")
@options.data_option
@options.model_options
@click.pass_context
def explore(
    context: click.Context,
    /,
    program: str | None,
    length: int | None,
    output: Path,
    checkpoint: Path | None,
    texts: tuple[str, ...],
    timed: bool,
    data: str,
    **shape: int,
) -> None:
    """Make a page that shows a program in all its forms.

    The program is one of the GPT's, or your own function: see `microgpt show
    --help`. Its source, the graph, its operations, the generated Python, the C and its
    assembly, side by side: point at a line, and whatever belongs to it lights up
    everywhere. The page is one file, and needs no network. A text counts with
    its beginning, so `--text emma` has 5 characters to read; it decides
    --length. Prints the name of the file.

    The graph of a large model is not made: its operations are then the places in its
    loops, each with how often it is carried out, and loops stand where Python would.
    --text and --time need the graph, and so a smaller model.

    \b
    Examples:
      microgpt explore
      microgpt explore --length 7 -o seven.html
      microgpt explore --text emma
      microgpt explore --values runs/wide --text emma --text anna
      microgpt explore --time
      microgpt explore --n-embd 128 --n-layer 4 --block-size 256 --length 256
      microgpt explore model.py:loss -o loss.html
    """
    from ..explore.make import make_page
    from ..explore.values import documents
    from ..options.models import load_model
    from ..subject.model_values import document_length

    if checkpoint is not None and not texts:
        raise click.UsageError("--values needs a --text to read")
    check_output(output)
    model, values = None, None
    if texts:
        model = load_model(checkpoint)
        check_shape_of(context, model.config, shape)
        shortest = min(document_length(model, text) for text in texts)
        if length is not None and length > shortest:
            raise click.UsageError(f"--length {length}, but a --text has only {shortest}, its beginning included")
        length = wanted = length or shortest
        values = partial(documents, checkpoint=model, texts=texts, length=wanted)
    length = length or min(SHORT, shape["block_size"])
    subject = given_subject(context, program, "training", length, data, shape, model)
    if not subject.is_large or values is not None or timed:
        expect(subject.page_estimate(), subject.is_sized)
    try:
        page = make_page(subject, values, timed, console.warn)
    except ValueError as error:
        raise CommandError(str(error), BAD_INPUT) from None
    write_output(output, page)
    click.echo(console.printable(str(output)))
