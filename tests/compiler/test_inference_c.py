"""Exported C that only samples, and C without vectors: the bits of the eager autograd, on a microcontroller too."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import microgpt
from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.programs.export import export_inference, export_library
from microgpt.runtime.training.training import Training, sample
from microgpt.tools.cli import cli

DOCUMENTS = ("abca", "bca", "cab", "aab")
SAMPLES = 6
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -pedantic -Werror"
ARM = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"

# What a Cortex-M4 begins with.
STARTUP = """\
extern void _start(void);
static void reset(void)
{
    *(volatile unsigned *)0xE000ED88u |= 0xFu << 20; /* the floating-point unit */
    __asm__ volatile("dsb\\n isb");
    _start();
}
__attribute__((section(".vectors"), used)) void *const vectors[] = {(void *)0x00400000, (void *)reset};
"""


@pytest.fixture(scope="module")
def task() -> Training:
    return Training(Corpus("small", DOCUMENTS, ""), 42, 9, AdamConfig(), n_layer=1, n_embd=4, n_head=2, block_size=5)


@pytest.fixture(scope="module")
def exported(task: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with the library, in double and in float."""
    folder = tmp_path_factory.mktemp("exported")
    for number in ("double", "float"):
        weights = task.state.parameters
        export_inference(folder / number, task.config, task.tokenizer.characters, weights, "tiny", number)
        (folder / number / "startup.c").write_text(STARTUP)
    return folder


@pytest.fixture(scope="module")
def expected(task: Training) -> str:
    """What the example prints after `42` as seed, by the eager autograd."""
    import random

    backend, rng = EagerBackend(task.config, task.optimizer), random.Random(42)
    drawn = [sample(backend, task.config, task.tokenizer, task.state.parameters, rng, 0.5) for _ in range(SAMPLES)]
    return "".join(f"sample {each}\n" for each in drawn)


def build(folder: Path, command: str) -> None:
    words = command.split()
    if not shutil.which(words[0]):
        pytest.skip(f"not checked: there is no {words[0]}")
    built = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if "libasan" in built.stderr or "libubsan" in built.stderr or "rdimon" in built.stderr:
        pytest.skip("not checked: the compiler has no such library")
    assert built.returncode == 0, f"{command}: {built.stderr}"


SLOW = [
    pytest.param(each, marks=pytest.mark.slow)
    for each in (
        "gcc -O3 -march=native",
        "clang -std=c99 -O2",
        "g++ -x c++ -std=c++14 -O2",
        "clang++ -x c++ -std=c++14",
    )
]
SANITIZED = "gcc -std=c99 -g -fsanitize=address,undefined -fno-sanitize-recover=all"


@pytest.mark.parametrize("compiler", ["gcc -std=c99 -O0", pytest.param(SANITIZED, marks=pytest.mark.slow), *SLOW])
def test_it_samples_what_the_eager_autograd_samples(compiler: str, exported: Path, expected: str) -> None:
    build(exported / "double", f"{compiler} {WARNINGS} -o program main.c tiny.c -lm")
    printed = subprocess.check_output([exported / "double" / "program", str(SAMPLES), "42"], text=True)
    assert printed == expected


def test_any_compiler_will_do(exported: Path, expected: str) -> None:
    build(exported / "double", "tcc -o program main.c tiny.c -lm")
    printed = subprocess.check_output([exported / "double" / "program", str(SAMPLES), "42"], text=True)
    assert printed == expected


# Probabilities at all positions, in all digits.
PROBABILITIES = """\
#include "tiny.h"
#include "tiny_weights.h"
#include <stdio.h>
int main(void)
{
    static tiny_state s;
    tiny_begin(&s, tiny_weights);
    for (int position = 0; position < TINY_BLOCK; position++) {
        const NUMBER *p = tiny_next(&s, position, position % 3, 0.5f);
        for (int i = 0; i < TINY_VOCABULARY; i++) printf("%a\\n", (double)p[i]);
    }
    return 0;
}
"""


def found_probabilities(folder: Path, number: str = "double") -> list[float]:
    (folder / "probabilities.c").write_text(PROBABILITIES)
    build(folder, f"gcc -std=c99 {WARNINGS} -DNUMBER={number} -o program probabilities.c tiny.c -lm")
    return [float.fromhex(line) for line in subprocess.check_output([folder / "program"], text=True).split()]


