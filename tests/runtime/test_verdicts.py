"""Verdicts: a compiler that keeps every bit is probed once, and anew if anything has changed that could matter."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from microgpt.runtime.machine import verdicts
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError
from microgpt.runtime.machine.verdicts import known_or_probed
from microgpt.runtime.storage.cache import Cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiler(tmp_path: Path) -> Toolchain:
    path = tmp_path / "cc"
    path.write_text("#!/bin/sh\necho version 1\n")
    path.chmod(0o755)
    return Toolchain((str(path),), ("-O2", "-unknown"), str(path))


class Probe:
    """Counts its calls, and finds that a compiler knows one flag and a processor with vectors of four."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, toolchain: Toolchain) -> Toolchain:
        self.calls += 1
        return replace(toolchain, flags=("-O2",), vector_width=4)


def test_a_compiler_is_probed_once(folder, compiler):
    probe = Probe()
    found = [known_or_probed(compiler, probe) for _ in range(3)]
    assert probe.calls == 1
    assert found == [replace(compiler, flags=("-O2",), vector_width=4)] * 3


@pytest.mark.parametrize("what", ["file", "version", "libm", "sources", "python"])
def test_what_could_matter_has_a_verdict_of_its_own(folder, compiler, what, monkeypatch):
    probe = Probe()
    known_or_probed(compiler, probe)
    if what == "file":
        os.utime(compiler.path, (1, 1))
    elif what == "version":  # as where the program stands for another one, and is as old and as long as it was
        status = os.stat(compiler.path)
        Path(compiler.path).write_text("#!/bin/sh\necho version 2\n")
        os.utime(compiler.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif what == "libm":
        monkeypatch.setattr("microgpt.runtime.machine.toolchain.libm_identity", lambda: "another")
    elif what == "sources":
        monkeypatch.setattr(verdicts, "sources_digest", lambda package: "others")
    else:
        monkeypatch.setattr(verdicts.sys, "version", "another")
    known_or_probed(compiler, probe)
    assert probe.calls == 2


def test_a_verdict_that_was_changed_is_not_believed(folder, compiler):
    probe = Probe()
    known_or_probed(compiler, probe)
    (file,) = folder.glob("compiler-*/verdict.json")
    file.write_text('[["-ffast-math"], 8]')
    assert known_or_probed(compiler, probe).flags == ("-O2",)
    assert probe.calls == 2


def test_a_compiler_that_is_refused_is_probed_again(folder, compiler):
    def refuse(toolchain: Toolchain) -> Toolchain:
        raise ToolchainError("wrong")

    for _ in range(2):
        with pytest.raises(ToolchainError, match="wrong"):
            known_or_probed(compiler, refuse)
    assert Cache(folder).entries() == []


def test_without_a_folder_compilers_are_probed_each_time(folder, compiler, recwarn):
    folder.write_text("no folder")
    probe = Probe()
    assert [known_or_probed(compiler, probe).vector_width for _ in range(2)] == [4, 4]
    assert probe.calls == 2
    assert not recwarn
