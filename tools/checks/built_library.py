"""A program in C behind the prelude, compiled and loaded: what the checks of vector forms by the million consist of."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...compiler.c.c_text import plain_text
from ...compiler.c.prelude import prelude
from ...runtime.machine.find_toolchain import find_toolchain

__all__ = ["built_library"]


@contextmanager
def built_library(name: str, program: str, width: int) -> Iterator[ctypes.CDLL]:
    """The library of a program, which finds ``text/random.h`` and ``WIDTH`` before it.

    Raises:
        ToolchainError: if there is no C compiler.
    """
    with tempfile.TemporaryDirectory(prefix=f"microgpt-{name}-", ignore_cleanup_errors=True) as folder:
        source, path = Path(folder) / f"{name}.c", Path(folder) / f"{name}.so"
        random = plain_text(__package__ or "", "random.h")
        source.write_text(f"{prelude(width)}#define WIDTH {width}\n{random}{program}")
        find_toolchain().build(source, path)
        yield ctypes.CDLL(str(path))