def eager_probabilities(config: GPTConfig, parameters: list[float]) -> list[float]:
    backend, cache, wanted = EagerBackend(config, AdamConfig()), list[float](), list[float]()
    for position in range(config.block_size):
        wanted += backend.next_token(parameters, 0.5, position % 3, position, cache)
    return wanted


@pytest.mark.parametrize("number", ["double", "float"])
def test_probabilities(number: str, task: Training, exported: Path) -> None:
    found, wanted = (
        found_probabilities(exported / number, number),
        eager_probabilities(task.config, task.state.parameters),
    )
    if number == "double":
        assert found == wanted
    else:
        # 2^-24 is half a unit in the last place; a probability here is the end of some 100 roundings.
        assert found == pytest.approx(wanted, rel=200 * 2.0**-24)
        assert found != wanted


@pytest.mark.parametrize("number", ["double", "float"])
def test_nothing_is_written_to_but_the_state(number: str, exported: Path) -> None:
    build(exported / number, "gcc -std=c99 -O1 -fno-pie -fno-pic -c tiny.c -o tiny.o")
    symbols = [
        line.split()[-2:]
        for line in subprocess.check_output(["nm", exported / number / "tiny.o"], text=True).splitlines()
    ]
    assert {name for kind, name in symbols if kind == "T"} == {"tiny_begin", "tiny_choose", "tiny_exact", "tiny_next"}
    assert not [name for kind, name in symbols if kind in "bBdDC"]
    # Neither heap nor files: what it calls is arithmetic, memset and memcpy.
    called = {name for kind, name in symbols if kind == "U"}
    f = "f" if number == "float" else ""
    assert {f"exp{f}", f"pow{f}"} <= called <= {f"exp{f}", f"log{f}", f"pow{f}", "memset", "memcpy", "__stack_chk_fail"}


@pytest.mark.slow
@pytest.mark.parametrize("number", ["double", "float"])
def test_it_runs_on_a_cortex_m4(number: str, exported: Path, expected: str) -> None:
    folder = exported / number
    build(folder, f"arm-none-eabi-gcc {ARM} -std=c99 -Os {WARNINGS} -c tiny.c -o tiny.arm.o")
    command = f"arm-none-eabi-gcc {ARM} -Os --specs=rdimon.specs -Wl,--section-start=.vectors=0"
    build(folder, f"{command} -o tiny.elf main.c startup.c tiny.c -lm")
    if not shutil.which("qemu-system-arm"):
        pytest.skip("not checked: there is no qemu-system-arm")
    machine = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"]
    arguments = f"enable=on,target=native,arg=tiny,arg={SAMPLES},arg=42"
    command_line = [*machine, "-semihosting-config", arguments, "-kernel", "tiny.elf"]
    result = subprocess.run(command_line, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    # Its libm is another, so that a probability may differ in its last bit; these draws do not depend on that.
    assert result.stdout == expected


@pytest.mark.slow
@pytest.mark.parametrize("numerics", ["exact", "portable"])
def test_training_without_vectors_has_the_same_bits(numerics: str, tmp_path: Path) -> None:
    sizes = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 5}
    with microgpt.numerics(numerics):
        task = Training(Corpus("small", DOCUMENTS, ""), 42, 9, AdamConfig(), **sizes)
        export_library(tmp_path, task.config, task.optimizer, task.tokenizer.characters, plain=True)
        losses = [step.loss for step in task.run(EagerBackend(task.config, task.optimizer))]
    (tmp_path / "corpus.txt").write_text("\n".join(DOCUMENTS) + "\n")
    for compiler in ("gcc -std=c99", "clang -O2", "g++ -x c++ -std=c++14 -O2", "tcc"):
        if shutil.which(compiler.split()[0]):
            build(tmp_path, f"{compiler} {'' if compiler == 'tcc' else WARNINGS} -o program main.c microgpt.c -lm")
            printed = subprocess.check_output([tmp_path / "program", "train", "corpus.txt", "9", "42"], cwd=tmp_path)
            found = re.findall(r"^step \d+ loss (\S+)", printed.decode(), re.MULTILINE)
            assert list(map(float.fromhex, found)) == losses, compiler


