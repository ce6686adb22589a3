"""The library: the same results as the command line, and the examples."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import microgpt
from microgpt.runtime.checkpoint import CheckpointError, load_checkpoint
from microgpt.runtime.training import NotFiniteError, ResumeError
from microgpt.tools.cli import cli

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SHAPE = {"n_embd": 4, "n_head": 2, "block_size": 4}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cli-cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))


def test_equals_the_command_line(tmp_path: Path):
    sizes = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1")
    result = CliRunner().invoke(cli, ["train", *sizes, "--steps", "5", "--samples", "3", "--out", str(tmp_path / "a")])
    model = microgpt.train(steps=5, **SHAPE, out=tmp_path / "b")
    lines = [f"step {step.number:4d} /    5 | loss {step.loss:.4f}" for step in model.steps]
    assert result.stdout.splitlines()[3:8] == lines
    samples = [f"sample {number:2d}: {text}" for number, text in enumerate(model.sample(3), 1)]
    assert result.stdout.splitlines()[-3:] == samples
    assert (tmp_path / "a" / "log.jsonl").read_bytes() == (tmp_path / "b" / "log.jsonl").read_bytes()
    checkpoints = [load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in "ab"]
    assert checkpoints[0] == checkpoints[1] == model.checkpoint


def test_save_and_load(tmp_path: Path):
    model = microgpt.train(["anna", "bob"], steps=3, **SHAPE)
    model.save(tmp_path / "model")
    again = microgpt.load(tmp_path / "model", backend="eager")
    assert again.checkpoint == model.checkpoint
    assert again.sample(4) == model.sample(4)
    assert again.sample(4) == model.sample(4), "both go on in the same stream"
    assert again.sample(2, seed=1, prefix="bo", min_length=4) == model.sample(2, seed=1, prefix="bo", min_length=4)
    assert again.evaluate(["anna", "bob"]) == model.evaluate(["bob", "anna"])
    assert again.steps == ()
    assert "after 3 steps" in repr(again)
    with pytest.raises(CheckpointError):
        microgpt.load(tmp_path)


def test_wrong_use(tmp_path: Path):
    model = microgpt.train(["anna", "bob"], steps=1, **SHAPE)
    for wrong in (
        {"temperature": 0},
        {"top_k": 0},
        {"top_p": 0},
        {"min_length": 5},
        {"prefix": "anna"},
        {"prefix": "x"},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            model.sample(**wrong)
    for wrong in ({"steps": 0}, {"save_every": 1}, {"resume": True}, {"eval_fraction": 1}, {"n_head": 3}, {"data": []}):
        with pytest.raises(ValueError, match=r"\w"):
            microgpt.train(**{"data": ["ab"], "steps": 1, **SHAPE, **wrong})
    microgpt.train(["ab"], steps=1, **SHAPE, out=tmp_path)
    with pytest.raises(ResumeError, match="--steps was 1, not 2"):
        microgpt.train(["ab"], steps=2, **SHAPE, out=tmp_path, resume=True)
    with pytest.raises(NotFiniteError):
        microgpt.train(steps=5, learning_rate=1e300, **SHAPE)


SLOW = {"export_c", "train_names"}  # they compile programs for every length


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
        for path in sorted(EXAMPLES.glob("*.py"))
    ],
)
def test_examples(path: Path, tmp_path: Path):
    result = subprocess.run([sys.executable, path], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def blocks() -> list[object]:
    """The Python of the documents, by file and number; what the walkthrough shows was generated, and runs elsewhere."""
    return [
        pytest.param(text, id=f"{path.name}-{number}", marks=[pytest.mark.slow] if "train" in text else [])
        for path in (ROOT / "README.md", ROOT / "docs" / "training.md")
        if path.name != "walkthrough.md"
        for number, text in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.S | re.M), 1)
    ]


@pytest.mark.parametrize("text", blocks())
def test_what_the_documents_show(text: str, tmp_path: Path):
    path = tmp_path / "shown.py"
    path.write_text(text, encoding="utf-8")
    result = subprocess.run([sys.executable, path], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
