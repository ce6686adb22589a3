"""What a system can do to a run: no space, no permission, closed streams, odd names, processes that are killed.

Disks that are full or read-only are real ones, of a few kilobytes; where they cannot be mounted, these tests are
skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microgpt.runtime.training.checkpoint import load_checkpoint

SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4")
# Where files may be small: it is compiled sooner.
TINY = ("--n-embd", "2", "--n-head", "1", "--block-size", "2")
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
    result = microgpt("export", full / "c", *TINY)
    assert result.returncode == 5
    assert one_line(result.stderr).endswith(f"{full / 'c'} cannot be written: No space left on device")
    result = microgpt("train", *EAGER, "--steps", 2, "--samples", 1, MICROGPT_DATA_DIR=full / "data")
    assert result.returncode == 0
    assert "warning: the model could not be kept for `microgpt sample`" in result.stderr


@pytest.mark.parametrize("backend", ["python", pytest.param("auto", marks=pytest.mark.slow)])
def test_no_space_for_programs(backend: str, disk: Disk, microgpt):
    full = disk("size=8k")
    train = ("train", *TINY, "--backend", backend, "--steps", 2, "--samples", 1)
    result = microgpt(*train, MICROGPT_CACHE_DIR=full)
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
    for command in (("export", place / "x", *TINY), ("sweep", *EAGER, "--seeds", 2, "--out", place / "x")):
        result = microgpt(*command)
        assert result.returncode == 5
        assert refused in one_line(result.stderr)
    train = ("train", *TINY, "--backend", "python", "--steps", 1, "--samples", 1)
    result = microgpt(*train, MICROGPT_CACHE_DIR=place / "c", MICROGPT_DATA_DIR=place / "d")
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


@pytest.mark.parametrize(
    "variables",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0"},
        *(pytest.param({"LC_ALL": name}, marks=pytest.mark.slow) for name in ("tr_TR.UTF-8", "x")),
    ],
)
def test_odd_names_in_any_locale(variables: dict[str, str], microgpt, tmp_path: Path):
    place = tmp_path / 'it\'s "ü 日本" $HOME & <b>'
    place.mkdir()
    corpus = place / "cörpus\t.txt"
    corpus.write_text("äö\nİıiI\n日本\n", encoding="utf-8")
    folders = {"MICROGPT_CACHE_DIR": place / "c", "MICROGPT_DATA_DIR": place / "d", "TMPDIR": place, **variables}
    arguments = ("train", *TINY, "--data", corpus, "--steps", 5, "--samples", 2)
    first = microgpt(*arguments, "--out", place / "run", **folders)
    assert first.returncode == 0, first.stderr
    again = microgpt("train", "--resume", place / "run", **folders)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-2:] == first.stdout.splitlines()[-2:]
    swept = microgpt(
        "sweep", *TINY, "--data", corpus, "--steps", 5, "--set", "seed=42", "--out", place / "s", **folders
    )
    assert swept.returncode == 0, swept.stderr
    checkpoints = [place / "run", place / "s" / "runs" / "seed=42"]
    assert len({(folder / "checkpoint.safetensors").read_bytes() for folder in checkpoints}) == 1


@pytest.mark.slow
def test_no_temporary_folder_and_no_home(microgpt, tmp_path: Path):
    nowhere = dict.fromkeys(("TMPDIR", "HOME"), "/nowhere/at/all")
    result = microgpt("train", *TINY, "--steps", 2, "--samples", 1, **nowhere)
    assert result.returncode == 0, result.stderr


def needs_compiler(result: "subprocess.CompletedProcess[str]") -> None:
    if "needs a C compiler" in result.stderr:
        pytest.skip("there is no C compiler here")


@pytest.mark.slow
def test_the_compiler_is_killed(microgpt, tmp_path: Path):
    compiler = tmp_path / "cc"
    compiler.write_text('#!/bin/sh\ncase "$*" in *model.c*) kill -9 $$;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    command = ("train", *TINY, "--steps", 3, "--samples", 1, "--backend", "c")
    result = microgpt(*command, CC=compiler)
    needs_compiler(result)
    assert result.returncode == 0, result.stderr  # by another compiler
    (warning,) = (line for line in result.stderr.splitlines() if "warning" in line)
    assert warning.endswith(
        f"the C compiler {compiler} is passed over: the C compiler was ended by signal 9, perhaps because "
        "memory ran out"
    )
    compiler.write_text('#!/bin/sh\nexec cc "$@"\n')
    again = microgpt(*command, CC=compiler)
    assert (again.returncode, "warning" in again.stderr) == (0, False)
    assert again.stdout == result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["c", "python"])
def test_many_compile_the_same_at_once(backend: str, environment: dict[str, str], tmp_path: Path):
    arguments = ("train", *TINY, "--steps", "5", "--samples", "2", "--jobs", "1", "--backend", backend)
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "microgpt", *arguments], env=environment, stdout=pipe, stderr=pipe, text=True
        )
        for _ in range(8)
    ]
    printed = {process.communicate(timeout=300) for process in processes}
    if any("needs a C compiler" in errors for _, errors in printed):
        pytest.skip("there is no C compiler here")
    assert [process.returncode for process in processes] == [0] * 8
    assert len({lines for lines, _ in printed}) == 1
    assert not any("warning" in errors for _, errors in printed)
    cache = tmp_path / "cache"
    assert len(list(cache.glob("model-*/manifest.json"))) == (backend == "c")
    assert not list(cache.glob(".*")), "nothing is left half done"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("version",), ("--help",), ("train", *EAGER, "--steps", "2", "--samples", "0")])
def test_output_that_cannot_be_written(environment: dict[str, str], unbuffered: str, arguments: tuple[str, ...]):
    """The exit code is ours, whether or not Python buffers what it writes."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    command = [sys.executable, "-m", "microgpt", *arguments]
    given = {**environment, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, env=given, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.stderr.startswith("microgpt: error: output: No space left on device")
    assert len(result.stderr.splitlines()) == 1
    assert result.returncode == 5
    with subprocess.Popen(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("unbuffered", ["", pytest.param("1", marks=pytest.mark.slow)])
def test_a_limit_to_the_size_of_files(unbuffered: str, environment: dict[str, str], tmp_path: Path):
    """Whatever cannot be written is named: a file that was asked for, or the output."""
    resource = pytest.importorskip("resource")  # Windows has none

    def limited(*arguments: object) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "log.jsonl").unlink(missing_ok=True)
        with open(tmp_path / "output", "w") as output:
            return subprocess.run(
                [sys.executable, "-m", "microgpt", *map(str, arguments)],
                # Python itself would cut off the bytecode that it writes for later processes, and not notice.
                env={**environment, "PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"},
                cwd=tmp_path,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1280, 1280)),
            )

    train = ("train", *EAGER, "--steps", 60, "--samples", 0)
    for arguments, words in (
        (train, "error: output: File too large; training stopped after"),
        ((*train, "--json"), "error: output: File too large"),
        ((*train, "-q", "--log", "log.jsonl"), "File too large; training stopped after"),
        (
            ("train", *EAGER, "--steps", 1, "--samples", 0, "--out", "run"),
            "error: --out run has no place for the model",
        ),
        (("graph", *SMALL, "--length", 1, "-o", "graph.dot", "--level", "op"), "graph.dot"),
        (("train", "--help"), "error: output: File too large"),
    ):
        result = limited(*arguments)
        assert (result.returncode, result.stderr.count("error")) == (5, 1), (arguments, result.stderr)
        assert words in one_line(result.stderr)
