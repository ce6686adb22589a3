"""A curve in text: dots of Braille, two across and four down in a character, with a scale at its left and below."""

from __future__ import annotations

import math

from .axis import Axis

__all__ = ["TerminalCurve"]

# The bit of each dot in a character, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
BLANK = 0x2800
SCALE_WIDTH = 8


class TerminalCurve:
    """A curve that grows to the right.

    What comes is put in columns at once, so that drawing takes the same time after a million numbers as after ten.

    Args:
        first, last: the range of x, whole numbers.
        width, height: in characters, the scales included; at least 10 and 3. The height may change.
    """

    def __init__(self, first: int, last: int, width: int, height: int) -> None:
        self.first, self.last = first, max(last, first + 1)
        self.width, self.height = width, height
        self._columns = 2 * (self.width - SCALE_WIDTH - 1)
        self._values: list[float | None] = [None] * self._columns

    def add(self, x: int, value: float) -> None:
        """Puts a value in its column; of several in one, the last is shown."""
        share = (x - self.first) / (self.last - self.first)
        self._values[min(int(share * self._columns), self._columns - 1)] = value

    def lines(self) -> list[str]:
        """The curve, a text for each line."""
        rows = self.height - 2
        found = [value for value in self._values if value is not None]
        if not found:
            return [""] * self.height
        low, high = min(found), max(found)
        axis = Axis(low, high, 4 * rows - 1, 0)
        cells = self._dots(axis, rows)
        marks = {0: high, rows - 1: low} if high > low else {rows // 2: low}
        lines = [
            f"{_number(marks[row]) if row in marks else '':>{SCALE_WIDTH - 1}} {'┤' if row in marks else '│'}"
            + "".join(chr(BLANK + bits) for bits in cells[row]).rstrip(chr(BLANK))
            for row in range(rows)
        ]
        inner = self.width - SCALE_WIDTH - 1
        ends = f"{self.first:,}", f"{self.last:,}"
        lines.append(" " * SCALE_WIDTH + "└" + "─" * inner)
        lines.append(" " * (SCALE_WIDTH + 1) + ends[0] + ends[1].rjust(inner - len(ends[0])))
        return lines

    def _dots(self, axis: Axis, rows: int) -> list[list[int]]:
        cells = [[0] * (self._columns // 2) for _ in range(rows)]
        before = None
        for column, value in enumerate(self._values):
            if value is None:
                continue
            here = round(axis.place(value))
            # Down or up from the column before, so that a steep curve is no dotted one.
            reach = here if before is None or abs(here - before) <= 1 else before + (1 if here > before else -1)
            for dot in range(min(here, reach), max(here, reach) + 1):
                cells[dot // 4][column // 2] |= DOTS[dot % 4][column % 2]
            before = here
        return cells


def _number(value: float) -> str:
    """At most seven characters."""
    if value and not 1e-2 <= abs(value) < 1e4:
        return f"{value:.0e}"
    return (
        f"{value:.{2 if abs(value) >= 100 else 4 if abs(value) < 10 else 3}f}" if math.isfinite(value) else str(value)
    )
