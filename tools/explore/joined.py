"""Joined: several source files as one text, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from ..provenance.pane import Pane
from ..provenance.ragged import Ragged

__all__ = ["joined", "starts"]

# Lines between two files: an empty one, the name, and another empty one.
BETWEEN = 3


def starts(panes: Sequence[Pane]) -> list[int]:
    """The line, counted from 0, that each file begins on."""
    found, at = [], 0
    for pane in panes:
        found.append(at)
        at += len(pane.units) + BETWEEN
    return found


def joined(panes: Sequence[Pane]) -> Pane:
    """One pane of all; the first is at the top, and needs no heading."""
    first = panes[0]
    if len(panes) == 1:
        return first
    rows: list[list[int]] = []
    lines: list[str] = []
    notes: dict[int, str] = {}
    for pane in panes:
        if lines:
            rows += [[], [], []]
            lines += ["", f"# {pane.name}", ""]
        notes.update((len(lines) + line, note) for line, note in pane.notes.items())
        rows += (list(units) for units in pane.units)
        lines += pane.lines
    # Units of a source file are places of the graph's origins: those of all files are the same ones, and each place is
    # in one file only.
    return Pane("source", first.language, Ragged.of(rows), first.nodes, first.size, notes, lambda: lines)
