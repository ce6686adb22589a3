"""Numerics: what passes and printers may do with numbers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Numerics", "exact"]


@dataclass(frozen=True)
class Numerics:
    """What is allowed, and what must be kept.

    Attributes:
        dtype: of all numbers.
        reassociate: whether a sum may be added up in another order than the graph's.
        contract: whether a product and a sum may be rounded once.
        libm: whether powers must have the bits of the C library's, so that a guess must be proved.
    """

    dtype: str
    reassociate: bool
    contract: bool
    libm: bool


def exact() -> Numerics:
    """The bits of the eager autograd."""
    return Numerics("double", reassociate=False, contract=False, libm=True)
