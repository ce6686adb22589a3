"""An exported library on another processor: cross-compiled for ARM, and run by qemu.

What is compared is what Python would compute there: the eager autograd, whose `exp`, `log` and `pow` are carried out by
the libm of that system, through a small program that qemu runs.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden.test_runs import DOCUMENTS

from microgpt.compiler import arithmetic
from microgpt.data.corpus import Corpus
from microgpt.model import adam
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.programs.export import export_library
from microgpt.runtime.training.training import Training

COMPILER, EMULATOR, SYSTEM = "aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu"
STEPS = 6

# Reads a function and its operands, a line each; prints the result.
SERVER = r"""
#include <math.h>
#include <stdio.h>
int main(void)
{
    char name;
    double x, y;
    while (scanf(" %c %la %la", &name, &x, &y) == 3) {
        double one = name == 'e' ? exp(x) : name == 'l' ? log(x) : name == 'c' ? cos(x) : sin(x);
        printf("%a\n", name == 'p' ? pow(x, y) : one);
        fflush(stdout);
    }
    return 0;
}
"""

Ask = Callable[..., float]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The libm of ARM: ``ask("p", x, y)``."""
    for program in (COMPILER, EMULATOR, "make"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed; Debian has it in gcc-aarch64-linux-gnu, qemu-user or make")
    folder = tmp_path_factory.mktemp("libm")
    (folder / "server.c").write_text(SERVER)
    flags = ("-O1", "-fno-builtin")
    subprocess.run([COMPILER, *flags, folder / "server.c", "-o", folder / "server", "-lm"], check=True)
    pipe = subprocess.PIPE
    with subprocess.Popen([EMULATOR, "-L", SYSTEM, folder / "server"], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        reader, writer = server.stdout, server.stdin

        def ask(name: str, x: float, y: float = 0.0) -> float:
            writer.write(f"{name} {float(x).hex()} {float(y).hex()}\n")
            writer.flush()
            return float.fromhex(reader.readline())

        yield ask
        writer.close()


def number_type(ask: Ask) -> type[float]:
    """Floats whose powers are those of ARM, for what is written for plain floats."""

    class Number(float):
        def __pow__(self, exponent: float, _: Any = None) -> Number:
            return Number(ask("p", self, exponent))

    def closed(name: str) -> Callable[[float, float], float]:
        return lambda a, b: Number(getattr(float, name)(a, b))

    for name in ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv"):
        setattr(Number, f"__{name}__", closed(f"__{name}__"))
    return Number


class Mathematics:
    """What `compiler.arithmetic` uses of `math`."""

    def __init__(self, ask: Ask) -> None:
        self.pow, self.exp, self.log = (lambda *operands, name=name: ask(name, *operands) for name in "pel")

    def __getattr__(self, name: str) -> Any:
        return getattr(__import__("math"), name)


def expected_losses(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By the eager autograd and Adam, as Python would compute them on ARM."""
    number = number_type(ask)
    monkeypatch.setattr(arithmetic, "math", Mathematics(ask))
    for name in ("log", "cos", "sin"):
        monkeypatch.setattr(random, f"_{name}", lambda x, name=name[0]: ask(name, x))
    training = task()
    optimizer = AdamConfig()
    eager = EagerBackend(training.config, optimizer)
    bases = replace(optimizer, beta1=number(optimizer.beta1), beta2=number(optimizer.beta2))
    state, losses = training.state, []
    for step in range(STEPS):
        loss, gradient = eager.loss_and_gradient(state.parameters, training.document(step))
        losses.append(loss)
        constants = adam.step_constants(bases, step, STEPS)
        lanes = zip(state.parameters, gradient, state.first_moment, state.second_moment, strict=True)
        results = [adam.update(optimizer, *map(number, lane), *constants) for lane in lanes]
        state.parameters, state.first_moment, state.second_moment = map(list, zip(*results, strict=True))
    return losses


def task() -> Training:
    corpus = Corpus("small", tuple(DOCUMENTS), "")
    return Training(corpus, 1, STEPS, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=7)


@pytest.mark.slow
def test_an_exported_library_trains_on_arm(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    training = task()
    characters = [training.tokenizer.decode([token]) for token in range(training.tokenizer.bos)]
    export_library(tmp_path, training.config, AdamConfig(), characters)
    command = ["make", "microgpt", f"CC={COMPILER}", "CFLAGS=-std=gnu11 -O2"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(DOCUMENTS) + "\n", "utf-8")
    result = subprocess.run(
        [EMULATOR, "-L", SYSTEM, tmp_path / "microgpt", "train", corpus, str(STEPS), "1"],
        capture_output=True,
        text=True,
        check=True,
    )
    losses = [float.fromhex(line.split()[3]) for line in result.stdout.splitlines() if line.startswith("step")]
    assert losses == expected_losses(ask, monkeypatch)


def test_the_powers_of_arm_are_asked_for(ask: Ask):
    """Or the test above would compare with this machine's."""
    asked: list[tuple[float, ...]] = []
    number = number_type(lambda *operands: asked.append(operands) or ask(*operands))
    adam.update(AdamConfig(), *map(number, (1.0, 0.5, 0.25, 0.125, 0.1, 0.2, 0.3)))
    assert [(name, exponent) for name, _, exponent in asked] == [("p", 2), ("p", 0.5)]
