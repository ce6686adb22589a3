"""Exported C keeps its bits whatever it is compiled with, or is refused; and its example reads what Python reads."""

from __future__ import annotations

import ctypes
import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from microgpt.data.corpus import Corpus, CorpusError, load_corpus
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.machine.probe import problem
from microgpt.runtime.machine.probe_source import probe_source
from microgpt.runtime.programs.export import export_library
from microgpt.runtime.training.training import Training, sample

STEPS = 20
# Every character that C or a terminal gives a meaning, "??/" included, one of two, three and four bytes each.
DOCUMENTS = (
    "emma",
    "olivia",
    'a"b\\',
    "%s??/",
    "\x01\x1b[31m\x7f",
    "naïve\u3042",
    "\U0001f600*/",
    "x\u0085\u2028y",
    "mia",
)
COMPILERS = ("gcc", "clang")
FLAGS = ("-O0", "-O3 -march=native -ffp-contract=fast")
FURTHER_FLAGS = (
    "-O1", "-O2", "-Os", "-O3 -march=native", "-O3 -march=native -std=c99 -pedantic-errors",
    "-O2 -x c++ -std=c++14", "-O2 -trigraphs -frounding-math",
    "-O3 -march=native -fno-signed-zeros -fno-trapping-math", "-O2 -fno-strict-aliasing -fwrapv -funsigned-char",
)  # fmt: skip
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
REFUSED = {
    "-Ofast": "leave out -Ofast, -ffast-math",
    "-O2 -ffast-math": "leave out -Ofast, -ffast-math",
    "-O2 -ffinite-math-only": "leave out -Ofast, -ffast-math",
    "-std=c89": "this file needs C99 or C++11 or later",
    "-x c++ -std=c++98": "this file needs C99 or C++11 or later",
}
REFUSED_BY_GCC = {
    "-O2 -funsafe-math-optimizations": "leave out -Ofast, -ffast-math",
    "-O2 -freciprocal-math": "leave out -Ofast, -ffast-math",
    "-fsingle-precision-constant": "constants_are_doubles",
}


def compiler(name: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"not checked: there is no {name}")
    return name


