"""Sizes in bytes as text, such as ``2.4 GiB``: parsed and formatted."""

from __future__ import annotations

import re

__all__ = ["parse_size", "size_text"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_size(text: str) -> float:
    """Bytes, from a text such as ``500M`` or ``2 GiB`` (powers of 1024); infinite for ``none``.

    Raises:
        ValueError: if it is no size.
    """
    if text.strip().lower() == "none":
        return float("inf")
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size; write for example 500M, 2G, or none for no limit")
    return float(found[1]) * (1 << 10 * " KMGT".index(found[2].upper() or " "))


def size_text(size: float) -> str:
    """Bytes, for people: ``1.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
