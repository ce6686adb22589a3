"""The command line as a whole: help, version, errors and exit codes, and how little it imports."""

import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from microgpt import __version__
from microgpt.compiler.errors import CompileError, ProofError
from microgpt.runtime.machine.find_toolchain import first_candidate
from microgpt.tools import cli as module
from microgpt.tools.cli import COMMANDS, cli
from microgpt.tools.terminal.failures import EXIT_CODES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def error_line(result: Result) -> str:
    """The one line of an error."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("microgpt: error: ")
    assert result.stdout == ""
    return lines[0].removeprefix("microgpt: error: ")


def imported_by(*arguments: str) -> set[str]:
    """The libraries that a process of its own has imported when the command ends."""
    script = (
        "import sys\nfrom microgpt.tools.cli import cli\n"
        f"try: cli.main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stderr.split())


@pytest.mark.parametrize("backend", [pytest.param("python", marks=pytest.mark.slow), "auto"])
def test_what_is_in_the_cache_needs_no_compiler(
    backend: str, compiles: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if backend == "auto" and not compiles and first_candidate():
        pytest.skip("a C compiler that cannot be used is probed in each run")
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "ab.txt").write_text("ab\nba\n")
    shape = ["--data", str(tmp_path / "ab.txt"), "--n-embd", "2", "--n-head", "1", "--block-size", "2"]
    train = ["train", *shape, "--steps", "2", "--samples", "2", "--backend", backend]
    assert any(name.startswith("microgpt.runtime") for name in imported_by(*train))
    imported = {name for name in imported_by(*train) if name.startswith("microgpt.compiler")}
    small = ("arithmetic", "correctly_rounded", "errors", "numerics")
    assert imported <= {"microgpt.compiler", *(f"microgpt.compiler.{name}" for name in small)}


def test_version():
    assert run("--version").stdout == f"microgpt {__version__}\n"
    result = subprocess.run([sys.executable, "-m", "microgpt", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"microgpt {__version__}\n"


@pytest.mark.parametrize("arguments", [("-V",), ("version",)])
def test_other_ways_to_the_version(arguments: tuple[str, ...]):
    assert run(*arguments).stdout == f"microgpt {__version__}\n"


def test_alone_it_says_how_to_begin():
    result = run()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) <= 12
    assert lines[2].split()[:2] == ["microgpt", "train"], "the first command to try"
    assert set(COMMANDS) <= set(re.findall(r"\w+", result.stdout))
    assert "`microgpt help COMMAND`" in lines[-1]


@pytest.mark.parametrize("names", [(), ("train",), ("data",), ("data", "fetch"), ("help",)])
def test_three_ways_to_help(names: tuple[str, ...]):
    result = run("help", *names)
    assert result.exit_code == 0
    assert result.stdout == run(*names, "--help").stdout == run(*names, "-h").stdout
    assert result.stdout.startswith(f"Usage: microgpt {' '.join(names)}".rstrip() + " [OPTIONS]")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_help(arguments: tuple[str, ...]):
    result = run(*arguments)
    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in COMMANDS)
    assert all(f"  {code} " in result.stdout for code in EXIT_CODES)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_commands(name: str):
    command = getattr(import_module(f"microgpt.tools.commands.{name}"), name)
    assert command.get_short_help_str(limit=200) == COMMANDS[name], "the table and the docstring tell different things"
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"    microgpt {name}" in result.stdout.partition("Examples:\n")[2]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_starts_without_what_it_does_not_need():
    heavy = {"networkx", "graphviz", "rich", "safetensors", "jinja2", "markupsafe", "microgpt.compiler.ir.graph"}
    assert not imported_by("--version") & heavy
    assert not imported_by("--help") & heavy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "there is no command 'trian'; did you mean 'train'? (see `microgpt --help`)"),
        (("zzz",), "there is no command 'zzz'; the commands are"),
        (("train", "--stepz", "3"), "there is no option '--stepz'; did you mean '--steps'? (see `microgpt train --h"),
        (("train", "--lr", "3"), "there is no option '--lr'; did you mean '--learning-rate'? (see"),
        (("train", "--layers", "3"), "there is no option '--layers'; did you mean '--n-layer'?"),
        (("train", "--n_embd", "3"), "there is no option '--n_embd'; did you mean '--n-embd'?"),
        (("train", "--epochs", "3"), "there is no option '--epochs'; did you mean '--steps'?"),
        (("train", "--warmup", "3"), "there is no option '--warmup' (see"),
        (("sample", "--temp", "3"), "there is no option '--temp'; did you mean '--temperature'?"),
        (("train", "-x"), "there is no option '-x' (see"),
        (("train", "--debug"), "there is no option '--debug' here; it comes before the command: `microgpt --debug tr"),
        (("--steps", "3"), "there is no option '--steps' here; it comes after the command: `microgpt train --steps"),
        (("-q", "train"), "there is no option '-q' here; it comes after the command: `microgpt train -q ...`"),
        (("train", "poems.txt"), "unexpected argument 'poems.txt'; did you mean `--data poems.txt`? (see `microgpt tr"),
        (("train", "--steps"), "Option '--steps' requires an argument (see `microgpt train --help`)"),
        (("data", "fetch", "--from"), "Option '--from' requires an argument (see `microgpt data fetch --help`)"),
        (("doctor", "a", "b"), "unexpected argument 'a b' (see `microgpt doctor --help`)"),
        (("generate",), "there is no command 'generate'; did you mean 'sample'? (see `microgpt --help`)"),
        (("data", "lst"), "there is no command 'lst'; did you mean 'list'? (see `microgpt data --help`)"),
        (("data", "zzz"), "there is no command 'zzz'; the commands are fetch, info, list (see"),
        (("data", "fetch", "names"), "names comes with microgpt; there is nothing to fetch (see"),
        (("help", "trian"), "there is no command 'trian'; did you mean 'train'? (see `microgpt --help`)"),
        (("help", "data", "lst"), "there is no command 'lst'; did you mean 'list'? (see `microgpt data --help`)"),
        (("help", "train", "now"), "`microgpt train` has no commands, so it has no 'now' (see"),
        (("completion",), "Missing argument 'SHELL'. Choose from: bash, zsh, fish (see `microgpt completion --help`)"),
        (
            ("train", "--steps", "0"),
            "Invalid value for '--steps': 0 is not in the range x>=1 (see `microgpt train --help`)",
        ),
        (
            ("train", "--n-head", "5"),
            "--n-head 5 does not divide --n-embd 16; heads take equal shares, so try --n-head 2 or",
        ),
        (
            ("train", "--n-embd", "1"),
            "--n-head 4 does not divide --n-embd 1; heads take equal shares, so try --n-head 1 (",
        ),
        (("train", "--n-embd", "99999999999999", "--n-head", "7"), "so try --n-head 3 or 9 or 11 ("),
        (("train", "--n-layer", "99999999999999"), "has 307,199,999,999,997,184 parameters, and each is a scalar"),
        (("train", "--learning-rate", "nan"), "nan is not a finite number above zero"),
        (("train", "--learning-rate", "inf"), "inf is not a finite number above zero"),
        (("train", "--learning-rate", "fast"), "'fast' is not a number"),
        (("train", "--temperature", "0"), "0 is not above zero; to always take the likeliest token, use `microgpt sa"),
        (("sample", "--temperature", "0.0"), "use `microgpt sample --greedy` (see `microgpt sample --help`)"),
        (("sample", "--temperature", "-1"), "-1 is not a finite number above zero"),
        (("train", "--samples", "-1"), "-1 is not in the range x>=0"),
        (("train", "--seed", "-1"), "-1 is not in the range x>=0"),
        (("train", "--block-size", "-3"), "-3 is not in the range x>=1"),
        (("train", "--backend", "fortran"), "'fortran' is not one of 'auto', 'c', 'python', 'eager'"),
        (("sample", "-n", "0"), "0 is not in the range x>=1"),
        (("compile", "--length", "17"), "--length 17 is not within 1 to 16, the --block-size"),
        (("compile", "--length", "seven"), "'seven' is not a length; write for example 7, or 1,7,16, or 3-5, or all"),
        (
            ("compile", "own.py:f"),
            "this is about the GPT, and own.py:f is a function of your own; `microgpt show own.py:f`",
        ),
        (("compile", "--kind", "optimizer", "--length", "3"), "--kind optimizer has one program for all lengths"),
        (("show", "--length", "17"), "--length 17 is more than --block-size 16"),
        (
            ("show", "--length", "1", "--stage", "no"),
            "there is no stage 'no'; the stages are trace, sink_through_selects, differentiate",
        ),
        (("graph", "--length", "1", "-o", "x.gif"), "-o x.gif should end in .svg, .png, .pdf, .dot"),
        (("graph", "--length", "1", "--stage", "trace"), "--stage goes with --level scalar"),
        (("bench", "--seconds", "-1"), "-1 is not a finite number above zero"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], message: str):
    result = run(*arguments)
    assert message in error_line(result)
    assert result.exit_code == 2


def failing(error: BaseException) -> click.Command:
    @click.command()
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (CompileError("line 3:\nno such thing"), 4, "line 3: no such thing"),
        (ProofError("the loops differ"), 70, "the loops differ; this is a mistake in microgpt, and nothing of yours"),
        (MemoryError(), 5, "out of memory; a smaller model or a shorter --block-size needs less"),
        (PermissionError(13, "Permission denied", "/a/b"), 5, "/a/b: Permission denied"),
        (OSError(27, "File too large"), 5, "output: File too large"),
        (OSError(12, "Cannot allocate memory"), 5, "Cannot allocate memory"),
        (
            ZeroDivisionError("oh"),
            70,
            "unexpected ZeroDivisionError: oh (this is a mistake in microgpt; `microgpt --debug",
        ),
    ],
)
def test_errors_in_commands(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str):
    monkeypatch.setattr(module.Commands, "get_command", lambda self, ctx, name: failing(error))
    result = run("train")
    assert message in error_line(result)
    assert result.exit_code == code
    result = run("--debug", "train")
    assert "Traceback" in result.stderr
    assert "in fail" in result.stderr
    assert result.exit_code == code


def test_a_corpus_that_was_mistyped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("poems").mkdir()
    Path("poems/sonnets.txt").touch()
    for given, meant in (("namse", "names"), ("makemroe", "makemore"), ("poems/sonets.txt", "poems/sonnets.txt")):
        result = run("train", "--data", given)
        assert error_line(result) == f"{given}: no such file; did you mean `{meant}`?"
        assert result.exit_code == 3
    assert "give the path of a text file, or `names`" in error_line(run("train", "--data", "nowhere/zzz"))


# Sends itself a signal as the command ends, and once more while that is on its way out.
TWICE = """
import os, sys
from microgpt.__main__ import main
from microgpt.tools import cli

