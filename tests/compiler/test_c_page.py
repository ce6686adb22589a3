"""docs/c.md: its commands run, one after the other, and its figures are so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs.c_source import model_source
from microgpt.runtime.programs.inference import inference_source

PAGE = (Path(__file__).parents[2] / "docs" / "c.md").read_text("utf-8")
FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# As the page has it, but for sizes: compiling is what takes the time.
SMALL = {
    "--steps 300": "--steps 3 --n-embd 4 --n-head 2 --block-size 3 --backend eager",
    "--n-embd 8 --block-size 4": "--n-embd 4 --n-head 2 --block-size 3",
    "-O2": "-O0",
}


@pytest.mark.slow
def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("cc") or not shutil.which("make"):
        pytest.skip("not checked: there is no C compiler, or no make")
    for name, text in FILE.findall(PAGE):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    ran = 0
    for block in CONSOLE.findall(PAGE):
        for step in block.split("$ ")[1:]:
            command, _, shown = step.partition("\n")
            for usual, small in SMALL.items():
                command = command.replace(usual, small)
            result = subprocess.run(
                ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False
            )
            assert result.returncode == 0, f"{command}: {result.stderr}"
            assert result.stdout.endswith(shown), command
            assert "warning" not in result.stderr, f"{command}: {result.stderr}"
            ran += 1
    assert ran == 14


@pytest.mark.slow
def test_the_sizes() -> None:
    config = GPTConfig(vocab_size=27)
    found = re.findall(r"^\| .*? \| ([\d,]+) \| ([\d,]+) \|", PAGE, re.MULTILINE)
    states = [4 * inference_source(config, "m", "float").state, 8 * inference_source(config, "m").state]
    states.append(8 * model_source(config, AdamConfig()).addresses["memory"])
    weights = [size * config.parameter_count for size in (4, 8, 8)]
    assert found == [(f"{state:,}", f"{weight:,}") for state, weight in zip(states, weights, strict=True)]
