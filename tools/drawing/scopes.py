"""Scopes: which operations of a graph are in one, and what to say if there are none, or too many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...compiler.ir.graph import Graph
from ...compiler.ir.ops import GIVEN
from ..subject.places import place_of
from .picture import NothingError, TooLargeError
from .roles import scope_key

__all__ = ["check_place", "check_scope", "operations_of", "within"]


# Scopes that are named to somebody who asked for another one.
_SHOWN = 16


def within(name: str, scope: str) -> bool:
    """Whether the scope called `name` is `scope` or lies in it; numbers of positions and heads may be left out."""
    return any(known == scope or known.startswith(f"{scope}.") for known in (name, scope_key(name)))


def operations_of(graph: Graph, scope: str, limit: int) -> list[int]:
    """The operations recorded in `scope` or in a scope within it; all, if it is empty.

    Raises:
        NothingError: if there are none.
        TooLargeError: if there are more than `limit`; the message says which scopes within have how many.
    """
    inside = [not scope or within(place_of(origin), scope) for origin in graph.origins]
    nodes = [node for node in range(len(graph)) if inside[graph.origin[node]] and graph.op[node] not in GIVEN]
    if not nodes:
        check_scope(graph, scope)
    if len(nodes) > limit:
        inner = _scopes_below(graph, scope)
        choice = ", ".join(f"{name} ({count})" for name, count in list(inner.items())[:8])
        choice += ", ..." if len(inner) > 8 else ""
        hint = f"within it are {choice}" if inner else "or raise --limit"
        raise TooLargeError(
            f"{scope or 'the program'} has {len(nodes)} operations, and a drawing of over {limit} cannot be read; "
            f"narrow it with --scope: {hint}"
        )
    return nodes


def check_scope(graph: Graph, scope: str) -> None:
    """Refuses a scope in which there is nothing.

    Raises:
        NothingError: naming some in which there is something.
    """
    if not any(within(place_of(origin), scope) for origin in graph.origins):
        outer = scope
        while outer and not _scopes_below(graph, outer):
            outer = outer.rpartition(".")[0]
        known = ", ".join(list(_scopes_below(graph, outer))[:12])
        raise NothingError(f"no operation is in {scope!r}; {f'in {outer} ' if outer else ''}there are {known}")


def check_place(places: Iterable[str], scope: str) -> None:
    """The same where only the names of scopes without the numbers of positions and heads are known.

    Raises:
        NothingError: naming them.
    """
    known = list(dict.fromkeys(places))
    if any(within(place, scope) for place in known):
        return
    plain = scope_key(scope)
    if plain != scope and any(within(place, plain) for place in known):
        raise NothingError(
            f"the graph of this program is not made, so positions and heads are not told apart; ask for {plain}"
        )
    shown = ", ".join(known[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    raise NothingError(f"no operation is in {scope!r}; there are {shown}")


def _scopes_below(graph: Graph, scope: str) -> dict[str, int]:
    """The scopes directly within `scope` (of all, for an empty one), with the operations in each; most first."""
    prefix = f"{scope}." if scope else ""
    counts: Counter[str] = Counter()
    for node in range(len(graph)):
        name = place_of(graph.origins[graph.origin[node]])
        if name.startswith(prefix) and name and graph.op[node] not in GIVEN:
            counts[prefix + name[len(prefix) :].split(".")[0]] += 1
    return dict(counts.most_common())
