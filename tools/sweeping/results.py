"""What came out of a sweep: runs that differ by their seed alone put together, and the settings in order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .grid import Axis
from .job import LAST_STEPS, Result

__all__ = ["Setting", "report", "settings_of", "table"]


@dataclass(frozen=True)
class Setting:
    """The runs that differ by their seed alone.

    Attributes:
        varied: the values of the other varied options.
        results: of the runs.
    """

    varied: Mapping[str, Any]
    results: tuple[Result, ...]

    @property
    def losses(self) -> list[float]:
        """Of the runs that finished: of what was held out, if something was; else of the last steps."""
        found = (result.loss if result.held_out is None else result.held_out for result in self.results)
        return [loss for loss in found if loss is not None]

    @property
    def loss(self) -> float | None:
        """Their mean, in nats; None if not every run finished: a setting that diverges now and then is no good one."""
        losses = self.losses
        return math.fsum(losses) / len(losses) if len(losses) == len(self.results) else None


def settings_of(results: Sequence[Result]) -> list[Setting]:
    """The settings, the best first; those of equal loss in the order of their runs."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        key = tuple((name, value) for name, value in result.varied.items() if name != "seed")
        groups.setdefault(key, []).append(result)
    settings = [Setting(dict(key), tuple(group)) for key, group in groups.items()]
    return sorted(settings, key=lambda setting: math.inf if setting.loss is None else setting.loss)


def table(settings: Sequence[Setting], axes: Sequence[Axis]) -> tuple[str, list[str], list[list[str]]]:
    """The title, headings and rows of a table."""
    names = [axis.name for axis in axes if axis.name != "seed"]
    seeds = any(axis.name == "seed" for axis in axes)
    held_out = any(result.held_out is not None for setting in settings for result in setting.results)
    rows = []
    for setting in settings:
        row = [str(setting.varied[name]) for name in names]
        row.append("-" if setting.loss is None else f"{setting.loss:.4f}")
        if held_out:
            bits = [result.bits_per_character for result in setting.results if result.bits_per_character is not None]
            row.append(f"{math.fsum(bits) / len(bits):.4f}" if bits else "-")
        if seeds:
            row += [f"{end(setting.losses):.4f}" if setting.losses else "-" for end in (min, max)]
        rows.append([*row, _outcome(setting)])
    what = "Loss of what was held out" if held_out else f"Mean loss of the last {LAST_STEPS} steps"
    title = f"{what}, the mean of all seeds" if seeds and names else what
    bits_heading = ["bits per char"] if held_out else []
    return title, [*names, "loss", *bits_heading, *(["lowest", "highest"] if seeds else []), "runs"], rows


def _outcome(setting: Setting) -> str:
    """How many runs there are and, in words, what became of those that did not finish."""
    bad = {outcome: sum(result.outcome == outcome for result in setting.results) for outcome in ("diverged", "failed")}
    words = [f"{count} {outcome}" for outcome, count in bad.items() if count]
    return ", ".join(words) if words else str(len(setting.results))


def report(settings: Sequence[Setting]) -> dict[str, Any]:
    """All of it as plain data, for ``--json`` and the file in the folder."""
    return {
        "settings": [
            {"varied": dict(setting.varied), "loss": setting.loss, "runs": [result.name for result in setting.results]}
            for setting in settings
        ],
        "runs": [asdict(result) for setting in settings for result in setting.results],
    }
