"""``microgpt graph``: draws a program as a whole, or the operations of one scope."""

from __future__ import annotations

from pathlib import Path

import click

from ...compiler.ir.graph import Graph
from ...compiler.python.form_statements import form_statements
from ...model.config import AdamConfig, GPTConfig
from ...runtime.recipe import Recipe
from .. import options, stages

__all__ = ["graph"]

# More than these in one drawing are no picture any more, and dot takes minutes.
MOST_OPERATIONS = 300


@click.command()
@click.option("--length", type=options.POSITIVE, metavar="N", help="How many characters the program reads.")
@options.kind_option
@click.option("--scope", metavar="NAME", help="The operations of one scope of the model.  [default: all, as blocks]")
@click.option("--stage", metavar="NAME", help="With --scope: the graph that this stage makes.  [default: the last]")
@click.option(
    "--limit",
    type=options.POSITIVE,
    default=MOST_OPERATIONS,
    show_default=True,
    metavar="N",
    help="Most operations to draw.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A .svg, .png, .pdf or .dot.  [default: named after the program]",
)
@options.data_option
@options.model_options
def graph(
    length: int | None,
    kind: str,
    scope: str | None,
    stage: str | None,
    limit: int,
    output: Path | None,
    data: str,
    **shape: int,
) -> None:
    """Draw a model as the compiler sees it.

    Without --scope, the whole program: a box for each block of like statements,
    forward in blue and backward in orange. With --scope, every operation of one
    part of the model. Prints the name of the file. Needs Graphviz.

    \b
    Examples:
      microgpt graph --length 7
      microgpt graph --length 7 --scope position0.layer0.head1.scores
      microgpt graph --length 2 --scope mean --stage trace -o mean.png
      microgpt graph --kind optimizer
    """
    from ..drawing.render import FORMATS, render

    graphs = [name for name in stages.stage_names(kind) if name in stages.GRAPHS]
    if stage is not None and scope is None:
        raise click.UsageError("--stage goes with --scope; the whole program is drawn as it is scheduled")
    if stage is not None and stage not in graphs:
        raise click.UsageError(f"--stage {stage!r} makes no graph; those that do are {', '.join(graphs)}")
    if output is not None and output.suffix.lower().removeprefix(".") not in FORMATS:
        raise click.UsageError(f"-o {output} should end in {', '.join('.' + name for name in FORMATS)}")
    number = options.program_number(kind, length, shape["block_size"])
    config: GPTConfig | AdamConfig = AdamConfig() if kind == "optimizer" else options.given_config(data, shape)
    recipe = Recipe(kind, number, config)
    name = f"{kind}{length or ''}"
    if scope is None and kind != "optimizer":
        from ..drawing.draw_blocks import draw_blocks

        drawing = draw_blocks(stages.stage_product(recipe, "schedule"), _title(kind, length))
    else:
        from ..drawing.draw_scope import draw_scope, nodes_of_scope

        product: Graph = stages.stage_product(recipe, stage or graphs[-1])
        nodes = nodes_of_scope(product, scope) if scope else [n for n in range(len(product)) if product.operands(n)]
        _check(product, scope or "", nodes, limit)
        after = f" ({kind} of length {length}, after {stage or graphs[-1]})" if scope else ", for one parameter"
        drawing = draw_scope(form_statements(product), nodes, f"{scope or 'Adam'}{after}")
        name += f"-{scope}" if scope else ""
    path = output or Path(f"{name}.svg")
    render(drawing, path)
    click.echo(path)


def _title(kind: str, length: int | None) -> str:
    characters = f"{length} character{'s' * (length != 1)}"
    return f"Loss and gradient of {characters}" if kind == "training" else f"The next character after {characters}"


def _check(graph: Graph, scope: str, nodes: list[int], limit: int) -> None:
    from ..drawing.draw_scope import scopes_below

    inner = scopes_below(graph, scope)
    choice = ", ".join(f"{name} ({count})" for name, count in list(inner.items())[:8]) + (
        ", ..." if len(inner) > 8 else ""
    )
    if not nodes:
        outer = scope
        while outer and not scopes_below(graph, outer):
            outer = outer.rpartition(".")[0]
        known = ", ".join(list(scopes_below(graph, outer))[:12])
        raise click.UsageError(
            f"no operation is in --scope {scope!r}; {f'in {outer} ' if outer else ''}there are {known}"
        )
    if len(nodes) > limit:
        hint = f"within it are {choice}" if inner else "or raise --limit"
        raise click.UsageError(
            f"{scope} has {len(nodes)} operations, and a drawing of over {limit} cannot be read; narrow it: {hint}"
        )
