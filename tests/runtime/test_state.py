"""What training changes is handed from slice to slice as it is in memory, and is lists for everybody who looks."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest
from helpers import skip_without_compiler

from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.model.gpt import initial_parameters
from microgpt.runtime.backends.backend import Document, State, split_document
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.random_stream import random_stream


def test_numbers_are_lists_when_they_are_read():
    state = State([1.0, 2.0])
    state.held["second_moment"] = array("d", [0.25, 0.5])
    assert (state.first_moment, state.second_moment) == ([0.0, 0.0], [0.25, 0.5])
    state.second_moment[1] = 3.0
    assert state.second_moment == [0.25, 3.0]


def test_a_copy_stays_as_it_is():
    state = State([1.0, 2.0], step=3)
    state.held["first_moment"] = array("d", [0.25, 0.5])
    copy = state.copy()
    state.parameters[0], state.first_moment[0], state.step = 5.0, 6.0, 4
    assert (copy.parameters, copy.first_moment, copy.second_moment, copy.step) == (
        [1.0, 2.0],
        [0.25, 0.5],
        [0.0, 0.0],
        3,
    )


@pytest.mark.parametrize("kind", ["d", "f", "list"])
def test_what_is_not_finite_is_found(kind: str):
    greatest = 3.4e38 if kind == "f" else 1.7e308
    for place in range(3):
        for wrong in (math.nan, -math.nan, math.inf, -math.inf, greatest, -greatest, 5e-324, -0.0):
            numbers = [greatest, -1.0, 2.0]
            numbers[place] = wrong
            state = State([1.0, 2.0, 3.0])
            state.held["first_moment"] = numbers if kind == "list" else array(kind, numbers)
            assert state.is_finite() == math.isfinite(wrong)


def test_slices_hand_over_what_is_in_memory(tmp_path: Path):
    """With the same results as if it were lists in between."""
    skip_without_compiler()
    config = GPTConfig(5, 1, 8, 2, 4)
    backend = CBackend(config, AdamConfig(), Cache.open(tmp_path))
    states = [State(initial_parameters(config, random_stream(42))) for _ in range(2)]
    document = split_document(config, [4, 0, 1, 2, 4])
    for _ in range(3):
        losses = [backend.advance(state, [document] * 2, 6) for state in states]
        assert losses[0] == losses[1]
        assert all(isinstance(held, array) for held in states[0].held.values())
        assert all(map(len, (states[1].parameters, states[1].first_moment, states[1].second_moment)))
        assert all(isinstance(held, list) for held in states[1].held.values())
    assert states[0].parameters == states[1].parameters
    assert states[0].second_moment == states[1].second_moment


def test_documents_unpack_as_tokens_and_targets():
    document = Document([4, 0, 1], (0, 1, 4))
    tokens, targets = document
    assert (tokens, targets, document.length) == ([4, 0, 1], [0, 1, 4], 3)
    assert document.packed == array("i", [4, 0, 1, 0, 1, 4]).tobytes()
