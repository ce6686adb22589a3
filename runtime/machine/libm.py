"""What decides the bits of `exp`, `log` and `pow` in this process: the C library's mathematics, and the processor.

Folded constants are what libm gave when a program was compiled, and a library in C was checked with the libm that was
there. So both belong in the names of programs in the cache: with another libm, or where libm takes another path since
the processor has no fused multiply-add, a program is compiled anew.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import struct
from functools import cache

__all__ = ["float_fault", "libm_identity", "processor"]

# The files that have `pow`: glibc and others have a libm, musl has all in one.
_LIBM = re.compile(r"(?:libm[-.]|ld-musl-|libc\.musl-)[-.\w]+$")

# Where glibc's functions give other bits with fused multiply-adds than without: of random inputs, one in a thousand.
_EXP = [float.fromhex(x) for x in ("-0x1.1e4d3fc2c5073p+4", "0x1.9fc4e5831e755p+2", "-0x1.0eedbd97f2fcbp+3")]
_LOG = [float.fromhex(x) for x in ("0x1.f84a026198c41p+2",)]
_POW = [
    (float.fromhex(x), float.fromhex(y))
    for x, y in (("0x1.79ab6624fa148p+3", "-0x1.5946b54cabb10p+0"), ("0x1.0ed8a732f3357p+4", "-0x1.53312bd92b51ep+0"))
]


@cache
def libm_identity() -> str:
    """Differs for two processes in which `exp`, `log` or `pow` may differ in a bit."""
    digest = hashlib.sha256()
    for path in _libm_files():
        try:
            with open(path, "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
        except OSError:
            digest.update(path.encode("utf-8", "surrogateescape"))
    # Where no file has it, as on macOS, the system's version does.
    digest.update(repr((platform.machine(), has_fma(), "" if _libm_files() else platform.version())).encode())
    # And what they give, since environment variables can switch off what the processor has (GLIBC_TUNABLES).
    results = [math.exp(x) for x in _EXP] + [math.log(x) for x in _LOG] + [math.pow(x, y) for x, y in _POW]
    digest.update(struct.pack(f"<{len(results)}d", *results))
    return digest.hexdigest()


def _libm_files() -> list[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            paths = {line.split(maxsplit=5)[-1].strip() for line in file if "/" in line}
    except OSError:
        return []
    return sorted(path for path in paths if _LIBM.match(os.path.basename(path)))


@cache
def processor() -> str:
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


def has_fma() -> bool | None:
    """Whether the processor has fused multiply-adds; None where the system does not say."""
    flags = [line.partition(":")[2].split() for line in processor().splitlines() if line.startswith("flags")]
    return any("fma" in line or "fma4" in line for line in flags) if flags else None


def float_fault() -> str:
    """What makes arithmetic in this process differ from IEEE 754's default; empty if nothing does.

    A library that was linked with ``-ffast-math`` makes the processor treat subnormal numbers as zero, in the whole
    process, from the moment it is loaded; others change how results are rounded.
    """
    # Bits, not literals: Python may have computed with those when it compiled this file, in another process.
    bits = (1, 1 << 52, 1023 << 52, 1022 << 52, (1023 - 53) << 52)
    least, normal, one, half, tiny = struct.unpack("<5d", struct.pack("<5Q", *bits))
    if least + least == 0.0 or normal * half == 0.0:
        return (
            "subnormal numbers (below 2.2e-308) are treated as zero in this process: a library that was loaded into "
            "it, probably one linked with -ffast-math, has switched them off"
        )
    three = tiny + tiny + tiny  # one and a half units in the last place of one
    if one + tiny != one or -one - tiny != -one or one + three != one + (three + tiny):
        return (
            "results are not rounded to the nearest number in this process: a library that was loaded into it has "
            "changed the rounding mode"
        )
    return ""
