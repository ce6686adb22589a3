"""What decides bits besides the program: libm, the processor, and what other libraries do to a process."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from microgpt.model.config import GPTConfig
from microgpt.runtime.executable import program
from microgpt.runtime.machine import libm
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs.recipe import Recipe

SIZES = ["--n-embd", "2", "--n-head", "1", "--block-size", "2"]


def in_another_process(code: str, **variables: str) -> str:
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


IDENTITY = "from microgpt.runtime.machine.libm import libm_identity; print(libm_identity())"


def test_the_same_libm_has_the_same_identity():
    assert in_another_process(IDENTITY).strip() == libm.libm_identity()
    # Whatever else has been loaded.
    assert in_another_process(f"import ctypes, ssl, sqlite3; {IDENTITY}").strip() == libm.libm_identity()


def test_without_fused_multiply_adds_libm_is_another():
    """glibc takes other paths then; some results differ in a bit."""
    if platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64" or not libm.has_fma():
        pytest.skip("needs glibc on an x86-64 with fused multiply-adds")
    off = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2_Usable,-AVX2"}
    bits = "import math; print(math.exp(float.fromhex('0x1.9fc4e5831e755p+2')).hex())"
    if in_another_process(bits) == in_another_process(bits, **off):
        pytest.skip("this glibc cannot be told to do without them")
    assert in_another_process(IDENTITY, **off).strip() != libm.libm_identity()


def test_another_file_or_processor_is_another_libm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    known = {libm.libm_identity()}
    other = tmp_path / "libm.so.6"
    other.write_bytes(b"another")
    monkeypatch.setattr(libm, "_libm_files", lambda: [str(other)])
    known.add(libm.libm_identity.__wrapped__())
    other.write_bytes(b"updated")
    known.add(libm.libm_identity.__wrapped__())
    monkeypatch.setattr(libm, "has_fma", lambda: "another")
    known.add(libm.libm_identity.__wrapped__())
    assert len(known) == 4


@pytest.mark.parametrize(
    ("name", "is_libm"),
    [
        ("libm.so.6", True),
        ("libm-2.31.so", True),
        ("ld-musl-x86_64.so.1", True),
        ("libc.musl-x86_64.so.1", True),
        ("libmvec.so.1", False),
        ("libmagic.so.1", False),
        ("libc.so.6", False),
    ],
)
def test_what_a_libm_is_called(name: str, is_libm: bool):
    assert bool(libm._LIBM.match(name)) == is_libm


def test_programs_and_libraries_are_named_by_libm(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch):
    recipe = Recipe("training", 1, GPTConfig(vocab_size=3, n_embd=2, n_head=1, block_size=2))
    before = recipe.key, toolchain.identity
    monkeypatch.setattr(program, "libm_identity", lambda: "another")
    monkeypatch.setattr("microgpt.runtime.machine.toolchain.libm_identity", lambda: "another")
    assert recipe.key != before[0]
    assert toolchain.identity != before[1]


@pytest.fixture
def fast_math(toolchain: Toolchain, tmp_path: Path) -> Path:
    """A library that switches subnormals off for the process that loads it."""
    source, library = tmp_path / "fast.c", tmp_path / "fast.so"
    source.write_text("double twice(double x) { return x + x; }\n")
    command = [*toolchain.command, "-O2", "-ffast-math", "-shared", "-fPIC", str(source), "-o", str(library)]
    subprocess.run(command, check=True)
    told = in_another_process(f"import ctypes; ctypes.CDLL({str(library)!r}); x = 1e-308; print(x * float('0.1'))")
    if told.strip() != "0.0":
        # From version 13 on, GCC does so in programs only.
        source.write_text(
            "#include <xmmintrin.h>\n"
            "__attribute__((constructor)) static void off(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }\n"
        )
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("nothing here switches subnormals off")
    return library


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["doctor"], 0, "floats    subnormal numbers (below 2.2e-308) are treated as zero in this process"),
        pytest.param(["doctor", "--json"], 0, '"floats": "subnormal numbers', marks=pytest.mark.slow),
        (["verify", "--steps", "1", *SIZES], 5, "error: subnormal numbers (below 2.2e-308) are treated as zero"),
        (
            ["train", "--backend", "eager", "--steps", "1", "--samples", "0", *SIZES],
            0,
            "warning: subnormal numbers (below 2.2e-308) are treated as zero",
        ),
    ],
)
def test_subnormals_that_are_off_are_noticed(fast_math: Path, arguments: list[str], status: int, said: str):
    code = f"from microgpt.tools.cli import cli; cli.main({arguments!r})"
    run = f"try:\n  {code}\nexcept SystemExit as end: print('ended with', end.code)"
    nowhere = {"PATH": os.devnull}  # compilers to try would only take time
    loaded = in_another_process(f"import ctypes; ctypes.CDLL({str(fast_math)!r})\n{run}", **nowhere)
    assert loaded.count(said) == 1, loaded
    assert f"ended with {status}" in loaded
    assert "subnormal" not in in_another_process(run, **nowhere)


@pytest.mark.parametrize("mode", ["upward", "downward", "towardzero"])
def test_another_rounding_is_noticed(mode: str, tmp_path: Path, toolchain: Toolchain):
    source, library = tmp_path / "round.c", tmp_path / "round.so"
    source.write_text(f"#include <fenv.h>\nint turn(void) {{ return fesetround(FE_{mode.upper()}); }}\n")
    subprocess.run([*toolchain.command, "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
    code = "import ctypes; from microgpt.runtime.machine.libm import float_fault; print(float_fault() == '')"
    turned = f"{code}; ctypes.CDLL({str(library)!r}).turn(); print(float_fault())"
    first, second = in_another_process(turned).splitlines()
    assert first == "True"
    assert re.match("results are not rounded to the nearest number in this process", second)


def test_here_nothing_is_wrong():
    assert libm.float_fault() == ""
