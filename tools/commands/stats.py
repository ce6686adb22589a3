"""``microgpt stats``: what a program is made of, what it moves, and how fast this machine could carry it out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ...runtime.machine.roofline import Machine, Roofs
from ...runtime.machine.toolchain import ToolchainError, find_toolchain
from ...runtime.programs.estimate import estimate_c
from ..options import shared as options
from ..options.backends import compiled_c, expect
from ..options.chosen_program import given_config, given_recipe, length_of, program_title
from ..stats.roofline import Standing, stand
from ..stats.statistics import Statistics, collect, to_json
from ..stats.subject import Subject, make_subject, run_seconds
from ..stats.tables import print_statistics
from ..terminal import console

__all__ = ["stats"]

# Machine and program are measured in turns, so that what else runs now and then disturbs both or neither.
ROUNDS = 8


@click.command()
@options.length_option
@options.kind_option
@click.option(
    "--machine/--no-machine", default=True, show_default=True, help="Measure this machine and the run of the program."
)
@options.data_option
@options.model_options
@options.json_option
def stats(length: int | None, kind: str, machine: bool, data: str, as_json: bool, **shape: int) -> None:
    """Analyse what a program is made of, and how fast it could be.

    Counts operations by kind and by scope, forward and backward; how long values
    are needed; the critical path; and what the loops of the C program read and
    write. With a C compiler, this machine is measured (a few seconds, one core),
    and the program's run is compared with its roofs (Williams, Waterman and
    Patterson, 2009).

    \b
    Examples:
      microgpt stats
      microgpt stats --length 16 --json > stats.json
      microgpt stats --kind inference --length 1
      microgpt stats --kind optimizer
      microgpt stats --no-machine --n-layer 4
    """
    recipe = given_recipe(kind, length, data, shape)
    config = given_config(data, shape)
    expect(estimate_c(config))
    subject = make_subject(recipe, config)
    statistics = collect(subject)
    roofs, standing = _on_this_machine(subject, statistics) if machine else (None, None)
    if as_json:
        program = {"kind": kind, "length": length_of(recipe), "name": subject.graph.name}
        report = {"program": program, **to_json(subject, statistics)}
        console.print_json("stats", {**report, **_machine_json(roofs, standing)})
        return
    print_statistics(program_title(recipe), subject, statistics, roofs, standing)


def _on_this_machine(subject: Subject, statistics: Statistics) -> tuple[Roofs | None, Standing | None]:
    try:
        find_toolchain()
    except ToolchainError as error:
        problem = str(error).replace("\n", "; ")
        console.warn(f"this machine is not measured: no C compiler can be used ({problem}); see `microgpt doctor`")
        return None, None
    backend = compiled_c(subject.config)
    console.say("measuring this machine")
    machine = Machine()
    runs = []
    for _ in range(ROUNDS):
        machine.measure()
        runs.append(run_seconds(subject, backend))
    return machine.roofs, stand(subject, statistics, machine.roofs, min(runs))


def _machine_json(roofs: Roofs | None, standing: Standing | None) -> dict[str, Any]:
    if roofs is None or standing is None:
        return {"machine": None, "roofline": None}
    return {
        "machine": asdict(roofs),
        "roofline": {
            "seconds": standing.seconds,
            "flops_per_second": standing.flops,
            "bounds": [asdict(bound) for bound in standing.bounds],
            "roof": standing.roof.name,
            "attained": standing.attained,
        },
    }
