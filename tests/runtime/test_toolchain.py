"""The toolchain: compilers that keep every bit are taken, others are refused with a reason."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from microgpt.compiler.c.prelude import VECTOR_WIDTHS
from microgpt.runtime.backends import choose_backend as choosing
from microgpt.runtime.backends.backend import Document
from microgpt.runtime.machine import find_toolchain as finding
from microgpt.runtime.machine import toolchain
from microgpt.runtime.machine.find_toolchain import find_toolchain, probe, unprobed, with_toolchain
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError, ToolchainWarning
from microgpt.tools.cli import cli
from microgpt.tools.options import backends

pytestmark = pytest.mark.usefixtures("toolchain")


@cache
def good() -> Toolchain:
    """This machine's compiler, probed once."""
    return find_toolchain()


@pytest.fixture
def real() -> Toolchain:
    return good()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No compiler has been found yet, or has failed."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(finding, "_failed", {})
    find_toolchain.cache_clear()
    monkeypatch.setattr(choosing, "_warned", set())
    yield
    find_toolchain.cache_clear()


def script(path: Path, text: str) -> str:
    path.write_text(text)
    return shlex.join((sys.executable, str(path)))


def compiler(path: Path, text: str) -> str:
    """A program for the shell; what it does not do, `cc` does."""
    path.write_text(f'#!/bin/sh\n{text}\nexec {shlex.join(good().command)} "$@"\n')
    path.chmod(0o755)
    find_toolchain.cache_clear()
    return str(path)


@pytest.fixture
def believed(real: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compilers are not probed: what the scripts of these tests do wrong comes later."""
    monkeypatch.setattr(
        finding, "probe", lambda found: replace(found, flags=real.flags, vector_width=real.vector_width)
    )


def only(monkeypatch: pytest.MonkeyPatch, *calls: str) -> None:
    """Nothing else is found on this machine."""
    monkeypatch.setattr(finding, "candidates", lambda: iter([(f"place{n}", call) for n, call in enumerate(calls)]))
    find_toolchain.cache_clear()


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
    with pytest.raises(ToolchainError, match="these flags change results"):
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
    with pytest.raises(ToolchainError, match="no-such-compiler is not a program"):
        unprobed("no-such-compiler -O3")


def test_without_a_compiler_the_message_says_what_to_do(monkeypatch):
    only(monkeypatch)
    with pytest.raises(ToolchainError, match="install gcc or clang"):
        find_toolchain()


def test_what_another_compiler_or_processor_makes_has_another_identity(real, monkeypatch):
    known = {real.identity, replace(real, command=(*real.command, "-g")).identity}
    # Which flags it knows is found by a probe, and its identity is needed before.
    assert replace(real, flags=()).identity in known
    monkeypatch.setattr(toolchain, "processor", lambda: "flags: sse2")
    known.add(real.identity)
    monkeypatch.setattr(toolchain, "libm_identity", lambda: "another")
    known.add(real.identity)
    monkeypatch.setattr(toolchain, "EXACT", ())
    known.add(real.identity)
    assert len(known) == 5


def test_powers_and_quotients_are_what_pow_and_division_give(real):
    from microgpt.tools.checks.check_powers import check_powers

    findings = check_powers(40_000 // real.vector_width)
    assert sum(found.tried for found in findings) > 400_000
    assert not sum(found.wrong for found in findings)
    # The margin is wide enough for what pow() was seen to do and, where a bound is known, narrow enough to be of use.
    if platform.libc_ver()[0] == "glibc":
        assert max(found.farthest for found in findings) < 0.015
        # Squares are enclosed by the bound of the largest ones, and what they are used for is rounded, too.
        often = {"enclosed_square": 0.1}
        assert all(found.unsure < found.tried * often.get(found.name, 0.05) for found in findings if found.spread <= 40)


@pytest.mark.parametrize("width", [pytest.param(2, marks=pytest.mark.slow), *VECTOR_WIDTHS[1:]])
def test_vectors_of_exp_log_and_pow_are_what_libm_gives(real, width):
    from microgpt.tools.checks.check_elementary import check_elementary

    if width > real.vector_width:
        pytest.skip("not checked: the processor has no such vectors")
    findings = check_elementary(200_000 // width, width=width)
    assert sum(found.tried for found in findings) > 2_000_000
    assert not sum(found.wrong for found in findings)
    # The margin is wide enough for what libm was seen to do, and narrow enough to be of use.
    assert max(found.farthest for found in findings) < 1.0
    assert all(found.unsure < found.tried * 0.05 for found in findings)


def test_the_tables_of_exp_and_log_are_what_their_script_writes():
    from microgpt.tools.checks.elementary_tables import elementary_tables

    assert (files("microgpt.compiler.c") / "text" / "elementary_tables.h").read_text("utf-8") == elementary_tables()


TRAIN = ("train", "--n-embd", "2", "--n-head", "1", "--block-size", "2", "--steps", "2", "--samples", "1")
# What the shell is asked to do when it is called for a model, and not for a probe.
AT_MODEL = 'case "$*" in *model.c*) {} ;; esac'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what good compilers make; the others have names of their own."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def eager(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What training prints."""
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(folder / "data"))
    return CliRunner().invoke(cli, [*TRAIN, "--backend", "eager"]).stdout


