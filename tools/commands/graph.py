"""``microgpt graph``: draws a program at the level of the model, of vector operations, or of scalars."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...compiler.ir.graph import Graph
from ...compiler.pipeline import without_collection
from ...compiler.python.form_statements import form_statements
from ...model.config import AdamConfig, GPTConfig
from ...runtime.programs.estimate import estimate_graph
from ...runtime.programs.recipe import Recipe
from ...runtime.training.checkpoint import Checkpoint
from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import check_shape_of, given_config, length_of, program_number, program_title
from ..options.models import document_length, load_model
from ..passes import stages
from ..terminal import console
from ..terminal.output_file import check_output

if TYPE_CHECKING:
    from ..drawing.picture import Picture

__all__ = ["graph"]

# By level: more boxes than these in one drawing are no picture any more, and dot takes minutes. Boxes of scalars are
# small; of the others, layers that are alike are merged before there are too many.
MOST_BOXES = {"model": 120, "op": 120, "scalar": 300}


@dataclass(frozen=True)
class _Wanted:
    """What is to be drawn; `text` is a document for the values, `model` what gives them."""

    recipe: Recipe
    level: str
    scope: str | None
    around: str | None
    radius: int
    stage: str
    limit: int
    model: Checkpoint | None
    text: str | None


@click.command()
@options.length_option
@options.kind_option
@click.option(
    "--level",
    type=click.Choice(tuple(MOST_BOXES)),
    help="Blocks of the model; vector operations and loops; or scalars.  [default: model; scalar with --around or "
    "--scope]",
)
@click.option("--scope", metavar="NAME", help="Only this scope of the model, at the levels op and scalar.")
@click.option("--around", metavar="OP", help="The scalars around one: %1234, or the name of a value.")
@click.option(
    "--radius",
    type=options.NOT_NEGATIVE,
    default=2,
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
    """Draw a model as the compiler sees it.

    At the level `model` there is a box for each scope of the model, at `op` one for
    each loop with its formula, at `scalar` one for each operation of a --scope or
    --around one. Backward boxes have a double border. Hover over a box of an SVG to
    read more; a click leads to the line of the model. Prints the name of the file.
    Pictures need Graphviz; dot, json and graphml do not.

    \b
    Examples:
      microgpt graph --length 7
      microgpt graph --length 16 --level op -o ops.svg
      microgpt graph --length 7 --scope position1.layer0.head1.scores
      microgpt graph --length 7 --around p1_l0_h1_scores_0 --radius 3
      microgpt graph --length 2 --scope mean --stage trace -o mean.png
      microgpt graph --level op --text emma --values runs/wide
      microgpt graph --kind optimizer --level scalar -o adam.pdf
      microgpt graph --length 7 --level op --format json -o - | jq .nodes[0]
    """
    from ..drawing.render import render
    from ..drawing.source import Links

    kind_of_file = _format(kind_of_file, output)
    level = level or ("scalar" if scope is not None or around is not None else "model")
    graphs = stages.graph_names(kind)
    _check_options(level, scope, around, stage, graphs)
    model = None
    if checkpoint is not None or text is not None:
        if text is None:
            raise click.UsageError("--values needs a --text to read")
        if kind == "optimizer":
            raise click.UsageError("--values and --text go with --kind training and inference")
        model = load_model(checkpoint)
        check_shape_of(context, model.config, shape)
        length = _length_of_text(model, text, kind, length)
    config: GPTConfig | AdamConfig = (
        AdamConfig() if kind == "optimizer" else model.config if model else given_config(data, shape)
    )
    block_size = model.config.block_size if model else shape["block_size"]
    recipe = Recipe(kind, program_number(kind, length, block_size), config)
    limit = limit or MOST_BOXES[level]
    wanted = _Wanted(recipe, level, scope, around, radius, stage or graphs[-1], limit, model, text)
    path = output or Path(f"{_name(wanted)}.{kind_of_file}")
    check_output(path)
    try:
        links = Links(link_base, path)
    except ValueError as error:
        raise click.UsageError(f"--link-base {error}") from None
    expect(estimate_graph(recipe))
    with without_collection():
        picture = _draw(wanted)
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


def _check_options(level: str, scope: str | None, around: str | None, stage: str | None, graphs: list[str]) -> None:
    if scope is not None and around is not None:
        raise click.UsageError("give --scope or --around, not both")
    if level == "model" and scope is not None:
        raise click.UsageError("--scope goes with --level op or scalar; the level model draws all scopes")
    if level != "scalar" and around is not None:
        raise click.UsageError("--around goes with --level scalar")
    if level != "scalar" and stage is not None:
        raise click.UsageError("--stage goes with --level scalar; the other levels draw the last graph")
    if stage is not None and stage not in graphs:
        raise click.UsageError(f"--stage {stage!r} makes no graph; those that do are {', '.join(graphs)}")


def _length_of_text(model: Checkpoint, text: str, kind: str, length: int | None) -> int:
    """The length that the text has, if nothing else has been asked for."""
    found = document_length(model, text)
    if length is not None and (length > found or (kind == "training" and length != found)):
        raise click.UsageError(f"--length {length}, but --text {text!r} makes {found}, its beginning included")
    return length or found


def _name(wanted: _Wanted) -> str:
    """What a file is called by default: ``training7-op``."""
    what = wanted.scope or wanted.around or ""
    parts = [f"{wanted.recipe.kind}{length_of(wanted.recipe) or ''}"]
    parts += [wanted.level] if wanted.level == "op" or (wanted.level == "scalar" and not what) else []
    parts += [re.sub(r"[^\w.]+", "_", what).strip("_.")] if what else []
    return "-".join(parts)


def _draw(wanted: _Wanted) -> Picture:
    from ..drawing.picture import NothingError, TooLargeError

    recipe, title = wanted.recipe, _title(wanted)
    product: Graph = stages.stage_product(recipe, wanted.stage)
    try:
        if wanted.level == "scalar":
            picture = _scalars(wanted, product, title)
        elif wanted.level == "op":
            from ..drawing.op_level import op_picture

            picture = op_picture(product, title, wanted.limit, recipe.gradient, wanted.scope)
        else:
            from ..drawing.model_level import model_picture

            picture = model_picture(product, title, wanted.limit)
    except TooLargeError as error:
        advice = "" if wanted.level == "scalar" else "; narrow it with --level op --scope NAME, or raise --limit"
        raise click.UsageError(f"{error}{advice}") from None
    except NothingError as error:
        option = "--around" if wanted.around is not None else "--scope"
        raise click.UsageError(f"{option}: {error}") from None
    if wanted.model is not None and wanted.text is not None:
        from ..drawing.values import add_numbers, evaluate_document

        numbers = evaluate_document(recipe, product, wanted.model, wanted.text)
        add_numbers(picture, product, numbers)
        is_cut = len(wanted.text) >= wanted.model.config.block_size
        cut = f", of which the model reads {length_of(recipe)}" if is_cut else ""
        picture.counts += f"; values (=) and gradients (∂) for the text {wanted.text!r}{cut}"
        if recipe.kind == "training":
            picture.counts += f", whose loss is {numbers.values[product.output('loss').nodes[0]]:.4f}"
    return picture


def _title(wanted: _Wanted) -> str:
    title = program_title(wanted.recipe)
    if wanted.scope is not None:
        title = f"{wanted.scope}: {title[0].lower()}{title[1:]}"
    if wanted.around is not None:
        steps = f"{wanted.radius} step{'s' * (wanted.radius != 1)}"
        title = f"{steps} around {wanted.around}: {title[0].lower()}{title[1:]}"
    last = stages.graph_names(wanted.recipe.kind)[-1]
    return title if wanted.stage == last else f"{title}, after {wanted.stage}"


def _scalars(wanted: _Wanted, product: Graph, title: str) -> Picture:
    from ..drawing.scalar_level import find_operation, neighbourhood, scalar_picture
    from ..drawing.scopes import operations_of

    statements = form_statements(product)
    centre = None
    if wanted.around is not None:
        centre = find_operation(statements, wanted.around)
        nodes = neighbourhood(product, centre, wanted.radius, wanted.limit)
    else:
        nodes = operations_of(product, wanted.scope or "", wanted.limit)
    return scalar_picture(statements, nodes, title, centre)
