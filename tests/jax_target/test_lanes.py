"""`microgpt sweep --backend jax`: lanes of one program have the losses of the runs that they stand for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.tools.cli import cli

# Losses in double precision; training is chaotic, but these runs are short.
BOUND = 1e-9
SMALL = ("--data", "corpus.txt", "--n-embd", 4, "--n-head", 2, "--block-size", 4, "--steps", 6)
GRID = ("--set", "learning_rate=0.01,0.05", "--set", "beta1=0.8,0.9", "--set", "epsilon=1e-8,1e-3", "--seeds", 2)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("anna\nbob\nhannah\notto\nada\n")


def sweep(*arguments: object, out: str = "lanes") -> Result:
    return CliRunner().invoke(cli, ["sweep", *map(str, (*SMALL, *arguments, "--out", out))])


def losses(out: str) -> dict[str, float]:
    runs = json.loads(Path(out, "results.json").read_bytes())["runs"]
    return {run["name"]: run["loss"] for run in runs}


@pytest.mark.parametrize(
    "option",
    [("--save-every", 2), ("--eval-fraction", 0.2), ("--set", "eval_fraction=0.2"), ("--cluster", "tcp://x:1")],
)
def test_what_lanes_have_not_is_refused(option: tuple[object, ...]) -> None:
    result = sweep("--backend", "jax", "--seeds", 2, *option)
    assert result.exit_code == 2
    assert "is for the exact backends; with --backend jax all runs are one program" in result.stderr


@pytest.mark.slow
def test_lanes_are_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax", reason="JAX is an extra: pip install 'microgpt-compiler[jax]'")
    # More lanes than a call takes: the last call has fewer.
    monkeypatch.setattr("microgpt.tools.sweeping.lanes.LANES", 12)
    result = sweep("--backend", "jax", *GRID)
    assert result.exit_code == 0, result.stderr
    assert "16 runs side by side; jax is fast, not exact" in result.stderr
    exact = sweep("--backend", "eager", "--jobs", 1, *GRID, out="exact")
    assert exact.exit_code == 0, exact.stderr
    assert exact.stdout == result.stdout
    assert losses("lanes") == pytest.approx(losses("exact"), rel=BOUND)
    assert len(set(losses("lanes").values())) == 16

    again = sweep("--backend", "jax", *GRID)
    assert "16 of 16 runs are done already" in again.stderr
    assert again.stdout == result.stdout
    mixed = sweep("--backend", "eager", *GRID)
    assert mixed.exit_code == 3
    assert "holds a run with numerics fast: jax, not exact; give another --out" in mixed.stderr


@pytest.mark.slow
def test_a_lane_that_diverges_ends_alone_and_a_size_is_a_program() -> None:
    pytest.importorskip("jax", reason="JAX is an extra: pip install 'microgpt-compiler[jax]'")
    result = sweep("--backend", "jax-f32", "--set", "learning_rate=0.01,1e300", "--set", "n_embd=4,6", "--json")
    assert result.exit_code == 0, result.stderr
    runs = {run["name"]: run for run in json.loads(result.stdout)["runs"]}
    assert {name: run["outcome"] for name, run in runs.items()} == {
        "learning_rate=0.01,n_embd=4": "finished",
        "learning_rate=0.01,n_embd=6": "finished",
        "learning_rate=1e+300,n_embd=4": "diverged",
        "learning_rate=1e+300,n_embd=6": "diverged",
    }
    assert "a number that is not finite" in runs["learning_rate=1e+300,n_embd=4"]["message"]
