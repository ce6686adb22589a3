"""The toolchain: a C compiler that has shown that it keeps every bit.

Candidates are ``$CC``, ``cc``, ``gcc``, ``clang`` and the ``ziglang`` wheel. A candidate is taken if it compiles a
small library whose powers, products and sums have exactly the bits that Python computes: a compiler that contracts
``a*b + c`` to one rounding, or replaces ``pow``, is refused. The flags switch both off and let everything else be.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from .probe import SOURCE

__all__ = ["Toolchain", "ToolchainError", "find_toolchain", "vector_width_here"]

# No contraction to fused multiply-adds, no formulas in place of libm's functions. What is allowed beyond the standard
# changes no result: nobody reads errno or the floating-point flags. GCC 12's choice of induction variables (ivopts) can
# lose what an address is based on, whereupon stores vanish (seen for ``m[p + 2 * i] = m[i + q] * m[i + r]``), so it is
# off.
EXACT = (
    "-std=gnu11", "-O2", "-march=native", "-ffp-contract=off",
    "-fno-builtin-pow", "-fno-builtin-exp", "-fno-builtin-log", "-fno-math-errno", "-fno-trapping-math", "-fno-ivopts",
)  # fmt: skip
_LIBRARY = ("-shared", "-fPIC")
# Not every compiler knows these.
_OPTIONAL = ("-mprefer-vector-width=512",)

# Seconds that a compiler may take; a broken one must not hang the program.
_PATIENCE = 300.0


class ToolchainError(Exception):
    """No C compiler can be used, or one failed."""


@dataclass(frozen=True)
class Toolchain:
    """A C compiler.

    Attributes:
        command: how it is called.
        flags: what it is called with.
        path: of its executable.
        vector_width: doubles in the widest vector of the processor that it compiles for, as far as generated code
            knows how to use it.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    path: str
    vector_width: int = 8

    @property
    def identity(self) -> str:
        """Differs for two compilers, flags or processors that may not give, or run, the same code."""
        status = os.stat(self.path)
        parts = (
            self.command,
            self.flags,
            os.path.realpath(self.path),
            status.st_size,
            status.st_mtime_ns,
            _processor(),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def version(self) -> str:
        """The first line of what it says of itself."""
        result = subprocess.run(
            [*self.command, "--version"], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
        return result.stdout.partition("\n")[0] or "unknown"

    def start(self, source: Path, library: Path) -> subprocess.Popen[str]:
        """Begins to compile `source`; to be given to `finish`."""
        return self._run(*_LIBRARY, str(source), "-o", str(library), "-lm")

    def finish(self, process: subprocess.Popen[str]) -> None:
        """Waits for the compiler.

        Raises:
            ToolchainError: with the command and the end of what it said, if it failed.
        """
        try:
            output, _ = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            output = self.stop(process)
            output += f"\nnot done after {_PATIENCE:.0f} seconds"
        if process.returncode:
            assert isinstance(process.args, list)
            said = "\n".join(output.strip().splitlines()[-20:])
            status = process.returncode
            how = (
                f"failed with status {status}"
                if status > 0
                else f"was ended by signal {-status}, perhaps for want of memory"
            )
            raise ToolchainError(f"the C compiler {how}:\n  {shlex.join(map(str, process.args))}\n{said}")

    def stop(self, process: subprocess.Popen[str]) -> str:
        """Ends a compiler and what it has started, which would hold its output open; returns what it said."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        return process.communicate()[0]

    def build(self, source: Path, library: Path) -> None:
        """Compiles `source` to a library that can be loaded.

        Raises:
            ToolchainError: if the compiler fails.
        """
        self.finish(self.start(source, library))

    def assemble(self, source: Path, listing: Path) -> None:
        """Writes the assembly of what `build` would compile, with the line of the source of every instruction.

        Raises:
            ToolchainError: if the compiler fails.
        """
        self.finish(self._run("-fPIC", "-g1", "-S", str(source), "-o", str(listing)))

    def _run(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *self.flags, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,  # so that `stop` ends all of it
        )


def candidates() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Compilers that may be there: where each was found, and how it is called."""
    given = os.environ.get("CC")
    if given:
        yield "$CC", tuple(shlex.split(given))
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            yield name, (name,)
    if importlib.util.find_spec("ziglang") is not None:
        yield "ziglang", (sys.executable, "-m", "ziglang", "cc")


def unprobed(command: tuple[str, ...]) -> Toolchain:
    """A compiler as it would be called.

    Raises:
        ToolchainError: if there is no such program.
    """
    path = shutil.which(command[0]) if command else None
    if path is None:
        raise ToolchainError(f"{shlex.join(command) or 'an empty command'} is not a program")
    return Toolchain(command, EXACT + _OPTIONAL, path)


def first_candidate() -> Toolchain | None:
    """The compiler that would be probed first. Its identity names programs that it has compiled once it was probed."""
    for _, command in candidates():
        try:
            return unprobed(command)
        except ToolchainError:
            continue
    return None


@cache
def find_toolchain() -> Toolchain:
    """The first compiler that keeps every bit.

    Raises:
        ToolchainError: with what is wrong with each.
    """
    problems = []
    for where, command in candidates():
        try:
            toolchain = unprobed(command)
            width = probe(toolchain)
        except ToolchainError as error:
            problems.append(f"{where}: {error}")
        else:
            return replace(toolchain, vector_width=width)
    raise ToolchainError(
        "\n".join(problems) or "there is no C compiler: install gcc or clang, or the wheel ziglang, or set $CC"
    )


def vector_width_here() -> int:
    """Doubles in the widest vector of this processor; where no compiler can tell, what the widest known ones have."""
    try:
        return find_toolchain().vector_width
    except ToolchainError:
        return Toolchain.vector_width


def probe(toolchain: Toolchain) -> int:
    """Checks that what a compiler makes can be loaded and has Python's bits.

    It is loaded by a process of its own: a library that was made with ``-ffast-math`` makes its whole process treat
    tiny numbers as zero, from the moment it is loaded.

    Returns:
        how many doubles the widest vector of the processor has.

    Raises:
        ToolchainError: telling what is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="microgpt-probe-", ignore_cleanup_errors=True) as folder:
        source, library = Path(folder) / "probe.c", Path(folder) / "probe.so"
        source.write_text(SOURCE)
        toolchain.build(source, library)
        command = [sys.executable, "-P", str(Path(__file__).with_name("probe.py")), str(library)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if result.returncode:
        said = result.stdout.strip() or f"cannot be loaded: {result.stderr.strip().rpartition(chr(10))[2]}"
        raise ToolchainError(f"what {shlex.join(toolchain.command)} makes {said}")
    return int(result.stdout)


def _processor() -> str:
    """What decides which instructions the processor has."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [
                line
                for line in file.read().partition("\n\n")[0].splitlines()
                if line.startswith(("model name", "flags", "Features", "CPU part"))
            ]
        return "\n".join(lines)
    except OSError:
        return " ".join((platform.machine(), platform.processor(), platform.version()))
