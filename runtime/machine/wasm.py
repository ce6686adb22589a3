"""WebAssembly: C becomes a module that needs no C library and imports nothing.

In: C, as files of a folder. Out: the bytes of a module. WebAssembly rounds every operation as Python does, whatever the
compiler, so none has to show that it keeps the bits: the first that can make modules is taken, of those that
`candidates` finds. These are Clang, if it has its linker, and the ``ziglang`` wheel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...compiler.c.c_text import plain_text
from ..storage.files import write_plainly
from .find_toolchain import candidates, unprobed
from .toolchain import ToolchainError, brief

__all__ = ["VECTOR_WIDTH", "custom_section", "wasm_module"]

_PACKAGE = __package__ or ""

# Doubles in a vector.
VECTOR_WIDTH = 2

# Vectors, and instructions for memset and memcpy: all browsers have both since 2023. The stack stands before everything
# else, so that a program that needs more of it is stopped, and writes over nothing.
_FLAGS = (
    "-std=gnu11", "-O3", "-msimd128", "-mbulk-memory", "-ffp-contract=off", "-nostdlib", "-Wno-ignored-pragmas",
    "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--stack-first", "-Wl,-z,stack-size=1048576",
)  # fmt: skip
_HEADERS = {"math.h": "wasm_math.h", "string.h": "wasm_string.h"}
# The names of one target: Clang's, and Zig's.
_TARGETS = ("wasm32", "wasm32-freestanding")


def wasm_module(files: Mapping[str, str]) -> bytes:
    """Compiles files of C to a module; its exports are marked in them.

    Args:
        files: by name, with the headers that they include.

    Raises:
        ToolchainError: saying what is wrong with each compiler, if none can.
    """
    problems = []
    with tempfile.TemporaryDirectory(prefix="microgpt-wasm-", ignore_cleanup_errors=True) as name:
        folder, module = Path(name), Path(name) / "module.wasm"
        headers = {file: plain_text(_PACKAGE, text) for file, text in _HEADERS.items()}
        for file, text in {**headers, **files}.items():
            write_plainly(folder / file, text.encode())
        sources = [str(folder / file) for file in files if file.endswith(".c")]
        for where, call in candidates():
            target = f"--target={_TARGETS[where == 'ziglang']}"
            try:
                toolchain = replace(unprobed(call), flags=(target, *_FLAGS, "-isystem", name))
                toolchain.make(*sources, "-o", str(module))
            except ToolchainError as error:
                problems.append(f"{where}: {brief(error)}")
                continue
            return module.read_bytes()
    raise ToolchainError(
        "\n".join(problems) or "no C compiler was found: install clang and lld, or the wheel ziglang, or set $CC"
    )


def custom_section(name: str, content: bytes) -> bytes:
    """What can be put behind a module, for a program to find by its name: WebAssembly's specification, 5.5.3."""
    encoded = name.encode()
    body = _number(len(encoded)) + encoded + content
    return b"\0" + _number(len(body)) + body


def _number(number: int) -> bytes:
    """In LEB128: seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
