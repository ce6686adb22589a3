"""Finding a toolchain: a C compiler that has shown that it keeps every bit.

Candidates are ``$CC``, ``cc``, ``gcc``, ``clang`` and the ``ziglang`` wheel. A candidate is taken if it compiles a
small library, part of which is code as we emit it, that has exactly the bits that Python computes: a compiler that
contracts ``a*b + c`` to one rounding, or replaces ``pow``, is refused. The flags switch both off and let the rest be;
those that a compiler does not know are left out, and the bits decide. One that fails at a model is passed over.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib.machinery import PathFinder
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from ..storage.files import write_plainly
from .child import child_environment, child_path, plain_python_command
from .toolchain import EXACT, LEAN, OPTIONAL, PROBE_PATIENCE, Toolchain, ToolchainError, brief, warn_of_toolchain
from .verdicts import known_or_probed

__all__ = [
    "candidates",
    "find_toolchain",
    "first_candidate",
    "neglected_choice",
    "probe",
    "probing",
    "unprobed",
    "vector_width_here",
    "with_toolchain",
]

T = TypeVar("T")

# What has failed at more than a probe, by command, and how: it is not tried again by this process.
_failed: dict[tuple[str, ...], str] = {}


def candidates() -> Iterator[tuple[str, str]]:
    """Compilers that may be there: where each was found, and how a shell would call it."""
    if "CC" in os.environ:
        yield "$CC", os.environ["CC"]
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield name, name
    # The program itself, not `python -m ziglang`: no module is executed to find it.
    spec = PathFinder.find_spec("ziglang", child_path())
    if spec is not None and spec.origin:
        zig = Path(spec.origin).with_name("zig.exe" if os.name == "nt" else "zig")
        if zig.is_file():
            yield "ziglang", shlex.join((str(zig), "cc"))


def unprobed(call: str) -> Toolchain:
    """A compiler as it would be called.

    Raises:
        ToolchainError: if there is no such program.
    """
    try:
        command = tuple(shlex.split(call))
    except ValueError:
        raise ToolchainError(f"{call} has a quote that is not closed") from None
    if not command:
        raise ToolchainError("it is empty")
    path = shutil.which(command[0])
    if path is None:
        raise ToolchainError(f"{command[0]} is not a program")
    return Toolchain(command, EXACT + OPTIONAL, path)


def first_candidate() -> Toolchain | None:
    """The compiler that would be probed first. Its identity names programs that it has compiled once it was probed."""
    for _, call in candidates():
        with contextlib.suppress(ToolchainError):
            return unprobed(call)
    return None


@cache
def find_toolchain() -> Toolchain:
    """The first compiler that keeps every bit and has not failed yet.

    Raises:
        ToolchainError: with what is wrong with each.
    """
    problems: list[tuple[str, str]] = []
    for where, call in candidates():
        try:
            return replace(_tried(call), passed_over=tuple(problems))
        except ToolchainError as error:
            problems.append((where, brief(error)))
    raise ToolchainError(
        "\n".join(": ".join(problem) for problem in problems)
        or "there is no C compiler: install gcc or clang, or the wheel ziglang, or set $CC"
    )


@contextlib.contextmanager
def probing() -> Iterator[None]:
    """Probes compilers in another thread, beside what is done within: they work for half a second in processes of their
    own. Afterwards `find_toolchain` knows the answer.
    """
    thread = threading.Thread(target=_probe_quietly)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _probe_quietly() -> None:
    with contextlib.suppress(ToolchainError):  # which is raised where the compiler is needed
        find_toolchain()


def with_toolchain(use: Callable[[Toolchain], T], warn: Callable[[str], None] = warn_of_toolchain) -> T:
    """What `use` makes with the first compiler that keeps every bit; where that one fails, with the next.

    Args:
        use: raises a `ToolchainError` if the compiler fails.
        warn: is told of each compiler that failed; by default, a `ToolchainWarning`.

    Raises:
        ToolchainError: if none is left, with what is wrong with each.
    """
    while True:
        toolchain = find_toolchain()
        try:
            return use(toolchain)
        except ToolchainError as error:
            _failed[toolchain.command] = str(error)
            find_toolchain.cache_clear()
            warn(f"the C compiler {shlex.join(toolchain.command)} is passed over: {brief(error)}")


def _tried(call: str) -> Toolchain:
    """The compiler, probed, now or by another process.

    Raises:
        ToolchainError: if it cannot be used, or has failed before.
    """
    toolchain = unprobed(call)
    for command, problem in _failed.items():
        if _is_same(toolchain, command):
            raise ToolchainError(problem)
    return known_or_probed(toolchain, probe)


def _is_same(toolchain: Toolchain, command: tuple[str, ...]) -> bool:
    """Whether the program is that of another command: ``cc`` is a link. Programs that stand for several compilers, as
    ccache does, differ in what they say of themselves."""
    if toolchain.command == command:
        return True
    other = unprobed(shlex.join(command))
    same = toolchain.command[1:] == command[1:] and os.path.samefile(toolchain.path, other.path)
    return same and toolchain.version == other.version


def neglected_choice(probed: bool = True) -> str:
    """Why the compiler that $CC asks for is not used; empty if it is, or $CC is not set.

    Args:
        probed: whether compilers have been probed, as they need not be where the cache has what the first one made.
    """
    if "CC" not in os.environ:
        return ""
    try:
        unprobed(os.environ["CC"])
    except ToolchainError as error:
        return brief(error)
    return dict(find_toolchain().passed_over).get("$CC", "") if probed else ""


def vector_width_here() -> int:
    """Doubles in the widest vector of this processor; where no compiler can tell, what the widest known ones have."""
    try:
        return find_toolchain().vector_width
    except ToolchainError:
        return Toolchain.vector_width


def probe(toolchain: Toolchain) -> Toolchain:
    """Checks that what a compiler makes can be loaded and has Python's bits.

    It is loaded by a process of its own: a library that was made with ``-ffast-math`` makes its whole process treat
    tiny numbers as zero, from the moment it is loaded.

    Returns:
        the compiler with those flags that it knows, and how many doubles the widest vector of the processor has.

    Raises:
        ToolchainError: saying what is wrong.
    """
    from .probe_source import probe_source

    sample = probe_source()
    with tempfile.TemporaryDirectory(prefix="microgpt-probe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, library = folder / "probe.c", folder / "probe.so"
        write_plainly(source, sample.text.encode())
        what = f"what {shlex.join(toolchain.command)} makes"
        try:
            toolchain.build(source, library, PROBE_PATIENCE)
        except ToolchainError:
            known = _known_flags(toolchain, folder)
            if known == toolchain.flags:
                raise
            toolchain = replace(toolchain, flags=known)
            toolchain.build(source, library, PROBE_PATIENCE)
        if not library.exists():
            raise ToolchainError(f"{shlex.join(toolchain.command)} makes no library")
        try:
            result = subprocess.run(
                plain_python_command((files(__package__ or "") / "probe.py").read_text("utf-8"), str(library)),
                env=child_environment(),
                input=sample.expected,
                capture_output=True,
                text=True,
                timeout=PROBE_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolchainError(f"{what} is not done after {PROBE_PATIENCE:g} seconds") from None
        except OSError as error:
            raise ToolchainError(f"{what} cannot be tried: {error.strerror or error}") from None
    if result.returncode:
        said = result.stdout.strip() or f"cannot be loaded: {result.stderr.strip().rpartition(chr(10))[2]}"
        raise ToolchainError(f"{what} {said}")
    return replace(toolchain, vector_width=int(result.stdout))


def _known_flags(toolchain: Toolchain, folder: Path) -> tuple[str, ...]:
    """Those of its flags that a compiler knows."""
    if not toolchain.knows((), folder):
        return toolchain.flags
    # One by one they take many calls; most compilers know either all of these or few of the last.
    for some in (toolchain.flags, tuple(flag for flag in toolchain.flags if flag not in LEAN)):
        if toolchain.knows(some, folder):
            return some
    return tuple(flag for flag in toolchain.flags if toolchain.knows((flag,), folder))
