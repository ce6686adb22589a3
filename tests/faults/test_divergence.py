"""NaN and infinity in training: the step, the document and the operation are told, wherever they began."""

import math
from collections.abc import Sequence

import pytest

from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Document, EagerBackend, State
from microgpt.runtime.training.divergence import Cause, find_cause
from microgpt.runtime.training.training import NotFiniteError, Step, Training

CORPUS = Corpus("small", ("abba", "a", "ca", "bacca", "cab"), "")
SHAPE = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 4}


class SlicedBackend(EagerBackend):
    """Takes several steps at a time, as faster backends do."""

    slice = 4


def diverge(training: Training, backend: EagerBackend) -> tuple[list[Step], Cause]:
    """The steps before it goes wrong, and what went wrong."""
    steps: list[Step] = []
    with pytest.raises(NotFiniteError) as caught:
        steps.extend(training.run(backend))  # extend keeps what came before the error
    cause = find_cause(training, caught.value)
    assert cause is not None
    return steps, cause


def new(learning_rate: float = 0.01) -> tuple[Training, SlicedBackend]:
    training = Training(CORPUS, 1, 20, AdamConfig(learning_rate=learning_rate), **SHAPE)
    return training, SlicedBackend(training.config, training.optimizer)


def test_in_the_forward_pass():
    training, backend = new()
    start = len("abc|") * 4 + 4 * 4
    training.state.parameters[start : start + 4] = [1.7e308] * 4  # of lm_head, for "a"
    _, cause = diverge(training, backend)
    assert cause.step == 1
    assert cause.phase == "forward"
    assert math.isinf(cause.value)
    assert "at gpt.py:" in cause.operation
    assert "logits" in cause.operation
    assert str(cause).startswith(f"step 1, document '{cause.text}': {cause.value} in the forward pass, first in ")


def test_an_infinity_that_comes_to_nothing_is_none_of_our_business():
    """The square of this embedding is infinite, so its norm makes it zero."""
    training, backend = new()
    training.state.parameters[0] = 1e200
    assert len(list(training.run(backend))) == 20


def test_in_the_gradient():
    training, backend = new()
    start = training.config.parameter_count - 16 * 4  # of mlp_fc2
    training.state.parameters[start:] = [1e300] * 64
    _, cause = diverge(training, backend)
    assert cause.step == 1
    assert cause.phase in ("backward", "forward")
    assert "at gpt.py:" in cause.operation


def test_in_the_update():
    training, backend = new()
    training.state.first_moment[3] = 1.7e308  # divided by a correction below one
    _, cause = diverge(training, backend)
    assert (cause.step, cause.phase, cause.value) == (1, "update", math.inf)
    assert cause.operation.startswith("div(")
    assert "at adam.py:" in cause.operation
    assert cause.operation.endswith(", for wte[0,3]")


def test_in_the_middle_of_a_slice():
    """The step is found again, and it is the one that goes wrong when each is taken alone."""
    causes = []
    for backend_class in (EagerBackend, SlicedBackend):
        training, _ = new(1e200)
        steps, cause = diverge(training, backend_class(training.config, training.optimizer))
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert len(steps) == cause.step - 1
        causes.append((steps, cause))
    assert causes[0] == causes[1]


def test_a_finite_loss_with_a_bad_state_is_no_good_step():
    """Nothing may be saved after it."""

    class Spoiling(EagerBackend):
        def advance(self, state: State, documents: Sequence[Document], num_steps: int) -> list[float]:
            losses = super().advance(state, documents, num_steps)
            if state.step == 3:
                state.first_moment[0] = math.nan
            return losses

    training, _ = new()
    steps: list[Step] = []
    with pytest.raises(NotFiniteError) as caught:
        steps.extend(training.run(Spoiling(training.config, training.optimizer)))
    assert [step.number for step in steps] == [1, 2]
    assert (caught.value.step, caught.value.before.step) == (3, 2)
    # Where the model is not to blame, nothing is made up.
    assert find_cause(training, caught.value) is None
