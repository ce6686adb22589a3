"""Exported C in other people's programs: names with a prefix, no mutable statics, a state that the caller owns."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import microgpt
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import Document, EagerBackend
from microgpt.runtime.programs.export import export_library

OPTIMIZER = AdamConfig()
MODELS = {
    "one": GPTConfig(vocab_size=5, n_layer=1, n_embd=4, n_head=2, block_size=3),
    "other": GPTConfig(vocab_size=4, n_layer=1, n_embd=2, n_head=1, block_size=2),
}
DOCUMENTS = {"one": Document([4, 0, 3], [0, 3, 4]), "other": Document([3, 1], [1, 3])}

# Everything in one program: both models and a function, each in two threads.
PROGRAM = """\
#include "one.h"
#include "other.h"
#include "bowl.h"
#include <pthread.h>
#include <stdio.h>

typedef struct { one_state one; other_state other; bowl_state bowl; double loss[2], bowl_at, gradient[2]; } task;

static void *run(void *argument)
{
    task *t = (task *)argument;
    static const int one_index[] = {4, 0, 3, 0, 3, 4}, other_index[] = {3, 1, 1, 3};
    static const double point[] = {0.5, -2.0};
    one_initialize(&t->one);
    other_initialize(&t->other);
    bowl_begin(&t->bowl);
    for (int i = 0; i < ONE_PARAMETERS; i++) one_parameters(&t->one)[i] = (i % 7 - 3) / 8.0;
    for (int i = 0; i < OTHER_PARAMETERS; i++) other_parameters(&t->other)[i] = (i % 7 - 3) / 8.0;
    for (int turn = 0; turn < 50; turn++) {
        t->loss[0] = one_loss(&t->one, 3, one_index);
        t->loss[1] = other_loss(&t->other, 2, other_index);
        bowl(&t->bowl, point, &t->bowl_at, t->gradient);
    }
    return 0;
}

