"""``kill -9`` at any moment of training, again and again: the bits at the end are those of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from microgpt.runtime.training.checkpoint import load_checkpoint

COMMAND = (
    *("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1", "--samples", "3"),
    "--backend",
)
# So many steps, and checkpoints, that a run takes about half a second.
SPEEDS = {
    "python": ("python", "--steps", "1000", "--save-every", "7"),
    "c": ("c", "--steps", "20000", "--save-every", "150"),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "MICROGPT_DATA_DIR": str(tmp_path / "data")}


def start(environment: dict[str, str], out: Path, backend: str, *more: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "microgpt", "train", *COMMAND, *SPEEDS[backend], "--out", str(out), *more]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["python", "c"])
def test_the_bits_survive_kills(
    backend: str, tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
):
    rng = random.Random(11)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(environment, whole, backend)
    expected, errors = process.communicate(timeout=120)
    if "needs a C compiler" in errors:
        pytest.skip("there is no C compiler here")
    assert process.returncode == 0, errors
    final = load_checkpoint(whole / "checkpoint.safetensors"), (whole / "log.jsonl").read_bytes()

    kills = runs = 0
    steps = set()
    while kills < request.config.getoption("--kills"):
        process = start(environment, killed, backend, "--resume")
        runs += 1
        assert process.stdout is not None
        # From the first line on: before it, Python is only starting. Now and then, from the very start.
        if rng.random() < 0.9:
            process.stdout.readline()
        time.sleep(rng.uniform(0, 0.6))
        finished = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
        assert "warning" not in errors, errors  # such as of a damaged checkpoint
        for path in killed.rglob("*.safetensors"):
            steps.add(load_checkpoint(path).step)
        if finished:
            assert process.returncode == 0, errors
            check(killed, final)
            for path in sorted(killed.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        else:
            kills += 1
    process = start(environment, killed, backend, "--resume")
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    check(killed, final)
    assert printed.splitlines()[-3:] == expected.splitlines()[-3:]
    print(f"{kills} kills in {runs} runs, which left checkpoints of {len(steps)} different steps")


def check(folder: Path, final: tuple[object, ...]) -> None:
    assert (load_checkpoint(folder / "checkpoint.safetensors"), (folder / "log.jsonl").read_bytes()) == final
    assert not list(folder.rglob(".*"))