def compile_c(command: Sequence[str], folder: Path, output: Path) -> subprocess.CompletedProcess[str]:
    libraries = () if "-c" in command else ("-lm",)
    return subprocess.run(
        [*command, "-o", str(output), *libraries],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    result = subprocess.run(command, capture_output=True, check=False)
    assert not check or result.returncode == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def task() -> Training:
    return Training(Corpus("small", DOCUMENTS, ""), 1, STEPS, AdamConfig(), n_layer=1, n_embd=8, n_head=2, block_size=4)


@pytest.fixture(scope="module")
def exported(task: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a library, with a corpus."""
    folder = tmp_path_factory.mktemp("exported")
    export_library(folder, task.config, task.optimizer, task.tokenizer.characters)
    (folder / "corpus.txt").write_bytes("\n".join(DOCUMENTS).encode())
    return folder


@pytest.fixture(scope="module")
def expected(task: Training) -> bytes:
    """What the exported example prints, by the eager autograd."""
    backend = EagerBackend(task.config, task.optimizer)
    lines = [f"step {number} loss {step.loss.hex()}" for number, step in enumerate(task.run(backend), 1)]
    lines += [
        "sample " + sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, 0.5)
        for _ in range(20)
    ]
    return "\n".join([*lines, ""]).encode()


def printed(output: bytes) -> bytes:
    """With losses spelled as Python spells them: C may choose other leading digits."""
    lines = output.split(b"\n")
    for number, line in enumerate(lines):
        if line.startswith(b"step "):
            head, _, loss = line.rpartition(b" ")
            lines[number] = head + b" " + float.fromhex(loss.decode()).hex().encode()
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("gcc", FLAGS[1]),
        ("clang", FLAGS[0]),
        *(pytest.param(name, flags, marks=pytest.mark.slow) for name in COMPILERS for flags in FURTHER_FLAGS),
        pytest.param("gcc", FLAGS[0], marks=pytest.mark.slow),
        pytest.param("clang", FLAGS[1], marks=pytest.mark.slow),
    ],
)
def test_every_bit_is_kept_with_any_flags(
    name: str, flags: str, exported: Path, expected: bytes, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    built = compile_c([compiler(name), *flags.split(), "main.c", "microgpt.c"], exported, program)
    assert built.returncode == 0, built.stderr
    result = run(program, "train", exported / "corpus.txt", str(STEPS), "1", check=False)
    if name == "clang" and flags.endswith("-ffp-contract=fast") and result.returncode:
        # No pragma changes this, and no macro tells it: the program itself notices.
        assert result.stderr.startswith(b"microgpt: this build loses bits")
        assert not result.stdout
        return
    assert result.returncode == 0, result.stderr
    assert printed(result.stdout) == expected


@pytest.mark.parametrize("flags", ["-O2 -march=native", "-O3 -march=native -ftree-slp-vectorize -ftree-vectorize"])
@pytest.mark.parametrize("name", COMPILERS)
def test_single_operations_keep_their_bits_in_every_neighbourhood(name: str, flags: str, tmp_path: Path) -> None:
    """GCC 12 contracts a difference beside a sum, also where contraction is off."""
    source = probe_source()
    (tmp_path / "probe.c").write_text(source.text)
    built = compile_c([compiler(name), "-shared", "-fPIC", *flags.split(), "probe.c"], tmp_path, tmp_path / "probe.so")
    assert built.returncode == 0, built.stderr
    assert problem(ctypes.CDLL(str(tmp_path / "probe.so")), json.loads(source.expected)) == ""


@pytest.mark.parametrize("name", COMPILERS)
def test_what_would_change_bits_is_refused(name: str, exported: Path, tmp_path: Path) -> None:
    command = compiler(name)
    cases = REFUSED | (REFUSED_BY_GCC if name == "gcc" else {})
    if name == "gcc" and platform.machine() == "x86_64":
        cases = cases | {"-mfpmath=387": "double must be computed as double"}
    for flags, message in cases.items():
        built = compile_c([command, "-c", *flags.split(), "microgpt.c"], exported, tmp_path / "object.o")
        if "cc1plus" in built.stderr:
            continue  # this compiler has no C++
        assert built.returncode != 0, flags
        assert message in built.stderr, f"{flags}: {built.stderr[:500]}"


def test_a_compiler_without_vectors_is_refused(exported: Path, tmp_path: Path) -> None:
    built = compile_c([compiler("tcc"), "-c", "microgpt.c"], exported, tmp_path / "object.o")
    assert built.returncode != 0
    assert "this file needs GCC or Clang" in built.stderr


@pytest.mark.parametrize("language", ["-std=c99", "-x c++ -std=c++14"])
@pytest.mark.parametrize("name", [pytest.param("gcc", marks=pytest.mark.slow), "clang"])
def test_nothing_is_warned_of(name: str, language: str, exported: Path, tmp_path: Path) -> None:
    # Some of GCC's warnings come from its optimiser, Clang's from reading alone.
    stages = {"gcc": ("-O1", "-c"), "clang": ("-fsyntax-only", "-c")}[name]
    for source in ("main.c", "microgpt.c"):
        command = [compiler(name), *language.split(), *WARNINGS, "-march=native", *stages, source]
        built = compile_c(command, exported, tmp_path / "object.o")
        assert built.returncode == 0, built.stderr


@pytest.mark.parametrize(("name", "plus"), [("gcc", "g++"), pytest.param("clang", "clang++", marks=pytest.mark.slow)])
def test_the_library_is_used_from_cpp(name: str, plus: str, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "user.cc").write_text('#include "microgpt.h"\nint main() { return microgpt_exact() ? 0 : 1; }\n')
    library = tmp_path / "microgpt.o"
    assert compile_c([compiler(name), "-c", "microgpt.c"], exported, library).returncode == 0
    command = [compiler(plus), f"-I{exported}", str(tmp_path / "user.cc"), str(library)]
    built = compile_c(command, tmp_path, tmp_path / "user")
    if "-lstdc++" in built.stderr or "iostream" in built.stderr:
        pytest.skip(f"not checked: {plus} has no library")
    assert built.returncode == 0, built.stderr
    run(tmp_path / "user")


# A program around the exported example, that tells what it reads.
_READER = """\
#define main exported_main
#include "main.c"
#undef main
int main(int argc, char **argv)
{
    if (argc < 2) {
        for (uint32_t c = 0; c < 0x110000; c++) if (is_space(c)) printf("%lu ", (unsigned long)c);
        return 0;
    }
    size_t count;
    file_name = argv[1];
    document *documents = read_documents(&count);
    for (size_t i = 0; i < count; i++) {
        fwrite(text + documents[i].start, 1, documents[i].end - documents[i].start, stdout);
        putchar('\\n');
    }
    return 0;
}
"""
_CHARACTERS = "ab\"\\?/'\x01\x0b\x0c\x1c\x1f\x7f\x85\xa0\xe9\u2028\u2029\u3000\u3042\ufeff\U0001f600 \t"
_PIECES = [character.encode() for character in _CHARACTERS] + [
    b"\n", b"\r", b"\r\n", b"\n\r", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\x83", b"\xe3\x80\x80", b"ab", b"a b",
]  # fmt: skip
_BROKEN = (b"\0", b"\xff", b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf",
           b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xc3", b"\xe3\x81", b"\xf0\x9f\x98")  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    alphabet = sorted({*_CHARACTERS, "\u2003"})
    config = GPTConfig(vocab_size=len(alphabet) + 1, n_layer=1, n_embd=2, n_head=1, block_size=2)
    export_library(folder, config, AdamConfig(), alphabet)
    (folder / "reader.c").write_text(_READER)
    name = next((name for name in COMPILERS if shutil.which(name)), None)
    if name is None:
        pytest.skip("not checked: there is no C compiler")
    built = compile_c([name, "-O1", "reader.c", "microgpt.c"], folder, folder / "reader")
    assert built.returncode == 0, built.stderr
    return folder / "reader"


def test_white_space_is_python_s(reader: Path) -> None:
    found = [int(number) for number in run(reader).stdout.split()]
    assert found == [code for code in range(0x110000) if chr(code).isspace()]


@pytest.mark.random
def test_documents_are_python_s(reader: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    random = Random(request.config.getoption("--seed"))
    path = tmp_path / "corpus.txt"
    wrong = 0
    for _ in range(int(request.config.getoption("--fuzz"))):
        pieces = random.choices(_PIECES, k=random.randrange(30))
        if random.random() < 0.3:
            pieces.insert(random.randrange(len(pieces) + 1), random.choice(_BROKEN))
        content = b"".join(pieces)
        path.write_bytes(content)
        result = run(reader, path, check=False)
        try:
            documents = load_corpus(path).documents
        except CorpusError:
            wrong += 1
            assert result.returncode == 1, content
            assert result.stderr.startswith(b"microgpt: "), content
        else:
            assert result.returncode == 0, (content, result.stderr)
            assert result.stdout == "".join(f"{document}\n" for document in documents).encode(), content
    assert wrong


def test_a_large_corpus_is_read_whole(reader: Path, tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"ab a\r\n" * 300_000)
    assert run(reader, path).stdout == b"ab a\n" * 300_000


def test_errors_say_what_is_wrong(exported: Path, tmp_path: Path) -> None:
    name = next((name for name in COMPILERS if shutil.which(name)), None)
    if name is None:
        pytest.skip("not checked: there is no C compiler")
    program, corpus = tmp_path / "program", tmp_path / "corpus.txt"
    assert compile_c([name, "main.c", "microgpt.c"], exported, program).returncode == 0
    cases: list[tuple[bytes, list[str | Path], str]] = [
        (b"", ["train", tmp_path / "none", "3"], "none cannot be read: No such file"),
        (b"", ["train", tmp_path, "3"], "cannot be read: Is a directory"),
        (b" \r\n\xc2\xa0", ["train", corpus, "3"], "the file has no documents"),
        (b"emma\rm\xe9a", ["train", corpus, "3"], "corpus.txt: not UTF-8 at offset 6, line 2"),
        (b"emma\r\nm\0a", ["train", corpus, "3"], "corpus.txt: not text: a zero byte at offset 7, line 2"),
        (b"emma\nmia\nQ", ["train", corpus, "3"], "a character that the model does not know at offset 9, line 3"),
        (b"emma", ["train", corpus, "many"], "STEPS is a whole number from 0 to 2147483647, not many"),
        (b"emma", ["train", corpus, "3", "4294967296"], "SEED is a whole number from 0 to 4294967295"),
        (b"emma", ["train", corpus, "3", "-1"], "SEED is a whole number"),
        (b"emma", ["sample", "3"], "no weights were exported"),
        (b"emma", ["train", corpus], "usage: microgpt train FILE STEPS"),
    ]
    for content, arguments, message in cases:
        corpus.write_bytes(content)
        result = run(program, *arguments, check=False)
        assert result.returncode == 1, arguments
        assert message.encode() in result.stderr, (arguments, result.stderr)
        assert result.stderr.count(b"\n") == 1
