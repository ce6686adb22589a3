"""Schedule: in which order the groups of statements run.

In: groups of statements, each of which could be one loop. Out: parts of groups, such that every statement comes after
those whose values it reads. A group stays whole unless it needs itself by way of others. Within such a circle, that
group runs next of which the largest share is ready: for a recurrence this goes around once a step, and it lets
stragglers catch up with their peers.

A program has some 10 to 100 groups, whose circles are found here in less than a millisecond; networkx, which could do
it, takes 0.1 to 0.2 s to import.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import repeat

from .statement import Statement, reads

__all__ = ["schedule"]


def schedule(groups: Sequence[list[Statement]], size: int) -> list[list[list[Statement]]]:
    """The parts in order; those of groups that need each other are in one list.

    Args:
        size: of the memory.
    """
    writer = [-1] * size
    for number, group in enumerate(groups):
        for statement in group:
            writer[statement.numbers[0]] = number
    needs: list[set[int]] = []
    for number, group in enumerate(groups):
        found: set[int] = set()
        for statement in group:
            for addresses in reads(statement):
                found.update(map(writer.__getitem__, addresses))
        found.discard(-1)
        # What a result is added to, and replaced by, is no need.
        if number in found and not any(map(_needs_others, group, repeat({one.numbers[0] for one in group}))):
            found.discard(number)
        needs.append(found)
    return [
        [groups[component[0]]]
        if len(component) == 1 and component[0] not in needs[component[0]]
        else _take_turns([groups[number] for number in component])
        for component in strong_components(needs)
    ]


def _needs_others(statement: Statement, targets: Collection[int]) -> bool:
    """Whether a statement reads a target that is not its own."""
    own = statement.numbers[0]
    return any(address in targets and address != own for addresses in reads(statement) for address in addresses)


def strong_components(needs: Sequence[set[int]]) -> list[list[int]]:
    """The strongly connected components of a graph, what is needed first (Tarjan, 1972, on a stack of our own)."""
    index = [-1] * len(needs)
    low = [0] * len(needs)
    on_path = bytearray(len(needs))
    path: list[int] = []
    components: list[list[int]] = []
    counter = 0
    for root in range(len(needs)):
        if index[root] >= 0:
            continue
        stack = [(root, iter(sorted(needs[root])))]
        index[root] = low[root] = counter
        counter += 1
        path.append(root)
        on_path[root] = 1
        while stack:
            node, operands = stack[-1]
            for operand in operands:
                if index[operand] < 0:
                    index[operand] = low[operand] = counter
                    counter += 1
                    path.append(operand)
                    on_path[operand] = 1
                    stack.append((operand, iter(sorted(needs[operand]))))
                    break
                if on_path[operand]:
                    low[node] = min(low[node], index[operand])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[node])
                if low[node] == index[node]:
                    at = path.index(node)
                    components.append(sorted(path[at:]))
                    for member in path[at:]:
                        on_path[member] = 0
                    del path[at:]
    return components


def _take_turns(groups: list[list[Statement]]) -> list[list[Statement]]:
    """Runs groups that need each other: always the one of which the largest share is ready."""
    owner: dict[int, tuple[int, int]] = {}
    for number, group in enumerate(groups):
        for place, statement in enumerate(group):
            owner[statement.numbers[0]] = (number, place)
    users: dict[tuple[int, int], list[tuple[int, int]]] = {}
    missing: list[list[int]] = []
    ready: list[list[int]] = []
    for number, group in enumerate(groups):
        counts = []
        for place, statement in enumerate(group):
            needed = {owner[address] for addresses in reads(statement) for address in addresses if address in owner}
            needed.discard((number, place))
            counts.append(len(needed))
            for other in sorted(needed):
                users.setdefault(other, []).append((number, place))
        missing.append(counts)
        ready.append([place for place, count in enumerate(counts) if not count])
    remaining = [len(group) for group in groups]
    parts: list[list[Statement]] = []
    while True:
        waiting = [number for number in range(len(groups)) if ready[number]]
        if not waiting:
            return parts
        best = max(waiting, key=lambda number: (len(ready[number]) / remaining[number], -number))
        chosen, ready[best] = sorted(ready[best]), []
        remaining[best] -= len(chosen)
        parts.append([groups[best][place] for place in chosen])
        for place in chosen:
            for number, user in users.get((best, place), ()):
                missing[number][user] -= 1
                if not missing[number][user]:
                    ready[number].append(user)
