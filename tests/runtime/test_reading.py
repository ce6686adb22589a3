"""Readings: attention and probabilities of a text, against the eager model and the compiled programs, bit by bit."""

import math
from random import Random

import pytest

from microgpt.data.tokenizer import Tokenizer
from microgpt.model import gpt
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import Document, EagerBackend
from microgpt.runtime.training.evaluation import mean_loss, token_losses
from microgpt.runtime.training.reading import read_document

ALPHABET = Tokenizer(("a", "b", "c"))
CONFIG = GPTConfig(vocab_size=4, n_layer=2, n_embd=4, n_head=2, block_size=5)
PARAMETERS = [5 * weight for weight in gpt.initial_parameters(CONFIG, Random(3))]


@pytest.mark.parametrize("text", ["", "a", "abca", "abcabcabcab"])
def test_losses_are_those_of_a_backend(text: str):
    readings = read_document(CONFIG, PARAMETERS, ALPHABET.encode(text))
    backend = EagerBackend(CONFIG, AdamConfig())
    expected = token_losses(backend, CONFIG, ALPHABET, PARAMETERS, text, True)
    assert [reading.losses for reading in readings] == expected
    assert [reading.loss for reading in readings] == [mean_loss(losses) for losses in expected]
    for reading in readings:
        assert reading.loss == backend.loss_and_gradient(PARAMETERS, Document(reading.tokens, reading.targets))[0]


def test_attention_and_probabilities_are_the_softmaxes_of_the_model(monkeypatch: pytest.MonkeyPatch):
    softmaxes = []
    softmax = gpt._softmax

    def record(ops: gpt.ScalarOps, scores: list) -> list:
        softmaxes.append(found := softmax(ops, scores))
        return found

    tokens = ALPHABET.encode("abca")
    (reading,) = read_document(CONFIG, PARAMETERS, tokens)
    monkeypatch.setattr(gpt, "_softmax", record)
    EagerBackend(CONFIG, AdamConfig()).loss_and_gradient(PARAMETERS, Document(tokens[:-1], tokens[1:]))
    rows = iter([[value.data for value in row] for row in softmaxes])
    for position in range(5):
        for layer in range(2):
            for head in range(2):
                assert reading.attention[layer][head][position] == next(rows)
        assert reading.probabilities[position] == next(rows)
    assert next(rows, None) is None


def test_rows_add_up_to_one():
    for reading in read_document(CONFIG, PARAMETERS, ALPHABET.encode("abcabca")):
        rows = [row for layer in reading.attention for head in layer for row in head]
        assert all(math.isclose(sum(row), 1.0, rel_tol=1e-15) for row in rows + reading.probabilities)
        assert [len(row) for row in reading.attention[1][1]] == list(range(1, len(reading.tokens) + 1))
