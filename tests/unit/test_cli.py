"""The command line as a whole: help, version, errors and exit codes, and how little it imports."""

import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner, Result

from microgpt import __version__
from microgpt.compiler.errors import CompileError, ProofError
from microgpt.tools import cli as module
from microgpt.tools.cli import COMMANDS, cli
from microgpt.tools.failures import EXIT_CODES


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


def test_version():
    assert run("--version").stdout == f"microgpt {__version__}\n"
    result = subprocess.run([sys.executable, "-m", "microgpt", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"microgpt {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
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
        (("train", "--stepz", "3"), "No such option '--stepz'"),
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
        (("train", "--temperature", "0"), "0 is not a finite number above zero"),
        (("train", "--samples", "-1"), "-1 is not in the range x>=0"),
        (("train", "--seed", "-1"), "-1 is not in the range x>=0"),
        (("train", "--block-size", "-3"), "-3 is not in the range x>=1"),
        (("train", "--backend", "fortran"), "'fortran' is not one of 'auto', 'c', 'python', 'eager'"),
        (("sample", "-n", "0"), "0 is not in the range x>=1"),
        (("compile", "--length", "17"), "--length 17 is not within 1 to 16, the --block-size"),
        (("compile", "--length", "seven"), "'seven' is not a length; write for example 7, or 1,7,16, or 3-5, or all"),
        (("compile", "--kind", "optimizer", "--length", "3"), "--kind optimizer has one program for all lengths"),
        (("show", "--length", "17"), "--length 17 is more than --block-size 16"),
        (
            ("show", "--length", "1", "--stage", "no"),
            "has no stage 'no'; the stages are trace, hoist_selects, differentiate",
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


def test_interrupt(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.Commands, "get_command", lambda self, ctx, name: failing(KeyboardInterrupt()))
    result = run("train")
    assert result.stderr == "microgpt: interrupted\n"
    assert result.exit_code == 130
