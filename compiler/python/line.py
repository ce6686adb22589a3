"""A line of generated Python, and what it is there for.

What the emitters hand out before it becomes text, so that a tool can tell which operations of the graph a line carries
out without reading Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

__all__ = ["Line", "Purpose", "lines_for"]


class Purpose(Enum):
    """What a line does; the value is for people."""

    FRAME = "frame"  # part of the module, and of no operation
    COMMENT = "comment"
    READ = "read"  # inputs and indices, from the caller's sequences
    LOAD = "load"  # from memory, what an earlier function left there
    COMPUTE = "compute"
    RESULT = "result"  # puts what has been computed into an output
    SCATTER = "scatter"  # adds to an element of an output that an index chooses
    STORE = "store"  # to memory, for later functions


class Line(NamedTuple):
    """One line.

    Attributes:
        text: without a newline.
        purpose: what it does.
        nodes: it does this for. Of an expression, its root; `Statements.bodies` has what is folded into it.
    """

    text: str
    purpose: Purpose = Purpose.FRAME
    nodes: Sequence[int] = ()

    def indented(self, by: str) -> Line:
        """The line further to the right."""
        return Line(by + self.text, self.purpose, self.nodes)


def lines_for(texts: Iterable[str], purpose: Purpose, nodes: Sequence[int]) -> list[Line]:
    """The lines of one piece of code that had to be broken."""
    return [Line(text, purpose, nodes) for text in texts]
