"""Drift: by how much training in fast numerics differs from training in exact ones."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from random import Random

from ...compiler.numerics import Numerics, exact, numerics
from ...runtime.backends.backend import Backend
from ...runtime.training.sampling import SamplingOptions, sample_texts
from ...runtime.training.training import Training
from ..text.document import Document
from .verdict import Verdict

__all__ = ["measure_drift", "relative_drift"]


def relative_drift(expected: list[float], found: list[float]) -> float:
    """The largest difference between numbers of two lists, as a share of the largest number."""
    largest = max(map(abs, expected), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(expected, found, strict=True)), default=0.0) / largest


def measure_drift(
    begin: Callable[[], Training],
    engine: Callable[[Training], Backend],
    chosen: Numerics,
    samples: int,
    progressed: Callable[[str], None] = lambda words: None,
) -> Verdict:
    """Trains in exact numerics and in `chosen` ones, and compares the losses, the parameters, and samples.

    Args:
        begin: makes a run that has not begun.
        engine: makes its backend, with its programs.
        samples: how many to draw of each model, with the same random numbers.
        progressed: is called after each step, with a few words.
    """
    losses: list[list[float]] = []
    parameters: list[list[float]] = []
    texts: list[list[str]] = []
    backend = ""
    for each in (exact(), chosen):
        with numerics(each):
            training = begin()
            carried = engine(training)
            found = []
            for step in training.run(carried):
                found.append(step.loss)
                progressed(f"step {step.number}, {each.name}")
            losses.append(found)
            parameters.append(training.state.parameters)
            what = carried, training.config, training.tokenizer, training.state.parameters, Random(training.seed)
            texts.append(list(sample_texts(*what, SamplingOptions(0.5), samples)))
            backend = carried.name
    off = [abs(a - b) / abs(a) for a, b in zip(*losses, strict=True)]
    worst = max(range(len(off)), key=off.__getitem__)
    mean = fsum(off) / len(off)
    last, other = (found[-1] for found in losses)
    apart = relative_drift(*parameters)
    different = sum(a != b for a, b in zip(*texts, strict=True))
    steps = len(off)
    document = Document()
    document.say(
        f"{chosen.name} numerics of the {backend} backend against exact ones, {steps} step{'s' * (steps > 1)}", 80
    )
    document.gap()
    rows = [
        ["loss, at most", f"{off[worst]:.1e}", f"at step {worst + 1}"],
        ["loss, on average", f"{mean:.1e}", ""],
        ["last loss", f"{off[-1]:.1e}", f"{last:.6f} exact, {other:.6f}"],
        ["parameters, at most", f"{apart:.1e}", "of the largest"],
        ["samples that differ", f"{different} of {samples}", ""],
    ]
    document.table(["", "drift", ""], rows, left=1)
    document.data = {
        "backend": backend,
        "numerics": chosen.name,
        "steps": steps,
        "samples": samples,
        "drift": {
            "loss_at_most": off[worst],
            "loss_at_most_step": worst + 1,
            "loss_mean": mean,
            "last_loss": off[-1],
            "parameters_at_most": apart,
            "samples_that_differ": different,
        },
        "difference": None,
    }
    return Verdict(document, None)
