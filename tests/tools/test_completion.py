"""Shell completion: what a shell asks, and what it is told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from microgpt.tools.cli import cli
from microgpt.tools.commands.completion import VARIABLE


def completed(*words: str) -> list[tuple[str, str]]:
    """The kind and the text of each completion of the last word."""
    shell = ShellComplete(cli, {}, "microgpt", VARIABLE)
    *before, incomplete = words
    return [(item.type, item.value) for item in shell.get_completions(before, incomplete)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("tr",), ["train"]),
        (("train", "--see"), ["--seed"]),
        (("train", "--backend", ""), ["auto", "c", "python", "eager", "jax", "jax-f32"]),
        (("train", "--data", "na"), ["names"]),
        (("sweep", "--set", "learn"), ["learning_rate="]),
        (("data", "in"), ["info"]),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_words(words: tuple[str, ...], expected: list[str]):
    assert [value for _, value in completed(*words)] == expected


@pytest.mark.parametrize(
    "words",
    [
        *(("train", "--data", "poem"), ("train", "--out", ""), ("train", "--resume", "runs/"), ("sample", "x")),
        *((name, "model") for name in ("show", "graph", "explore", "passes", "stats", "verify", "bench", "export")),
    ],
)
def test_files(words: tuple[str, ...]):
    assert completed(*words) == [("file", words[-1])]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts(name: str):
    script = CliRunner().invoke(cli, ["completion", name]).stdout
    assert VARIABLE in script
    if not shutil.which(name):
        return
    result = subprocess.run([name, "-n", "/dev/stdin"], input=script, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_in_bash(tmp_path: Path):
    """The whole way: the script, the variables that bash sets, the program."""
    if not shutil.which("bash"):
        pytest.skip("no bash here")
    program = tmp_path / "microgpt"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from microgpt.tools.cli import main; main()" "$@"\n')
    program.chmod(0o755)
    script = CliRunner().invoke(cli, ["completion", "bash"]).stdout + (
        f'COMP_WORDS=(microgpt train --bac); COMP_CWORD=2\n_microgpt_completion {program}\necho "${{COMPREPLY[@]}}"\n'
    )
    result = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True)
    assert result.stdout == "--backend\n"
