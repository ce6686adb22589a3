"""Changes: what a pass did to a graph, counted, and the numbers by which an operation is followed through passes.

In: the graph before a pass and after it, and the map of ids that the pass returns (see `rewrite.Rewritten`). Out:
counts that add up, or one number for each operation that stays the same in all graphs. Single scans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.ir.graph import Graph

__all__ = ["Changes", "continue_labels", "count_changes", "originals"]


@dataclass(frozen=True)
class Changes:
    """What became of the operations: ``before - removed - replaced - merged + added == after``.

    Attributes:
        before, after: how many operations there are.
        removed: nothing stands for them any more.
        replaced: an operation of another kind stands for them: a constant, say, or one of their operands.
        merged: an operation of their own kind stands for them and for others.
        added: stand for no operation of their own kind.
    """

    before: int
    removed: int
    replaced: int
    merged: int
    added: int
    after: int


def originals(before: Graph, after: Graph, ids: Sequence[int]) -> list[int]:
    """For each node of `after`, the first node of `before` of its kind that it stands for; -1 if it is new."""
    found = [-1] * len(after)
    ops_before, ops_after = before.op, after.op
    for old, new in enumerate(ids):
        if new >= 0 and found[new] < 0 and ops_before[old] == ops_after[new]:
            found[new] = old
    return found


def count_changes(before: Graph, after: Graph, ids: Sequence[int]) -> Changes:
    """Counts what a pass did."""
    removed = sum(new < 0 for new in ids)
    alike = sum(new >= 0 and before.op[old] == after.op[new] for old, new in enumerate(ids))
    kept = sum(old >= 0 for old in originals(before, after, ids))
    replaced = len(before) - removed - alike
    return Changes(len(before), removed, replaced, alike - kept, len(after) - kept, len(after))


def continue_labels(
    labels: Sequence[int], first: int, before: Graph, after: Graph, ids: Sequence[int]
) -> tuple[list[int], int]:
    """Numbers for the operations of `after`: those of the operations they stand for; new ones count on.

    Args:
        labels: the numbers of the operations of `before`.
        first: the first number that is free.

    Returns:
        The numbers, and the first that is free now.
    """
    continued = []
    for old in originals(before, after, ids):
        if old >= 0:
            continued.append(labels[old])
        else:
            continued.append(first)
            first += 1
    return continued, first
