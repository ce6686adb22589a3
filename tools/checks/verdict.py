"""Verdict: what came of comparing with the eager autograd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..text.document import Document

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What came out.

    Attributes:
        document: what was compared, or the first difference.
        difference: the first difference, in lines; None if all numbers are equal.
    """

    document: Document
    difference: Sequence[str] | None
