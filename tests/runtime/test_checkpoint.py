"""Checkpoints: every bit comes back, and nothing but a sound checkpoint comes back."""

import json
import math
import os
import random
import struct
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import GPTConfig
from microgpt.runtime.training.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint

CONFIG = GPTConfig(vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=2)
TOKENIZER = Tokenizer(("a", "😀"))


def checkpoint_of(parameters: list[float], **changes: Any) -> Checkpoint:
    return Checkpoint(**{**SAMPLE, "parameters": parameters, **changes})


PARAMETERS = [float(number) / 7 for number in range(CONFIG.parameter_count)]
SAMPLE = {
    "config": CONFIG,
    "tokenizer": TOKENIZER,
    "seed": 42,
    "step": 1000,
    "parameters": PARAMETERS,
    "tool_version": "0.1.0",
    "extra": {"corpus": "naïve 名.txt"},
}


def bits(checkpoint: Checkpoint) -> tuple[Any, ...]:
    """All of a checkpoint, with doubles as bytes, so that NaN and both zeros compare."""
    numbers = array("d", checkpoint.parameters).tobytes()
    head = (checkpoint.config, checkpoint.tokenizer, checkpoint.seed, checkpoint.step, checkpoint.tool_version)
    return (*head, dict(checkpoint.extra), numbers)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, Checkpoint(**SAMPLE))
    return path


DOUBLES = st.integers(0, 2**64 - 1).map(lambda number: struct.unpack("<d", struct.pack("<Q", number))[0]) | st.floats()


@settings(max_examples=15)
@given(
    parameters=st.lists(DOUBLES, min_size=CONFIG.parameter_count, max_size=CONFIG.parameter_count),
    characters=st.sets(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=2),
    seed=st.integers(-(2**70), 2**70),
    extra=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(), max_size=3),
)
def test_round_trip(
    parameters: list[float],
    characters: set[str],
    seed: int,
    extra: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
):
    path = tmp_path_factory.getbasetemp() / "round_trip.safetensors"
    saved = checkpoint_of(parameters, tokenizer=Tokenizer(tuple(sorted(characters))), seed=seed, extra=extra)
    save_checkpoint(path, saved)
    assert bits(load_checkpoint(path)) == bits(saved)


def test_special_values(tmp_path: Path):
    special = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, sys.float_info.max]
    saved = checkpoint_of((special * 9)[: CONFIG.parameter_count])
    save_checkpoint(tmp_path / "special", saved)
    assert bits(load_checkpoint(tmp_path / "special")) == bits(saved)


def test_the_default_model(tmp_path: Path):
    config = GPTConfig()
    tokenizer = Tokenizer(tuple("abcdefghijklmnopqrstuvwxyz"))
    rng = random.Random(42)
    saved = Checkpoint(config, tokenizer, 42, 0, [rng.gauss(0, 0.08) for _ in range(config.parameter_count)])
    save_checkpoint(tmp_path / "default", saved)
    assert bits(load_checkpoint(tmp_path / "default")) == bits(saved)


def test_others_can_read_it(path: Path):
    """As safetensors sees the file: the names and shapes of the model, doubles, and the metadata as text."""
    tensors = dict(safetensors.deserialize(path.read_bytes()))
    assert {name: tensor["shape"] for name, tensor in tensors.items()} == {
        name: [rows, columns] for name, rows, columns in CONFIG.matrices()
    }
    assert {tensor["dtype"] for tensor in tensors.values()} == {"F64"}
    numbers = b"".join(tensors[name]["data"] for name, _, _ in CONFIG.matrices())
    assert list(struct.unpack(f"<{CONFIG.parameter_count}d", numbers)) == PARAMETERS
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert metadata.pop("sha256")
    assert json.loads(metadata.pop("config")) == {
        "vocab_size": 3,
        "n_layer": 1,
        "n_embd": 2,
        "n_head": 1,
        "block_size": 2,
    }
    assert json.loads(metadata.pop("tokenizer")) == ["a", "😀"]
    assert metadata == {
        "format": "microgpt-checkpoint",
        "format_version": "2",
        "tool_version": "0.1.0",
        "seed": "42",
        "step": "1000",
        "extra.corpus": "naïve 名.txt",
    }


def test_the_numbers_are_aligned(path: Path):
    assert int.from_bytes(path.read_bytes()[:8], "little") % 8 == 0


