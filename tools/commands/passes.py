"""``microgpt passes``: what each pass of the compiler did, in numbers and around one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from ...compiler.pipeline import Stage
from ...runtime.programs.estimate import estimate_graph
from ...runtime.programs.recipe import Recipe
from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import given_recipe, length_of, program_title
from ..passes.changes import Changes
from ..passes.collect import LaterStage, Passes, collect, operations_by_kind
from ..passes.follow import Hunk, find_operation, follow, statement_name
from ..terminal import console

__all__ = ["passes"]

RADIUS, SHOWN = 1, 40

# How the figures of a stage behind the graph are printed; thousands are marked, so the numbers are texts here.
SENTENCES = {
    "form_statements": "{operations} operations in {statements} expressions",
    "schedule": "{blocks} blocks of like statements, in order",
    "allocate": "{functions} functions; {slots} slots for {passed_on} values",
    "emit_python": "{lines} lines, {bytes} bytes",
    "place": "{arrays} arrays, {doubles} doubles of memory",
    "form_reductions": "{statements} stored values, {folds} of them folds (sums)",
    "reroll": "{nests} nests with {loops} loops in all",
    "name_arrays": "{nests} nests; {in_loops} of {operations} operations in loops",
    "transpose": "{nests} nests; {in_loops} of {operations} operations in loops",
    "emit_c": "{kernels} kernels, {lines} lines, {bytes} bytes",
}

LEGEND = (
    "removed: no output needs it. replaced: by its known result, by an operand, or by other operations. "
    "merged: with an equal one. added: new."
)


@click.command()
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
def passes(
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

    \b
    Examples:
      microgpt passes
      microgpt passes --length 16 --json
      microgpt passes --length 1 --around position0.layer0.query
      microgpt passes --length 2 --around p0_l0_h0_scores_0 --radius 2
      microgpt passes --kind optimizer
    """
    recipe = given_recipe(kind, length, data, shape)
    expect(estimate_graph(recipe))
    found = collect(recipe)
    hunks, home = None, None
    if around is not None:
        try:
            hunks = follow(found.graphs, *find_operation(found.graphs, around), radius, limit)
        except ValueError as error:
            raise click.UsageError(f"--around {error}") from None
        home = statement_name(found.graphs[-1].product, hunks[-1].after)
    if as_json:
        program = {"kind": kind, "length": length_of(recipe), "name": found.graphs[0].product.name}
        console.print_json("passes", {"program": program, **_as_json(found, hunks, home)})
        return
    _print(found, recipe)
    if hunks is not None:
        click.echo()
        _print_hunks(hunks, around or "")
        if home is not None:
            click.echo(f"\nIn generated Python it is part of the value {home}.")


def _as_json(found: Passes, hunks: Sequence[Hunk] | None, home: str | None) -> dict[str, Any]:
    first = found.graphs[0]
    traced = {"name": first.name, "seconds": first.seconds, "operations": operations_by_kind(first.product)}
    changed = [
        {
            "name": stage.name,
            "seconds": stage.seconds,
            **asdict(changes),
            "operations": operations_by_kind(stage.product),
        }
        for stage, changes in found.changes()
    ]
    return {
        "trace": traced,
        "passes": changed,
        "python": [asdict(stage) for stage in found.python],
        "c": [asdict(stage) for stage in found.c],
        "around": None if hunks is None else {"value": home, "passes": [asdict(hunk) for hunk in hunks]},
    }


def _print(found: Passes, recipe: Recipe) -> None:
    first, last = found.graphs[0], found.graphs[-1]
    changes = list(found.changes())
    most = max([len(first.product), *(change.after for _, change in changes)])
    console.echo_wrapped(f"{program_title(recipe)}: {len(last.product):,} operations.", bold=True)
    grown = f", the backward pass makes that {most:,}" if recipe.gradient else ""
    console.echo_wrapped(f"The trace has {len(first.product):,}{grown}, and {most - len(last.product):,} go again.")
    click.echo()
    headings = ["pass", "before", "removed", "replaced", "merged", "added", "after", "ms"]
    rows = [[first.name, *[""] * 5, f"{len(first.product):,}", _milliseconds(first.seconds)]]
    rows += [_row(stage, change) for stage, change in changes]
    console.print_table("What each pass did", headings, rows, left=1)
    click.echo()
    console.echo_wrapped(LEGEND, 80)
    click.echo()
    kinds = dict.fromkeys(kind for stage in found.graphs for kind in operations_by_kind(stage.product))
    table = [operations_by_kind(stage.product) for stage in found.graphs]
    rows = [[kind, *(f"{counts[kind]:,}" if kind in counts else "" for counts in table)] for kind in kinds]
    headings = ["kind", *(stage.name.replace("_", " ") for stage in found.graphs)]
    console.print_table("Operations after each pass", headings, rows, left=1)
    for language, later in (("Python", found.python), ("C", found.c)):
        if later:
            click.echo()
            rows = [[stage.name, _sentence(stage), _milliseconds(stage.seconds)] for stage in later]
            console.print_table(f"Then, to become {language}", ["stage", "result", "ms"], rows, left=2)


def _row(stage: Stage, change: Changes) -> list[str]:
    counts = [change.before, change.removed, change.replaced, change.merged, change.added, change.after]
    return [stage.name, *(f"{count:,}" if count else "" for count in counts), _milliseconds(stage.seconds)]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.{0 if seconds >= 0.1 else 1}f}"


def _sentence(stage: LaterStage) -> str:
    return SENTENCES[stage.name].format(**{name: f"{number:,}" for name, number in stage.figures.items()})


def _print_hunks(hunks: Sequence[Hunk], around: str) -> None:
    click.echo(console.styled(f"Around {around}", bold=True))
    click.echo("Numbers are those of the trace; what a pass adds counts on from there.")
    for hunk in hunks:
        places = [f"%{node}" if node >= 0 else "-" for node in (hunk.before, hunk.after)]
        click.echo()
        click.echo(console.styled(f"@@ {hunk.name}: {hunk.fate} ({' -> '.join(places)}) @@", "cyan"))
        for line in hunk.lines:
            click.echo(console.styled(line, {"+": "green", "-": "red"}.get(line[:1])))
        if not hunk.lines:
            click.echo("  nothing near it changes")
        if hunk.left_out:
            click.echo(f"  ... and {hunk.left_out:,} more; see --limit and --radius")
