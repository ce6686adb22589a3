"""Heat maps: a cell for each row and column, the fuller the larger its number from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from markupsafe import Markup

from .svg import element, group, text

__all__ = ["FULL_FROM", "HeatMap", "heat_legend"]

# From here on, writing on a cell has the other colour. `theme.css` is such that both can be read on either side.
FULL_FROM = 0.66
# A number smaller than this is left to the colour, and a cell smaller than this has no room for one.
LEAST_SHOWN, LEAST_WIDTH = 0.005, 22.0
# With more cells, each is no element of its own that shows its number when pointed at.
MOST_ELEMENTS = 3000
# Of a character in a label of one, and in a longer one.
LETTER_WIDTH, WORD_WIDTH = 8.0, 6.1


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows.

    Attributes:
        values: by row, then column; a row may be shorter than others. NaN is left blank.
        rows, columns: the label of each.
        row_axis, column_axis: what rows and columns are.
        cell: width and height of a cell.
        chosen: the cells, by row and column, to put a frame around.
        hints: what a cell shows when pointed at, by row and column, if anything.
        ends: a few words behind each row, if any.
    """

    values: Sequence[Sequence[float]]
    rows: Sequence[str]
    columns: Sequence[str]
    row_axis: str
    column_axis: str
    cell: tuple[float, float]
    chosen: Sequence[tuple[int, int]] = ()
    hints: Sequence[Sequence[str]] = ()
    ends: Sequence[str] = ()

    @property
    def left(self) -> float:
        """The width of what stands to the left of the cells."""
        return 24.0 + LETTER_WIDTH * max(map(len, self.rows), default=0)

    @property
    def top(self) -> float:
        """The height of what stands above the cells, a title included."""
        longest = max((len(name) for name in self.columns if self._is_long(name)), default=0)
        return 62.0 + WORD_WIDTH * max(longest - 2, 0)

    def _is_long(self, name: str) -> bool:
        """Whether a label would run into its neighbours, and so stands upright."""
        return len(name) > 1 and WORD_WIDTH * len(name) > self.cell[0] + WORD_WIDTH

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole."""
        width, height = self.cell
        behind = 72.0 if self.ends else 8.0
        return self.left + width * len(self.columns) + behind, self.top + height * len(self.rows) + 6.0

    def draw(self, title: str, x: float, y: float) -> Markup:
        """The map with its labels, as a part of a picture."""
        width, height = self.cell
        across, down = width * len(self.columns), height * len(self.rows)
        parts = [
            text(self.left, 14, title, "subtitle"),
            text(self.left + across / 2, 34, self.column_axis, "small", "middle"),
            text(
                10, self.top + down / 2, self.row_axis, "small", "middle", transform=_upright(10, self.top + down / 2)
            ),
        ]
        for place, name in enumerate(self.columns):
            middle = self.left + width * (place + 0.5)
            if self._is_long(name):
                turned = _upright(middle + 4, self.top - 6)
                parts.append(text(middle + 4, self.top - 6, name, _letter(name), transform=turned))
            else:
                parts.append(text(middle, self.top - 8, name, _letter(name), "middle"))
        for place, name in enumerate(self.rows):
            parts.append(text(self.left - 6, self.top + height * (place + 0.5) + 4.5, name, _letter(name), "end"))
        parts.append(group(self._cells(), transform=f"translate({self.left:g} {self.top:g})"))
        for place, words in enumerate(self.ends):
            parts.append(text(self.left + across + 10, self.top + height * (place + 0.5) + 4, words, "small"))
        return group(parts, transform=f"translate({x:g} {y:g})")

    def _cells(self) -> list[Markup]:
        width, height = self.cell
        count = sum(map(len, self.values))
        if count > MOST_ELEMENTS:
            return self._levels()
        parts, numbers = [], []
        for row, values in enumerate(self.values):
            for column, value in enumerate(values):
                hint = self.hints[row][column] if self.hints else ""
                parts.append(
                    element(
                        "rect",
                        element("title", hint) if hint else "",
                        class_="heat",
                        x=column * width,
                        y=row * height,
                        width=width,
                        height=height,
                        fill_opacity=_opacity(value),
                    )
                )
                if isfinite(value) and value >= LEAST_SHOWN and width >= LEAST_WIDTH:
                    kind = "number on-high" if value >= FULL_FROM else "number on-low"
                    place = (column + 0.5) * width, (row + 0.5) * height + 3.5
                    numbers.append(text(*place, _hundredths(value), kind, "middle"))
        frames = [
            element("rect", class_="chosen", x=column * width, y=row * height, width=width, height=height)
            for row, column in self.chosen
        ]
        # What is written must not take the pointer from the cell below it.
        return [group(parts, class_="cells"), group(numbers, pointer_events="none"), *frames]

    def _levels(self) -> list[Markup]:
        """The cells of one shade as one element, for maps of many cells."""
        width, height = self.cell
        levels: dict[str, list[str]] = {}
        for row, values in enumerate(self.values):
            for column, value in enumerate(values):
                corner = f"M{column * width:g} {row * height:g}h{width:g}v{height:g}h-{width:g}z"
                levels.setdefault(_opacity(value)[:4], []).append(corner)
        return [
            element("path", class_="heat", fill_opacity=level, d="".join(corners))
            for level, corners in sorted(levels.items())
        ]


def heat_legend(x: float, y: float, words: str) -> Markup:
    """The shades from 0 to 1, as a part of a picture."""
    shades = [
        element(
            "rect", class_="heat", x=x + 16 + 14 * step, y=y - 10, width=14, height=12, fill_opacity=f"{step / 10:g}"
        )
        for step in range(11)
    ]
    return group([text(x, y, "0", "label"), group(shades, class_="cells"), text(x + 176, y, f"1   {words}", "label")])


def _letter(name: str) -> str:
    """What is no single character is written smaller."""
    return "letter" if len(name) <= 2 else "letter word"


def _opacity(value: float) -> str:
    return f"{min(max(value, 0.0), 1.0):.3f}" if isfinite(value) else "0.000"


def _hundredths(value: float) -> str:
    text = f"{value:.2f}"
    return text.removeprefix("0") if value < 0.995 else "1"


def _upright(x: float, y: float) -> str:
    return f"rotate(-90 {x:g} {y:g})"
