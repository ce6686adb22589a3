"""The tokenizer: ids as the reference gives them, any Unicode, and clear words about characters that are not there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.data.corpus import load_corpus
from microgpt.data.tokenizer import Tokenizer, UnknownCharacterError

DOCUMENTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5)


def test_ids_of_the_names():
    documents = load_corpus("names").documents
    tokenizer = Tokenizer.of(documents)
    assert tokenizer.characters == tuple(sorted(set("".join(documents))))
    assert (tokenizer.bos, tokenizer.vocab_size) == (26, 27)
    assert tokenizer.encode("emma") == [26, 4, 12, 12, 0, 26]
    assert tokenizer.encode("") == [26, 26]
    assert tokenizer.decode([26, 4, 12, 12, 0, 26]) == "emma"


@given(DOCUMENTS)
def test_round_trips(documents: list[str]):
    tokenizer = Tokenizer.of(documents)
    assert tokenizer.characters == tuple(sorted(set("".join(documents))))
    for document in documents:
        tokens = tokenizer.encode(document)
        assert tokens[0] == tokens[-1] == tokenizer.bos
        assert [tokenizer.characters[token] for token in tokens[1:-1]] == list(document)
        assert tokenizer.decode(tokens) == document
    text = tokenizer.to_json()
    assert text.isascii()
    assert Tokenizer.from_json(text) == tokenizer


def test_combining_and_astral_characters_are_tokens():
    tokenizer = Tokenizer.of(["e\u0301", "😀"])
    assert tokenizer.characters == ("e", "\u0301", "😀")
    assert tokenizer.encode("😀e\u0301") == [3, 2, 0, 1, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna7!7", ["'7', '!'", "'anna7!7'", "the alphabet is 'abcdeilnoé'"]),
        ("Anna", ["'A'", "did you mean 'anna'?"]),
        ("e\u0301lodie", ["did you mean 'élodie'?"]),
        ("E\u0301LODIE", ["did you mean 'élodie'?"]),
        ("0123456789", ["'7', ..."]),
    ],
)
def test_unknown_characters(text: str, words: list[str]):
    with pytest.raises(UnknownCharacterError) as caught:
        Tokenizer.of(["abc", "anna", "élodie"]).encode(text)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_a_large_alphabet_is_not_listed_whole():
    tokenizer = Tokenizer(tuple(map(chr, range(0x4E00, 0x9000))))
    with pytest.raises(UnknownCharacterError) as caught:
        tokenizer.encode("x" * 1000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("token", [-1, 4, 10**30])
def test_decode_refuses_tokens_that_do_not_exist(token: int):
    with pytest.raises(ValueError, match=f"no token {token}"):
        Tokenizer.of(["abc"]).decode([0, token])


@pytest.mark.parametrize(
    "characters",
    [["b", "a"], ["a", "a"], ["ab"], [""], [1], [None], ["\ud800"], [["a"]], "abc", {"a": 0}, None, 3],
)
def test_from_json_refuses_what_is_no_alphabet(characters: object):
    with pytest.raises(ValueError, match="character"):
        Tokenizer.from_json(json.dumps(characters))


def test_from_json_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="Expecting"):
        Tokenizer.from_json("[")
