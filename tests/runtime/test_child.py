"""Children import what their parent imports, and nothing from the current directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from microgpt.runtime.machine import find_toolchain
from microgpt.runtime.machine.child import Child, child_environment, child_path, python_command

ROOT = Path(__file__).resolve().parents[2]
SIZES = ("--n-embd", "2", "--n-head", "1", "--block-size", "2")
TRAIN = ("train", *SIZES, "--steps", "2", "--samples", "1", "--jobs", "2", "--backend")

# What a child imports sooner or later; a file or a package of that name in the current directory must stay unread.
MODULES = (
    "ctypes",
    "hashlib",
    "json",
    "multiprocessing",
    "random",
    "runpy",
    "signal",
    "sitecustomize",
    "struct",
    "zipimport",
)
PACKAGES = ("microgpt", "networkx", "ziglang")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules leave a mark when they are executed, and then fail."""
    folder = tmp_path / "hostile"
    trap = "import os\nos.close(os.open(os.path.join({!r}, 'executed-{}'), os.O_CREAT))\nraise SystemExit(99)\n"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(trap.format(str(folder), name))
    for name in PACKAGES:
        (folder / name).mkdir()
        for file in ("__init__.py", "__main__.py"):
            (folder / name / file).write_text(trap.format(str(folder), name))
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A Python that has this package as `pip install .` leaves it: in one folder, and found by no hook."""
    tree = tmp_path / "tree"
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-dir"]
    for package, folder in sorted(packages.items()):
        target = tree.joinpath(*package.split("."))
        target.mkdir(parents=True)
        for path in (ROOT / folder).iterdir():
            (target / path.name).symlink_to(path)
    return _environment(tmp_path / "venv", tree)


def _environment(folder: Path, *paths: Path) -> Path:
    """A virtual environment with these paths, and with what we depend on."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "paths.pth").write_text("\n".join(map(str, [*paths, sysconfig.get_path("purelib")])) + "\n")
    return folder / "bin" / "python"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs Python in some folder, with a cache of its own."""

    def run(python: Path | str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        removed = ("PYTHONPATH", "PYTHONSAFEPATH", "CC")
        environment = {name: value for name, value in os.environ.items() if name not in removed}
        folders = {"MICROGPT_CACHE_DIR": str(tmp_path / "cache"), "MICROGPT_DATA_DIR": str(tmp_path / "data")}
        return subprocess.run(
            [python, *arguments],
            cwd=cwd,
            env=environment | folders | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def executed(hostile: Path) -> list[str]:
    return sorted(path.name for path in hostile.glob("executed-*"))


@pytest.mark.parametrize(
    ("flags", "variables", "backend"),
    [
        (("-P",), {}, "python"),
        pytest.param(("-P",), {}, "auto", marks=pytest.mark.slow),
        pytest.param(("-P",), {"PYTHONPATH": "elsewhere"}, "python", marks=pytest.mark.slow),
        ((), {"PYTHONSAFEPATH": "1"}, "python"),
        # This process does not use the path that it inherits, nor may its children.
        pytest.param(("-P", "-E"), {"PYTHONPATH": "."}, "python", marks=pytest.mark.slow),
        (("-I",), {"PYTHONPATH": "."}, "auto"),
    ],
)
def test_nothing_is_executed_in_a_hostile_folder(
    hostile: Path, run: Run, flags: tuple[str, ...], variables: dict[str, str], backend: str
):
    command = (*flags, "-m", "microgpt", *TRAIN, backend)
    result = run(sys.executable, *command, cwd=hostile, **variables)
    assert executed(hostile) == []
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("place", "backend"),
    [
        ("checkout", "python"),
        pytest.param("checkout", "auto", marks=pytest.mark.slow),
        pytest.param("hostile", "python", marks=pytest.mark.slow),
    ],
)
def test_a_plain_install_trains_anywhere(hostile: Path, installed: Path, run: Run, place: str, backend: str):
    folder = {"checkout": ROOT, "hostile": hostile}[place]
    result = run(installed, "-P", "-m", "microgpt", *TRAIN, backend, cwd=folder)
    assert executed(hostile) == []
    assert result.returncode == 0, result.stderr


def test_rivals_do_not_import_from_the_current_directory(hostile: Path, run: Run):
    pytest.importorskip("numpy", reason="numpy is not installed: pip install 'microgpt-compiler[rivals]'")
    (hostile / "numpy.py").write_text((hostile / "json.py").read_text())
    command = ("bench", *SIZES, "--length", "1", "--seconds", "0.01", "--against", "numpy", "--backend", "python")
    result = run(sys.executable, "-P", "-m", "microgpt", *command, cwd=hostile)
    assert executed(hostile) == []
    assert result.returncode == 0, result.stderr


SCRIPT = """
import sys
from microgpt.model.config import GPTConfig
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.programs.library import Library
from microgpt.runtime.programs.recipe import Recipe
config = GPTConfig(vocab_size=3, n_embd=2, n_head=1, block_size=2)
recipes = [Recipe("training", length, config) for length in (1, 2)]
Library(Cache.open(), jobs=2).prepare(recipes)
print("prepared")
"""


def test_a_package_in_the_current_directory_is_found_if_it_is_the_one_that_runs(
    installed: Path, tmp_path: Path, run: Run
):
    """As in a folder that `pip install --target` has filled."""
    python = _environment(tmp_path / "bare")
    result = run(python, "-c", SCRIPT, cwd=tmp_path / "tree")
    assert result.stdout == "prepared\n", result.stderr
    # Another one of that name is none of ours.
    result = run(installed, "-c", f"import sys; sys.path.pop(0)\n{SCRIPT}", cwd=ROOT)
    assert result.stdout == "prepared\n", result.stderr


def test_a_child_has_the_path_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first, second = tmp_path / "first", tmp_path / "it's \u00e9 second"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = sys.path[:]
    monkeypatch.setattr(sys, "path", ["", str(first), *before, os.getcwd(), ".", os.path.relpath(second)])
    assert child_path() == [str(first), *dict.fromkeys(before), str(second)]
    second.mkdir()
    (second / "tells.py").write_text("import json, sys\nprint(json.dumps([sys.path, sys.argv[1:]]))\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = subprocess.run(
        python_command("tells", "a b", "-c"), env=child_environment({"A": "b"}), check=True, capture_output=True
    )
    assert json.loads(told.stdout) == [child_path(), ["a b", "-c"]]
    assert "PYTHONPATH" not in child_environment()
    assert child_environment({"A": "b"})["A"] == "b"


def test_a_folder_that_is_gone_is_no_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    gone.rmdir()
    assert child_path() == [str(tmp_path)]


def test_the_ziglang_of_the_current_directory_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "ziglang"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit(99)\n")
    zig = package / ("zig.exe" if os.name == "nt" else "zig")
    zig.write_text("#!/bin/sh\n")

    def found() -> list[str]:
        return [call for where, call in find_toolchain.candidates() if where == "ziglang" and str(tmp_path) in call]

    monkeypatch.syspath_prepend(tmp_path)
    assert found() == [f"{zig} cc"]  # without a line of Python being executed
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert found() == []


def test_a_python_without_a_program_of_its_own_compiles_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from microgpt.model.config import GPTConfig
    from microgpt.runtime.programs.library import Library
    from microgpt.runtime.programs.recipe import Recipe
    from microgpt.runtime.storage.cache import Cache

    monkeypatch.setattr(sys, "executable", None)
    recipes = [Recipe("training", n, GPTConfig(vocab_size=3, n_embd=2, n_head=1, block_size=2)) for n in (1, 2)]
    library = Library(Cache.open(tmp_path), jobs=2)
    library.prepare(recipes)
    assert library.missing(recipes) == []
    with pytest.raises(OSError, match="does not know its own executable"):
        python_command("json")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("write_answer('all of it')", "all of it"),
        ("write_answer('x' * 200_000)", "x" * 200_000),
        ("sys.stdout.write('a part')", None),
        ("write_answer('all of it'); sys.exit(3)", None),
    ],
)
def test_an_answer_is_whole_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, answer: str | None):
    (tmp_path / "answering.py").write_text(
        f"import sys\nfrom microgpt.runtime.machine.child import write_answer\n{text}"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert Child("answering").answer() == answer
