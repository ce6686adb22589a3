"""Text and numbers as blocks of an HTML page: compressed, and in base64, so that nothing in them can be markup."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence

__all__ = ["differences", "pack_bytes", "pack_doubles", "pack_integers", "pack_lines"]


def pack_bytes(data: bytes) -> str:
    """Base64 of a zlib stream."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def pack_lines(lines: Iterable[str]) -> str:
    """Lines of text; each ends with a newline, which must not be in it."""
    text = "".join(f"{line}\n" for line in lines)
    return pack_bytes(text.encode())


def differences(numbers: Sequence[int]) -> array[int]:
    """Each number less the one before it: of a rising column small numbers, which compress well."""
    return array("i", (number - before for before, number in zip((0, *numbers), numbers, strict=False)))


def pack_integers(numbers: Iterable[int]) -> str:
    """Integers of 32 bits: first the lowest byte of each, then the next, and so on: the high ones are much alike."""
    column = array("i", numbers)
    if sys.byteorder == "big":
        column.byteswap()
    data = column.tobytes()
    return pack_bytes(b"".join(data[plane::4] for plane in range(4)))


def pack_doubles(numbers: Iterable[float]) -> str:
    """Doubles, little-endian."""
    column = array("d", numbers)
    if sys.byteorder == "big":
        column.byteswap()
    return pack_bytes(column.tobytes())
