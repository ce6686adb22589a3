"""``microgpt compile``: makes programs ahead of time and reports what every pass did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...compiler.numerics import current
from ...runtime.backends.auto_backend import python_instead
from ..options import shared as options
from ..options.backends import COMPILED, begun_c, check_backend, prepare
from ..options.chosen_program import given_config
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError

if TYPE_CHECKING:
    from ...runtime.backends.c_backend import CBackend

__all__ = ["compile"]


@click.command()
@options.lengths_option("all")
@options.kind_option
@options.data_option
@options.model_options
@options.numerics_option
@options.backend_option(*COMPILED)
@click.option("--dump", type=options.PATH, metavar="DIR", help="Write what every stage makes, as text.")
@click.option("--check", is_flag=True, help="Verify the graph after every stage.")
@click.option("--verify", is_flag=True, help="With C: unroll the loops of all programs and compare with the graphs.")
@options.jobs_option
@options.json_option
def compile(
    lengths: tuple[str, ...],
    more: tuple[str, ...],
    kind: str,
    data: str,
    backend: str,
    dump: Path | None,
    check: bool,
    verify: bool,
    jobs: int | None,
    as_json: bool,
    **shape: int,
) -> None:
    """Compile a model ahead of time and show what each pass does.

    With a C compiler, one library serves all lengths; the table shows how many
    scalar operations ended in loops. In Python, every length of document has a
    program of its own; the table shows how many operations there are after each
    stage, how many statements the program has, and how long compiling took.
    With --dump, --check or --verify, these are compiled again even if they are
    cached.

    \b
    Examples:
      microgpt compile                    what `train` needs on this machine
      microgpt compile --length 1 7 16    programs in Python
      microgpt compile --length 3 --dump stages --check
      microgpt compile --backend c --dump loops --verify
      microgpt compile --n-layer 2 --n-embd 32 --json
    """
    of_python = bool(lengths or more or check or kind != "training" or (dump and backend != "c"))
    if backend == "c" and of_python:
        raise click.UsageError("the C library serves all lengths; --length, --kind and --check are for Python")
    if verify and (of_python or backend == "python"):
        raise click.UsageError("--verify is for the loops of the C library; --check is for programs in Python")
    config = given_config(data, shape)
    from ...runtime.machine.toolchain import ToolchainError

    c = None if of_python or backend == "python" else begun_c(config)
    was_made = c is not None and c.find()
    if c and (was_made or check_backend(backend) == "c"):
        try:
            _compile_c(c, as_json)
        except ToolchainError as error:
            if backend == "c" or verify or dump:
                raise
            console.warn(python_instead(error))
        else:
            if was_made:
                console.say("the library was in the cache; the times above were measured when it was made")
            if dump or verify:
                from ..passes.loop_programs import dump_programs, prove_programs
            if dump:
                dump_programs(config, dump)
            if verify:
                prove_programs(config)
            return
    if verify:
        raise CommandError("--verify needs the C backend", ENVIRONMENT)
    # Not at the top: a library is begun before the compiler is there.
    from ..passes.python_programs import compile_programs

    compile_programs(kind, [*lengths, *more], config, dump, check, jobs, as_json)


def _compile_c(backend: CBackend, as_json: bool) -> None:
    prepare(backend, (), 0, "library")
    made = backend.library
    report, path = made.report, made.path
    if current().fast:
        console.say(f"{current().name} numerics, not exact")
    if as_json:
        library = {"file": str(path), **report}
        console.print_json("compile", {"backend": "c", "library": library, "programs": []})
        return
    rows = [
        [f"{kind} {program['number']}", f"{program['operations']:,}", f"{program['in_loops']:,}",
         f"{100 * program['in_loops'] / program['operations']:.2f} %", str(program["nests"])]
        for kind, program in report["programs"].items()
    ]  # fmt: skip
    headings = ["largest program", "scalar operations", "in loops", "share", "loop nests"]
    console.print_table("C: operations that ended in loops", headings, rows)
    seconds = report["seconds"]
    click.echo()
    found = (
        f"Found at the model's own sizes: {report['flat']}." if report["flat"] else "Instantiated from small models."
    )
    console.echo_wrapped(found, 80)
    console.echo_wrapped(
        f"loops {seconds['loops']:.1f} s, then the C compiler {seconds['cc']:.1f} s beside the proof; "
        f"{report['peak_memory'] / 1e6:.0f} MB; source {report['bytes'] / 1e3:.0f} KB:",
        80,
    )
    click.echo(f"  {path}")