def test_the_order_of_the_metadata_is_free(path: Path):
    """Other tools write it in any order."""
    rewrite(path, lambda header: header.update(__metadata__=dict(reversed(header["__metadata__"].items()))))
    assert bits(load_checkpoint(path)) == bits(Checkpoint(**SAMPLE))


def test_the_same_bytes_in_every_process(path: Path):
    code = (
        "import sys; from microgpt.runtime.training.checkpoint import load_checkpoint, save_checkpoint\n"
        "save_checkpoint(sys.argv[2], load_checkpoint(sys.argv[1]))"
    )
    for seed in ("1", "2"):
        copy = path.with_name(f"copy{seed}")
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, path, copy], check=True, env=environment)
        assert copy.read_bytes() == path.read_bytes()


def test_text_that_utf8_cannot_hold_does_not_stop_a_save(tmp_path: Path):
    save_checkpoint(tmp_path / "odd", checkpoint_of(PARAMETERS, extra={"corpus": "caf\udce9.txt"}))
    assert load_checkpoint(tmp_path / "odd").extra == {"corpus": "caf\\udce9.txt"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": PARAMETERS[1:]}, "parameters"),
        ({"tokenizer": Tokenizer(("a",))}, "2 tokens"),
        ({"step": -1}, "step"),
    ],
)
def test_parts_must_fit(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        Checkpoint(**{**SAMPLE, **changes})


def test_a_failed_save_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch):
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="No space"):
                save_checkpoint(path, checkpoint_of(PARAMETERS[::-1]))
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]
    with pytest.raises(OSError, match="No such file"):
        save_checkpoint(path.with_name("nowhere") / "file", Checkpoint(**SAMPLE))


def test_a_save_obeys_the_umask(path: Path):
    before = os.umask(0o027)
    try:
        save_checkpoint(path, Checkpoint(**SAMPLE))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


# Files that are not sound checkpoints.


def refusal(path: Path) -> str:
    """The message with which `path` is refused: one line that begins with the path."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def test_no_such_file(path: Path):
    assert "no such file" in refusal(path.with_name("nowhere"))
    assert "is a folder" in refusal(path.parent)
    assert "checkpoint.safetensors" in refusal(path.parent)
    assert "Not a directory" in refusal(path / "below")
    assert "null byte" in refusal(path.with_name("a\0b"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"emma\nolivia\n",
        b"\0" * 100,
        b"\xff" * 100,
        struct.pack("<Q", 10**8) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 50_000) + b"[" * 50_000,
        struct.pack("<Q", 9_010) + b'{"a": ' + b"9" * 9_003 + b"}",
    ],
    ids=range(8),
)
def test_no_safetensors(content: bytes, path: Path):
    path.write_bytes(content)
    assert "not a safetensors file" in refusal(path)


def test_a_foreign_file(path: Path):
    for metadata in (None, {}, {"format": "pt"}, {"format": "pt", "config": "{}"}, []):
        rewrite(path, lambda header, metadata=metadata: header.update(__metadata__=metadata))
        assert "not written by microgpt" in refusal(path)
    rewrite(path, lambda header: header.pop("__metadata__"))
    assert "not written by microgpt" in refusal(path)


def test_a_large_foreign_file_is_not_read_whole(path: Path):
    header = json.dumps({"huge": {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(2**43)
    assert "not written by microgpt" in refusal(path)


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any], data: bytes | None = None) -> None:
    """Lets `change` edit the header of the file."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + (content[8 + size :] if data is None else data))


def with_metadata(**changes: str | None) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        header["__metadata__"].update(changes)
        header["__metadata__"] = {name: text for name, text in header["__metadata__"].items() if text is not None}

    return change


def config_json(**changes: object) -> str:
    return json.dumps({"vocab_size": 3, "n_layer": 1, "n_embd": 2, "n_head": 1, "block_size": 2, **changes})


