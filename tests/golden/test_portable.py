"""A short run in portable numerics: the figures are those of the eager autograd, and no libm decides them.

    python -m pytest tests/golden/test_portable.py --renew-golden

There is one set of figures for every machine, C compiler and version of Python.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Backend, EagerBackend, PythonBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs.export import export_library
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample

FIGURES = Path(__file__).parent / "portable_small.json"
DOCUMENTS = ("emma", "olivia", "ava", "isabella", "sophia", "mia", "zoe")


def training(n_embd: int = 8, block_size: int = 7) -> Training:
    corpus = Corpus("small", DOCUMENTS, "")
    return Training(corpus, 3, 12, AdamConfig(), n_layer=1, n_embd=n_embd, n_head=2, block_size=block_size)


def run(make: Callable[[Training], Backend]) -> dict[str, Any]:
    """What a run gives, all of it in portable numerics."""
    with numerics("portable"):
        task = training()
        begin = digest(task.state.parameters)
        backend = make(task)
        backend.prepare(task.lengths(), task.config.block_size, lambda done, total, what="": None)
        losses = [step.loss.hex() for step in task.run(backend)]
        samples = [
            sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, temperature=0.5)
            for _ in range(4)
        ]
    return {"begin_sha256": begin, "losses": losses, "end_sha256": digest(task.state.parameters), "samples": samples}


def digest(parameters: list[float]) -> str:
    return hashlib.sha256("\n".join(map(float.hex, parameters)).encode()).hexdigest()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("programs"))


def figures() -> dict[str, Any]:
    return dict(json.loads(FIGURES.read_text("utf-8")))


@pytest.mark.slow
def test_the_eager_autograd_gives_the_figures(request: pytest.FixtureRequest):
    found = run(lambda task: EagerBackend(task.config, task.optimizer))
    if request.config.getoption("--renew-golden"):
        FIGURES.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    assert found == figures()


@pytest.mark.slow
def test_generated_python_gives_the_figures(cache: Cache):
    assert run(lambda task: PythonBackend(task.config, task.optimizer, Library(cache))) == figures()


@pytest.mark.slow
def test_c_gives_the_figures(cache: Cache):
    assert run(lambda task: CBackend(task.config, task.optimizer, cache)) == figures()


@pytest.mark.slow
def test_the_figures_are_not_those_of_libm():
    """Or the tests above would not tell the two apart."""
    task = training()
    list(task.run(EagerBackend(task.config, task.optimizer)))
    assert digest(task.state.parameters) != figures()["end_sha256"]


def export(folder: Path, task: Training) -> None:
    with numerics("portable"):
        export_library(folder, task.config, task.optimizer, task.tokenizer.characters)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    export(folder, training())
    (folder / "corpus.txt").write_text("\n".join(DOCUMENTS) + "\n", "utf-8")
    return folder


def test_exported_c_calls_no_libm(tmp_path: Path):
    """Not for Python's random numbers either: it is linked without."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    export(tmp_path / "exported", training(n_embd=2, block_size=2))
    command = [
        "gcc",
        "-O1",
        "-shared",
        "-fPIC",
        "-fno-math-errno",
        "-Wl,-z,defs",
        "microgpt.c",
        "-o",
        tmp_path / "library.so",
    ]
    built = subprocess.run(command, cwd=tmp_path / "exported", capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr


ZIG = (sys.executable, "-m", "ziglang", "cc")
ON_ARM = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
# A compiler's command, and what runs its programs.
BUILDS = {
    **{
        f"{compiler} {flags}": ((compiler, *flags.split()), ())
        for compiler in ("gcc", "clang")
        for flags in ("-O0", "-O2 -march=native", "-O3")
    },
    "aarch64": (("aarch64-linux-gnu-gcc", "-O2"), ON_ARM),
    "musl": ((*ZIG, "-target", "x86_64-linux-musl", "-O2"), ()),
    "aarch64 musl": ((*ZIG, "-target", "aarch64-linux-musl", "-O2", "-static"), ON_ARM[:1]),
}


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS)
def test_exported_c_gives_the_figures(build: str, exported: Path, tmp_path: Path):
    command, runner = BUILDS[build]
    for program in (command[0], *runner[:1]):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if "ziglang" in command:
        pytest.importorskip("ziglang")
    program = tmp_path / "program"
    build_it = [*command, "-std=gnu11", "main.c", "microgpt.c", "-o", program, "-lm"]
    built = subprocess.run(build_it, cwd=exported, capture_output=True, check=False)
    assert built.returncode == 0, built.stderr
    result = subprocess.run(
        [*runner, program, "train", exported / "corpus.txt", "12", "3"], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [float.fromhex(line[3]).hex() for line in lines if line[0] == "step"] == figures()["losses"]
    assert [line[1] for line in lines if line[0] == "sample"][:4] == figures()["samples"]
