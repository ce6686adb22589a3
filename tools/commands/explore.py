"""``microgpt explore``: one page that shows a program in all its forms, linked line by line."""

from __future__ import annotations

from pathlib import Path

import click

from ...runtime.files import write_atomically
from ...runtime.recipe import Recipe
from .. import console, options
from ..chosen_program import given_config, program_number
from ..failures import BAD_INPUT, ENVIRONMENT, CommandError

__all__ = ["explore"]


@click.command()
@click.option(
    "--length", type=options.POSITIVE, metavar="N", help="Positions to read.  [default: what the texts take, or 4]"
)
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=Path("explore.html"),
    show_default=True,
    metavar="FILE",
    help="The page.",
)
@click.option(
    "--values",
    "checkpoint",
    type=options.PATH,
    metavar="CHECKPOINT",
    help="Show what every operation is worth in this trained model: a file, or the folder of a run.  [default with "
    "--text: the last model trained here]",
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="The text that the model reads; repeat it to switch between several in the page.",
)
@click.option("--time", "timed", is_flag=True, help="Measure every loop of the C; then no two pages are the same.")
@options.data_option
@options.model_options
def explore(
    length: int | None,
    output: Path,
    checkpoint: Path | None,
    texts: tuple[str, ...],
    timed: bool,
    data: str,
    **shape: int,
) -> None:
    """Make a page that shows a program in all its forms.

    The model, the graph, its operations, the generated Python, the C and its
    assembly, side by side: point at a line, and whatever belongs to it lights up
    everywhere. The page is one file, and needs no network. A text has its
    characters and its end to predict, so `--text emma` takes 5 positions; it
    decides --length. Prints the name of the file.

    \b
    Examples:
      microgpt explore
      microgpt explore --length 7 -o seven.html
      microgpt explore --text emma
      microgpt explore --values runs/wide --text emma --text anna
      microgpt explore --time
    """
    from ..explore.make import make_page, page_length
    from ..models import load_model

    if checkpoint is not None and not texts:
        raise click.UsageError("--values needs a --text to read")
    if not output.absolute().parent.is_dir():
        raise CommandError(f"{output} cannot be written: there is no folder {output.parent}", ENVIRONMENT)
    model = None
    if not texts:
        config, length = given_config(data, shape), length or 4
    else:
        model = load_model(checkpoint)
        config, shortest = model.config, page_length(model, texts)
        if length is not None and length > shortest:
            raise click.UsageError(f"--length {length}, but a --text takes only {shortest} positions, its end included")
        length = length or shortest
    program_number("training", length, config.block_size)
    try:
        page = make_page(Recipe("training", length, config), model, texts, timed, console.warn)
    except ValueError as error:
        raise CommandError(str(error), BAD_INPUT) from None
    try:
        write_atomically(output, page.encode())
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}", ENVIRONMENT) from None
    click.echo(output)
