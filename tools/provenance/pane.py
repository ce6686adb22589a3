"""A pane: one text of a program, and which operations its lines carry out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .ragged import Ragged

__all__ = ["Pane"]


@dataclass(frozen=True)
class Pane:
    """One text of a program.

    Lines belong to *units*: a statement, a nest of loops, an operation, a place in the model. Units carry out nodes of
    the final graph. The two steps keep the columns small: a kernel of thirty lines may carry out ten thousand nodes.
    Everything counts from 0 here.

    Attributes:
        name: of the pane.
        language: ``python``, ``graph``, ``loops``, ``c`` or ``assembly``: for colours.
        units: for each line its units; none for a line that belongs to no operation.
        nodes: for each unit its nodes of the final graph.
        size: how many nodes that graph has.
        notes: for lines without a unit, what they are there for.
        write: makes the lines; texts are long, and not always wanted.
    """

    name: str
    language: str
    units: Ragged
    nodes: Ragged
    size: int
    notes: Mapping[int, str]
    write: Callable[[], Sequence[str]] = field(repr=False)

    @cached_property
    def lines(self) -> Sequence[str]:
        """The text, without newlines."""
        return self.write()

    @cached_property
    def lines_of_unit(self) -> Ragged:
        """For each unit its lines."""
        return self.units.inverse(len(self.nodes))

    @cached_property
    def units_of_node(self) -> Ragged:
        """For each node of the final graph its units."""
        return self.nodes.inverse(self.size)
