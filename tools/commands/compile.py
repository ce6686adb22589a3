"""``microgpt compile``: makes programs ahead of time and reports what every pass did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ...compiler.pipeline import Stage
from ...model.config import AdamConfig, GPTConfig
from ...runtime.backends.auto_backend import python_instead
from ...runtime.executable.program import Program
from ...runtime.programs.estimate import estimate_python
from ...runtime.programs.library import Library
from ...runtime.programs.recipe import Recipe
from ...runtime.storage.files import write_atomically
from ..options import shared as options
from ..options.backends import COMPILED, check_backend, compiled_c, expect, open_library
from ..options.chosen_program import given_config, parse_lengths, program_number
from ..passes import stages
from ..passes.loop_programs import dump_programs, prove_programs
from ..subject.model import length_of, program_title
from ..terminal import console
from ..terminal.failures import ENVIRONMENT, CommandError

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

    if not (of_python and backend == "auto") and check_backend(backend) == "c":
        try:
            _compile_c(config, as_json)
        except ToolchainError as error:
            if backend == "c" or verify or dump:
                raise
            console.warn(python_instead(error))
        else:
            if dump:
                _make_folder(dump)
                dump_programs(config, dump)
            if verify:
                prove_programs(config)
            return
    if verify:
        raise CommandError("--verify needs the C backend", ENVIRONMENT)
    recipes = _recipes(kind, [*lengths, *more], config)
    if dump:
        _make_folder(dump)
    library = open_library(jobs)
    if dump or check:
        expect(estimate_python(recipes, 1))
        programs = _compile_watched(library, recipes, dump, check)
    else:
        with console.compile_progress(estimate=library.estimate(recipes)) as progress:
            library.prepare(recipes, progress)
        programs = [library.get(recipe) for recipe in recipes]
    if as_json:
        rows = [_as_json(recipe, program) for recipe, program in zip(recipes, programs, strict=True)]
        console.print_json("compile", {"backend": "python", "library": None, "programs": rows})
    else:
        _print(kind, recipes, programs)


def _compile_c(config: GPTConfig, as_json: bool) -> None:
    made = compiled_c(config).library
    report, path = made.report, made.path
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


def _recipes(kind: str, texts: Sequence[str], config: GPTConfig) -> list[Recipe]:
    if kind == "optimizer":
        return [Recipe(kind, program_number(kind, None if not texts else 1, 1), AdamConfig())]
    lengths = parse_lengths(texts or ["all"], config.block_size)
    return [Recipe(kind, program_number(kind, length, config.block_size), config) for length in lengths]


def _compile_watched(library: Library, recipes: Sequence[Recipe], dump: Path | None, check: bool) -> list[Program]:
    programs = []
    for recipe in recipes:
        made: list[Stage] = []
        program = library.compile(recipe, made.append, check)
        programs.append(program)
        if dump:
            folder = dump / program.path.parent.name.split("-")[0] if len(recipes) > 1 else dump
            _make_folder(folder)
            if not made or not isinstance(made[-1].product, str):  # the optimiser's text is made by no stage
                made.append(Stage("emit_python", program.path.read_text("utf-8"), 0.0))
            for number, stage in enumerate(made):
                write_atomically(folder / stages.file_name(number, stage), stages.describe(stage.product).encode())
            console.say(f"wrote {len(made)} stages to {folder}")
        if check:
            console.say(f"{program_title(recipe)}: every stage keeps the rules")
    return programs


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--dump {path} cannot be written: {error.strerror}", ENVIRONMENT) from None


def _as_json(recipe: Recipe, program: Program) -> dict[str, Any]:
    return {"kind": recipe.kind, "length": length_of(recipe), "file": str(program.path), **program.report}


def _print(kind: str, recipes: Sequence[Recipe], programs: Sequence[Program]) -> None:
    passes = list(programs[0].report["operations"])
    headings = ["length", *passes, "statements", "seconds"]
    rows = []
    for recipe, program in zip(recipes, programs, strict=True):
        report = program.report
        seconds = sum(report["seconds"].values())
        counts = [*(report["operations"][name] for name in passes), report.get("statements", "-")]
        rows.append([str(length_of(recipe) or "any"), *map(str, counts), f"{seconds:.2f}"])
    console.print_table(f"{kind}: operations after each stage", headings, rows)
    folder = programs[0].path.parent.parent
    click.echo(f"\nprograms, in {folder}:")
    for row, program in zip(rows, programs, strict=True):
        click.echo(f"{row[0]:>6} {program.path.relative_to(folder)}")
