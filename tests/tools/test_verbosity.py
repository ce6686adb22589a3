"""-q and -v, NO_COLOR, and what is shown on a terminal only. stdout is the same whatever is said beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.tools.cli import cli
from microgpt.tools.terminal import console

EAGER = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--backend", "eager")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_quiet_normal_verbose():
    command = ("train", *EAGER, "--steps", "2", "--samples", "1", "--out", "run")
    quiet, normal, verbose = (run(*command, *more) for more in (("-q",), (), ("--verbose",)))
    assert quiet.stdout == normal.stdout == verbose.stdout
    assert quiet.stderr == ""
    assert "saved run/checkpoint.safetensors" in normal.stderr
    assert "corpus names: sha256 bd02dfd33179" in verbose.stderr
    assert "corpus names" not in normal.stderr
    assert "saved run/checkpoint.safetensors" in run(*command).stderr, "one command has no effect on the next"


def test_warnings_and_errors_are_never_quiet(monkeypatch: pytest.MonkeyPatch):
    Path("file").write_text("")
    monkeypatch.setenv("MICROGPT_DATA_DIR", "file")
    assert "warning: " in run("train", *EAGER, "--steps", "1", "--samples", "0", "-q").stderr
    assert "error: " in run("train", "-q", "--data", "nowhere").stderr


def test_both_at_once():
    result = run("data", "list", "-q", "-v")
    assert result.exit_code == 2
    assert "--quiet and --verbose exclude each other" in result.stderr


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """What a command writes to a terminal, stdout and stderr together."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "microgpt", *arguments],
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "80", **variables},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    written = b""
    try:
        while part := os.read(leader, 65536):
            written += part
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(leader)
    assert process.wait() == 0, written
    return written.decode()


COLOUR = re.compile("\x1b\\[(38;5;[0-9]+|3[1-7])m")


def test_colour():
    command = ("show", "--kind", "optimizer")
    assert COLOUR.search(on_a_terminal(*command))
    assert not COLOUR.search(on_a_terminal(*command, NO_COLOR="1"))
    result = run(*command)
    assert "\x1b" not in result.stdout + result.stderr


def test_colour_and_progress_of_a_sweep():
    command = ("sweep", *EAGER, "--seeds", "2", "--steps", "6", "--overwrite", "--out", "s")
    usual = on_a_terminal(*command)
    assert COLOUR.search(usual)
    assert "left" in usual
    plain = on_a_terminal(*command, NO_COLOR="1", MICROGPT_PROGRESS="0")
    assert not COLOUR.search(plain)
    assert "left" not in plain
    quiet = on_a_terminal(*command, "-q")
    assert "left" not in quiet
    assert "Mean loss of the last 100 steps" in quiet
    result = run(*command)
    assert "\x1b" not in result.stdout + result.stderr


TINY = ("train", "--n-embd", "2", "--n-head", "1", "--block-size", "2", "--steps", "1", "--samples", "0")


def test_compiling_is_announced_and_makes_no_promise():
    """Whether later runs find the programs is not known: the cache may be a temporary one."""
    lines = run(*TINY, "--backend", "python", "--jobs", "1").stderr.splitlines()
    assert lines[0] == "microgpt: compiling 2 programs"
    assert re.fullmatch(r"microgpt: compiled 2 programs in [\d.]+ m?s", lines[1])
    assert "compil" not in run(*TINY, "--backend", "python").stderr


def test_stages_of_compiling(toolchain: Toolchain):
    stages = re.findall(r"^microgpt: [\d.]+ (?:s|ms): (.*)", run(*TINY, "--backend", "c", "-v").stderr, re.MULTILINE)
    expected = [
        *("tracing length 1", "tracing length 2", "tracing position 0", "tracing position 1"),
        *("writing the loops as C", "the C compiler, and the proof beside it"),
    ]
    assert stages == expected


def test_names_cannot_control_a_terminal():
    Path("a\x1b[31m\n.txt").write_text("")
    result = run("train", "--data", "a\x1b[31m\n.txt")
    assert result.exit_code == 3
    assert result.stderr.startswith("microgpt: error: a\\x1b[31m")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("columns", [40, 80])
def test_messages_fit_a_terminal(columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    message = "there is no command 'trian'; did you mean 'train'? (see `microgpt --help`) and " + "a" * 90
    console.write_message(message)
    assert capsys.readouterr().err == f"microgpt: {message}\n", "one line for programs"
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    console.write_message(message)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "  " + "a" * 90, "a long word is not broken, so that it can be copied"
    assert all(len(line) <= columns for line in lines[:-1])
    assert " ".join(line.strip() for line in lines) == f"microgpt: {message}"