def with_tensor(name: str, **changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(changes)


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    return lambda header: header.update({new: header.pop(old)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_metadata(format_version="3"), "format version '3'"),
        (with_metadata(format_version=None), "format version None"),
        (with_metadata(config=None), "no 'config'"),
        (with_metadata(tokenizer=None), "no 'tokenizer'"),
        (with_metadata(seed=None), "no 'seed'"),
        (with_metadata(config="{"), "broken metadata"),
        (with_metadata(config="[]"), "broken metadata"),
        (with_metadata(config="1"), "broken metadata"),
        (with_metadata(config="{}"), "broken metadata"),
        (with_metadata(config="[" * 50_000), "broken metadata"),
        (with_metadata(config=config_json(colour=1)), "broken metadata"),
        (with_metadata(config=config_json(n_head=3)), "n_head"),
        (with_metadata(config=config_json(n_embd=2.0)), "n_embd"),
        (with_metadata(config=config_json(n_layer=0)), "n_layer"),
        (with_metadata(config=config_json(n_layer=10**30)), "no tensor 'layer1.attn_wq'"),
        (with_metadata(config=config_json(n_embd=10**30)), "instead of F64"),
        (with_metadata(config=config_json(vocab_size=10**9)), "instead of F64"),
        (with_metadata(tokenizer='["b", "a"]'), "sorted"),
        (with_metadata(tokenizer="[" * 50_000), "broken metadata"),
        (with_metadata(seed="x"), "broken metadata"),
        (with_metadata(seed="9" * 5_000), "broken metadata"),
        (with_metadata(step=""), "broken metadata"),
        (with_metadata(step="999"), "sha256"),
        (with_metadata(sha256=None), "sha256"),
        (with_metadata(note="mine"), "sha256"),
        (with_metadata(format="microgpt-checkpoint", seed=1), "damaged"),
        (rename("wte", "tok_embeddings"), "no tensor 'wte'"),
        (rename("layer0.mlp_fc2", "layer1.mlp_fc2"), "no tensor 'layer0.mlp_fc2'"),
        (with_tensor("wte", dtype="I64"), "I64 [3, 2] instead of F64 [3, 2]"),
        (with_tensor("wte", dtype="F32"), "damaged"),
        (with_tensor("wte", shape=[2, 3]), "F64 [2, 3] instead of F64 [3, 2]"),
        (with_tensor("wte", shape=[6]), "F64 [6] instead"),
        (with_tensor("wte", shape=[2**62, 2**62]), "damaged"),
        (with_tensor("wte", shape=[-3, 2]), "damaged"),
        (with_tensor("wte", data_offsets=[0, 2**50]), "damaged"),
        (lambda header: header.update(more={"dtype": "F64", "shape": [0], "data_offsets": [0, 0]}), "too many, 'more'"),
    ],
)
def test_a_wrong_header(path: Path, change: Callable[[dict[str, Any]], None], words: str):
    rewrite(path, change)
    assert words in refusal(path)


def test_a_wrong_alphabet(path: Path):
    """A file that is whole, and whose digest is right, but which contradicts itself."""
    from microgpt.runtime.storage import tensor_file

    def change(header: dict[str, Any]) -> None:
        metadata = header["__metadata__"]
        metadata["tokenizer"] = '["a"]'
        del metadata["sha256"]
        metadata["sha256"] = tensor_file._digest(metadata, array("d", PARAMETERS).tobytes())

    rewrite(path, change)
    assert "contradicts itself" in refusal(path)


def test_exchanged_matrices(path: Path):
    def change(header: dict[str, Any]) -> None:
        header["layer0.attn_wq"], header["layer0.attn_wk"] = header["layer0.attn_wk"], header["layer0.attn_wq"]

    rewrite(path, change)
    assert "sha256" in refusal(path)


def test_every_truncation(path: Path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refusal(path)
    path.write_bytes(content + b"\0")
    assert "damaged" in refusal(path)


@pytest.mark.slow
def test_random_mutations(path: Path):
    """A changed byte is noticed, unless it says the same in another way; nothing but CheckpointError is ever raised."""
    rng = random.Random(7)
    content = path.read_bytes()
    original = bits(load_checkpoint(path))
    same = 0
    for _ in range(4000):
        mutated = bytearray(content)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            place = rng.randrange(len(mutated))
            kind = rng.random()
            if kind < 0.4:
                mutated[place] ^= 1 << rng.randrange(8)
            elif kind < 0.8:
                mutated[place] = rng.choice(b'\0 "\\{}[]:,0919\xff' + bytes([rng.randrange(256)]))
            elif kind < 0.9:
                del mutated[place : place + rng.randrange(1, 9)]
            else:
                mutated[place:place] = mutated[rng.randrange(len(mutated)) :][: rng.randrange(1, 9)]
        path.write_bytes(mutated)
        try:
            found = load_checkpoint(path)
        except CheckpointError:
            continue
        assert bits(found) == original
        same += 1
    assert same < 400
