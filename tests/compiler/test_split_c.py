"""A large file of C becomes two parts; linked, these are the same library."""

from __future__ import annotations

import ctypes
import shutil
from pathlib import Path

import pytest

from microgpt.compiler.c.emit_c import CText, Span
from microgpt.compiler.c.split_c import split_c
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError

HEAD = "#define KERNEL static __attribute__((noinline)) void\ntypedef struct { double x[40]; } memory;"


def source(count: int, size: int) -> tuple[str, CText, int]:
    """`count` kernels, each of which adds its number to one place; their comments are long."""
    lines, kernels = [""], []
    for number in range(count):
        start = len(lines)
        lines += [
            f"/* {'x' * size} */",
            f"KERNEL kernel{number}(memory *m)",
            "{",
            f"    m->x[{number}] += {number};",
            "}",
        ]
        kernels.append(Span(f"kernel{number}", start, len(lines)))
        lines.append("")
    calls = " ".join(f"kernel{number}((memory *)x);" for number in range(count))
    text = "\n".join([HEAD, *lines, f"void run(double *x) {{ {calls} }}", ""])
    return text, CText("", tuple(kernels), (), {}, {}, {}, {}, {}), HEAD.count("\n") + 1


def test_a_small_file_stays_whole():
    text, body, line = source(5, 100)
    assert split_c(text, body, line) == (text,)


def test_each_kernel_is_in_one_part():
    text, body, line = source(30, 1000)
    parts = split_c(text, body, line)
    for number in range(30):
        statement = f"m->x[{number}] += {number};"
        assert [statement in part for part in parts].count(True) == 1
    assert 15 <= parts[0].count("+=") <= 19
    assert parts[1].count("\n") == text.count("\n"), "lines keep their numbers in the part with the rest"
    assert "void run(" not in parts[0]


def test_linked_they_are_the_library(toolchain: Toolchain, tmp_path: Path):
    text, body, line = source(30, 1000)
    objects = []
    for number, part in enumerate(split_c(text, body, line)):
        file = tmp_path / f"part{number}.c"
        file.write_text(part)
        objects.append(file.with_suffix(".o"))
        toolchain.finish(toolchain.start_part(file, objects[-1]))
    library = tmp_path / "both.so"
    toolchain.link(objects, library)
    loaded = ctypes.CDLL(str(library))
    memory = (ctypes.c_double * 40)()
    loaded.run(memory)
    assert list(memory) == [*map(float, range(30)), *[0.0] * 10]
    assert not hasattr(loaded, "kernel3"), "what the parts share is hidden"
    shutil.copy(objects[1], objects[0])
    with pytest.raises(ToolchainError):
        toolchain.link(objects, library)
