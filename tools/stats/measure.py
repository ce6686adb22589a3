"""Everything about a program in figures, as a document; with a C compiler, also how it stands on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ...runtime.machine.find_toolchain import find_toolchain
from ...runtime.machine.roofline import Machine, Roofs
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import Report, silent
from ..subject.subject import Subject
from ..text.document import Document
from .roofline import Standing, stand
from .statistics import Statistics, collect, to_json
from .tables import statistics_document
from .work import Work, work_of

__all__ = ["describe_statistics"]

# Machine and program are measured in turns, so that what else runs now and then disturbs both or neither.
ROUNDS = 8


def describe_statistics(
    subject: Subject,
    machine: bool = True,
    report: Report = silent,
    say: Callable[[str], None] = lambda message: None,
    warn: Callable[[str], None] = lambda message: None,
) -> Document:
    """Counts, and measures.

    Args:
        machine: whether to measure this machine and the run of the program; that takes some seconds.
        report: takes what is being compiled.
        say, warn: take what is being done, and what cannot be.

    Raises:
        CompileError: if the program cannot be compiled.
    """
    work = work_of(subject)
    statistics = collect(work)
    roofs, standing = _on_this_machine(subject, work, statistics, report, say, warn) if machine else (None, None)
    document = statistics_document(subject.title, work, statistics, roofs, standing)
    program = {**subject.about, "name": work.loops.name}
    document.data = {"program": program, **to_json(work, statistics), **_machine_json(roofs, standing)}
    return document


def _on_this_machine(
    subject: Subject,
    work: Work,
    statistics: Statistics,
    report: Report,
    say: Callable[[str], None],
    warn: Callable[[str], None],
) -> tuple[Roofs | None, Standing | None]:
    try:
        find_toolchain()
    except ToolchainError as error:
        problem = str(error).replace("\n", "; ")
        warn(f"this machine is not measured: no C compiler can be used ({problem}); see `microgpt doctor`")
        return None, None
    seconds = subject.stopwatch(report)
    say("measuring this machine")
    machine = Machine()
    runs = []
    for _ in range(ROUNDS):
        machine.measure()
        runs.append(seconds())
    return machine.roofs, stand(work, statistics, machine.roofs, min(runs))


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
