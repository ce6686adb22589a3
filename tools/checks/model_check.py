"""A model against the eager autograd: steps of training and samples, bit by bit."""

from __future__ import annotations

from collections.abc import Callable

from ...runtime.backends.backend import Backend
from ...runtime.programs.library import Library
from ...runtime.training.training import Training, sample
from ..text.document import Document
from .checker import Checker, UnequalError
from .verdict import Verdict

__all__ = ["verify_model"]

TEMPERATURE = 0.5


def verify_model(
    training: Training,
    engine: Backend,
    library: Library,
    samples: int,
    progressed: Callable[[str], None] = lambda words: None,
) -> Verdict:
    """Trains both side by side and compares each loss, gradient and parameter, then every probability of some samples.

    Args:
        training: that has not begun.
        engine: what is checked.
        library: of generated Python, by which a difference is traced to its operation.
        progressed: is called after each step, with a few words.
    """
    steps = training.steps
    checker = Checker(training.config, training.optimizer, library, None if engine.name == "python" else engine)
    document, difference = Document(), None
    try:
        for step in training.run(checker):
            progressed(f"step {step.number}")
        for number in range(1, samples + 1):
            checker.where = f"sample {number}"
            sample(checker, training.config, training.tokenizer, training.state.parameters, training.rng, TEMPERATURE)
    except UnequalError as error:
        difference = error.lines
        for line in difference:
            document.say(line)
    else:
        document.say(
            f"{steps} steps and {samples} samples: {checker.compared:,} numbers of the {engine.name} backend, all "
            "equal to the eager autograd's, bit by bit"
        )
    document.data = {
        "backend": engine.name,
        "steps": steps,
        "samples": samples,
        "compared": checker.compared,
        "difference": difference,
    }
    return Verdict(document, difference)
