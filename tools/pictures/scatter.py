"""Scatter plots: a labelled point for each thing, in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from markupsafe import Markup

from .axis import Axis, label, span
from .svg import element, line, picture, text

__all__ = ["draw_scatter"]

WIDTH, HEIGHT = 450, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 60, 46
# Of what is written beside a point; its foot is where a line of text stands.
LETTER_WIDTH, LETTER_HEIGHT = 8.0, 9.0
# Among more points than this, there is no free place to look for.
MOST_PLACED = 300

# Left, top, right, bottom.
Box = tuple[float, float, float, float]


def draw_scatter(
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    title: str,
    axes: tuple[str, str],
    description: str,
    keys: tuple[str, str],
    special: int | None = None,
    joined: bool = False,
) -> Markup:
    """A point with its name for each of `points`; one unit is as long in both directions.

    Args:
        axes: what the first and the second coordinate are.
        keys: what the points are, and what the special one is.
        special: the place of a point to highlight.
        joined: whether a line leads from each to the next.
    """
    finite = [place for place, point in enumerate(points) if all(map(isfinite, point))]
    x, y = _same_scale(*(span([points[place][part] for place in finite], 0.08) for part in (0, 1)))
    places = {place: (x.place(points[place][0]), y.place(points[place][1])) for place in finite}
    parts = [text(LEFT, 20, title, "title"), *_frame(x, y, axes), *_legend(keys, joined)]
    if joined:
        parts.append(element("path", class_="path", d=_path(list(places.values()))))
    for place, (across, down) in places.items():
        kind = "special" if place == special else "point"
        parts.append(element("circle", class_=kind, cx=across, cy=down, r=3))
    parts += _labels(places, names)
    return picture(WIDTH, HEIGHT, parts, description)


def _same_scale(across: tuple[float, float], down: tuple[float, float]) -> tuple[Axis, Axis]:
    """Axes on which equal distances look equal, or the picture would lie about what is near."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    unit = max((across[1] - across[0]) / width, (down[1] - down[0]) / height)
    bounds = []
    for (low, high), size in ((across, width), (down, height)):
        middle = (low + high) / 2
        bounds.append((middle - unit * size / 2, middle + unit * size / 2))
    return Axis(*bounds[0], LEFT, WIDTH - RIGHT), Axis(*bounds[1], HEIGHT - BOTTOM, TOP)


def _frame(x: Axis, y: Axis, axes: tuple[str, str]) -> list[Markup]:
    parts: list[Markup] = []
    for tick in x.ticks(6):
        parts.append(line(x.place(tick), y.start, x.place(tick), y.end, "rule"))
        parts.append(text(x.place(tick), y.start + 16, label(tick), "label", "middle"))
    for tick in y.ticks(6):
        parts.append(line(x.start, y.place(tick), x.end, y.place(tick), "rule"))
        parts.append(text(x.start - 6, y.place(tick) + 4, label(tick), "label", "end"))
    middle = (y.start + y.end) / 2
    parts.append(text((x.start + x.end) / 2, y.start + 36, axes[0], "label", "middle"))
    parts.append(text(14, middle, axes[1], "label", "middle", transform=f"rotate(-90 14 {middle:g})"))
    return parts


def _legend(keys: tuple[str, str], joined: bool) -> list[Markup]:
    parts = [element("circle", class_="point", cx=LEFT + 6, cy=40, r=3), text(LEFT + 16, 44, keys[0], "label")]
    if keys[1]:
        start = LEFT + 40 + 6.4 * len(keys[0])
        mark = (
            line(start - 8, 40, start + 8, 40, "path")
            if joined
            else element("circle", class_="special", cx=start, cy=40, r=3)
        )
        parts += [mark, text(start + 14, 44, keys[1], "label")]
    return parts


def _labels(places: Mapping[int, tuple[float, float]], names: Sequence[str]) -> list[Markup]:
    """The name of each point beside it: where it covers nothing, if there is such a side."""
    taken = [(across - 3, down - 3, across + 3, down + 3) for across, down in places.values()]
    parts = []
    for place, (across, down) in places.items():
        width = LETTER_WIDTH * len(names[place])
        if len(places) > MOST_PLACED:
            parts.append(text(across + 5, down - 4, names[place], "letter halo"))
            continue
        boxes = [
            (left, top, left + width, top + LETTER_HEIGHT)
            for left in (across + 5, across - 5 - width)
            for top in (down - 4 - LETTER_HEIGHT, down + 4, down - LETTER_HEIGHT / 2)
        ]
        box = next((box for box in boxes if not any(_overlap(box, other) for other in taken)), boxes[0])
        taken.append(box)
        parts.append(text(box[0], box[3], names[place], "letter halo"))
    return parts


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{across:.1f} {down:.1f}" for across, down in places) if places else "M0 0"
