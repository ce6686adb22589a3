"""The coarse graph: blocks of like statements and what they hand to each other, as a networkx graph.

In: `Statements`. Out: a directed acyclic graph of `Block` numbers. A block holds the statements of one level (the
longest way from an input, counted in statements) that stand in the same scopes, numbers aside, in the same direction:
the queries of all positions, say. Operands have lower levels, so no grouping within a level can make a cycle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .form_statements import Statements

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Block", "CoarseGraph", "coarse_graph", "ordered_blocks", "statement_levels"]

# Nodes are the numbers of blocks; see `coarse_graph`.
CoarseGraph: TypeAlias = "nx.DiGraph[int]"


@dataclass(frozen=True)
class Block:
    """Like statements of one level.

    Attributes:
        level: of all its statements.
        role: their scopes without numbers: ``position.layer.head.scores``.
        backward: whether `differentiate` added them.
        statements: their numbers, ascending.
        operations: how many operations they hold.
    """

    level: int
    role: str
    backward: bool
    statements: tuple[int, ...]
    operations: int


def statement_levels(statements: Statements) -> list[int]:
    """For each statement one more than the highest level of its operands; without any, one below its first user."""
    statement_of, operands = statements.statement_of, statements.operands
    levels: list[int] = []
    for own in operands:
        levels.append(1 + max((levels[statement_of[operand]] for operand in own), default=0))
    first_use = [0] * len(levels)
    for level, own in zip(levels, operands, strict=True):
        for operand in own:
            used = statement_of[operand]
            first_use[used] = min(first_use[used] or level, level)
    # What needs nothing can wait until it is needed, and then need not be kept for long.
    return [
        max(use - 1, 1) if not own and use else level
        for level, own, use in zip(levels, operands, first_use, strict=True)
    ]


def coarse_graph(statements: Statements) -> CoarseGraph:
    """Nodes are numbers, with the attribute ``block``; an edge's ``values`` counts the values handed along it."""
    graph = statements.graph
    levels = statement_levels(statements)
    roles = [origin.role for origin in graph.origins]
    members: dict[tuple[int, bool, str], list[int]] = {}
    for statement, root in enumerate(statements.roots):
        key = (levels[statement], graph.source[root] < 0, roles[graph.origin[root]])
        members.setdefault(key, []).append(statement)
    import networkx as nx  # here, because a run that finds its programs in the cache does without its 0.15 s

    coarse: CoarseGraph = nx.DiGraph(name=graph.name)
    block_of = [0] * len(levels)
    for number, ((level, backward, role), group) in enumerate(sorted(members.items())):
        operations = sum(len(statements.bodies[statement]) for statement in group)
        coarse.add_node(number, block=Block(level, role, backward, tuple(group), operations))
        for statement in group:
            block_of[statement] = number
    handed: Counter[tuple[int, int]] = Counter()
    for statement, own in enumerate(statements.operands):
        user = block_of[statement]
        for operand in own:
            handed[block_of[statements.statement_of[operand]], user] += 1
    coarse.add_edges_from((giver, user, {"values": count}) for (giver, user), count in sorted(handed.items()))
    return coarse


def ordered_blocks(coarse: CoarseGraph) -> list[Block]:
    """The blocks in a topological order, which is that of their numbers: operands have lower levels."""
    return [coarse.nodes[number]["block"] for number in sorted(coarse)]
