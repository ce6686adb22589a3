"""A selection: operations of a program, and the lines of every text that they are on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chain import Chain

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Operations that something has been asked about.

    Attributes:
        chain: of the program.
        nodes: of its final graph, ascending.
        seeds: lines that were asked about by their numbers, by pane: they belong to the selection even where no
            operation of the final graph does, because it was not needed in the end.
        origins: places of ``graph.origins``, if it is these that have been asked about: the graphs of all stages know
            them, also for operations that a later stage has removed.
    """

    chain: Chain
    nodes: tuple[int, ...]
    seeds: tuple[tuple[str, int], ...] = ()
    origins: frozenset[int] | None = None

    def lines(self, pane: str) -> list[int]:
        """The lines of a pane that belong to the selection, counted from 1, ascending."""
        if self.origins is not None and pane in self.chain.graphs:
            lines = self.chain.lines_from(pane, self.origins)
        else:
            lines = self.chain.lines_of(pane, self.nodes)
        return sorted({*lines, *(line for name, line in self.seeds if name == pane)})

    def everywhere(self, panes: Iterable[str]) -> dict[str, list[int]]:
        """The same for several panes."""
        return {pane: self.lines(pane) for pane in panes}

    def only(self, backward: bool) -> Selection:
        """The part that is of one direction."""
        graph = self.chain.graph
        return Selection(self.chain, tuple(node for node in self.nodes if graph.is_backward(node) == backward))
