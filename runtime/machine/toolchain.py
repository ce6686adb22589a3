"""The toolchain: a C compiler that has shown that it keeps every bit.

Candidates are ``$CC``, ``cc``, ``gcc``, ``clang`` and the ``ziglang`` wheel. A candidate is taken if it compiles a
small library, part of which is code as we emit it, that has exactly the bits that Python computes: a compiler that
contracts ``a*b + c`` to one rounding, or replaces ``pow``, is refused. The flags switch both off and let the rest be;
those that a compiler does not know are left out, and the bits decide. One that fails at a model is passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TypeVar

from ..storage.files import write_plainly
from .child import child_environment, child_path, python_command
from .libm import libm_identity, processor

__all__ = [
    "Toolchain",
    "ToolchainError",
    "ToolchainWarning",
    "brief",
    "candidates",
    "find_toolchain",
    "neglected_choice",
    "unprobed",
    "vector_width_here",
    "warn_of_toolchain",
    "with_toolchain",
]

T = TypeVar("T")

# No contraction to fused multiply-adds, no formulas in place of libm's functions. What is allowed beyond the standard
# changes no result: nobody reads errno or the floating-point flags. GCC 12's choice of induction variables (ivopts) can
# lose what an address is based on, whereupon stores vanish (seen for ``m[p + 2 * i] = m[i + q] * m[i + r]``), so it is
# off. So is its vectoriser, which contracts neighbours such as ``a*b - c`` and ``d*e + f`` where nothing else does.
EXACT = (
    "-std=gnu11", "-O2", "-march=native", "-ffp-contract=off",
    "-fno-builtin-pow", "-fno-builtin-exp", "-fno-builtin-log", "-fno-math-errno", "-fno-trapping-math", "-fno-ivopts",
    "-fno-tree-vectorize",
)  # fmt: skip
_LIBRARY = ("-shared", "-fPIC")
# Not every compiler knows these. GCC takes a fifth less time where it combines no more than two instructions into one,
# and steps take as long.
_OPTIONAL = ("-mprefer-vector-width=512", "--param=max-combine-insns=2")

# Seconds that a compiler may take; a broken one must not hang the program.
_PATIENCE = 300.0
# Likewise, for a probe, which takes a good compiler less than one.
_PROBE_PATIENCE = 120.0

# What has failed at more than a probe, by command, and how: it is not tried again by this process.
_failed: dict[tuple[str, ...], str] = {}


class ToolchainError(Exception):
    """No C compiler can be used, or one failed."""


class ToolchainWarning(UserWarning):
    """A C compiler failed, and another one takes its place."""


def warn_of_toolchain(message: str) -> None:
    """Warns as Python does."""
    warnings.warn(message, ToolchainWarning, stacklevel=2)


@dataclass(frozen=True)
class Toolchain:
    """A C compiler.

    Attributes:
        command: how it is called.
        flags: what it is called with.
        path: of its executable.
        vector_width: doubles in the widest vector of the processor that it compiles for, as far as generated code
            knows how to use it.
        passed_over: where each compiler that stands before it was found, and why it is not used.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    path: str
    vector_width: int = 8
    passed_over: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> str:
        """Differs for two compilers, flags or processors that may not give, or run, the same code."""
        # Not the flags that it turned out to know: which ones these are is decided by what is named here.
        status = os.stat(self.path)
        parts = (
            self.command,
            EXACT + _OPTIONAL,
            os.path.realpath(self.path),
            status.st_size,
            status.st_mtime_ns,
            processor(),
            libm_identity(),
        )
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def version(self) -> str:
        """The first line of what it says of itself."""
        try:
            result = subprocess.run(
                [*self.command, "--version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        return result.stdout.partition("\n")[0] or "unknown"

    def start(self, source: Path, library: Path) -> subprocess.Popen[str]:
        """Begins to compile `source`; to be given to `finish`."""
        return self._run(*_LIBRARY, str(source), "-o", str(library), "-lm")

    def start_part(self, source: Path, part: Path) -> subprocess.Popen[str]:
        """Begins to compile `source` to a part of a library; to be given to `finish`, and the part to `link`."""
        return self._run("-fPIC", "-c", str(source), "-o", str(part))

    def link(self, parts: Sequence[Path], library: Path) -> None:
        """Makes a library of its parts.

        Raises:
            ToolchainError: if the linker fails.
        """
        self.finish(self._run(*_LIBRARY, *map(str, parts), "-o", str(library), "-lm"))

    def finish(self, process: subprocess.Popen[str], patience: float | None = None) -> None:
        """Waits for the compiler, by default as long as a large source may take.

        Raises:
            ToolchainError: with the command and the end of what it said, if it failed.
        """
        patience = _PATIENCE if patience is None else min(patience, _PATIENCE)
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            output = f"{self.stop(process)}\nnot done after {patience:g} seconds"
        except BaseException:
            self.stop(process)
            raise
        if process.returncode:
            assert isinstance(process.args, list)
            said = "\n".join(output.strip().splitlines()[-20:])
            status = process.returncode
            how = (
                f"failed with status {status}"
                if status > 0
                else f"was ended by signal {-status}, perhaps because memory ran out"
            )
            raise ToolchainError(f"the C compiler {how}:\n  {shlex.join(map(str, process.args))}\n{said}")

    def stop(self, process: subprocess.Popen[str]) -> str:
        """Ends the compiler, and the processes that it has started; returns what they said."""
        if process.poll() is None:
            with contextlib.suppress(OSError):
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        output, _ = process.communicate()
        return output

    def build(self, source: Path, library: Path, patience: float | None = None) -> None:
        """Compiles `source` to a library that can be loaded.

        Raises:
            ToolchainError: if the compiler fails.
        """
        self.finish(self.start(source, library), patience)

    def make(self, *arguments: str) -> None:
        """Calls it with its flags and `arguments`.

        Raises:
            ToolchainError: if it fails.
        """
        self.finish(self._run(*arguments))

    def assemble(self, source: Path, listing: Path) -> None:
        """Writes the assembly of what `build` would compile, with the line of the source of every instruction.

        Raises:
            ToolchainError: if the compiler fails.
        """
        self.finish(self._run("-fPIC", "-g1", "-S", str(source), "-o", str(listing)))

    def knows(self, flags: tuple[str, ...], folder: Path) -> bool:
        """Whether it compiles a file without content with these flags."""
        source, told = folder / "empty.c", replace(self, flags=flags)
        write_plainly(source, b"int nothing;\n")
        try:
            self.finish(told._run("-c", str(source), "-o", str(folder / "empty.o")), _PROBE_PATIENCE)
        except ToolchainError:
            return False
        return True

    def _run(self, *arguments: str) -> subprocess.Popen[str]:
        command = [*self.command, *self.flags, *arguments]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # A group of its own, so that what a driver has started can be ended with it.
                process_group=0 if os.name == "posix" else None,
            )
        except OSError as error:
            raise ToolchainError(f"{shlex.join(self.command)} cannot be executed: {error.strerror}") from None


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
    return Toolchain(command, EXACT + _OPTIONAL, path)


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
    """The compiler, probed.

    Raises:
        ToolchainError: if it cannot be used, or has failed before.
    """
    toolchain = unprobed(call)
    for command, problem in _failed.items():
        if _is_same(toolchain, command):
            raise ToolchainError(problem)
    return probe(toolchain)


def _is_same(toolchain: Toolchain, command: tuple[str, ...]) -> bool:
    """Whether the program is that of another command: ``cc`` is a link. Programs that stand for several compilers, as
    ccache does, differ in what they say of themselves."""
    if toolchain.command == command:
        return True
    other = unprobed(shlex.join(command))
    same = toolchain.command[1:] == command[1:] and os.path.samefile(toolchain.path, other.path)
    return same and toolchain.version == other.version


def brief(error: ToolchainError) -> str:
    """What a compiler's failure is, on one line: without the command, and of what it said, the first error."""
    first, *said = str(error).splitlines()
    said = said[1:]  # the command
    told = next((line for line in said if "error" in line.lower()), said[-1] if said else "")
    return f"{first.removesuffix(':')}: {told.strip()}" if told else first.removesuffix(":")


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
            toolchain.build(source, library, _PROBE_PATIENCE)
        except ToolchainError:
            known = _known_flags(toolchain, folder)
            if known == toolchain.flags:
                raise
            toolchain = replace(toolchain, flags=known)
            toolchain.build(source, library, _PROBE_PATIENCE)
        try:
            result = subprocess.run(
                python_command("microgpt.runtime.machine.probe", str(library)),
                env=child_environment(),
                input=sample.expected,
                capture_output=True,
                text=True,
                timeout=_PROBE_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ToolchainError(f"{what} is not done after {_PROBE_PATIENCE:g} seconds") from None
        except OSError as error:
            raise ToolchainError(f"{what} cannot be tried: {error.strerror or error}") from None
    if result.returncode:
        said = result.stdout.strip() or f"cannot be loaded: {result.stderr.strip().rpartition(chr(10))[2]}"
        raise ToolchainError(f"{what} {said}")
    return replace(toolchain, vector_width=int(result.stdout))


def _known_flags(toolchain: Toolchain, folder: Path) -> tuple[str, ...]:
    """Those of its flags that a compiler knows."""
    if not toolchain.knows((), folder) or toolchain.knows(toolchain.flags, folder):
        return toolchain.flags
    return tuple(flag for flag in toolchain.flags if toolchain.knows((flag,), folder))
