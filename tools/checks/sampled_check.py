"""A large model against the eager autograd, by samples: losses, gradients, an update and next tokens, bit by bit.

Each is computed by the model's own Python, on scalars that remember no more than is asked for (see `sample_plan`), with
the parameters as they are after some steps of training. Nothing of the compiler takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from ...compiler import functions
from ...compiler.pipeline import without_collection
from ...model import gpt
from ...model.config import GPTConfig
from ...runtime.backends.backend import Backend, Document, State
from ...runtime.forward import Forward
from ...runtime.programs import eager
from ...runtime.programs.step_constants import step_constants
from ...runtime.training.training import Training
from ..text.document import Document as Page
from .bisect import first_unequal
from .checker import UnequalError, number_lines
from .partial import Partial
from .sample_plan import Part, some_document
from .verdict import Verdict

__all__ = ["POSITIONS", "verify_sample"]

TEMPERATURE = 0.5
# Parameters whose update is compared: some tenths of a second.
_UPDATED = 100_000
# Positions whose next token is compared, at the most.
POSITIONS = 3


def verify_sample(
    training: Training,
    engine: Backend,
    parts: Sequence[Part],
    samples: int,
    cost: str,
    progressed: Callable[[str], None] = lambda words: None,
) -> Verdict:
    """Trains, and compares a sample of what the compiled programs compute with the parameters that are reached.

    Args:
        training: that has not begun.
        engine: what is checked.
        parts: the documents that are compared.
        samples: positions to compare the next token at; 0 for none.
        cost: what comparing everything would take, in words.
        progressed: is called after each step and each comparison, with a few words.
    """
    check = _SampledCheck(training, engine)
    page, difference = Page(), None
    try:
        with without_collection():
            for step in training.run(engine):
                progressed(f"step {step.number}")
            for part in parts:
                check.check_document(part)
                progressed(f"a document of {part.length} positions")
            if engine.batch_size == 1:
                check.check_update()
            for position in check.positions(samples):
                check.check_next_token(position)
                progressed(f"position {position + 1}")
    except UnequalError as error:
        difference = error.lines
        for line in difference:
            page.say(line)
    else:
        check.describe(page, cost)
    page.data = {
        "backend": engine.name,
        "steps": training.steps,
        "samples": samples,
        "compared": sum(row["compared"] for row in check.rows),
        "difference": difference,
        "sampled": check.rows,
    }
    return Verdict(page, difference)


class _SampledCheck:
    """What has been compared so far.

    Attributes:
        rows: by what was compared: its ``what``, the positions of its document, how many numbers.
        whole: positions of the longest document of which every gradient was.
    """

    def __init__(self, training: Training, engine: Backend) -> None:
        self.training, self.engine = training, engine
        self.config: GPTConfig = training.config
        self.random = Random(training.seed)
        self.rows: list[dict[str, Any]] = []
        self.whole = 0

    @property
    def state(self) -> State:
        return self.training.state

    def check_document(self, part: Part) -> None:
        """Compares a loss, and the part of its gradient that is sampled."""
        document = some_document(self.config, part.length, self.random)
        loss, gradient = _loss_and_gradient(self.config, self.state.parameters, document, part)
        found_loss, found = self.engine.loss_and_gradient(self.state.parameters, document)
        where = f"a document of {part.length} positions"
        self._compare(where, "loss", [loss], [found_loss], [0])
        places = list(gradient)
        self._compare(where, "gradient", list(gradient.values()), [found[place] for place in places], places)
        if len(places) == self.config.parameter_count:
            self.whole = part.length
        self._add(f"loss, {part.what}" if places else "loss", part.length, 1 + len(places))

    def check_update(self) -> None:
        """Compares the next step's update with that of the gradient which the compiled programs give."""
        (document,) = self.training.batch(self.state.step)
        _, gradient = self.engine.loss_and_gradient(self.state.parameters, document)
        after = self.state.copy()
        steps = self.training.steps + 1
        self.engine.advance(after, [document], steps)
        count = len(gradient)
        places = sorted(self.random.sample(range(count), min(count, _UPDATED)))
        before = self.state.parameters, gradient, self.state.first_moment, self.state.second_moment
        lanes = [[column[place] for place in places] for column in before]
        constants = step_constants(self.training.optimizer, self.state.step, steps)
        right = eager.update(self.training.optimizer, lanes, constants)
        names = ("parameters", "first_moment", "second_moment")
        for name, expected in zip(names, right, strict=True):
            column = getattr(after, name)
            where = f"step {self.state.step + 1}"
            self._compare(where, name, expected, [column[place] for place in places], places)
        self._add("update", document.length, 3 * len(places))

    def positions(self, samples: int) -> list[int]:
        """Those at which the next token is compared: the last one, the first one, and some between them."""
        block = self.config.block_size
        wanted = [block - 1, 0, *self.random.sample(range(block), min(block, POSITIONS))]
        return list(dict.fromkeys(wanted))[: min(samples, POSITIONS)]

    def check_next_token(self, position: int) -> None:
        """Compares probabilities, and what is cached, behind tokens at random."""
        config, parameters = self.config, self.state.parameters
        tokens, _ = some_document(config, position + 1, self.random)
        cache: list[float] = []
        for place, token in enumerate(tokens):
            before = len(cache)
            probabilities = self.engine.next_token(parameters, TEMPERATURE, token, place, cache)
        expected, entry = _next_token(config, parameters, tokens[-1], position, cache[:before])
        where = f"the next token at position {position + 1}"
        self._compare(where, "probabilities", expected, probabilities, range(len(expected)))
        self._compare(where, "entry", entry, cache[before:], range(len(entry)))
        self._add("next token, and what is cached", position + 1, len(expected) + len(entry))

    def _compare(
        self, where: str, name: str, expected: Sequence[float], found: Sequence[float], places: Sequence[int]
    ) -> None:
        wrong = first_unequal(expected, found)
        if wrong is not None:
            lines = number_lines(self.config, name, places[wrong], expected[wrong], found[wrong])
            raise UnequalError([f"{where}: {lines[0]}", *lines[1:]])

    def _add(self, what: str, length: int, compared: int) -> None:
        self.rows.append({"what": what, "length": length, "compared": compared})

    def describe(self, page: Page, cost: str) -> None:
        """Says what was compared, and what was not."""
        count, config = sum(row["compared"] for row in self.rows), self.config
        page.say(
            f"a sample of what the {self.engine.name} backend computes after {self.training.steps} steps of training; "
            f"the eager autograd would take {cost} for all of these",
            80,
        )
        page.gap()
        rows = [[row["what"], f"{row['length']:,}", f"{row['compared']:,}"] for row in self.rows]
        page.table(["compared", "positions", "numbers"], rows, left=1)
        page.gap()
        page.say(f"{count:,} numbers, all equal to the eager autograd's, bit by bit")
        rest = ["other documents and positions"]
        if self.whole < config.block_size:
            longer = f" of documents of more than {self.whole} positions" if self.whole else ""
            rest.insert(0, f"other gradients{longer}")
        if self.engine.batch_size > 1:
            rest.append("batches")
        page.say(f"not compared: {', '.join(rest)}", 80)


