"""The toolchain: compilers that keep every bit are taken, others are refused with a reason."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest

from microgpt.runtime import toolchain
from microgpt.runtime.toolchain import Toolchain, ToolchainError, find_toolchain, probe, unprobed

pytestmark = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler")


@pytest.fixture
def real() -> Toolchain:
    find_toolchain.cache_clear()
    return find_toolchain()


def script(path: Path, text: str) -> tuple[str, ...]:
    path.write_text(text)
    return (sys.executable, str(path))


def test_a_compiler_is_found_and_has_a_name(real):
    assert real.version
    assert real.identity == real.identity
    assert len(real.identity) == 64


def test_a_compiler_that_contracts_or_replaces_is_refused(real, tmp_path):
    command = script(
        tmp_path / "fast.py",
        "import subprocess, sys\n"
        f"sys.exit(subprocess.call([*{real.command!r}, *sys.argv[1:], '-ffast-math', '-ffp-contract=fast']))\n",
    )
    with pytest.raises(ToolchainError, match="does not keep every bit"):
        probe(unprobed(command))


def test_a_compiler_that_fails_shows_its_command_and_what_it_said(tmp_path):
    command = script(tmp_path / "broken.py", "import sys\nprint('no such thing')\nsys.exit(3)\n")
    with pytest.raises(ToolchainError, match=r"(?s)status 3.*broken\.py.*no such thing"):
        probe(unprobed(command))


def test_a_compiler_that_makes_nothing_loadable_is_refused(tmp_path):
    command = script(
        tmp_path / "odd.py", "import sys\nopen(sys.argv[sys.argv.index('-o') + 1], 'w').write('not a library')\n"
    )
    with pytest.raises(ToolchainError, match="cannot be loaded"):
        probe(unprobed(command))


def test_a_compiler_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "_PATIENCE", 0.3)
    command = script(tmp_path / "hangs.py", "import time\ntime.sleep(60)\n")
    with pytest.raises(ToolchainError, match="not done after"):
        probe(unprobed(command))


def test_what_is_no_program_is_refused():
    with pytest.raises(ToolchainError, match="is not a program"):
        unprobed(("no-such-compiler",))


def test_without_a_compiler_the_message_says_what_to_do(monkeypatch):
    find_toolchain.cache_clear()
    monkeypatch.setattr(toolchain, "candidates", lambda: iter(()))
    with pytest.raises(ToolchainError, match="install gcc or clang"):
        find_toolchain()
    find_toolchain.cache_clear()


def test_other_flags_are_another_identity(real):
    assert Toolchain(real.command, (*real.flags, "-g"), real.path).identity != real.identity


def test_powers_and_quotients_are_what_pow_and_division_give(real):
    from microgpt.tools.check_powers import check_powers

    findings = check_powers(40_000 // real.vector_width)
    assert sum(found.tried for found in findings) > 400_000
    assert not sum(found.wrong for found in findings)
    # The margin is wide enough for what pow() was seen to do and, where a bound is known, narrow enough to be of use.
    if platform.libc_ver()[0] == "glibc":
        assert max(found.farthest for found in findings) < 0.015
        assert all(found.unsure < found.tried * 0.05 for found in findings if found.spread <= 40)
