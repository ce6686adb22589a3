"""Every command and every method that shows a function, on each program of the gallery. `-s` prints sizes and times."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from helpers import docs_script, skip_without_compiler

import microgpt
from microgpt.tools.cli import cli
from microgpt.tools.options import chosen_program
from microgpt.tools.subject.function import FunctionSubject

SCRIPT = docs_script("gallery")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def one_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a test show the same subject, so a program is compiled once and not by each of them."""
    make, made = chosen_program.given_function, dict[str, FunctionSubject]()

    def once(context: click.Context, program: str) -> FunctionSubject:
        if program not in made:
            made[program] = make(context, program)
        return made[program]

    monkeypatch.setattr(chosen_program, "given_function", once)


def _ran(*words: object) -> str:
    start = time.process_time()
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, f"{words}: {result.output} {result.exception!r}"
    print(f"{words[0]:8} {time.process_time() - start:6.2f} s of CPU {len(result.stdout):9,} characters", words[2:])
    return result.stdout


# The Gaussian process has 173,000 operations, so its commands run in a test of their own, once.
LARGEST = next(program for program in SCRIPT.PROGRAMS if program.name == "gaussian_process")
SEEN = [program for program in SCRIPT.PROGRAMS if program is not LARGEST]


@pytest.mark.slow
@pytest.mark.parametrize("program", SEEN, ids=[program.name for program in SEEN])
def test_commands(program: Any, tmp_path: Path) -> None:
    skip_without_compiler()
    name = f"{program.path}:{program.loss}"
    print(f"\n{program.name}")
    assert "def run(" in _ran("show", name)
    assert "void run(" in _ran("show", name, "--stage", "c")
    assert "%0 = " in _ran("show", name, "--stage", "dce")
    for stage in ("trace", "loops", "assembly"):
        assert _ran("show", name, "--stage", stage)
    assert program.path.name in _ran("show", name, "--interleave", "--limit", 2)
    picture, page, folder = (tmp_path / each for each in ("picture.dot", "page.html", "exported"))
    for level in ("model", "op"):
        _ran("graph", name, "--level", level, "--limit", 2000, "-o", picture)
        print(f"  {level}: {picture.stat().st_size:,} bytes of DOT")
        assert picture.read_text("utf-8").startswith("digraph")
    if shutil.which("dot"):
        _ran("graph", name, "-o", tmp_path / "picture.svg")
        print(f"  picture.svg: {(tmp_path / 'picture.svg').stat().st_size:,} bytes")
    _ran("explore", name, "-o", page)
    print(f"  page: {page.stat().st_size:,} bytes")
    assert program.path.name in page.read_text("utf-8")
    assert "differentiate" in _ran("passes", name)
    assert "operations" in _ran("stats", name, "--no-machine")
    assert "equal to the eager" in " ".join(_ran("verify", name).split())
    assert "eager autograd" in _ran("bench", name, "--seconds", 0.1)
    _ran("export", name, folder, "--prefix", "shown")
    subprocess.run(["make", "-s", "-C", str(folder)], check=True, capture_output=True)
    compiled, outputs = _compiled(program)
    run = subprocess.run([str(folder / "example")], check=True, capture_output=True, text=True)
    numbers = [float.fromhex(line.split("= ")[1].split("\t")[0]) for line in run.stdout.splitlines()]
    assert numbers == outputs
    for text in (compiled.show("dce"), compiled.passes(), compiled.stats(machine=False), compiled.verify()):
        assert str(text)
    assert compiled.graph(level="model", limit=2000).picture.title
    assert compiled.explore(tmp_path / "own.html").stat().st_size > 10_000
    assert "eager autograd" in str(compiled.bench(seconds=0.05))
    assert compiled.export(tmp_path / "own", prefix="shown")
    assert compiled.source == compiled.path.read_text("utf-8")
    assert program.loss in compiled._repr_html_()


def _compiled(program: Any) -> tuple[Any, list[float]]:
    """The loss, and its outputs for the numbers that the exported example has."""
    module = SCRIPT.module_of(program)
    compiled = microgpt.compile(getattr(module, program.loss), *getattr(module, f"{program.loss}_example"))
    inputs, indices = compiled._seen.ordinary_inputs()
    graph = compiled.ir
    numbers = [indices[tensor.start : tensor.start + tensor.count] for tensor in graph.indices]
    outputs = compiled._executable.run(*inputs.values(), *numbers)
    return compiled, [number for output in outputs for number in output]


@pytest.mark.slow
def test_the_largest_program(tmp_path: Path) -> None:
    name = f"{LARGEST.path}:{LARGEST.loss}"
    assert "differentiate" in _ran("passes", name)
    assert "operations" in _ran("stats", name, "--no-machine")
    for level in ("model", "op"):
        picture = tmp_path / f"{level}.dot"
        _ran("graph", name, "--level", level, "-o", picture)
        assert picture.read_text("utf-8").count(" [") < 1_000
    if shutil.which("gcc"):
        _ran("export", name, tmp_path / "exported")
    page = tmp_path / "page.html"
    _ran("explore", name, "-o", page)
    print(f"  page: {page.stat().st_size:,} bytes")
    assert page.stat().st_size < 3_000_000
    assert LARGEST.path.name in page.read_text("utf-8")
