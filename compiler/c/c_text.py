"""C text: files of C beside the code, with holes such as ``${w}`` that are filled when they are read.

The files have numbers in hexadecimal, which show their bits. C++ has those since 2017 only, so that what is read has 17
digits instead: they are so close to the number that no compiler rounds them to another one.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["c_text", "decimal_text", "plain_text"]

_HEXADECIMAL = re.compile(r"0x[0-9a-f.]+p[+-]?[0-9]+")


def decimal_text(number: float) -> str:
    """C for a number: exactly where a short decimal is, else in 17 digits."""
    if number != number:
        return "NAN"
    if number in (float("inf"), float("-inf")):
        return "INFINITY" if number > 0 else "-INFINITY"
    short = repr(number)
    return short if "e" not in short and Decimal(short) == Decimal(number) else f"{number:#.17g}"


@cache
def plain_text(package: str, name: str) -> str:
    """A file of the folder ``text`` of a package, with decimal numbers."""
    text = (files(package) / "text" / name).read_text("utf-8")
    return _HEXADECIMAL.sub(lambda number: decimal_text(float.fromhex(number[0])), text)


def c_text(package: str, name: str, /, **holes: object) -> str:
    """A file of the folder ``text`` of a package.

    Args:
        holes: what is put in, by name.

    Raises:
        KeyError: if nothing is given for a hole.
    """
    return Template(plain_text(package, name)).substitute(holes)
