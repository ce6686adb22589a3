"""Numerics: what passes may do with numbers. A pass asks; whatever no field allows keeps the bits of the graph."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Numerics", "exact"]


@dataclass(frozen=True)
class Numerics:
    """What is allowed.

    Attributes:
        libm: whether powers must have the bits of the C library's, so that a guess must be proved.
    """

    libm: bool


def exact() -> Numerics:
    """The bits of the eager autograd."""
    return Numerics(libm=True)
