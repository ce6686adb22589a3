"""The page: a report as one HTML file that needs nothing else, no network and no script.

Whatever texts are in it are escaped by the template; only the pictures, which escape theirs, go in as they are. The
same report gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, TypedDict

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ...runtime.version import VERSION
from ..pictures.content_policy import content_policy
from ..pictures.smoothing import horizon_of, smooth
from ..pictures.svg import theme
from ..text.escape import escaped
from . import figures
from .gather import Report, guessing_loss

__all__ = ["write_page"]


class Table(TypedDict):
    """Names and values under a heading."""

    title: str
    rows: list[tuple[str, str]]


def write_page(report: Report) -> str:
    """The HTML of a report."""
    record, model = report.record, report.record.model
    texts = list(figures.text_figures(report))
    parts: dict[str, Any] = {
        "title": escaped(record.name),
        "summary": _summary(report),
        "numbers": _numbers(report),
        "stopped": _stopped(report),
        "missing": [escaped(sentence) for sentence in report.missing],
        "loss": figures.loss_figure(record),
        "samples": [escaped(sample) for sample in report.samples],
        "temperature": f"{report.temperature:g}",
        "trained": bool(model and model.progress and model.step == model.progress.steps),
        "texts": texts,
        "planes": list(figures.plane_figures(model, report.planes)) if model else [],
        "weights": figures.parameter_figure(model) if model else None,
        "settings": _settings(report),
        "version": VERSION,
    }
    package = files(__package__)
    style = "\n" + theme() + package.joinpath("page.css").read_text("utf-8")
    policy = Markup(content_policy(style))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(package.joinpath("page.html").read_text("utf-8"))
    # Style sheets and policy are ours, and hold no markup.
    return template.render(parts, contents=_contents(parts), style=Markup(style), policy=policy) + "\n"


def _contents(parts: Mapping[str, Any]) -> list[dict[str, str]]:
    """The sections that are there, in their order."""
    texts = [(f"text{place}", f"Reading {text.title}") for place, text in enumerate(parts["texts"], 1)]
    sections = [
        ("loss", "How training went", parts["loss"]),
        ("samples", "What the model invents", parts["samples"]),
        *((place, title, True) for place, title in texts),
        ("embeddings", "Characters and positions", parts["planes"]),
        ("weights", "The weights", parts["weights"]),
        ("settings", "Settings and environment", parts["settings"]),
    ]
    return [{"id": place, "title": title} for place, title, there in sections if there]


def _summary(report: Report) -> str:
    record, model = report.record, report.record.model
    data = record.config.get("data")
    name = data.get("name") if isinstance(data, dict) else model.progress.corpus if model and model.progress else None
    corpus = f" on {escaped(str(name))}" if name else ""
    done = max(record.steps[-1] if record.steps else 0, model.step if model else 0)
    planned = record.planned_steps
    steps = f"{done:,} of {planned:,} steps" if planned and planned != done else f"{done:,} step{'s' * (done != 1)}"
    size = f" of {len(model.parameters):,} weights" if model else ""
    return f"A model{size}, trained{corpus} for {steps}."


def _numbers(report: Report) -> list[dict[str, str]]:
    record = report.record
    found = []
    if record.losses:
        mean = smooth(record.losses, horizon_of(len(record.losses)))[-1]
        found += [("loss at the first step", record.losses[0]), ("mean loss at the end", mean)]
    if record.model:
        found.append(("loss of guessing blindly", guessing_loss(record.model.tokenizer)))
    if record.held_out_loss is not None:
        found.append(("loss of what was held out", record.held_out_loss))
    return [{"name": name, "value": f"{number:.4f}"} for name, number in found]


def _stopped(report: Report) -> str:
    """Where and why a run ended before its last step, if it is known to have."""
    record = report.record
    outcome, message = record.result.get("outcome"), record.result.get("message")
    if outcome in (None, "finished"):
        return ""
    begin = "Training came to a number that is not finite" if outcome == "diverged" else f"It was {outcome}"
    return escaped(f"{begin}: {message}" if message else f"{begin}.")


def _settings(report: Report) -> list[Table]:
    """What is known of how the model was trained, and where."""
    record, model = report.record, report.record.model
    config: dict[str, Any] = {**record.config}
    if not config and model:
        config = {"model": vars(model.config), "seed": model.seed, "versions": {"microgpt": model.tool_version}}
        if model.progress:
            config |= {
                "optimizer": vars(model.progress.optimizer),
                "steps": model.progress.steps,
                "data": {"name": model.progress.corpus, "sha256": model.progress.corpus_sha256},
            }
    general = {name: value for name, value in config.items() if not isinstance(value, dict)}
    if model:
        general["alphabet"] = "".join(model.tokenizer.characters)
    tables: list[Table] = []
    titles = {
        "model": "Model",
        "optimizer": "Optimiser",
        "data": "Corpus",
        "versions": "Environment",
        "options": "Options",
    }
    for name, title in titles.items():
        if isinstance(config.get(name), dict):
            tables.append(_table(title, config[name]))
    return [_table("Run", general), *tables] if general else tables


def _table(title: str, values: Mapping[str, Any]) -> Table:
    rows = [
        (escaped(str(name).replace("_", " ")), escaped(value if isinstance(value, str) else json.dumps(value)))
        for name, value in values.items()
        if value is not None
    ]
    return {"title": title, "rows": rows}