def train(*more: str, code: int = 0) -> tuple[str, list[str]]:
    """What training prints, and its warnings and errors."""
    result = CliRunner().invoke(cli, [*TRAIN, *more])
    assert result.exit_code == code, result.stderr
    return result.stdout, [line for line in result.stderr.splitlines() if "warning: " in line or "error: " in line]


def test_tcc_does_not_compile_what_we_emit():
    if not shutil.which("tcc"):
        pytest.skip("tcc is not installed")
    with pytest.raises(ToolchainError, match="the C compiler failed"):
        probe(unprobed("tcc"))


def test_a_compiler_that_knows_no_vectors_is_refused_by_the_probe(real, tmp_path):
    """The probe compiles what emitted code needs."""
    code = "for file; do case $file in *.c) grep -q vector_size $file && { echo 'no vectors'; exit 1; } ;; esac; done"
    with pytest.raises(ToolchainError, match="no vectors"):
        probe(unprobed(compiler(tmp_path / "cc", code)))


@pytest.mark.parametrize("wrong", [r"s/\(w[0-9]*\) = m/\1 = 1 + m/", r"s/probe_program(.*m, ix);/m[0] = 7;/"])
def test_a_compiler_that_errs_in_emitted_code_alone_is_refused(real, wrong, tmp_path):
    """Single operations are right."""
    code = f"for file; do case $file in *.c) sed -i '{wrong}' $file ;; esac; done"
    with pytest.raises(ToolchainError, match="does not keep every bit: in emitted code"):
        probe(unprobed(compiler(tmp_path / "cc", code)))


def test_flags_that_a_compiler_does_not_know_are_left_out(real, tmp_path):
    unknown = ("-march=native", "-fno-trapping-math", "-mprefer-vector-width=512")
    cases = "|".join(unknown)
    code = f'for flag; do case $flag in {cases}) echo "unknown $flag" >&2; exit 1 ;; esac; done'
    found = probe(unprobed(compiler(tmp_path / "cc", code)))
    assert found.flags == tuple(flag for flag in real.flags if flag not in unknown)
    assert found.vector_width == 2 or platform.machine() not in ("x86_64", "AMD64")


