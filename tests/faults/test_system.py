"""What a system can do to a run: no space, no permission, closed streams, odd names, processes that are killed.

Disks that are full or read-only are real ones, of a few kilobytes; where they cannot be mounted, these tests are
skipped.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microgpt.runtime.checkpoint import load_checkpoint

SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4")
# Nothing is compiled.
EAGER = (*SMALL, "--backend", "eager")

Disk = Callable[[str], Path]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folders = {"MICROGPT_CACHE_DIR": str(tmp_path / "cache"), "MICROGPT_DATA_DIR": str(tmp_path / "data")}
    return {**os.environ, **folders}


@pytest.fixture
def microgpt(environment: dict[str, str], tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a command in a process of its own."""

    def run(*arguments: object, **variables: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "microgpt", *map(str, arguments)]
        given = {**environment, **{name: str(value) for name, value in variables.items()}}
        return subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mounts a new, empty file system with some options; it goes when the test ends."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", place]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


def one_line(stderr: str) -> str:
    (line,) = (line for line in stderr.splitlines() if "error" in line)
    assert "Traceback" not in stderr
    return line


def test_no_space_for_the_model(disk: Disk, microgpt, tmp_path: Path):
    """It is kept elsewhere, and training can go on from there."""
    full = disk("size=36k")
    result = microgpt("train", *EAGER, "--steps", 60, "--save-every", 10, "--samples", 0, "--out", full / "run")
    assert result.returncode == 5
    assert "warning: no checkpoint of step 20 (No space left on device); training goes on" in result.stderr
    rescued = tmp_path / "data" / "rescued.safetensors"
    assert f"it is saved as {rescued} instead (No space left on device)" in one_line(result.stderr)
    assert load_checkpoint(rescued).step == 60
    assert load_checkpoint(full / "run" / "checkpoints" / "step-10.safetensors").step == 10
    assert not list(full.rglob(".*.tmp"))
    again = microgpt("train", "--resume", rescued, "--backend", "eager", "--samples", 0, "--out", "elsewhere")
    assert again.returncode == 0, again.stderr
    assert microgpt("train", *EAGER, "--steps", 60, "--samples", 0, "--out", "whole").returncode == 0
    whole = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors")
    assert load_checkpoint(tmp_path / "elsewhere" / "checkpoint.safetensors") == load_checkpoint(rescued) == whole


def test_no_space_for_the_log(disk: Disk, microgpt, tmp_path: Path):
    full = disk("size=8k")
    result = microgpt("train", *EAGER, "--steps", 200, "--samples", 0, "--out", full / "run")
    assert result.returncode == 5
    line = one_line(result.stderr)
    assert "log.jsonl: No space left on device; training stopped after" in line
    rescued = tmp_path / "data" / "rescued.safetensors"
    assert f"the model is saved as {rescued} instead" in line
    assert 0 < load_checkpoint(rescued).step <= 200


def test_no_space_for_other_things(disk: Disk, microgpt):
    full = disk("size=8k")
    result = microgpt("export", full / "c", *SMALL)
    assert result.returncode == 5
    assert one_line(result.stderr).endswith(f"{full / 'c'} cannot be written: No space left on device")
    result = microgpt("train", *EAGER, "--steps", 2, "--samples", 1, MICROGPT_DATA_DIR=full / "data")
    assert result.returncode == 0
    assert "warning: the model could not be kept for `microgpt sample`" in result.stderr
    result = microgpt("train", *SMALL, "--steps", 2, "--samples", 1, MICROGPT_CACHE_DIR=full)
    assert result.returncode == 0, result.stderr
    assert f"warning: the cache folder {full} cannot be written (No space left on device)" in result.stderr


@pytest.mark.slow
def test_a_sweep_without_space_goes_on_with_space(disk: Disk, microgpt):
    full = disk("size=48k")
    command = ("sweep", *EAGER, "--steps", 100, "--seeds", 4, "--jobs", 2, "--out", full / "sweep")
    result = microgpt(*command)
    assert result.returncode == 5
    assert "No space left on device; the same command tries them again" in one_line(result.stderr)
    subprocess.run(["mount", "-o", "remount,size=10m", full], check=True)
    again = microgpt(*command)
    assert again.returncode == 0, again.stderr
    alone = microgpt("train", *EAGER, "--steps", 100, "--seed", 45, "--samples", 0, "--out", "alone")
    assert alone.returncode == 0
    for name in ("checkpoint.safetensors", "log.jsonl"):
        assert (full / "sweep" / "runs" / "seed=45" / name).read_bytes() == Path(
            full.parent, "alone", name
        ).read_bytes()