def _loss_and_gradient(
    config: GPTConfig, parameters: Sequence[float], document: Document, part: Part
) -> tuple[float, dict[int, float]]:
    """The loss, and by the place of each chosen parameter, its derivative."""
    scalars = list(map(Forward, parameters))
    chosen = {place: Partial(parameters[place]) for place in part.places(config)}
    for place, scalar in chosen.items():
        scalars[place] = scalar
    loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), *document)
    if isinstance(loss, Partial):
        loss.backward()
    return loss.data, {place: scalar.grad for place, scalar in chosen.items()}


def _next_token(
    config: GPTConfig, parameters: Sequence[float], token: int, position: int, cache: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The probabilities, and what the position adds to the cache."""
    width, layers = config.n_embd, config.n_layer
    vectors = [list(map(Forward, cache[start : start + width])) for start in range(0, len(cache), width)]
    keys = [vectors[2 * layer :: 2 * layers] for layer in range(layers)]
    values = [vectors[2 * layer + 1 :: 2 * layers] for layer in range(layers)]
    weights = gpt.weights_of(config, list(map(Forward, parameters)))
    probabilities = gpt.next_token_probabilities(config, functions, weights, token, position, keys, values, TEMPERATURE)
    entry = [unit.data for pair in zip(keys, values, strict=True) for rows in pair for unit in rows[-1]]
    return [probability.data for probability in probabilities], entry
