"""`microgpt compare`: equal runs, runs that part, and what is no run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.tools.cli import cli

SIZES = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1", "--samples", "0")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def train(out: str, *arguments: object) -> None:
    assert run("train", *SIZES, "--steps", 12, "--out", out, *arguments).exit_code == 0


def test_equal():
    train("a")
    train("b", "--backend", "eager", "--save-every", 5)
    result = run("compare", "a", "b")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == ["the losses of all 12 steps are equal", "0 of 424 parameters differ"]
    assert ["steps", "A", "B"] in [line.split() for line in lines]
    assert run("compare", "a/log.jsonl", "b/log.jsonl").exit_code == 0
    assert json.loads(run("compare", "a", "b", "--json").stdout)["equal"] is True


def test_different():
    train("a")
    train("b", "--seed", 7)
    result = run("compare", "a", "b")
    assert result.exit_code == 1
    assert "seed: 42 in a, 7 in b" in result.stdout
    assert "they part at step 1: " in result.stdout
    assert "of 424 parameters differ, by " in result.stdout
    lines = Path("a/log.jsonl").read_text().splitlines()
    changed = json.loads(lines[4])
    changed["loss"] += 1e-15
    Path("c.jsonl").write_text("\n".join([*lines[:4], json.dumps(changed), *lines[5:]]) + "\n")
    result = run("compare", "a", "c.jsonl")
    assert result.exit_code == 1
    assert "they part at step 5: " in result.stdout
    Path("c.jsonl").write_text("\n".join(lines[:9]))
    assert "a has 12 steps, c.jsonl has 9; those of both are equal" in run("compare", "a", "c.jsonl").stdout


@pytest.mark.parametrize(
    "content", [None, "x", "{}", '{"step": 1, "loss": "x"}', '{"step": 1, "loss": NaN}', "[" * 9999]
)
def test_no_run(content: str | None):
    train("a")
    if content is not None:
        Path("log.jsonl").write_text(content)
    result = run("compare", "a", "log.jsonl")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "log.jsonl is not the log of a run (" in result.stderr
    assert result.stderr.count("\n") == 1
