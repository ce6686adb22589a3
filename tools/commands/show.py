"""``microgpt show``: prints a generated program, or what a stage of the compiler makes on the way to it."""

from __future__ import annotations

import re
from functools import partial

import click

from ..options import shared as options
from ..options.backends import expect
from ..options.chosen_program import given_subject
from ..passes import stages
from ..provenance.ask import QuestionError
from ..provenance.listing import BELOW, Question, list_program, pane_of
from ..terminal import console

__all__ = ["show"]


@click.command()
@options.program_argument
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
    "--limit", type=options.POSITIVE, metavar="N", help=f"At most so many lines.  [with --interleave: {BELOW} of each]"
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
@click.pass_context
def show(
    context: click.Context,
    /,
    program: str | None,
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

    The program is one of the GPT's, or your own function, FILE.py:NAME: a
    function that the file compiles, or one with an example of its arguments
    beside it, NAME_example = (...). Of one with sums over rows, it is the program
    around the sums; FILE.py:NAME:ROW is what is carried out for one row.

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
      microgpt show model.py:loss
      microgpt show model.py:loss --line model.py:12 --interleave
      microgpt show model.py:loss:squared --stage dce
    """
    subject = given_subject(context, program, kind, length, data, shape)
    if "list" in wanted:
        names = stages.all_names(subject)
        if as_json:
            console.print_json("show", {"kind": subject.about["kind"], "stages": names})
        else:
            click.echo("\n".join(names))
        return
    try:
        panes = [pane_of(subject, name) for name in wanted]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not panes and not interleave:
        panes = ["python" if backend == "python" else "c" if emit == "loops" else "straight"]
    if len(panes) > 1 and not interleave:
        raise click.UsageError("several stages at a time are for --interleave")
    if stages.SIZES in panes and (lines or scopes or operations or interleave):
        raise click.UsageError("--stage sizes is printed as a whole; --grep narrows it down")
    _check(pattern)
    question = Question(panes, lines, scopes, operations, pattern, interleave, limit, number, jobs)
    try:
        with console.compile_progress() as progress:
            document = list_program(subject, question, progress, partial(expect, is_sized=subject.is_sized))
    except QuestionError as error:
        raise click.UsageError(f"--{error.about} {error}") from None
    if as_json:
        console.print_json("show", document.data)
    else:
        console.print_document(document)


def _check(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise click.UsageError(f"--grep {pattern} is not a regular expression: {error}") from None
