"""The plot of a sweep: loss against one option, a line for each setting of the others, as SVG that stands alone.

Points are the means over seeds, bars behind them reach from the lowest to the highest. Settings of which a run did not
finish have no loss; they are crosses at the upper edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ..pictures.axis import Axis as Scale
from ..pictures.axis import label, span
from ..pictures.svg import element, line, picture, standalone, text
from ..text.escape import escaped
from .grid import Axis
from .results import Setting

__all__ = ["axis_to_plot", "draw_plot"]

WIDTH, HEIGHT = 820, 500
LEFT, RIGHT, TOP, BOTTOM = 70, 640, 76, 440
# Of the first and the last point to the ends of the axis.
INSET = 18
# Distinct also for people who see fewer colours (Okabe and Ito, 2008), on light paper and on dark.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8a8a00")
DASHES = (None, "7 3", "2 3", "9 3 2 3")
# Lines in the legend; more would not fit.
MOST_NAMED = 18


def axis_to_plot(axes: Sequence[Axis]) -> Axis:
    """The option along the horizontal axis: the learning rate if it is varied, else the first that is."""
    candidates = [axis for axis in axes if axis.name != "seed"] or list(axes)
    return next((axis for axis in candidates if axis.name == "learning_rate"), candidates[0])


def draw_plot(settings: Sequence[Setting], axis: Axis, title: str) -> str:
    """The text of an SVG file that stands alone."""
    places = _places(axis)
    lines = _lines(settings, axis)
    y = Scale(*span([loss for setting in settings for loss in setting.losses], 0.05), BOTTOM, TOP)
    parts = [text(LEFT, 30, title, "title"), *_axes(axis, places, y)]
    crosses: dict[Any, int] = {}
    for number, (name, members) in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        parts += _draw_line([(places[value], setting) for value, setting in members], y, colour, dash)
        for value in [value for value, setting in members if setting.loss is None]:
            crosses[value] = crosses.get(value, 0) + 1
            height = TOP - 6 - 9 * (crosses[value] - 1)
            parts.append(text(places[value], height, "×", anchor="middle", style=f"fill: {colour}; font-size: 15px"))
        if name and number < MOST_NAMED:
            height = TOP + 16 + 21 * number
            ends = {"x1": RIGHT + 18, "x2": RIGHT + 44, "y1": height, "y2": height}
            parts.append(element("line", **ends, stroke=colour, stroke_width=2, stroke_dasharray=dash))
            parts.append(text(RIGHT + 52, height + 4.5, escaped(name if len(name) <= 20 else name[:19] + "…")))
    if crosses:
        parts.append(text(RIGHT + 18, TOP - 6, "×  no loss", "label"))
    if len(lines) > MOST_NAMED:
        parts.append(text(RIGHT + 52, TOP + 20 + 21 * MOST_NAMED, f"and {len(lines) - MOST_NAMED} more", "label"))
    return standalone(picture(WIDTH, HEIGHT, parts, f"{title}, against {axis.name}"))


def _axes(axis: Axis, places: dict[Any, float], y: Scale) -> list[Markup]:
    parts: list[Markup] = []
    for tick in y.ticks(8):
        parts.append(line(LEFT, y.place(tick), RIGHT, y.place(tick), "rule"))
        parts.append(text(LEFT - 9, y.place(tick) + 4, label(tick), "label", "end"))
    for place, words in _labels(places):
        parts.append(line(place, BOTTOM, place, BOTTOM + 5, "axis"))
        parts.append(text(place, BOTTOM + 20, words, "label", "middle"))
    parts.append(line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis"))
    parts.append(text((LEFT + RIGHT) / 2, BOTTOM + 44, axis.name, anchor="middle"))
    return parts


def _draw_line(members: Sequence[tuple[float, Setting]], y: Scale, colour: str, dash: str | None) -> list[Markup]:
    parts, points = [], []
    for x, setting in members:
        if setting.loss is None:
            continue
        points.append(f"{x:.1f},{y.place(setting.loss):.1f}")
        low, high = y.place(min(setting.losses)), y.place(max(setting.losses))
        if low != high:
            parts.append(element("line", x1=x, x2=x, y1=low, y2=high, stroke=colour, stroke_width=4, opacity="0.35"))
        varied = ", ".join(f"{name} {value}" for name, value in setting.varied.items())
        hint = escaped(f"{varied}: {setting.loss:.4f}" if varied else f"{setting.loss:.4f}")
        parts.append(element("circle", element("title", hint), cx=x, cy=y.place(setting.loss), r=3.2, fill=colour))
    if len(points) > 1:
        joined = " ".join(points)
        style = {"stroke": colour, "stroke_width": "2", "stroke_dasharray": dash}
        parts.insert(0, element("polyline", points=joined, fill="none", **style))
    return parts


def _lines(settings: Sequence[Setting], axis: Axis) -> list[tuple[str, list[tuple[Any, Setting]]]]:
    """The settings of each line, along the axis; lines are named by what they have in common, in ascending order."""
    found: dict[tuple[Any, ...], list[tuple[Any, Setting]]] = {}
    for setting in settings:
        others = tuple((name, value) for name, value in setting.varied.items() if name != axis.name)
        found.setdefault(others, []).append((_value(setting, axis), setting))
    order = axis.values if not _is_numeric(axis) else sorted(axis.values)
    rank = {value: number for number, value in enumerate(order)}
    named = [
        (", ".join(f"{name} {value}" for name, value in others), sorted(line, key=lambda pair: rank[pair[0]]))
        for others, line in sorted(found.items(), key=lambda item: _sortable(item[0]))
    ]
    return named


def _sortable(others: tuple[Any, ...]) -> tuple[tuple[float, str], ...]:
    return tuple(
        (float(value), "") if isinstance(value, int | float) else (math.inf, str(value)) for _, value in others
    )


def _value(setting: Setting, axis: Axis) -> Any:
    return setting.results[0].varied[axis.name] if axis.name == "seed" else setting.varied[axis.name]


def _is_numeric(axis: Axis) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis.values)


def _places(axis: Axis) -> dict[Any, float]:
    """Where each value is: by its size, or by its logarithm if it spans a decade; evenly if it is no number."""
    values = list(axis.values)
    sizes: list[float] = values if _is_numeric(axis) else list(range(len(values)))
    logarithmic = _is_numeric(axis) and min(sizes) > 0 and max(sizes) >= 10 * min(sizes)
    x = Scale(min(sizes), max(sizes), LEFT + INSET, RIGHT - INSET, logarithmic)
    return {value: x.place(size) for value, size in zip(values, sizes, strict=True)}


def _labels(places: dict[Any, float]) -> list[tuple[float, str]]:
    """The values that have room for their name below the axis."""
    labels: list[tuple[float, str]] = []
    edge = -math.inf
    for value, place in sorted(places.items(), key=lambda item: item[1]):
        words = escaped(f"{value:.3g}" if isinstance(value, float) else str(value))
        words = words if len(words) <= 16 else "…" + words[-15:]
        half = 4 * len(words) + 5
        if place - half >= edge:
            labels.append((place, words))
            edge = place + half
    return labels
