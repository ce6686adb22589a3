"""The plot of a sweep: loss against one option, a line for each setting of the others, as SVG that stands alone.

Points are the means over seeds, bars behind them reach from the lowest to the highest. Settings of which a run did not
finish have no loss; they are crosses at the upper edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from .grid import Axis
from .results import Setting

__all__ = ["axis_to_plot", "draw_plot"]

WIDTH, HEIGHT = 820, 500
LEFT, RIGHT, TOP, BOTTOM = 70, 640, 76, 440
# Told apart also by people who see fewer colours (Okabe and Ito, 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a00")
DASHES = ("", "7 3", "2 3", "9 3 2 3")
STROKE, WIDE = {"stroke-width": "2"}, {"stroke-width": "4"}
# Lines in the legend; more would not fit.
MOST_NAMED = 18


def axis_to_plot(axes: Sequence[Axis]) -> Axis:
    """The option along the horizontal axis: the learning rate if it is varied, else the first that is."""
    candidates = [axis for axis in axes if axis.name != "seed"] or list(axes)
    return next((axis for axis in candidates if axis.name == "learning_rate"), candidates[0])


def draw_plot(settings: Sequence[Setting], axis: Axis, title: str) -> str:
    """The text of an SVG file; no part of it comes from anywhere else."""
    places = _places(axis)
    lines = _lines(settings, axis)
    losses = [loss for setting in settings for loss in setting.losses]
    ticks = _ticks(min(losses), max(losses)) if losses else [0.0, 1.0]

    def height(loss: float) -> float:
        return BOTTOM - (loss - ticks[0]) / (ticks[-1] - ticks[0]) * (BOTTOM - TOP)

    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {WIDTH} {HEIGHT}",
        "width": str(WIDTH),
        "height": str(HEIGHT),
        "role": "img",
        "font-family": "system-ui, sans-serif",
        "font-size": "13",
    }
    svg = ElementTree.Element("svg", attributes)
    _add(svg, "title").text = title
    _add(svg, "rect", width=WIDTH, height=HEIGHT, fill="#ffffff")
    _text(svg, LEFT, 30, title, fill="#222222", **{"font-size": "16", "font-weight": "600"})
    for tick in ticks:
        _add(svg, "line", x1=LEFT, x2=RIGHT, y1=height(tick), y2=height(tick), stroke="#e4e4e4")
        _text(svg, LEFT - 9, height(tick) + 4.5, f"{tick:.10g}", **{"text-anchor": "end", "fill": "#555555"})
    for place, words in _labels(axis, places):
        _add(svg, "line", x1=place, x2=place, y1=BOTTOM, y2=BOTTOM + 5, stroke="#888888")
        _text(svg, place, BOTTOM + 20, words, **{"text-anchor": "middle", "fill": "#555555"})
    _add(svg, "line", x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, stroke="#888888")
    _text(svg, (LEFT + RIGHT) / 2, BOTTOM + 44, axis.name, **{"text-anchor": "middle", "fill": "#222222"})
    crosses: dict[Any, int] = {}
    for number, (name, members) in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        _draw_line(svg, [(places[value], setting) for value, setting in members], height, colour, dash)
        for value in [value for value, setting in members if setting.loss is None]:
            crosses[value] = crosses.get(value, 0) + 1
            y = TOP - 6 - 9 * (crosses[value] - 1)
            _text(svg, places[value], y, "×", fill=colour, **{"text-anchor": "middle", "font-size": "15"})
        if name and number < MOST_NAMED:
            y = TOP + 16 + 21 * number
            attributes = {"stroke-dasharray": dash} if dash else {}
            _add(svg, "line", x1=RIGHT + 18, x2=RIGHT + 44, y1=y, y2=y, stroke=colour, **STROKE, **attributes)
            _text(svg, RIGHT + 52, y + 4.5, name if len(name) <= 20 else name[:19] + "…", fill="#222222")
    if crosses:
        _text(svg, RIGHT + 18, TOP - 6, "×  no loss", fill="#555555")
    if len(lines) > MOST_NAMED:
        _text(svg, RIGHT + 52, TOP + 20 + 21 * MOST_NAMED, f"and {len(lines) - MOST_NAMED} more", fill="#555555")
    ElementTree.indent(svg)
    return ElementTree.tostring(svg, encoding="unicode") + "\n"


def _draw_line(svg: ElementTree.Element, members: Any, height: Any, colour: str, dash: str) -> None:
    points = []
    for place, setting in members:
        if setting.loss is None:
            continue
        y = height(setting.loss)
        points.append((place, y))
        low, high = height(min(setting.losses)), height(max(setting.losses))
        if low != high:
            _add(svg, "line", x1=place, x2=place, y1=low, y2=high, stroke=colour, opacity="0.35", **WIDE)
    if len(points) > 1:
        attributes = {"stroke-dasharray": dash} if dash else {}
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        _add(svg, "polyline", points=joined, fill="none", stroke=colour, **STROKE, **attributes)
    for (x, y), setting in zip(points, (setting for _, setting in members if setting.loss is not None), strict=True):
        dot = _add(svg, "circle", cx=x, cy=y, r="3.2", fill=colour)
        varied = ", ".join(f"{name} {value}" for name, value in setting.varied.items())
        _add(dot, "title").text = _plain(f"{varied}: {setting.loss:.4f}" if varied else f"{setting.loss:.4f}")


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
    if _is_numeric(axis):
        logarithmic = min(values) > 0 and max(values) >= 10 * min(values)
        sizes = [math.log(value) if logarithmic else float(value) for value in values]
    else:
        sizes = [float(number) for number in range(len(values))]
    low, span = min(sizes), max(sizes) - min(sizes)
    inset, inner = LEFT + 18, RIGHT - LEFT - 36
    return {
        value: inset + inner * ((size - low) / span if span else 0.5) for value, size in zip(values, sizes, strict=True)
    }


def _labels(axis: Axis, places: dict[Any, float]) -> list[tuple[float, str]]:
    """The values that have room for their name below the axis."""
    labels: list[tuple[float, str]] = []
    edge = -math.inf
    for value, place in sorted(places.items(), key=lambda item: item[1]):
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        text = text if len(text) <= 16 else "…" + text[-15:]
        half = 4 * len(text) + 5
        if place - half >= edge:
            labels.append((place, text))
            edge = place + half
    return labels


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers around a span."""
    span = max(high - low, 1e-3 * max(abs(high), 1e-3))
    step = next(
        size * 10.0**power
        for power in range(math.floor(math.log10(span)) - 2, 400)
        for size in (1, 2, 5)
        if span / (size * 10.0**power) <= 6
    )
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def _add(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    texts = {name: f"{value:.1f}" if isinstance(value, float) else str(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, texts)


def _text(parent: ElementTree.Element, x: float, y: float, words: str, **attributes: Any) -> None:
    _add(parent, "text", x=x, y=y, **attributes).text = _plain(words)


def _plain(words: str) -> str:
    """XML has no place for control characters, which the name of a file may hold."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)
