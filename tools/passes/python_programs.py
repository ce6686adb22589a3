"""The programs in Python of a model, for ``compile``: made, watched and described."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ...compiler.pipeline import Stage
from ...model.config import AdamConfig, GPTConfig
from ...runtime.executable.program import Program
from ...runtime.programs.estimate import estimate_python
from ...runtime.programs.library import Library
from ...runtime.programs.recipe import Recipe
from ...runtime.storage.files import write_atomically
from ..options.backends import expect, open_library
from ..options.chosen_program import parse_lengths, program_number
from ..subject.model import length_of, program_title
from ..terminal import console
from . import stages
from .dump_folder import dump_folder

__all__ = ["compile_programs"]


def compile_programs(
    kind: str,
    lengths: Sequence[str],
    config: GPTConfig,
    dump: Path | None,
    check: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Makes programs, and prints what every pass did.

    Args:
        dump: the folder that takes what every stage makes, as text.
        check: whether every stage is verified.
    """
    recipes = _recipes(kind, lengths, config)
    if dump:
        dump_folder(dump)
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
            dump_folder(folder)
            if not made or not isinstance(made[-1].product, str):  # the optimiser's text is made by no stage
                made.append(Stage("emit_python", program.path.read_text("utf-8"), 0.0))
            for number, stage in enumerate(made):
                write_atomically(folder / stages.file_name(number, stage), stages.describe(stage.product).encode())
            console.say(f"wrote {len(made)} stages to {folder}")
        if check:
            console.say(f"{program_title(recipe)}: every stage keeps the rules")
    return programs


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
