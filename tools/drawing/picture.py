"""A picture before it is drawn: boxes and arrows with all that is known of them. Every level makes one, every format
is written from one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...compiler.ir.graph import Graph
from .roles import ROLES
from .source import SourceLine

__all__ = ["Arrow", "Box", "GraphvizError", "NothingError", "Picture", "TooLargeError", "direction_of", "kind_of_arrow"]


class NothingError(ValueError):
    """What is to be drawn does not exist. The message names what does."""


class TooLargeError(ValueError):
    """A picture that nobody could read. The message says how large it is and what to narrow."""


class GraphvizError(RuntimeError):
    """The program `dot` is missing, or has failed."""


@dataclass
class Box:
    """A node of a picture.

    Attributes:
        label: what it is called.
        role: of the picture's `roles`.
        direction: ``forward``, ``backward``, or, for what only gives context, ``outside`` and ``constant``.
        formula: what is computed; the first lines of it where it is long.
        shape: of the results: ``7 x 16``.
        note: a few words more, on a line of their own.
        scope: of the model.
        source: where it stands in the model.
        operations: how many scalar operations.
        results: the nodes of the graph that the box is worth, for values.
        emphasis: whether it is drawn to be seen first.
        full_formula: all of the formula, where `formula` may not be.
        numbers: what the box is worth, and its gradient, in lines.
        facts: further numbers and texts by name, for the tooltip and for data formats.
    """

    label: str
    role: str
    direction: str
    formula: str = ""
    shape: str = ""
    note: str = ""
    scope: str = ""
    source: SourceLine | None = None
    operations: int = 0
    results: tuple[int, ...] = ()
    emphasis: bool = False
    full_formula: str = ""
    numbers: str = ""
    facts: dict[str, str | int | float] = field(default_factory=dict)


@dataclass
class Arrow:
    """An edge of a picture.

    Attributes:
        values: how many different values are handed along it.
        kind: ``forward``, ``backward``, ``saved`` for what the backward pass reads of the forward pass, or ``outside``.
        returns: whether it goes on to another layer, where layers are merged, or to another step of a recurrence. Such
            arrows may close circles.
    """

    values: int
    kind: str
    returns: bool = False


@dataclass
class Picture:
    """Boxes by name and arrows by the names they join, both in the order in which they are written.

    Attributes:
        title: one line.
        counts: a line below it.
        level: ``model``, ``op`` or ``scalar``.
        roles: the colours of the roles that boxes have, in the order of the legend.
    """

    title: str
    counts: str
    level: str
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: dict[tuple[str, str], Arrow] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=lambda: ROLES)

    def hand(self, giver: str, user: str, values: int, returns: bool = False) -> None:
        """Adds values to the arrow between two boxes."""
        arrow = self.arrows.setdefault(
            (giver, user), Arrow(0, kind_of_arrow(self.boxes[giver], self.boxes[user]), returns)
        )
        arrow.values += values
        arrow.returns &= returns


def kind_of_arrow(giver: Box, user: Box) -> str:
    """How an arrow between two boxes is drawn."""
    if giver.direction in ("outside", "constant") or user.direction == "outside":
        return "outside"
    if giver.direction != user.direction:
        return "saved"
    return giver.direction


def direction_of(graph: Graph, node: int) -> str:
    """``forward`` or ``backward``."""
    return "backward" if graph.is_backward(node) else "forward"
