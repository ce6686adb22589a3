"""Which run ``train --resume`` goes on with, and with which options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from ...runtime.training.checkpoint import Checkpoint, load_checkpoint
from ...runtime.training.runs import CHECKPOINTS, CONFIG, newest_checkpoint
from ..terminal import console
from ..terminal.failures import BAD_INPUT, CommandError

__all__ = ["Resumption", "find_run", "refuse_unfinished"]

# What a command says of itself, and not of the run that it goes on with.
NOT_KEPT = ("resume", "overwrite", "out", "backend", "threads")


@dataclass(frozen=True)
class Resumption:
    """What to go on from.

    Attributes:
        out: the folder of the run, if it has one.
        path, checkpoint: where it stands; None if it has not got as far as a checkpoint.
        options: those of the run, by the names of their parameters.
    """

    out: Path | None
    path: Path | None = None
    checkpoint: Checkpoint | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def find_run(resume: str, out: Path | None) -> Resumption:
    """The run that ``--resume RESUME --out OUT`` means; RESUME is empty if only the word was given."""
    if not resume:
        if out is None:
            raise click.UsageError("--resume needs a folder or a checkpoint, unless --out names the folder")
        return _in_folder(out, out, required=False)
    place = Path(resume)
    if place.is_dir():
        return _in_folder(place, out or place, required=True)
    checkpoint = load_checkpoint(place)
    home = next((folder for folder in (place.parent, place.parent.parent) if (folder / CONFIG).is_file()), None)
    if place.parent.name != CHECKPOINTS and home != place.parent:
        home = None
    options = _stored_options(home) if home else {}
    return Resumption(out or home, place, checkpoint, {**options, **_options_of(place, checkpoint)})


def _in_folder(folder: Path, out: Path, required: bool) -> Resumption:
    options = _stored_options(folder)
    found = newest_checkpoint(folder, console.warn)
    if found is None:
        if required and not options:
            raise CommandError(
                f"{folder} holds no run that could be resumed; give the --out folder of an earlier training", BAD_INPUT
            )
        return Resumption(out, options=options if required else {})
    path, checkpoint = found
    return Resumption(out, path, checkpoint, {**options, **_options_of(path, checkpoint)})


def _options_of(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    progress = checkpoint.progress
    if progress is None:
        raise CommandError(
            f"{path} holds a model, but not what training needs to go on; it can be sampled, not resumed", BAD_INPUT
        )
    shape = {name: size for name, size in asdict(checkpoint.config).items() if name != "vocab_size"}
    return {
        **shape,
        "data": progress.corpus,
        "seed": checkpoint.seed,
        "numerics": checkpoint.numerics,
        "steps": progress.steps,
        **asdict(progress.optimizer),
        "eval_fraction": progress.eval_fraction,
        "pack": progress.pack,
        "batch_size": progress.batch_size,
    }


def _stored_options(folder: Path) -> dict[str, Any]:
    """The options in the configuration of a run; none where there is no sound one."""
    try:
        stored = json.loads((folder / CONFIG).read_bytes())["options"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    context = click.get_current_context()
    options = {}
    for parameter in context.command.params:
        value = stored.get(parameter.name) if isinstance(stored, dict) else None
        if parameter.name is not None and value is not None:
            try:
                options[parameter.name] = parameter.type_cast_value(context, value)
            except click.UsageError:
                continue
    return {name: value for name, value in options.items() if name not in NOT_KEPT}


def refuse_unfinished(folder: Path) -> None:
    """Raises a `CommandError` if a run in `folder` could still be resumed, so that nothing is lost unasked."""
    found = newest_checkpoint(folder, lambda message: None)
    progress = found and found[1].progress
    if found and progress and found[1].step < progress.steps:
        raise CommandError(
            f"{folder} holds a run that has taken {found[1].step} of its {progress.steps} steps; go on with it by "
            f"--resume, or lose it by --overwrite",
            BAD_INPUT,
        )
