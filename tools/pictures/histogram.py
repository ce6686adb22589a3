"""Histograms side by side, on one scale, each with a curve to compare with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from .axis import Axis, label
from .svg import element, group, line, picture, text

__all__ = ["count_in_bins", "draw_histograms"]

BINS = 41
# What is larger, or no number, is left out: it could not be squared, and nothing else would be seen beside it.
LARGEST = 1e100
COLUMNS = 3
WIDTH, HEIGHT = 300, 150
LEFT, RIGHT, TOP, BOTTOM = 30, 14, 42, 38
HEAD = 48


def count_in_bins(numbers: Sequence[float], largest: float) -> list[int]:
    """How many of `numbers` are in each of `BINS` equal bins from ``-largest`` to `largest`; others are left out."""
    counts = [0] * BINS
    for number in numbers:
        if abs(number) <= largest:
            counts[min(int((number + largest) / (2 * largest) * BINS), BINS - 1)] += 1
    return counts


def draw_histograms(tensors: Mapping[str, Sequence[float]], deviation: float, title: str) -> Markup:
    """A histogram of each of `tensors`, and as a dashed line how they began: normal, with that deviation around 0."""
    tensors = {name: [number for number in numbers if abs(number) < LARGEST] for name, numbers in tensors.items()}
    largest = max([3 * deviation, *(abs(number) for numbers in tensors.values() for number in numbers)])
    parts = [text(LEFT, 20, title, "title"), *_legend(deviation)]
    for place, (name, numbers) in enumerate(tensors.items()):
        row, column = divmod(place, COLUMNS)
        parts.append(
            group(
                _histogram(name, numbers, largest, deviation),
                transform=f"translate({column * WIDTH} {HEAD + row * HEIGHT})",
            )
        )
    rows = -(-len(tensors) // COLUMNS)
    sizes = ", ".join(f"{name} {_deviation(numbers):.3f}" for name, numbers in tensors.items())
    description = f"{title}: histograms. Standard deviation of each, where all began at {deviation:g}: {sizes}"
    return picture(COLUMNS * WIDTH, HEAD + rows * HEIGHT, parts, description)


def _histogram(name: str, numbers: Sequence[float], largest: float, deviation: float) -> list[Markup]:
    counts = count_in_bins(numbers, largest)
    began = [len(numbers) * _normal_share(place, largest, deviation) for place in range(BINS)]
    x = Axis(-largest, largest, LEFT, WIDTH - RIGHT)
    y = Axis(0.0, max([*counts, 1]), HEIGHT - BOTTOM, TOP)
    width = (x.end - x.start) / BINS
    bars = [
        element(
            "rect",
            class_="bar",
            x=x.start + place * width,
            y=y.place(count),
            width=width - 0.7,
            height=y.start - y.place(count),
        )
        for place, count in enumerate(counts)
        if count
    ]
    # What began higher than the highest bar is cut off: it is there to compare widths.
    middles = [(x.start + (place + 0.5) * width, y.place(count)) for place, count in enumerate(began)]
    curve = "M" + " ".join(f"{across:.1f} {down:.1f}" for across, down in middles)
    parts = [
        text(LEFT, 14, name, "subtitle"),
        text(LEFT, 30, f"{len(numbers):,} weights, deviation {_deviation(numbers):.3f}", "small"),
        *bars,
        element("path", class_="dashed", d=curve),
        line(x.start, y.start, x.end, y.start, "axis"),
        text(LEFT - 4, y.end + 8, label(max(counts)), "small", "end"),
        text((x.start + x.end) / 2, y.start + 30, "value of a weight", "small", "middle"),
    ]
    parts += [text(x.place(tick), y.start + 15, label(tick), "small", "middle") for tick in x.ticks(4)]
    return parts


def _normal_share(place: int, largest: float, deviation: float) -> float:
    edges = [-largest + 2 * largest * edge / BINS for edge in (place, place + 1)]
    low, high = (0.5 * (1 + math.erf(edge / (deviation * math.sqrt(2)))) for edge in edges)
    return high - low


def _deviation(numbers: Sequence[float]) -> float:
    return math.sqrt(math.fsum(number * number for number in numbers) / len(numbers)) if numbers else 0.0


def _legend(deviation: float) -> list[Markup]:
    words = f"as they began: normal, deviation {deviation:g} (cut off at the top)"
    return [
        element("rect", class_="bar", x=LEFT, y=32, width=12, height=10),
        text(LEFT + 18, 41, "how many weights have such a value, after training", "label"),
        line(LEFT + 340, 37, LEFT + 364, 37, "dashed"),
        text(LEFT + 372, 41, words, "label"),
    ]
