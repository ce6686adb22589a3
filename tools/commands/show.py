"""``microgpt show``: prints a generated program, or what a stage of the compiler makes on the way to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...model.config import AdamConfig, GPTConfig
from ...runtime.programs.estimate import estimate_c, estimate_graph, estimate_page
from ...runtime.programs.recipe import Recipe
from ..options import shared as options
from ..options.backends import check_backend, compiled_c, expect, open_library
from ..options.chosen_program import given_config, program_number
from ..passes import stages
from ..terminal import console
from ..terminal.code import print_code, print_heading

if TYPE_CHECKING:
    from ..provenance.chain import Chain
    from ..provenance.interleave import Group
    from ..provenance.selection import Selection

__all__ = ["show"]

# Lines of each text that stand below a line of the model.
_BELOW = 6
_INTERLEAVED = ("dce", "loops", "python", "c", "assembly")
# Made from the whole library of a model.
_OF_LIBRARY = ("loops", "c", "assembly")
_LANGUAGES = {"python": "python", "c": "c", "straight": "c", "assembly": "assembly", "loops": "loops"}


@click.command()
@options.length_option
@options.kind_option
@click.option("--stage", "wanted", multiple=True, metavar="NAME", help="What this stage makes; `list` names them all.")
@click.option("--line", "lines", multiple=True, metavar="FILE:N", help="Only what comes from these lines of the model.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="NAMES", help="Only what comes from this scope; * is anything."
)
@click.option(
    "--op", "operations", multiple=True, metavar="%N", help="Only what belongs to this operation of the stage."
)
@click.option("--grep", "pattern", metavar="PATTERN", help="Only lines that this regular expression is found in.")
@click.option("--interleave", is_flag=True, help="Below each line of the model, what has become of it.")
@click.option(
    "--limit", type=options.POSITIVE, metavar="N", help=f"At most so many lines.  [with --interleave: {_BELOW} of each]"
)
@click.option("-n", "--number", is_flag=True, help="Number the lines.")
@options.json_option
@options.data_option
@options.model_options
@options.backend_option("python", "c")
@click.option(
    "--emit",
    type=click.Choice(["loops", "straight"]),
    default="loops",
    show_default=True,
    help="With --backend c: the library that runs, or one program operation by operation.",
)
@options.jobs_option
def show(
    length: int | None,
    kind: str,
    wanted: tuple[str, ...],
    lines: tuple[str, ...],
    scopes: tuple[str, ...],
    operations: tuple[str, ...],
    pattern: str | None,
    interleave: bool,
    limit: int | None,
    number: bool,
    as_json: bool,
    data: str,
    backend: str,
    emit: str,
    jobs: int | None,
    **shape: int,
) -> None:
    """Print generated code, or what a stage of the compiler makes.

    Coloured on a terminal, plain text in a pipe. With --line, --scope or --op only the lines that belong to it; several
    of one kind add up, different kinds narrow down.

    \b
    Examples:
      microgpt show --length 7 | less
      microgpt show --length 7 --stage trace | head
      microgpt show --length 7 --stage list
      microgpt show --length 7 --line gpt.py:129 --stage loops
      microgpt show --length 4 --scope layer0.head2.position3.scores
      microgpt show --length 4 --op %17611 --interleave
      microgpt show --length 4 --line gpt.py:129 --interleave --limit 3
      microgpt show --length 1 --grep 'p0_l0_h[23]_scores'
      microgpt show --kind optimizer --stage assembly
      microgpt show --backend c | less
      microgpt show --backend c --emit straight --length 2
    """
    names = stages.all_names(kind)
    if "list" in wanted:
        _list(names, kind, as_json)
        return
    panes = [_pane(name, names, kind) for name in wanted]
    if not panes and not interleave:
        panes = ["python" if backend == "python" else "c" if emit == "loops" else "straight"]
    if len(panes) > 1 and not interleave:
        raise click.UsageError("several stages at a time are for --interleave")
    expression = _compiled(pattern)
    selecting = bool(lines or scopes or operations or interleave)
    alone = panes[0] in ("c", "assembly") if panes and not selecting else False
    config = given_config(data, shape)
    program = 0 if alone else program_number(kind, length, shape["block_size"])
    recipe = Recipe(kind, program, AdamConfig() if kind == "optimizer" else config)
    if not selecting:
        text = _text(panes[0], recipe, config, jobs)
        chosen = [(place, line) for place, line in enumerate(text, 1) if expression is None or expression.search(line)]
        _print(chosen, panes[0], limit, number, as_json, pattern)
        return
    from ..provenance.ask import ask
    from ..provenance.chain import Chain

    if interleave:
        expect(estimate_page(recipe, config))
    else:
        expect(estimate_c(config) if panes[0] in _OF_LIBRARY else estimate_graph(recipe))
    chain = Chain(recipe, config)
    stage = next((pane for pane in panes if pane in chain.graphs), "dce")
    found = ask(chain, lines, scopes, operations, stage)
    if interleave:
        selection = found or chain.from_nodes(range(len(chain.graph)))
        _interleave(selection, panes or _available(_INTERLEAVED), limit or _BELOW, expression, as_json)
        return
    assert found is not None
    _print_selection(chain, found, panes[0], limit, number, as_json, expression)


def _list(names: Sequence[str], kind: str, as_json: bool) -> None:
    if as_json:
        console.print_json("show", {"kind": kind, "stages": list(names)})
    else:
        click.echo("\n".join(names))


def _pane(name: str, names: Sequence[str], kind: str) -> str:
    """The pane of a stage, which people may also call by what it holds: ``python`` for ``emit_python``."""
    if name not in names and name not in stages.PANES.values():
        raise click.UsageError(f"--kind {kind} has no stage {name!r}; the stages are {', '.join(names)}")
    return stages.PANES.get(name, name)


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise click.UsageError(f"--grep {pattern} is not a regular expression: {error}") from None


def _available(panes: Sequence[str]) -> list[str]:
    """Without the assembly where nothing can make it."""
    from ...runtime.machine.toolchain import ToolchainError, find_toolchain

    try:
        find_toolchain()
    except ToolchainError:
        console.warn("there is no assembly: no C compiler can be used; see `microgpt doctor`")
        return [pane for pane in panes if pane != "assembly"]
    return list(panes)


def _text(pane: str, recipe: Recipe, config: GPTConfig, jobs: int | None) -> Sequence[str]:
    """A whole text."""
    if pane == "c":
        check_backend("c")
        return _c_library(config).splitlines()
    if pane == "assembly":
        from ...runtime.machine.assembly import assembly
        from ...runtime.machine.toolchain import find_toolchain

        check_backend("c")
        return assembly(find_toolchain(), _c_library(config)).lines
    if pane == "python":
        library = open_library(jobs)
        with console.compile_progress(estimate=library.estimate([recipe])) as progress:
            library.prepare([recipe], progress)
        return library.get(recipe).path.read_text("utf-8").splitlines()
    expect(estimate_c(config) if pane == "loops" else estimate_graph(recipe))
    if pane == "straight":
        from ...compiler.c.emit_straight_c import emit_straight_c

        graph = stages.stage_product(recipe, "dce")
        return emit_straight_c(graph, "run", comments=True).splitlines()
    if pane == "loops":
        from ..provenance.chain import Chain

        return Chain(recipe, config).pane(pane).lines
    return stages.describe(stages.stage_product(recipe, pane)).splitlines()


def _c_library(config: GPTConfig) -> str:
    return compiled_c(config).library.path.read_text("utf-8")


def _print_selection(
    chain: Chain,
    selection: Selection,
    pane: str,
    limit: int | None,
    number: bool,
    as_json: bool,
    expression: re.Pattern[str] | None,
) -> None:
    if pane == "assembly":
        check_backend("c")
    text = chain.pane(pane).lines
    chosen = [(place, text[place - 1]) for place in selection.lines(pane)]
    if not chosen:
        console.say("no operation that is needed in the end comes from there")
    chosen = [entry for entry in chosen if expression is None or expression.search(entry[1])]
    pattern = expression.pattern if expression else None
    _print(chosen, pane, limit, number, as_json, pattern, len(selection.nodes))


def _print(
    chosen: Sequence[tuple[int, str]],
    pane: str,
    limit: int | None,
    number: bool,
    as_json: bool,
    pattern: str | None,
    operations: int | None = None,
) -> None:
    total = len(chosen)
    shown = chosen[:limit]
    if as_json:
        listed = [{"line": place, "text": text} for place, text in shown]
        data: dict[str, Any] = {"pane": pane, "total": total, "lines": listed}
        if operations is not None:
            data["operations"] = operations
        console.print_json("show", data)
        return
    if not chosen and pattern is not None:
        console.say(f"no line contains {pattern!r}")
    numbers = [place for place, _ in shown] if number else []
    print_code([text for _, text in shown], _LANGUAGES.get(pane, "graph"), numbers)
    if total > len(shown):
        console.say(f"{total - len(shown)} more lines")


def _interleave(
    selection: Selection, panes: Sequence[str], limit: int, expression: re.Pattern[str] | None, as_json: bool
) -> None:
    from ..provenance.interleave import interleave

    groups = interleave(selection, panes, limit, expression)
    if as_json:
        console.print_json("show", {"operations": len(selection.nodes), "groups": [_group(group) for group in groups]})
        return
    empty = True
    for group in groups:
        if not empty:
            click.echo()
        empty = False
        _print_group(group)
    if empty:
        console.say("no operation that is needed in the end comes from there")


def _group(group: Group) -> dict[str, Any]:
    return {
        "file": group.file,
        "line": group.line,
        "text": group.text,
        "direction": "backward" if group.backward else "forward",
        "operations": group.operations,
        "panes": [
            {
                "pane": excerpt.pane,
                "total": excerpt.total,
                "lines": [{"line": place, "text": text} for place, text in excerpt.lines],
            }
            for excerpt in group.excerpts
        ],
    }


def _print_group(group: Group) -> None:
    direction = "backward" if group.backward else "forward"
    many = f"{group.operations} operation{'s' * (group.operations != 1)}"
    print_heading(f"{group.file}:{group.line} {direction}, {many}")
    print_code([group.text], "python", indent="    ")
    for excerpt in group.excerpts:
        print_heading(f"  {excerpt.pane}", "bold cyan")
        numbers = [place for place, _ in excerpt.lines]
        print_code([text for _, text in excerpt.lines], excerpt.language, numbers, "    ")
        if excerpt.total > len(excerpt.lines):
            print_heading(f"    ... {excerpt.total - len(excerpt.lines):,} more", "dim")
