"""What the folder of a run gets when the run has ended: how that came, and a picture of its losses."""

from __future__ import annotations

import math

from ...runtime.training.evaluation import Evaluation
from ...runtime.training.recording import describe_result
from ...runtime.training.runs import RunFolder
from ...runtime.training.training import Training
from ..terminal import console

__all__ = ["write_result"]


def write_result(
    folder: RunFolder, training: Training, outcome: str, message: str = "", held_out: Evaluation | None = None
) -> None:
    """Writes ``result.json`` and ``loss.svg``; if that cannot be, there is a warning, for the run has ended anyway.

    Args:
        outcome, message, held_out: as of `describe_result`.
    """
    from ..pictures.loss_curve import draw_loss_curve
    from ..pictures.svg import standalone
    from ..report.record import read_log

    # From the log, since a run that was resumed has steps in it that this process has not seen.
    steps, losses, _ = read_log(folder.log_path)
    guessing = math.log(training.config.vocab_size)
    curve = draw_loss_curve(steps, losses, guessing, held_out.document_loss if held_out else None)
    try:
        folder.end(describe_result(outcome, training.checkpoint().step, message, held_out))
        folder.save_curve(standalone(curve))
    except OSError as error:
        console.warn(f"how the run ended could not be written to {folder.path} ({error.strerror})")
