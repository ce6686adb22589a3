"""The toolchain: a C compiler that has shown that it keeps every bit.

Candidates are ``$CC``, ``cc``, ``gcc``, ``clang`` and the ``ziglang`` wheel. A candidate is taken if it compiles a small library whose
powers, products and sums have exactly the bits that Python computes: a compiler that contracts ``a*b + c`` to one rounding, or
replaces ``pow``, is refused. The flags switch both off and let everything else be.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import math
import os
import platform
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

__all__ = ["Toolchain", "ToolchainError", "ToolchainWarning", "find_toolchain"]

# No contraction to fused multiply-adds, no formulas in place of libm's functions. What is allowed beyond the standard changes no
# result: nobody reads errno or the floating-point flags. GCC 12's choice of induction variables (ivopts) can lose what an address is
# based on, whereupon stores vanish (seen for ``m[p + 2 * i] = m[i + q] * m[i + r]``), so it is off.
EXACT = (
    "-std=gnu11", "-O2", "-march=native", "-ffp-contract=off", "-fno-builtin-pow", "-fno-builtin-exp", "-fno-builtin-log",
    "-fno-math-errno", "-fno-trapping-math", "-fno-ivopts",
)  # fmt: skip
_LIBRARY = ("-shared", "-fPIC")
# Not every compiler knows these.
_OPTIONAL = ("-mprefer-vector-width=512",)

# Seconds that a compiler may take; a broken one must not hang the program.
_PATIENCE = 300.0


class ToolchainError(Exception):
    """No C compiler can be used, or one failed."""


class ToolchainWarning(UserWarning):
    """There is no C compiler that can be used, so programs run in Python."""


@dataclass(frozen=True)
class Toolchain:
    """A C compiler.

    Attributes:
        command: how it is called.
        flags: what it is called with.
        path: of its executable.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    path: str

    @property
    def identity(self) -> str:
        """Differs for two compilers, flags or processors that may not give, or run, the same code."""
        status = os.stat(self.path)
        parts = (self.command, self.flags, os.path.realpath(self.path), status.st_size, status.st_mtime_ns, _processor())
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
        return subprocess.Popen(
            self._call(source, library), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )

    def finish(self, process: subprocess.Popen[str]) -> None:
        """Waits for the compiler.

        Raises:
            ToolchainError: with the command and the end of what it said, if it failed.
        """
        try:
            output, _ = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            output += f"\nnot done after {_PATIENCE:.0f} seconds"
        if process.returncode:
            assert isinstance(process.args, list)
            said = "\n".join(output.strip().splitlines()[-20:])
            raise ToolchainError(
                f"the C compiler failed with status {process.returncode}:\n  {shlex.join(map(str, process.args))}\n{said}"
            )

    def build(self, source: Path, library: Path) -> None:
        """Compiles `source` to a library that can be loaded.

        Raises:
            ToolchainError: if the compiler fails.
        """
        self.finish(self.start(source, library))

    def _call(self, source: Path, library: Path) -> list[str]:
        return [*self.command, *self.flags, *_LIBRARY, str(source), "-o", str(library), "-lm"]


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
            probe(toolchain)
        except ToolchainError as error:
            problems.append(f"{where}: {error}")
        else:
            return toolchain
    raise ToolchainError("\n".join(problems) or "there is no C compiler: install gcc or clang, or the wheel ziglang, or set $CC")


_PROBE = """\
#include <math.h>
double probe_power(double x, double y) { return pow(x, y); }
double probe_square(double x) { return pow(x, 2.0); }
double probe_root(double x) { return pow(x, 0.5); }
double probe_inverse(double x) { return pow(x, -1.0); }
double probe_exp(double x) { return exp(x); }
double probe_log(double x) { return log(x); }
double probe_muladd(double a, double b, double c) { return a * b + c; }
double probe_sum(double a, double b, double c) { return (a + b) + c; }
double probe_quotient(double a, double b) { return a / b; }
"""


def probe(toolchain: Toolchain) -> None:
    """Checks that what a compiler makes can be loaded and has Python's bits.

    Raises:
        ToolchainError: telling what is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="microgpt-probe-", ignore_cleanup_errors=True) as folder:
        source, library = Path(folder) / "probe.c", Path(folder) / "probe.so"
        source.write_text(_PROBE)
        try:
            toolchain.build(source, library)
            loaded = ctypes.CDLL(str(library))
        except OSError as error:
            raise ToolchainError(f"what {shlex.join(toolchain.command)} makes cannot be loaded: {error}") from None
        _check(loaded, toolchain)


def _check(library: ctypes.CDLL, toolchain: Toolchain) -> None:
    random = Random(20)
    rules = {
        "probe_power": (2, lambda x, y: math.pow(abs(x), y)),
        "probe_square": (1, lambda x: math.pow(x, 2.0)),
        "probe_root": (1, lambda x: math.pow(abs(x), 0.5)),
        "probe_inverse": (1, lambda x: math.pow(x, -1.0)),
        "probe_exp": (1, math.exp),
        "probe_log": (1, lambda x: math.log(abs(x))),
        "probe_muladd": (3, lambda a, b, c: a * b + c),
        "probe_sum": (3, lambda a, b, c: (a + b) + c),
        "probe_quotient": (2, lambda a, b: a / b),
    }
    for name, (count, rule) in rules.items():
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_double] * count, ctypes.c_double
        positive = name in ("probe_power", "probe_root", "probe_log")
        for _ in range(2000):
            operands = [random.gauss(0.0, 3.0) for _ in range(count)]
            if positive:
                operands[0] = abs(operands[0])
            expected, found = rule(*operands), function(*operands)
            if struct.pack("d", expected) != struct.pack("d", found):
                raise ToolchainError(
                    f"{shlex.join(toolchain.command)} does not keep every bit: {name.removeprefix('probe_')}"
                    f"{tuple(operand.hex() for operand in operands)} is {found.hex()} instead of {expected.hex()}"
                )


def _processor() -> str:
    """What decides which instructions the processor has."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read().partition("\n\n")[0].splitlines() if line.startswith(("model name", "flags", "Features", "CPU part"))]
        return "\n".join(lines)
    except OSError:
        return " ".join((platform.machine(), platform.processor(), platform.version()))
