"""``microgpt compare``: whether two runs are the same, and where they differ first."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ...runtime.training.checkpoint import Checkpoint
from ...runtime.training.runs import CONFIG, LOG, newest_checkpoint
from ..options import shared as options
from ..terminal import console
from ..terminal.failures import DIFFERENCE, USAGE, CommandError

__all__ = ["compare"]

# Rows of the table of losses.
ROWS = 10
# What a configuration says that has no part in the results.
IRRELEVANT = {"backend", "versions", "options"}


@dataclass(frozen=True)
class _Recorded:
    """What a run has left.

    Attributes:
        log: its lines.
        config: its configuration; empty for a mere log.
        checkpoint: its last; None for a mere log.
    """

    log: list[dict[str, Any]]
    config: dict[str, Any]
    checkpoint: Checkpoint | None


@click.command()
@click.argument("a", type=options.PATH)
@click.argument("b", type=options.PATH)
@options.json_option
@click.pass_context
def compare(context: click.Context, /, a: Path, b: Path, as_json: bool) -> None:
    """Compare two runs, and show where they first differ.

    A and B are folders that `microgpt train --out` has written, or logs of --log.
    Every bit counts: of each step's loss and, for folders, of every parameter of
    the last checkpoint. The exit code is 0 if all are equal, 1 if
    not, and 2 if there is nothing to compare.

    \b
    Examples:
      microgpt compare runs/python runs/c
      microgpt compare monday.jsonl tuesday.jsonl
      microgpt compare runs/a runs/b --json && echo the same
    """
    runs = _read(a), _read(b)
    report = _report(*runs)
    if as_json:
        console.print_json("compare", report)
    else:
        _print(report, a, b)
    context.exit(0 if report["equal"] else DIFFERENCE)


def _read(path: Path) -> _Recorded:
    log = path / LOG if path.is_dir() else path
    try:
        lines = [json.loads(line) for line in log.read_bytes().splitlines()]
        for line in lines:
            if not (type(line["step"]) is int and math.isfinite(line["loss"])):
                raise ValueError("a line without step and loss")
        config = json.loads((path / CONFIG).read_bytes()) if (path / CONFIG).is_file() else {}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise CommandError(f"{log} is not the log of a run ({reason})", USAGE) from None
    found = newest_checkpoint(path, console.warn) if path.is_dir() else None
    return _Recorded(lines, config if isinstance(config, dict) else {}, found[1] if found else None)


def _report(a: _Recorded, b: _Recorded) -> dict[str, Any]:
    pairs = list(zip(a.log, b.log, strict=False))
    first = next(({"a": x, "b": y} for x, y in pairs if x != y), None)
    names = sorted((a.config.keys() | b.config.keys()) - IRRELEVANT) if a.config and b.config else []
    config = {name: [a.config.get(name), b.config.get(name)] for name in names}
    config = {name: values for name, values in config.items() if values[0] != values[1]}
    parameters = _parameters(a.checkpoint, b.checkpoint)
    differ = first is not None or len(a.log) != len(b.log) or bool(parameters and parameters["different"])
    return {
        "equal": not differ,
        "steps": [len(a.log), len(b.log)],
        "first_difference": first,
        "config": config,
        "parameters": parameters,
        "losses": _curves(a, b),
    }


def _parameters(a: Checkpoint | None, b: Checkpoint | None) -> dict[str, Any] | None:
    """How many parameters differ, and by how much; None if there are no two models to compare."""
    if a is None or b is None:
        return None
    if a.config != b.config or a.step != b.step:
        return {"steps": [a.step, b.step], "count": [len(a.parameters), len(b.parameters)], "different": True}
    gaps = [abs(x - y) for x, y in zip(a.parameters, b.parameters, strict=True)]
    different = sum(gap != 0 for gap in gaps)
    return {"steps": [a.step, b.step], "count": len(gaps), "different": different, "largest": max(gaps)}


def _curves(a: _Recorded, b: _Recorded) -> list[dict[str, Any]]:
    """The mean losses over equal spans of steps."""
    total = max(len(a.log), len(b.log))
    span = max(1, -(-total // ROWS))
    curves = []
    for start in range(0, total, span):
        means = [
            math.fsum(line["loss"] for line in part) / len(part) if (part := run.log[start : start + span]) else None
            for run in (a, b)
        ]
        curves.append({"from": start + 1, "to": min(start + span, total), "a": means[0], "b": means[1]})
    return curves


def _print(report: dict[str, Any], a: Path, b: Path) -> None:
    for name, (ours, theirs) in report["config"].items():
        console.echo_wrapped(f"{name}: {json.dumps(ours)} in {a}, {json.dumps(theirs)} in {b}")
    steps, first = report["steps"], report["first_difference"]
    if first:
        console.echo_wrapped(
            f"they part at step {first['a']['step']}: {json.dumps(first['a'])} and {json.dumps(first['b'])}"
        )
    elif steps[0] != steps[1]:
        console.echo_wrapped(f"{a} has {steps[0]} steps, {b} has {steps[1]}; those of both are equal")
    else:
        console.echo_wrapped(f"the losses of all {steps[0]} steps are equal")
    parameters = report["parameters"]
    if parameters and "largest" in parameters:
        largest = f", by {parameters['largest']:.3g} at most" if parameters["different"] else ""
        console.echo_wrapped(f"{parameters['different']} of {parameters['count']} parameters differ{largest}")
    elif parameters:
        console.echo_wrapped(
            f"the checkpoints cannot be compared: steps {parameters['steps']}, sizes {parameters['count']}"
        )
    rows = [
        [f"{row['from']}-{row['to']}", *("-" if row[run] is None else f"{row[run]:.4f}" for run in ("a", "b"))]
        for row in report["losses"]
    ]
    console.print_table("Mean loss", ["steps", "A", "B"], rows)