# Programs over the sizes; and models so small that these are exceptions, whose programs are found at their own sizes.
@pytest.mark.slow
@pytest.mark.parametrize("sizes", [{"n_head": 2}, {"n_head": 32}])
def test_larger_models(sizes: dict[str, int], tmp_path: Path) -> None:
    config = GPTConfig(vocab_size=9, n_layer=1, n_embd=32, block_size=4, **sizes)
    weights = [0.01 * (i % 9 - 4) for i in range(config.parameter_count)]
    export_inference(tmp_path, config, "abcdefgh", weights, "tiny")
    assert found_probabilities(tmp_path) == eager_probabilities(config, weights)


@pytest.mark.slow
def test_portable_numerics(task: Training, tmp_path: Path) -> None:
    with microgpt.numerics("portable"):
        export_inference(tmp_path, task.config, task.tokenizer.characters, task.state.parameters, "tiny")
        assert found_probabilities(tmp_path) == eager_probabilities(task.config, task.state.parameters)
    assert "libm_exp" not in (tmp_path / "tiny.c").read_text()


def test_a_function_in_single_precision(tmp_path: Path) -> None:
    def energy(x, y):  # type: ignore[no-untyped-def]
        return microgpt.where(x > y, microgpt.exp(-x * y), x) + (x - y) ** 2 + abs(x) * microgpt.tanh(y)

    compiled = microgpt.compile(energy, 1.25, 0.75)
    compiled.export(tmp_path, prefix="energy", dtype="float")
    build(tmp_path, f"gcc -std=c99 {WARNINGS} -o program main.c energy.c -lm")
    printed = subprocess.check_output([tmp_path / "program"], text=True)
    found = [float.fromhex(number) for number in re.findall(r"= (\S+)", printed)]
    value, gradient = compiled(1.25, 0.75)
    assert found == pytest.approx([value, *gradient], rel=20 * 2.0**-24)
    assert "not the bits" in (tmp_path / "energy.h").read_text()


def everything(x, y):  # type: ignore[no-untyped-def]
    angles = microgpt.sin(x) * microgpt.cos(y) + microgpt.tanh(x - y) + microgpt.atan(y)
    return angles + microgpt.erf(x) * microgpt.log1p(x) + microgpt.expm1(y) + microgpt.log(x) ** 3 * x**0.7 + x**-y


@pytest.mark.parametrize("numerics", ["exact", "portable"])
def test_a_function_without_vectors_has_the_same_bits(numerics: str, tmp_path: Path) -> None:
    compiled = microgpt.compile(everything, 1.25, 0.75, numerics=numerics)
    # In the numerics of the function, whichever are in force.
    compiled.export(tmp_path, plain=True)
    text = (tmp_path / "everything.c").read_text()
    assert "vector_size" not in text
    assert ("libm_exp" in text) == (numerics == "exact")
    for compiler in (f"gcc -std=c99 {WARNINGS}", "tcc"):
        if shutil.which(compiler.split()[0]):
            build(tmp_path, f"{compiler} -o program main.c everything.c -lm")
            printed = subprocess.check_output([tmp_path / "program"], text=True)
            value, gradient = compiled(1.25, 0.75)
            assert [float.fromhex(number) for number in re.findall(r"= (\S+)", printed)] == [value, *gradient]


def test_single_precision_is_not_portable(tmp_path: Path) -> None:
    compiled = microgpt.compile(everything, 1.25, 0.75, numerics="portable")
    with pytest.raises(ValueError, match="dtype 'float' has no portable numerics; export in double"):
        compiled.export(tmp_path, dtype="float")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--inference", "--inference exports a trained model; name its --checkpoint"),
        ("--dtype float", "of a model, --dtype float needs --inference"),
        ("--inference model.py:f", "--inference is about a model, and not about your own function"),
        ("--target jax --plain", "--inference, --plain and --dtype are about C, not about --target jax"),
        ("--numerics portable --dtype float model.py:f", "--dtype 'float' has no portable numerics"),
    ],
)
def test_options_that_do_not_go_together(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text("def f(x):\n    return x * x\n\n\nf_example = (2.0,)\n")
    result = CliRunner().invoke(cli, ["export", *words.split(), "folder"])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "folder").exists()
