"""``microgpt show``: prints a generated program, or what a stage of the compiler makes on the way to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from typing import Any

import click

from ...model.config import AdamConfig, GPTConfig
from ...runtime.recipe import Recipe
from .. import console, options, stages
from ..backends import check_backend, open_cache, open_library

__all__ = ["show"]

# Lines that are coloured at a time: the first ones appear at once, also of a program of a hundred thousand.
CHUNK = 200


@click.command()
@click.option("--length", type=options.POSITIVE, metavar="N", help="How many characters the program reads.")
@options.kind_option
@click.option("--stage", metavar="NAME", help="What this stage makes, instead of the program; `list` names the stages.")
@click.option("--grep", "wanted", metavar="TEXT", help="Only lines that contain TEXT.")
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
    stage: str | None,
    wanted: str | None,
    data: str,
    backend: str,
    emit: str,
    jobs: int | None,
    **shape: int,
) -> None:
    """Print generated code, or what a stage of the compiler makes.

    Coloured on a terminal, plain text in a pipe.

    \b
    Examples:
      microgpt show --length 7 | less
      microgpt show --length 7 --stage trace | head
      microgpt show --length 1 --grep p0_l0_h2_scores
      microgpt show --kind optimizer
      microgpt show --backend c | less
      microgpt show --backend c --emit straight --length 2
      microgpt show --length 7 --stage list
    """
    if backend == "c" and emit == "loops" and stage is None:
        check_backend(backend)
        _print(_matching(_c_library(options.given_config(data, shape)), wanted), "c")
        return
    names = stages.stage_names(kind)
    if stage == "list":
        click.echo("\n".join(names))
        return
    if stage is not None and stage not in names:
        raise click.UsageError(f"--kind {kind} has no stage {stage!r}; the stages are {', '.join(names)}")
    number = options.program_number(kind, length, shape["block_size"])
    config: GPTConfig | AdamConfig = AdamConfig() if kind == "optimizer" else options.given_config(data, shape)
    recipe = Recipe(kind, number, config)
    if backend == "c" and stage is None:
        from ...compiler.c.emit_straight_c import emit_straight_c

        text, language = emit_straight_c(stages.stage_product(recipe, "remove_dead_nodes"), "run", comments=True), "c"
    elif stage is None or stage == names[-1] == "emit_python":
        library = open_library(jobs)
        with console.compile_progress() as progress:
            library.prepare([recipe], progress)
        text, language = library.get(recipe).path.read_text("utf-8"), "python"
    else:
        text, language = stages.describe(stages.stage_product(recipe, stage)), "graph"
    _print(_matching(text, wanted), language)


def _c_library(config: GPTConfig) -> str:
    """The C source of a model's library, compiled if need be."""
    from ...runtime.c_backend import CBackend

    backend = CBackend(config, AdamConfig(), open_cache())
    with console.compile_progress("library") as progress:
        backend.prepare((), 0, progress)
    return backend.library.path.read_text("utf-8")


def _matching(text: str, wanted: str | None) -> list[str]:
    lines = text.splitlines()
    if wanted is None:
        return lines
    lines = [line for line in lines if wanted in line]
    if not lines:
        console.say(f"no line contains {wanted!r}")
    return lines


def _print(lines: Sequence[str], language: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.write("".join(line + "\n" for line in lines))
        return
    from rich.console import Console

    terminal, highlight = Console(), _highlighter(language)
    remaining = iter(lines)
    while chunk := list(islice(remaining, CHUNK)):
        # soft_wrap: a line of code is a line, however the terminal breaks it.
        terminal.print(highlight("\n".join(chunk)), soft_wrap=True, end="\n")


def _highlighter(language: str) -> Any:
    if language in ("python", "c"):
        from rich.syntax import Syntax

        syntax = Syntax("", language, theme="ansi_dark")

        def highlight(text: str) -> Any:
            coloured = syntax.highlight(text)
            coloured.rstrip()
            return coloured

        return highlight
    from rich.highlighter import RegexHighlighter
    from rich.text import Text

    class GraphHighlighter(RegexHighlighter):
        highlights = [  # noqa: RUF012
            r"(?P<dim>;.*)$",
            r"(?P<cyan>%\d+)",
            r"(?P<green>0x[\d.a-f]+p[+-]\d+)",
            r"= (?P<bold>[a-z]+)(?= )",
            r"(?m)^(?P<magenta>(graph|input|index|origin|output|scatter|block|function|schedule|layout|statements|finish)\b)",
        ]

    highlighter = GraphHighlighter()
    return lambda text: highlighter(Text(text))
