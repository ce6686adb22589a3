"""The figures of a report as plain data, for ``--json``. What is not a finite number is ``null``."""

from __future__ import annotations

from typing import Any

from ..pictures.smoothing import horizon_of, smooth
from ..text.schema import without_infinities
from .gather import Report, guessing_loss

__all__ = ["as_json"]


def as_json(report: Report) -> dict[str, Any]:
    """All that a page shows. docs/json.md describes it."""
    record, model = report.record, report.record.model
    horizon = horizon_of(len(record.losses))
    data = {
        "name": record.name,
        "config": record.config,
        "result": record.result,
        "missing": report.missing,
        "loss": {
            "steps": record.steps,
            "losses": record.losses,
            "smoothed": smooth(record.losses, horizon),
            "horizon": horizon,
            "held_out": record.held_out_loss,
            "guessing": guessing_loss(model.tokenizer) if model else None,
        },
        "model": {"step": model.step, **vars(model.config)} if model else None,
        "characters": [*model.tokenizer.characters, None] if model else None,
        "samples": {"temperature": report.temperature, "texts": report.samples},
        "texts": [
            {
                "text": read.text,
                "same_bits": read.same_bits,
                "windows": [{**vars(reading)} for reading in read.windows],
            }
            for read in report.texts
        ],
        "embeddings": {
            name: {"points": plane.points, "variance": plane.shares} for name, plane in report.planes.items()
        },
    }
    found: dict[str, Any] = without_infinities(data)
    return found