def test_a_compiler_that_cannot_be_kept_from_contracting_is_refused(real, tmp_path):
    # Neither the flag nor what stands in the file keeps it from that.
    code = """case "$*" in *-ffp-contract=off*) exit 1 ;; esac
        for file; do case $file in *.c) sed -i 's/"fp-contract=off", //; s/^#pragma [Sf].*//' $file ;; esac; done
        set -- "$@" -ffp-contract=fast"""
    call = compiler(tmp_path / "cc", code)
    fuses = subprocess.run(
        [*real.command, "-march=native", "-dM", "-E", "-xc", os.devnull], capture_output=True, text=True, check=True
    )
    if not re.search(r"__FMA__|__ARM_FEATURE_FMA", fuses.stdout):
        pytest.skip("this processor has no fused multiply-add")
    with pytest.raises(ToolchainError, match="does not keep every bit"):
        probe(unprobed(call))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda folder: "gcc 'x", "gcc 'x has a quote that is not closed"),
        (lambda folder: "", "it is empty"),
        (str, "is not a program"),
        (lambda folder: str(folder / "nothing"), "nothing is not a program"),
        (
            lambda folder: _executable(folder / "text", "no program, no script"),
            "text cannot be executed: Exec format error",
        ),
        (lambda folder: _executable(folder / "lost", "#!/no/such/shell"), "lost cannot be executed: No such file or"),
        (
            lambda folder: _executable(folder / "bad", "#!/bin/sh\necho 'no space left'; exit 2"),
            "status 2: no space left",
        ),
        (lambda folder: _executable(folder / "lazy", "#!/bin/sh\nexit 0"), "lazy makes no library"),
    ],
)
def test_a_choice_that_cannot_be_used_is_told_once(make, problem, eager, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", make(tmp_path))
    stdout, (warning,) = train()
    assert stdout == eager
    assert "warning: the compiler that $CC names is not used (" in warning
    assert problem in warning
    assert train() == (eager, [])
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 0, result.output
    assert problem in result.stdout


def _executable(path: Path, text: str) -> str:
    path.write_text(text + "\n")
    path.chmod(0o755)
    return str(path)


def test_a_compiler_that_hangs_is_ended_with_what_it_has_started(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "PROBE_PATIENCE", 0.3)
    monkeypatch.setattr(toolchain, "PROBE_PATIENCE", 0.3)
    pids = tmp_path / "pids"
    # What it has started would keep its output open.
    call = _executable(tmp_path / "hangs", f"#!/bin/sh\nsleep 1000 &\necho $! >>{pids}\nwait")
    with pytest.raises(ToolchainError, match=r"not done after 0\.3 seconds"):
        probe(unprobed(call))
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            _wait_until_gone(int(pid))


def test_a_flag_is_not_unknown_where_its_trial_was_ended(tmp_path):
    """As where memory runs out for a moment: the verdict would be without it for good."""
    ended = 'case "$*" in *empty.c*) kill -9 $$ ;; esac'
    call = _executable(tmp_path / "ended", f"#!/bin/sh\n{ended}\nexit 1")
    with pytest.raises(ToolchainError, match="ended by signal 9"):
        probe(unprobed(call))


def _wait_until_gone(pid: int) -> None:
    """Raises a ProcessLookupError when there is no such process any more, or none that was not killed."""
    while not Path(f"/proc/{pid}/stat").exists() or " Z " not in Path(f"/proc/{pid}/stat").read_text():
        os.kill(pid, 0)
        time.sleep(0.01)
    raise ProcessLookupError(f"{pid} is dead")


def test_a_choice_that_is_used_is_not_spoken_of(real, eager, monkeypatch):
    monkeypatch.setenv("CC", shlex.join(real.command))
    assert train() == (eager, [])
    assert train() == (eager, [])


def test_a_compiler_that_fails_at_the_model_is_passed_over_once(real, eager, tmp_path, monkeypatch):
    bad = compiler(tmp_path / "bad", AT_MODEL.format('echo "model.c:3: error: too long"; exit 1'))
    only(monkeypatch, bad, shlex.join(real.command))
    stdout, (warning,) = train()
    assert stdout == eager
    assert warning.endswith(
        f"warning: the C compiler {bad} is passed over: the C compiler failed with status 1: model.c:3: error: too long"
    )
    # This process has learnt it; the library that the other one made is found.
    assert train() == (eager, [])


@pytest.mark.usefixtures("believed")
def test_a_link_to_a_compiler_that_failed_is_not_tried(real, eager, tmp_path, monkeypatch):
    bad = compiler(tmp_path / "bad", AT_MODEL.format("exit 1"))
    (tmp_path / "link").symlink_to(bad)
    only(monkeypatch, bad, str(tmp_path / "link"), shlex.join(real.command))
    stdout, warnings = train()
    assert stdout == eager
    assert len(warnings) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("believed")
@pytest.mark.parametrize("how", ["exit 1", "kill -9 $$", 'while [ "$1" != -o ]; do shift; done; echo x >$2; exit 0'])
def test_without_another_compiler_programs_run_in_python(how, eager, tmp_path, monkeypatch):
    bad = compiler(tmp_path / "bad", AT_MODEL.format(how))
    only(monkeypatch, bad)
    stdout, (passed, python) = train()
    assert stdout == eager
    assert f"warning: the C compiler {bad} is passed over: " in passed
    assert "warning: no C compiler can be used, so programs run in Python (" in python
    _, (error,) = train("--backend", "c", code=5)
    assert "error: the C backend needs a C compiler that keeps every bit" in error
    compiled = CliRunner().invoke(cli, ["compile", *TRAIN[1:7], "--json"])
    assert compiled.exit_code == 0, compiled.stderr
    assert '"backend": "python"' in compiled.stdout


@pytest.mark.usefixtures("believed")
def test_the_last_compiler_that_fails_is_an_error_of_the_c_backend(eager, tmp_path, monkeypatch):
    only(monkeypatch, compiler(tmp_path / "bad", AT_MODEL.format("exit 1")))
    _, (warning, error) = train("--backend", "c", code=5)
    assert "is passed over" in warning
    assert "error: " in error


@pytest.mark.usefixtures("believed")
def test_models_that_are_loaded_fall_back_too(tmp_path, eager, monkeypatch):
    """Where nothing is prepared, what is called first compiles."""
    from microgpt.runtime.training.checkpoint import load_checkpoint

    train("--backend", "eager", "--out", str(tmp_path / "out"))
    model = load_checkpoint(tmp_path / "out" / "checkpoint.safetensors")
    only(monkeypatch, compiler(tmp_path / "bad", AT_MODEL.format("exit 1")))
    engine = backends.choose_backend("auto", model.config, model.optimizer)
    assert engine.name == "c"
    loss, gradient = engine.loss_and_gradient(model.parameters, Document([0], [1]))
    assert engine.name == "python"
    other = backends.choose_backend("eager", model.config, model.optimizer)
    assert (loss, gradient) == other.loss_and_gradient(model.parameters, Document([0], [1]))
    assert getattr(engine, "sample_many", None) is None


@pytest.mark.usefixtures("believed")
def test_a_failure_is_a_warning_of_python_by_default(real, monkeypatch):
    used = []

    def use(found: Toolchain) -> Toolchain:
        used.append(found)
        if len(used) == 1:
            raise ToolchainError("it is broken")
        return found

    only(monkeypatch, shlex.join((*real.command, "-g0")), shlex.join(real.command))
    with pytest.warns(ToolchainWarning, match=r"-g0 is passed over: it is broken"):
        assert with_toolchain(use).command == real.command