signals, invoke = [int(sys.argv.pop(1))] * 2, cli.Commands.invoke

def flush_and_signal(flush):
    flush()
    if signals:
        os.kill(os.getpid(), signals.pop())

def invoke_and_signal(self, ctx):
    flush = sys.stdout.flush
    sys.stdout.flush = lambda: flush_and_signal(flush)
    return invoke(self, ctx)

cli.Commands.invoke = invoke_and_signal
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_second_signal_keeps_the_exit_code(number: signal.Signals, word: str):
    command = [sys.executable, "-P", "-c", TWICE, str(int(number)), "version"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (128 + number, f"microgpt: {word}\n")


# Sends itself a signal when the command has ended, as the process is about to.
LATE = """
import os, sys
from microgpt.__main__ import main

number, exit = int(sys.argv.pop(1)), sys.exit

def signal_and_exit(code):
    sys.exit = exit
    os.kill(os.getpid(), number)
    exit(code)

sys.exit = signal_and_exit
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_late_signal_has_its_exit_code(number: signal.Signals):
    command = [sys.executable, "-P", "-c", LATE, str(int(number)), "version"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (128 + number, "")


# Dataclasses are made by exec(), so an interrupt may come in one while a module is imported.
IN_A_STRING = """
from microgpt.__main__ import main
from microgpt.tools import cli

cli.Commands.get_command = lambda self, ctx, name: exec("raise KeyboardInterrupt")
main()
"""


def test_an_interrupt_within_a_string_keeps_the_exit_code(tmp_path: Path):
    """CPython remembers it, and `python -m` would end by the signal."""
    (tmp_path / "interrupted.py").write_text(IN_A_STRING)
    command = [sys.executable, "-m", "interrupted", "train"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "microgpt: interrupted\n")


def test_interrupt(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.Commands, "get_command", lambda self, ctx, name: failing(KeyboardInterrupt()))
    result = run("train")
    assert result.stderr == "microgpt: interrupted\n"
    assert result.exit_code == 130
