"""``microgpt graph``: draws a program at the level of the model, of vector operations, or of scalars."""

from __future__ import annotations

from pathlib import Path

import click

from ...runtime.programs.recipe import Recipe
from ...runtime.training.checkpoint import Checkpoint
from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import check_shape_of, given_subject, program_number
from ..options.models import load_model
from ..terminal import console
from ..terminal.output_file import check_output

__all__ = ["graph"]

LEVELS, RADIUS = ("model", "op", "scalar"), 2


@click.command()
@options.program_argument
@options.length_option
@options.kind_option
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    help="Blocks of the model; vector operations and loops; or scalars.  [default: model; scalar with --around or "
    "--scope]",
)
@click.option("--scope", metavar="NAME", help="Only this scope of the model, at the levels op and scalar.")
@click.option("--around", metavar="OP", help="The scalars around one: %1234, or the name of a value.")
@click.option(
    "--radius",
    type=options.NOT_NEGATIVE,
    default=RADIUS,
    show_default=True,
    metavar="N",
    help="With --around: how many steps up and down.",
)
@click.option("--stage", metavar="NAME", help="Of scalars: the graph that this stage makes.  [default: the last]")
@options.values_option("Write in values and gradients, by this trained model")
@click.option("--text", metavar="TEXT", help="The text that the model reads; decides the --length.")
@click.option(
    "--limit",
    type=options.POSITIVE,
    metavar="N",
    help="Most boxes to draw.  [default: 120, or 300 for scalars]",
)
@click.option(
    "--timeout",
    type=options.positive_number,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long Graphviz may take.",
)
@click.option(
    "--link-base",
    metavar="FOLDER",
    help="Where boxes find the model's source: a path or an address.  [default: the installed source]",
)
@click.option("--format", "kind_of_file", metavar="NAME", help="svg, png, pdf, dot, json or graphml.")
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    metavar="FILE",
    help="Where to write the drawing; the ending is its format, and `-` is standard output.  [default: an .svg named "
    "after the program]",
)
@options.data_option
@options.model_options
@click.pass_context
def graph(
    context: click.Context,
    /,
    program: str | None,
    length: int | None,
    kind: str,
    level: str | None,
    scope: str | None,
    around: str | None,
    radius: int,
    stage: str | None,
    checkpoint: Path | None,
    text: str | None,
    limit: int | None,
    timeout: float,
    link_base: str | None,
    kind_of_file: str | None,
    output: Path | None,
    data: str,
    **shape: int,
) -> None:
    """Draw a program as the compiler sees it.

    The program is one of the GPT's, or your own function: see `microgpt show
    --help`.

    At the level `model` there is a box for each scope of the model, at `op` one for
    each loop with its formula, at `scalar` one for each operation of a --scope or
    --around one. Backward boxes have a double border. Hover over a box of an SVG to
    read more; a click leads to the line of the model. Prints the name of the file.
    Pictures need Graphviz; dot, json and graphml do not.

    The graph of a large model is not made. At the levels `model` and `op`, the same
    picture is made from its loops; a --scope is named without the numbers of
    positions and heads: layer0.scores. Scalars and values need the graph, and so a
    smaller model.

    \b
    Examples:
      microgpt graph --length 7
      microgpt graph --length 16 --level op -o ops.svg
      microgpt graph --length 7 --scope position1.layer0.head1.scores
      microgpt graph --length 7 --around p1_l0_h1_scores_0 --radius 3
      microgpt graph --length 2 --scope mean --stage trace -o mean.png
      microgpt graph --level op --text emma --values runs/wide
      microgpt graph --level op --n-embd 128 --block-size 256 --length 256
      microgpt graph --kind optimizer --level scalar -o adam.pdf
      microgpt graph model.py:loss
      microgpt graph --length 7 --level op --format json -o - | jq .nodes[0]
    """
    from ..drawing.draw import Wanted, check_wanted, draw
    from ..drawing.picture import NothingError, TooLargeError
    from ..drawing.render import render
    from ..drawing.source import Links
    from ..subject.model_values import document_values

    kind_of_file = _format(kind_of_file, output)
    model, values = None, None
    if checkpoint is not None or text is not None:
        if text is None:
            raise click.UsageError("--values needs a --text to read")
        if kind == "optimizer":
            raise click.UsageError("--values and --text go with --kind training and inference")
        model = load_model(checkpoint)
        check_shape_of(context, model.config, shape)
        length = _length_of_text(model, text, kind, length)
        recipe = Recipe(kind, program_number(kind, length, model.config.block_size), model.config)
        values = document_values(recipe, model, text)
    subject = given_subject(context, program, kind, length, data, shape, model)
    wanted = Wanted(level, scope, around, radius, stage, limit, values)
    try:
        check_wanted(wanted, subject, "--{}".format)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    path = output or Path(f"{wanted.name(subject)}.{kind_of_file}")
    check_output(path)
    try:
        links = Links(link_base, path)
    except ValueError as error:
        raise click.UsageError(f"--link-base {error}") from None
    if not (subject.is_large and wanted.can_do_without_graph):
        expect(subject.graph_estimate(), subject.is_sized)
    try:
        picture = draw(subject, wanted)
    except TooLargeError as error:
        advice = "" if wanted.chosen_level == "scalar" else "; narrow it with --level op --scope NAME, or raise --limit"
        raise click.UsageError(f"{error}{advice}") from None
    except NothingError as error:
        raise click.UsageError(f"{'--around' if around is not None else '--scope'}: {error}") from None
    render(picture, path, kind_of_file, links, timeout)
    if str(path) != "-":
        click.echo(console.printable(str(path)))


def _format(name: str | None, output: Path | None) -> str:
    from ..drawing.render import FORMATS

    ending = output.suffix.lower().removeprefix(".") if output is not None else ""
    if name is not None:
        name = name.lower().removeprefix(".")
        if name not in FORMATS:
            raise click.UsageError(f"--format {name!r} is not one of {', '.join(FORMATS)}")
        return name
    if str(output) == "-":
        raise click.UsageError("-o - needs a --format, since there is no file name to infer it from")
    if output is not None and ending not in FORMATS:
        raise click.UsageError(
            f"-o {output} should end in {', '.join('.' + name for name in FORMATS)}, or give a --format"
        )
    return ending or "svg"


def _length_of_text(model: Checkpoint, text: str, kind: str, length: int | None) -> int:
    """The length that the text has, if nothing else has been asked for."""
    from ..subject.model_values import document_length

    found = document_length(model, text)
    if length is not None and (length > found or (kind == "training" and length != found)):
        raise click.UsageError(f"--length {length}, but --text {text!r} makes {found}, its beginning included")
    return length or found
