"""C files: what every export has, whatever it computes: names with a prefix, a header, a Makefile.

Everything in a header or with external linkage begins with the prefix, so that several exports link into one program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ...compiler.c.c_text import c_text, plain_text
from ...compiler.c.drop_unused import defined_names
from ...compiler.c.prelude import exact_function
from ...compiler.ir.names import is_reserved
from ...compiler.numerics import current
from ..storage.files import write_atomically

__all__ = [
    "bits_text",
    "check_number",
    "check_prefix",
    "exact_text",
    "exactness",
    "header",
    "is_taken",
    "makefile",
    "refusal",
    "write_files",
]

_PACKAGE = __package__ or ""
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
# What the headers declare that the files include.
_DECLARED = re.compile(
    r"((a?(cos|sin|tan)h?|atan2|exp(2|m1|10)?|log(10|1p|2|b)?|pow(10)?|sqrt|cbrt|hypot|fabs|erfc?|[lt]?gamma(_r)?|ceil|floor|"
    r"l{0,2}r(int|ound)|nearbyint|trunc|fmod|remainder|remquo|copysign|nan|next\w+|f(dim|max|min|ma)|frexp|ldexp|modf|"
    r"scalb(l?n)?|ilogb|[jy][01n]|drem|significand|finite)[fl]?|is(finite|inf|nan|normal|(un)?ordered|less\w*|greater\w*)|"
    r"signbit|fpclassify|(mem|str|wcs)[a-z]+|b(cmp|copy|zero)|index|rindex|ffs(ll?)?|main|div|[fv]*s?n?(print|scan)f|"
    r"f?(open|close|flush|puts|gets|putc|getc|read|write|seek|tell|error)|getchar|putchar|puts|remove|rename|tmpfile|"
    r"rewind|setbuf|abs|select|signal|time)"
)


def is_taken(name: str) -> bool:
    """Whether a name has a meaning in C, in C++, or in the headers that the files include."""
    return is_reserved(name) or _DECLARED.fullmatch(name) is not None


def check_prefix(prefix: str, text: str) -> None:
    """Refuses a prefix that a file in C cannot have.

    Args:
        text: what stands at the beginning of that file.

    Raises:
        ValueError: if the prefix is no name in C, or has a meaning already.
    """
    if not _NAME.fullmatch(prefix) or is_taken(prefix) or prefix in defined_names(text):
        raise ValueError(f"prefix {prefix!r} is no name for a function in C, or taken; write for example my_function")


def header(prefix: str, about: str, sizes: Mapping[str, object], declarations: str) -> str:
    """A header, with an include guard, for C and C++.

    Args:
        about: one line.
        sizes: macros, without the prefix.
    """
    lines = "\n".join(f"#define {prefix.upper()}_{name} {value}" for name, value in sizes.items())
    names = {"PREFIX": prefix.upper(), "about": about, "sizes": lines, "declarations": declarations}
    return c_text(_PACKAGE, "header.h", **names)


def check_number(number: str) -> None:
    """Checks that numbers of a type can be exported in the numerics in force.

    Raises:
        ValueError: if these are portable, and the type is ``float``; or if they are fast.
    """
    if current().fast:
        raise ValueError(
            f"{current().name} numerics are not exported: compile or train in exact numerics, and export in single "
            "precision by dtype 'float'"
        )
    if number == "float" and not current().libm:
        raise ValueError("dtype 'float' has no portable numerics; export in double, or compile with exact numerics")


def bits_text(number: str) -> str:
    """The sentence on the results in a header."""
    exact = "the bits of Python's arithmetic"
    return f"single precision, so not {exact}" if number == "float" else exact


def exact_text(prefix: str, number: str) -> str:
    """The function ``PREFIX_exact``."""
    return f"int {prefix}_exact(void) {{ return 0; }}\n" if number == "float" else exact_function(prefix)


def refusal(prefix: str, number: str) -> str:
    """What an example begins with."""
    return "" if number == "float" else c_text(_PACKAGE, "refusal.c", prefix=prefix)


def exactness(prefix: str, number: str) -> str:
    """What the header says of it."""
    if number == "float":
        return "0: results are computed in single precision, so that their bits are those of no other backend."
    return f"1 if this build, here and now, has the bits of every other backend; see the top of {prefix}.c."


def makefile(prefix: str, program: str) -> str:
    """A Makefile for PREFIX.c and main.c, which become `program`."""
    return plain_text(_PACKAGE, "Makefile").replace("@PREFIX@", prefix).replace("@PROGRAM@", program)


def write_files(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Writes texts to files of a folder, which is made if it is not there.

    Raises:
        OSError: if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(folder / name, text.encode())
    return [folder / name for name in files]