def test_read_only(disk: Disk, microgpt):
    place = disk("size=1m")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    refused = f"{place / 'x'} cannot be written: Read-only file system"
    for option in ("--out", "--log"):
        result = microgpt("train", *EAGER, option, place / "x")
        assert (result.returncode, result.stdout) == (5, "")
        assert refused in one_line(result.stderr)
    for command in (("export", place / "x", *SMALL), ("sweep", *EAGER, "--seeds", 2, "--out", place / "x")):
        result = microgpt(*command)
        assert result.returncode == 5
        assert refused in one_line(result.stderr)
    result = microgpt(
        "train", *SMALL, "--steps", 1, "--samples", 1, MICROGPT_CACHE_DIR=place / "c", MICROGPT_DATA_DIR=place / "d"
    )
    assert result.returncode == 0, result.stderr
    assert f"warning: the cache folder {place / 'c'} cannot be used (Read-only file system)" in result.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, environment: dict[str, str], tmp_path: Path):
    """What is opened next gets the number of the closed stream; it must not be a file of the run."""
    arguments = ("train", *EAGER, "--steps", "20", "--samples", "1", "--out", "run")
    command = f'exec "$@" {closed}'
    result = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "microgpt", *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert load_checkpoint(tmp_path / "run" / "checkpoint.safetensors").step == 20
    assert (tmp_path / "run" / "log.jsonl").read_bytes().count(b"\n") == 20


@pytest.mark.parametrize("variables", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "tr_TR.UTF-8"}, {"LC_ALL": "x"}])
def test_odd_names_in_any_locale(variables: dict[str, str], microgpt, tmp_path: Path):
    place = tmp_path / 'it\'s "ü 日本" $HOME & <b>'
    place.mkdir()
    corpus = place / "cörpus\t.txt"
    corpus.write_text("äö\nİıiI\n日本\n", encoding="utf-8")
    folders = {"MICROGPT_CACHE_DIR": place / "c", "MICROGPT_DATA_DIR": place / "d", "TMPDIR": place, **variables}
    arguments = ("train", *SMALL, "--data", corpus, "--steps", 5, "--samples", 2)
    first = microgpt(*arguments, "--out", place / "run", **folders)
    assert first.returncode == 0, first.stderr
    again = microgpt("train", "--resume", place / "run", **folders)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2:] == first.stdout.splitlines()[-2:]
    swept = microgpt(
        "sweep", *SMALL, "--data", corpus, "--steps", 5, "--set", "seed=42", "--out", place / "s", **folders
    )
    assert swept.returncode == 0, swept.stderr
    checkpoints = [place / "run", place / "s" / "runs" / "seed=42"]
    assert len({(folder / "checkpoint.safetensors").read_bytes() for folder in checkpoints}) == 1


def test_no_temporary_folder_and_no_home(microgpt, tmp_path: Path):
    nowhere = dict.fromkeys(("TMPDIR", "HOME"), "/nowhere/at/all")
    result = microgpt("train", *SMALL, "--steps", 2, "--samples", 1, **nowhere)
    assert result.returncode == 0, result.stderr


def needs_compiler(result: "subprocess.CompletedProcess[str]") -> None:
    if "needs a C compiler" in result.stderr:
        pytest.skip("there is no C compiler here")


def test_the_compiler_is_killed(microgpt, tmp_path: Path):
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *model.c*) kill -9 $$;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    command = ("train", *SMALL, "--steps", 3, "--samples", 1, "--backend", "c")
    result = microgpt(*command, CC=compiler)
    needs_compiler(result)
    assert result.returncode == 5
    assert "the C compiler was ended by signal 9, perhaps for want of memory" in one_line(result.stderr)
    compiler.write_text('#!/bin/sh\nexec cc "$@"\n')
    assert microgpt(*command, CC=compiler).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["c", "python"])
@pytest.mark.parametrize("count", [2, 8])
def test_many_compile_the_same_at_once(count: int, backend: str, environment: dict[str, str], tmp_path: Path):
    arguments = ("train", *SMALL, "--steps", "5", "--samples", "2", "--jobs", "1", "--backend", backend)
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "microgpt", *arguments], env=environment, stdout=pipe, stderr=pipe, text=True
        )
        for _ in range(count)
    ]
    printed = {process.communicate(timeout=300) for process in processes}
    if any("needs a C compiler" in errors for _, errors in printed):
        pytest.skip("there is no C compiler here")
    assert [process.returncode for process in processes] == [0] * count
    assert len({lines for lines, _ in printed}) == 1
    assert not any("warning" in errors for _, errors in printed)
    cache = tmp_path / "cache"
    assert len(list(cache.glob("c-*/manifest.json"))) == (backend == "c")
    assert not list(cache.glob(".*")), "nothing is left half done"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_sweep_that_is_stopped_goes_on(number: signal.Signals, microgpt, environment: dict[str, str], tmp_path: Path):
    arguments = ("--steps", "100", "--seeds", "3", "--jobs", "2", "--save-every", "10", "--out")
    command = [sys.executable, "-m", "microgpt", "sweep", *EAGER, *arguments, str(tmp_path / "sweep")]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(tmp_path.glob("sweep/runs/*/checkpoints/*.safetensors")):
        time.sleep(0.05)
    # Ctrl-C reaches every process of a terminal, kill one of them.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=30)
    # It ends when its workers have let go of its stderr: none lives on.
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(number, -number), errors
    assert "Traceback" not in errors
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    alone = microgpt("train", *EAGER, "--steps", 100, "--seed", 43, "--samples", 0, "--out", "alone")
    assert alone.returncode == 0
    for name in ("checkpoint.safetensors", "log.jsonl"):
        assert (tmp_path / "sweep/runs/seed=43" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
