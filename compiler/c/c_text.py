"""C text: files of C beside the code, with holes such as ``${w}`` that are filled when they are read."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["c_text", "plain_text"]


@cache
def plain_text(package: str, name: str) -> str:
    """A file of the folder ``text`` of a package, as it is."""
    return (files(package) / "text" / name).read_text("utf-8")


def c_text(package: str, name: str, /, **holes: object) -> str:
    """A file of the folder ``text`` of a package.

    Args:
        holes: what is put in, by name.

    Raises:
        KeyError: if nothing is given for a hole.
    """
    return Template(plain_text(package, name)).substitute(holes)
