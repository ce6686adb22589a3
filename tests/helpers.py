"""What tests of several folders share."""

import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from microgpt.compiler.c.emit_c import CText
from microgpt.runtime.machine.find_toolchain import find_toolchain
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError
from microgpt.runtime.programs import c_source

DOCS = Path(__file__).parents[1] / "docs"


def skip_without_compiler(target: str = "c") -> None:
    """Skips a test that needs a C compiler, where there is none."""
    if target == "c":
        try:
            find_toolchain()
        except ToolchainError as error:
            pytest.skip(str(error))


def skip_without_make() -> None:
    """Skips a test that builds what was exported, where a C compiler or `make` is missing."""
    skip_without_compiler()
    if not shutil.which("make"):
        pytest.skip("there is no make")


def emit_no_c(patch: pytest.MonkeyPatch) -> None:
    """Lets models be compiled without their C, for tests of what comes before it: C takes half of the time."""
    patch.setattr(c_source, "compile_c", lambda *_, **__: CText("", (), (), {}, {}, {}, {}, {}))


@contextmanager
def ended_children() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Gives what starts processes, as `subprocess.Popen` does with text; none of them is left in the end.

    A process that leads a session is ended with all that it has started.
    """
    started: list[subprocess.Popen[str]] = []

    def start(command: Any, **options: Any) -> "subprocess.Popen[str]":
        started.append(subprocess.Popen(command, text=True, **options))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            if process.poll() is None:
                is_leader = os.name == "posix" and os.getsid(process.pid) == process.pid
                os.killpg(process.pid, signal.SIGKILL) if is_leader else process.kill()
            with process:  # closes its pipes and waits
                pass


def docs_script(name: str) -> Any:
    """The module of a script in docs/ that writes a page."""
    specification = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look for it
    specification.loader.exec_module(module)
    return module


def compiled(toolchain: Toolchain, folder: Path, width: int, text: str) -> ctypes.CDLL:
    """A library of C for vectors of a width."""
    source, path = folder / f"width{width}.c", folder / f"width{width}.so"
    source.write_text(text)
    toolchain.build(source, path)
    return ctypes.CDLL(str(path))


def same(one: float, other: float) -> bool:
    """Equal, up to what the contract leaves open: the payload of NaN, the sign of zero."""
    return one == other or (one != one and other != other)