int main(void)
{
    static task tasks[2];
    pthread_t threads[2];
    if (!one_exact() || !other_exact() || !bowl_exact()) return 1;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], 0, run, &tasks[i])) return 2;
    for (int i = 0; i < 2; i++) {
        const task *t = &tasks[i];
        pthread_join(threads[i], 0);
        printf("%a %a %a %a %a\\n", t->loss[0], t->loss[1], t->bowl_at, t->gradient[0], t->gradient[1]);
    }
    return 0;
}
"""


def bowl(x, y):  # type: ignore[no-untyped-def]
    return microgpt.exp(x * y) + (x - y) ** 2


def expected() -> list[float]:
    numbers = []
    for name, config in MODELS.items():
        parameters = [(i % 7 - 3) / 8.0 for i in range(config.parameter_count)]
        numbers.append(EagerBackend(config, OPTIMIZER).loss_and_gradient(parameters, DOCUMENTS[name])[0])
    x, y = microgpt.Value(0.5), microgpt.Value(-2.0)
    value = bowl(x, y)
    value.backward()
    return [*numbers, value.data, x.grad, y.grad]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for name, config in MODELS.items():
        weights = [(i % 7 - 3) / 8.0 for i in range(config.parameter_count)]
        export_library(folder, config, OPTIMIZER, "abcdefg"[: config.vocab_size - 1], weights, name)
    microgpt.compile(bowl, 1.0, 2.0).export(folder, prefix="bowl")
    (folder / "program.c").write_text(PROGRAM)
    return folder


@pytest.fixture(scope="module")
def objects(exported: Path) -> Path:
    """The same folder, with an object file each."""
    build(exported, *(f"gcc -std=c99 -O0 -fno-pie -fno-pic -c {name}.c -o {name}.o" for name in NAMES))
    return exported


def build(folder: Path, *commands: str) -> None:
    for command in commands:
        words = command.split()
        if not shutil.which(words[0]):
            pytest.skip(f"not checked: there is no {words[0]}")
        built = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert built.returncode == 0, f"{command}: {built.stderr}"


NAMES = ("one", "other", "bowl")


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc -std=c99", "clang -std=c99", "g++ -std=c++14 -x c++"])
def test_two_models_and_a_function_are_one_program(compiler: str, exported: Path) -> None:
    sources = " ".join(f"{name}.c" for name in NAMES)
    build(exported, f"{compiler} -O1 -pthread -o program program.c {sources} -lm")
    for line in subprocess.check_output([exported / "program"], text=True).splitlines():
        assert list(map(float.fromhex, line.split())) == expected()


def test_they_are_libraries(objects: Path) -> None:
    build(objects, *(f"ar rcs lib{name}.a {name}.o" for name in NAMES))
    libraries = " ".join(f"lib{name}.a" for name in NAMES)
    build(objects, f"gcc -std=c99 -no-pie -pthread -o linked program.c {libraries} -lm")
    for line in subprocess.check_output([objects / "linked"], text=True).splitlines():
        assert list(map(float.fromhex, line.split())) == expected()


@pytest.mark.slow
def test_they_are_shared_libraries(exported: Path) -> None:
    build(exported, *(f"gcc -O0 -shared -fPIC -o lib{name}.so {name}.c -lm" for name in NAMES))
    libraries = " ".join(f"lib{name}.so" for name in NAMES)
    build(exported, f"gcc -std=c99 -pthread -Wl,-rpath,{exported} -o shared program.c {libraries} -lm")
    for line in subprocess.check_output([exported / "shared"], text=True).splitlines():
        assert list(map(float.fromhex, line.split())) == expected()


def test_other_files_see_names_with_the_prefix_only(objects: Path) -> None:
    for name in NAMES:
        symbols = subprocess.check_output(["nm", objects / f"{name}.o"], text=True).splitlines()
        seen = [line.split()[-1] for line in symbols if line.split()[-2].isupper() and line.split()[-2] != "U"]
        assert seen
        assert all(re.match(rf"{name}(_|$)", symbol) for symbol in seen), seen
        # Nothing that is written to: only what the caller gives.
        assert not [line for line in symbols if line.split()[-2] in "bBdDC"]


def test_a_header_leaves_macros_and_types_with_the_prefix_only(exported: Path) -> None:
    build(exported, "gcc --version")
    (exported / "none.h").write_text("")

    def macros(header: str) -> set[str]:
        text = subprocess.check_output(["gcc", "-E", "-dM", header], cwd=exported, text=True)
        return {line.split()[1].partition("(")[0] for line in text.splitlines()}

    for name in NAMES:
        left = macros(f"{name}.h") - macros("none.h")
        assert left
        assert all(macro.startswith(f"{name.upper()}_") for macro in left), left
        text = subprocess.check_output(["gcc", "-E", "-P", f"{name}.h"], cwd=exported, text=True)
        declared = re.findall(r"(\w+)\s*(?:\(|;)", re.sub(r"__attribute__ ?\(\(.*?\)\)\)?|\{.*?\}", "", text))
        assert declared
        assert all(re.match(rf"{name}(_|$)", each) for each in declared), declared


@pytest.mark.parametrize(("name", "argument"), [("powers", "x"), ("new", "x"), ("tgamma", "x"), ("printf", "x")])
def test_a_taken_prefix_is_refused(name: str, argument: str, tmp_path: Path) -> None:
    compiled = microgpt.compile(bowl, 1.0, 2.0)
    with pytest.raises(ValueError, match=f"prefix '{name}' is no name for a function in C, or taken"):
        compiled.export(tmp_path, prefix=name)


def test_argument_names_that_c_or_cpp_reserves_are_changed(tmp_path: Path) -> None:
    def product(new, state, register, value, long):  # type: ignore[no-untyped-def]
        return new * state + register * value * long

    compiled = microgpt.compile(product, 1.0, 2.0, 3.0, 4.0, 5.0)
    compiled.export(tmp_path)
    build(tmp_path, "g++ -std=c++14 -x c++ -Wall -Wextra -Wshadow -pedantic -Werror main.c product.c -o program")
    assert "value[0] = 0x1.f" in subprocess.check_output([tmp_path / "program"], text=True)
