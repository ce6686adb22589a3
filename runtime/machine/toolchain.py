"""A C compiler: how it is called, and with which flags. `find_toolchain` has those that keep every bit."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..storage.files import write_plainly
from .libm import libm_identity, processor

__all__ = [
    "EXACT",
    "LEAN",
    "OPTIONAL",
    "PROBE_PATIENCE",
    "Toolchain",
    "ToolchainError",
    "ToolchainWarning",
    "brief",
    "warn_of_toolchain",
]

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
# GCC takes a fifth less time where it combines no more than two instructions into one, and another fourth without the
# passes that find little to do in code as we emit it, whose loops read once what does not change; what it makes is as
# fast. Other compilers know few of these.
LEAN = (
    "--param=max-combine-insns=2",
    "-fno-tree-pre", "-fno-code-hoisting", "-fno-gcse", "-fno-tree-vrp", "-fno-thread-jumps", "-fno-tree-dse",
    "-fno-tree-dominator-opts", "-fno-tree-ccp", "-fno-tree-bit-ccp", "-fno-tree-copy-prop", "-fno-forward-propagate",
    "-fno-schedule-insns2",
    "-fno-ipa-cp", "-fno-ipa-sra", "-fno-ipa-icf", "-fno-ipa-modref", "-fno-ipa-vrp",
)  # fmt: skip
# Not every compiler knows these. Predictive commoning keeps what a recurrence hands from step to step in a register.
OPTIONAL = ("-mprefer-vector-width=512", "-fpredictive-commoning", *LEAN)

# Seconds that a compiler may take; a broken one must not hang the program.
_PATIENCE = 300.0
# Likewise, for a probe, which takes a good compiler less than one.
PROBE_PATIENCE = 120.0


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
            EXACT + OPTIONAL,
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
                timeout=PROBE_PATIENCE,
                check=False,
                # Ctrl-C in a terminal is for this process, not for what it asks.
                process_group=0 if os.name == "posix" else None,
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
        """Whether it compiles a file without content with these flags.

        Raises:
            ToolchainError: if it was ended before it could tell.
        """
        source, told = folder / "empty.c", replace(self, flags=flags)
        write_plainly(source, b"int nothing;\n")
        process = told._run("-c", str(source), "-o", str(folder / "empty.o"))
        try:
            self.finish(process, PROBE_PATIENCE)
        except ToolchainError:
            if process.returncode < 0:
                raise
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


def brief(error: ToolchainError) -> str:
    """What a compiler's failure is, on one line: without the command, and of what it said, the first error."""
    first, *said = str(error).splitlines()
    said = said[1:]  # the command
    told = next((line for line in said if "error" in line.lower()), said[-1] if said else "")
    return f"{first.removesuffix(':')}: {told.strip()}" if told else first.removesuffix(":")
