"""Corpora: what a file says, and what is wrong with one."""

import hashlib
import random
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.data.corpus import CorpusError, load_corpus


def test_the_shipped_names():
    corpus = load_corpus("names")
    assert corpus.name == "names"
    assert len(corpus.documents) == 32257
    assert corpus.documents[:3] == ("emma", "olivia", "ava")
    assert corpus.sha256 == "bd02dfd33179e23ec2dd093cbd4de619834f75d660ef1ae04d3127e7a0110053"
    note = Path(sys.modules["microgpt.data.corpus"].__file__).with_name("NAMES.md").read_text("utf-8")
    assert corpus.sha256 in note


def test_shuffled_as_the_reference_does():
    expected = [line.strip() for line in open_shipped() if line.strip()]
    random.seed(42)
    random.shuffle(expected)
    corpus = load_corpus("names")
    assert corpus.shuffled(random.Random(42)) == expected
    assert corpus.documents[0] == "emma"


def open_shipped():
    path = Path(sys.modules["microgpt.data.corpus"].__file__).with_name("names.txt")
    return path.read_text("utf-8").split("\n")


# Everything that some notion of a line or of white space treats in its own way.
SEPARATORS = st.sampled_from(
    ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", " ", "\t", "\xa0", "\u3000", "\ufeff"]
)
TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(parts=st.lists(SEPARATORS | TEXT | st.sampled_from(["a", "é", "e\u0301", "😀"]), max_size=30))
def test_lines_are_those_of_open(parts: list[str], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    content = ("x" + "".join(parts)).encode()  # x: a mark at the very start is dropped, see below
    path.write_bytes(content)
    with open(path, encoding="utf-8") as file:
        expected = tuple(line.strip() for line in file if line.strip())
    corpus = load_corpus(path)
    assert corpus.documents == expected
    assert corpus.sha256 == hashlib.sha256(content).hexdigest()


def test_a_byte_order_mark_is_no_character(tmp_path: Path):
    path = tmp_path / "bom.txt"
    path.write_bytes("\ufeffanna\n\ufeffbob\n".encode())
    assert load_corpus(path).documents == ("anna", "\ufeffbob")


def test_a_path_called_names_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("names").write_text("zoe\n")
    assert load_corpus("./names").documents == ("zoe",)
    assert load_corpus(Path("names")).documents == ("zoe",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["holds no document"]),
        (b" \n\t\r\n\n", ["holds no document"]),
        ("\ufeff\n".encode(), ["holds no document"]),
        (b"anna\nbob\0\n", ["not text", "offset 8, line 2"]),
        ("anna\n".encode("utf-16"), ["not text", "UTF-16", "line 1"]),
        (b"anna\nren\xe9e\n", ["not UTF-8", "0xe9", "offset 8, line 2", "iconv"]),
        (b"a\rb\r\nc\n\xff", ["not UTF-8", "0xff", "offset 7, line 4"]),
        (b"\xef\xbb\xbfa\n\xffb", ["not UTF-8", "0xff", "offset 5, line 2"]),
        (b"anna\nb\xe2\x82", ["not UTF-8", "0xe2", "offset 6, line 2"]),
        (b"\xed\xa0\x80\n", ["not UTF-8", "offset 0, line 1"]),
    ],
)
def test_unusable_content(content: bytes, words: list[str], tmp_path: Path):
    path = tmp_path / "corpus.txt"
    path.write_bytes(content)
    assert_refused(path, words)


def test_unusable_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert_refused(tmp_path / "nowhere.txt", ["no such file"])
    assert_refused(tmp_path, ["is a folder"])
    (tmp_path / "file").write_text("x")
    assert_refused(tmp_path / "file" / "below", ["cannot be read", "Not a directory"])
    assert_refused(tmp_path / "a\0b", ["cannot be read", "null byte"])

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert_refused(tmp_path / "file", ["cannot be read", "Permission denied"])


def assert_refused(path: Path, words: list[str]) -> None:
    with pytest.raises(CorpusError) as caught:
        load_corpus(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert [word for word in words if word not in message] == []
