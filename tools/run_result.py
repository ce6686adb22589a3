"""What the folder of a run gets when the run has ended: how that came, and a picture of its losses."""

from __future__ import annotations

import math
from dataclasses import asdict

from ..runtime.evaluation import Evaluation
from ..runtime.runs import RunFolder
from . import console

__all__ = ["write_result"]


def write_result(
    folder: RunFolder,
    outcome: str,
    step: int,
    vocab_size: int,
    message: str = "",
    held_out: Evaluation | None = None,
) -> None:
    """Writes ``result.json`` and ``loss.svg``; if that cannot be, there is a warning, for the run has ended anyway.

    Args:
        outcome: ``finished``, ``diverged`` or ``interrupted``.
        step: how many were taken, all told.
        message: why it ended early.
        held_out: how well the model predicts what it was not trained on.
    """
    from .pictures.loss_curve import draw_loss_curve
    from .pictures.svg import standalone
    from .report.record import read_log

    steps, losses, _ = read_log(folder.log_path)
    measured = held_out.document_loss if held_out else None
    curve = standalone(draw_loss_curve(steps, losses, math.log(vocab_size), measured))
    result = {
        "outcome": outcome,
        "step": step,
        "message": message,
        "held_out": _finite(held_out) if held_out else None,
    }
    try:
        folder.end(result, curve)
    except OSError as error:
        console.warn(f"how the run ended could not be written to {folder.path} ({error.strerror})")


def _finite(held_out: Evaluation) -> dict[str, float | int | None]:
    """JSON has no infinity."""
    return {name: number if math.isfinite(number) else None for name, number in asdict(held_out).items()}
