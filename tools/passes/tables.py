"""What the passes did, as a document: the figures of all, and what they did around one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ...compiler.pipeline import Stage
from ..subject.subject import Subject
from ..text.document import Document
from .changes import Changes
from .collect import LaterStage, Passes, collect, operations_by_kind
from .follow import Hunk, find_operation, follow, statement_name

__all__ = ["RADIUS", "SHOWN", "describe_passes"]

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
    "join_recurrences": "{nests} nests with {loops} loops in all",
    "name_arrays": "{nests} nests; {in_loops} of {operations} operations in loops",
    "transpose": "{nests} nests; {in_loops} of {operations} operations in loops",
    "share": "{kernels} kernels, {calls} calls of them",
    **dict.fromkeys(
        (
            "hoist_loads",
            "stage_powers",
            "tile",
            "vectorise",
            "hoist_divisors",
            "accumulate",
            "hold",
            "batch_calls",
            "carry",
            "walk_pointers",
        ),
        "{statements} statements",
    ),
    "instantiate": "{nests} nests; {in_loops} of {operations} operations in loops",
    "emit_c": "{kernels} kernels, {lines} lines, {bytes} bytes",
}

LEGEND = (
    "removed: no output needs it. replaced: by its known result, by an operand, or by other operations. "
    "merged: with an equal one. added: new."
)


def describe_passes(subject: Subject, around: str | None = None, radius: int = RADIUS, limit: int = SHOWN) -> Document:
    """Runs every stage, and describes what each of them did.

    Args:
        around: an operation, as for `find_operation`: also describes what each pass did near it.
        radius: how many steps away to look.
        limit: the most operations to show, the nearest first.

    Raises:
        ValueError: if there is no such operation.
        CompileError: if the program cannot be compiled.
    """
    found = collect(subject)
    hunks, home = None, None
    if around is not None:
        hunks = follow(found.graphs, *find_operation(found.graphs, around), radius, limit)
        home = statement_name(found.graphs[-1].product, hunks[-1].after)
    program = {**subject.about, "name": found.graphs[0].product.name}
    document = Document(data={"program": program, **_as_json(found, hunks, home)})
    _add_figures(document, found, subject)
    if hunks is not None:
        document.gap()
        _add_hunks(document, hunks, around or "")
        if home is not None:
            document.gap()
            document.say(f"In generated Python it is part of the value {home}.")
    return document


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
        "small": None if found.small is None else _sizes(found.small),
        "around": None if hunks is None else {"value": home, "passes": [asdict(hunk) for hunk in hunks]},
    }


def _add_figures(document: Document, found: Passes, subject: Subject) -> None:
    first, last = found.graphs[0], found.graphs[-1]
    changes = list(found.changes())
    most = max([len(first.product), *(change.after for _, change in changes)])
    title = subject.title
    if found.small is not None:
        operations = found.c[0].figures["operations"]
        document.say(f"{title}: {operations:,} operations, in loops.", style="bold")
        document.say(
            "Its graph is not made. Its loops are instances of a program over named sizes, which was proved for the "
            f"graph of a small model, {_sizes(found.small)}: the passes are shown on that.",
            80,
        )
        document.gap()
        title = found.small.title
    document.say(f"{title}: {len(last.product):,} operations.", style="bold")
    grown = f", the backward pass makes that {most:,}" if subject.gradient else ""
    document.say(f"The trace has {len(first.product):,}{grown}, and {most - len(last.product):,} go again.")
    document.gap()
    headings = ["pass", "before", "removed", "replaced", "merged", "added", "after", "ms"]
    rows = [[first.name, *[""] * 5, f"{len(first.product):,}", _milliseconds(first.seconds)]]
    rows += [_row(stage, change) for stage, change in changes]
    document.say("What each pass did", style="bold")
    document.table(headings, rows, left=1)
    document.gap()
    document.say(LEGEND, 80)
    document.gap()
    kinds = dict.fromkeys(kind for stage in found.graphs for kind in operations_by_kind(stage.product))
    table = [operations_by_kind(stage.product) for stage in found.graphs]
    rows = [[kind, *(f"{counts[kind]:,}" if kind in counts else "" for counts in table)] for kind in kinds]
    headings = ["kind", *(stage.name.replace("_", " ") for stage in found.graphs)]
    document.say("Operations after each pass", style="bold")
    document.table(headings, rows, left=1)
    for language, later in (("Python", found.python), ("C", found.c)):
        if later:
            document.gap()
            rows = [[stage.name, _sentence(stage), _milliseconds(stage.seconds)] for stage in later]
            where = " at its own sizes" if found.small is not None else ""
            document.say(f"Then, to become {language}{where}", style="bold")
            document.table(["stage", "result", "ms"], rows, left=2)


def _sizes(small: Subject) -> str:
    return small.heading[0].removeprefix("Made for ").removesuffix(" by microgpt. Do not edit.")


def _row(stage: Stage, change: Changes) -> list[str]:
    counts = [change.before, change.removed, change.replaced, change.merged, change.added, change.after]
    return [stage.name, *(f"{count:,}" if count else "" for count in counts), _milliseconds(stage.seconds)]


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.{0 if seconds >= 0.1 else 1}f}"


def _sentence(stage: LaterStage) -> str:
    return SENTENCES[stage.name].format(**{name: f"{number:,}" for name, number in stage.figures.items()})


def _add_hunks(document: Document, hunks: Sequence[Hunk], around: str) -> None:
    document.say(f"Around {around}", style="bold")
    document.say("Numbers are those of the trace; what a pass adds counts on from there.")
    for hunk in hunks:
        places = [f"%{node}" if node >= 0 else "-" for node in (hunk.before, hunk.after)]
        document.gap()
        document.say(f"@@ {hunk.name}: {hunk.fate} ({' -> '.join(places)}) @@", style="cyan")
        document.code(hunk.lines, "diff")
        if not hunk.lines:
            document.say("  nothing near it changes")
        if hunk.left_out:
            document.say(f"  ... and {hunk.left_out:,} more; see --limit and --radius")
