"""A sweep that is stopped, however and whenever: it ends, its workers too, and the same command goes on with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from microgpt.tools.sweeping.grid import Job
from microgpt.tools.sweeping.job import run_job
from microgpt.tools.sweeping.worker import RemoteError
from microgpt.tools.sweeping.workers import Workers

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to see processes in")

SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--steps", "60", "--save-every", "10")
EAGER = (*SMALL, "--backend", "eager")
SWEEP = ("--seeds", "4", "--jobs", "2")
# Far more than is needed, on any machine: who waits so long has met a process that does not end.
PATIENCE = 600

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    folders = {"MICROGPT_CACHE_DIR": str(tmp_path / "cache"), "MICROGPT_DATA_DIR": str(tmp_path / "data")}
    return {**os.environ, **folders}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the sweep, by `train`."""
    folder = tmp_path_factory.mktemp("alone")
    train = command("train", *EAGER, "--seed", "44", "--samples", "0", "--out", str(folder))
    subprocess.run(
        train, env={**os.environ, "MICROGPT_DATA_DIR": str(folder / "data")}, capture_output=True, check=True
    )
    return folder


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "microgpt", *arguments]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def status(pid: int) -> list[str]:
    """The state of a process, then the number of its parent; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_alive(pid: int) -> bool:
    return status(pid)[:1] not in ([], ["Z"])


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in pids if status(pid)[1:2] == [str(process.pid)]]


def interrupt_all(process: "subprocess.Popen[str]") -> None:
    """As Ctrl-C on a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def interrupt_twice(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)


def kill_a_worker(process: "subprocess.Popen[str]") -> None:
    os.kill(workers_of(process)[0], signal.SIGKILL)


STOPS: dict[str, tuple[Callable[["subprocess.Popen[str]"], None], int, str]] = {
    "Ctrl-C": (interrupt_all, 130, "interrupted after"),
    "SIGINT": (lambda process: process.send_signal(signal.SIGINT), 130, "interrupted after"),
    "SIGTERM": (lambda process: process.terminate(), 143, "terminated after"),
    "Ctrl-C twice": (interrupt_twice, 130, "interrupted"),
    "SIGKILL": (lambda process: process.kill(), -9, ""),
    "SIGKILL of a worker": (kill_a_worker, 5, "has ended before its time"),
}


@pytest.mark.parametrize(
    "how",
    [how if how == "Ctrl-C" else pytest.param(how, marks=pytest.mark.slow) for how in STOPS],
)
def test_it_ends_and_goes_on(how: str, alone: Path, environment: dict[str, str], tmp_path: Path, start_process: Start):
    stop, code, words = STOPS[how]
    sweep = command("sweep", *EAGER, *SWEEP, "--out", str(tmp_path / "sweep"))
    process = start_process(sweep, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    runs = tmp_path / "sweep/runs"
    # One run is done, and another one has begun.
    wait_for(lambda: len(list(runs.glob("*"))) > len(list(runs.glob("*/sweep.json"))) > 0)
    pids = workers_of(process)
    stop(process)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, errors
    assert words in errors
    assert "Traceback" not in errors
    # Whatever has ended its parent, a worker notices.
    wait_for(lambda: not any(map(is_alive, pids)))
    done = {path: path.stat().st_mtime_ns for path in runs.glob("*/sweep.json")}
    assert done
    again = subprocess.run(sweep, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert f"{len(done)} of 4 runs are done already" in again.stderr or len(done) == 4
    assert {path: path.stat().st_mtime_ns for path in done} == done
    for name in ("checkpoint.safetensors", "log.jsonl"):
        assert (runs / "seed=44" / name).read_bytes() == (alone / name).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_its_workers_start(
    number: signal.Signals, environment: dict[str, str], tmp_path: Path, start_process: Start
):
    sweep = command("sweep", *EAGER, *SWEEP, "--out", str(tmp_path / "sweep"))
    process = start_process(sweep, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stderr is not None
    assert "4 runs, 2 at a time" in process.stderr.readline()
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors


def test_in_the_background(environment: dict[str, str], tmp_path: Path, start_process: Start):
    """Where a shell without job control starts it with ``&``: Ctrl-C is ignored, and stdin is closed or empty."""
    sweep = command("sweep", *EAGER, *SWEEP, "--out", str(tmp_path / "sweep"))
    script = 'trap "" INT; exec "$@" <&-'
    process = start_process(
        ["sh", "-c", script, "sh", *sweep], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for(lambda: list(tmp_path.glob("sweep/runs/*/sweep.json")))
    os.killpg(process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.terminate()
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143, errors
    assert "terminated after" in errors


@pytest.mark.slow
@pytest.mark.usefixtures("toolchain")
def test_a_compiler_is_ended_too(environment: dict[str, str], tmp_path: Path, start_process: Start):
    """With what it has started, and it leaves no files."""
    compiler, started, temporary = tmp_path / "cc", tmp_path / "started", tmp_path / "temporary"
    temporary.mkdir()
    waits = f'sleep 600 & echo $! > "{started}.new"; mv "{started}.new" "{started}"; wait'
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *model.c*) {waits};; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    sweep = command("sweep", *SMALL, *SWEEP, "--backend", "c", "--out", str(tmp_path / "sweep"))
    given = {**environment, "CC": str(compiler), "TMPDIR": str(temporary)}
    process = start_process(sweep, env=given, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(started.exists)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, errors
    assert not is_alive(int(started.read_text()))
    assert list(temporary.iterdir()) == []


def test_nothing_is_imported_from_the_current_folder(environment: dict[str, str], tmp_path: Path):
    here, executed = tmp_path / "here", tmp_path / "executed"
    for name in ("hashlib", "json", "multiprocessing", "signal", "filelock", "microgpt", "tools"):
        hostile = here / name / "__init__.py"
        hostile.parent.mkdir(parents=True)
        hostile.write_text(f"open({str(executed)!r}, 'w').close()\nraise SystemExit('executed {name}')\n")
    sweep = command("sweep", *EAGER, "--steps", "2", "--seeds", "2", "--out", str(tmp_path / "sweep"))
    result = subprocess.run(sweep, env=environment, cwd=here, capture_output=True, text=True, check=False)
    assert not executed.exists()
    assert result.returncode == 0, result.stderr


def test_a_mistake_of_ours_is_shown_as_one():
    workers = Workers(1)
    try:
        future = workers.submit(run_job, Job("name", {}, {}, "", "eager", None, 1), Path("nowhere"), False)
        with pytest.raises(RuntimeError, match="KeyError: 'numerics'") as caught:
            future.result(PATIENCE)
    finally:
        workers.stop()
    assert isinstance(caught.value.__cause__, RemoteError)
    assert "run_job" in str(caught.value.__cause__)
