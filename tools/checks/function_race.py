"""A compiled function against the eager autograd: how long each takes, measured in turns, in one run."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from ...runtime.executable.executable import Executable
from ...runtime.executable.row_executable import RowsWorkspace
from ...runtime.machine.toolchain import ToolchainError
from ...runtime.reporting import Report, silent
from ..stats.tables import time_text
from ..subject.function import FunctionSubject
from ..text.document import Document
from .function_check import Point, eagerly, point_of, points_near

__all__ = ["SECONDS", "race_function"]

SECONDS = 2.0
# A compiled program runs as often in a row as takes about this many seconds, beside each eager run.
_SPAN = 0.002
_NAMES = {
    "call": "the call, arguments and all, in {}",
    "python": "the program alone, in Python",
    "c": "the program alone, in C",
}


def race_function(
    subject: FunctionSubject,
    arguments: Sequence[Any] | None = None,
    seconds: float = SECONDS,
    report: Report = silent,
) -> Document:
    """Measures.

    Args:
        arguments: to call the function with; by default the numbers of its example.
        seconds: how long to measure.
        report: takes what is being compiled.
    """
    function = subject.function
    inputs, indices = subject.ordinary_inputs()
    if arguments is None:
        floats = [number for name in subject.example for number in inputs[name]]
        given = list(function._structure.arrange(floats, indices))
        for place, data in zip(function._many, points_near(subject, 1)[0].rows, strict=True):
            given[place] = data
        arguments = given
    point = point_of(subject, arguments)
    runs: dict[str, Callable[[], object]] = {"call": lambda: function(*arguments)}
    missing = ""
    for target in ("python", "c"):
        try:
            runs[target] = _alone(subject.executable(target, report), point)
        except ToolchainError as error:
            missing = str(error).partition("\n")[0]
    turns = {name: max(1, int(_SPAN / max(_seconds(run, 1), 1e-7))) for name, run in runs.items()}
    eager: list[float] = []
    others: dict[str, list[float]] = {name: [] for name in runs}
    deadline = time.perf_counter() + seconds
    while not eager or time.perf_counter() < deadline:
        eager.append(_seconds(lambda: eagerly(subject, point), 1))
        for name, run in runs.items():
            others[name].append(_seconds(run, turns[name]))
    rows = [["eager autograd", time_text(median(eager)), ""]]
    listed = [{"name": "eager", "seconds": median(eager), "ratio": 1.0}]
    for name, times in others.items():
        ratio = median(slow / fast for slow, fast in zip(eager, times, strict=True))
        listed.append({"name": name, "seconds": median(times), "ratio": ratio})
        words = _NAMES[name].format({"c": "C", "python": "Python"}[function.target])
        rows.append([words, time_text(median(times)), f"{ratio:,.{1 if ratio < 100 else 0}f}"])
    document = Document(data={"program": dict(subject.about, name=subject.name), "unit": "seconds", "pairs": len(eager),
                              "runs": listed})  # fmt: skip
    document.say(f"{subject.title}: {len(function.ir):,} operations", style="bold")
    document.table(["", "a run", "times faster"], rows, left=1)
    document.say(f"medians of {len(eager)} runs, in turns", 80)
    if missing:
        document.notes.append(f"C was not measured: {missing}")
    return document


def _alone(program: Executable, point: Point) -> Callable[[], object]:
    workspace = program.workspace()
    for name, numbers in point.arguments.items():
        for place, number in enumerate(numbers):
            workspace.inputs[name][place] = number
    workspace.indices[:] = array("i", point.numbers)
    if isinstance(workspace, RowsWorkspace):
        workspace.rows[:] = point.rows
    return workspace.run


def _seconds(run: Callable[[], object], turns: int) -> float:
    start = time.perf_counter()
    for _ in range(turns):
        run()
    return (time.perf_counter() - start) / turns
