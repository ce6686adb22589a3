"""Pictures: scales, smoothing, principal components, colours that can be read, and markup that escapes everything."""

import math
import re
from random import Random
from xml.etree import ElementTree

import pytest

from microgpt.tools.pictures.axis import Axis, label, span
from microgpt.tools.pictures.heat_map import FULL_FROM, MOST_ELEMENTS, HeatMap
from microgpt.tools.pictures.histogram import BINS, count_in_bins, draw_histograms
from microgpt.tools.pictures.loss_curve import draw_loss_curve
from microgpt.tools.pictures.principal import principal_plane
from microgpt.tools.pictures.scatter import draw_scatter
from microgpt.tools.pictures.smoothing import horizon_of, smooth
from microgpt.tools.pictures.svg import element, picture, standalone, text, theme
from microgpt.tools.pictures.terminal_curve import TerminalCurve

HOSTILE = "<script>alert(\"x\")</script> & 'q' ]]>"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1, 1000, [200, 400, 600, 800, 1000]),
        (-0.31, 0.72, [-0.25, 0.0, 0.25, 0.5]),
        (2.0, 2.0, [2.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]):
    assert Axis(low, high, 0, 100).ticks(5) == pytest.approx(expected)


def test_a_logarithmic_axis():
    axis = Axis(0.5, 2e6, 100, 0, logarithmic=True)
    assert axis.ticks(4) == pytest.approx([1.0, 100.0, 1e4, 1e6])
    assert axis.place(1e3) == pytest.approx((axis.place(1.0) + axis.place(1e6)) / 2)
    assert (axis.place(0.1), axis.place(1e9)) == (100, 0)


def test_spans_and_labels():
    assert span([math.nan, 1.0, 3.0, math.inf], 0.5) == (0.0, 4.0)
    assert span([]) == (0.0, 1.0)
    low, high = span([2.0])
    assert low < 2.0 < high
    assert [label(number) for number in (0.0, -0.5, 1000.0, 1e9, 1e-9, 0.25)] == [
        "0",
        "−0.5",
        "1,000",
        "1e+09",
        "1e−09",
        "0.25",
    ]


def test_smoothing():
    assert smooth([3.0, 3.0, 3.0], 10) == pytest.approx([3.0] * 3)
    assert smooth([1.0, 5.0, 2.0], 1) == [1.0, 5.0, 2.0]
    assert smooth([0.0, 1.0], 2) == pytest.approx([0.0, 1.0 / 1.5])
    assert (horizon_of(0), horizon_of(1000), horizon_of(100_000)) == (1, 25, 253)


@pytest.mark.parametrize(("count", "width"), [(9, 4), (4, 9), (5, 2), (1, 3), (3, 1)])
def test_the_plane_of_what_lies_in_a_plane_keeps_distances(count: int, width: int):
    rng = Random(count)
    one, other, base = ([rng.gauss(0, 1) for _ in range(width)] for _ in range(3))
    places = [(rng.gauss(0, 3), rng.gauss(0, 1)) for _ in range(count)]
    vectors = [[a * x + b * y + c for x, y, c in zip(one, other, base, strict=True)] for a, b in places]
    plane = principal_plane(vectors)
    for i in range(count):
        for j in range(i):
            assert math.dist(plane.points[i], plane.points[j]) == pytest.approx(math.dist(vectors[i], vectors[j]))
    assert sum(plane.shares) == pytest.approx(1.0 if count > 1 else 0.0)
    assert plane.shares[0] >= plane.shares[1]


def test_the_plane_of_vectors_with_known_variances():
    rng = Random(1)
    vectors = [[rng.gauss(0, deviation) for deviation in (1, 30, 3, 0.1, 10)] for _ in range(4000)]
    plane = principal_plane(vectors)
    assert plane.shares == pytest.approx((900 / 1010, 100 / 1010), rel=0.1)
    correlation = sum(point[0] * vector[1] for point, vector in zip(plane.points, vectors, strict=True))
    assert abs(correlation) == pytest.approx(sum(vector[1] ** 2 for vector in vectors), rel=0.01)
    for direction in (0, 1):
        assert max((point[direction] for point in plane.points), key=abs) > 0


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e200])
def test_the_plane_of_no_numbers(number: float):
    with pytest.raises(ValueError, match="not finite, or too large"):
        principal_plane([[1.0, 2.0], [number, 0.0]])


def test_markup_escapes():
    drawn = picture(10, 10, [text(1, 2, HOSTILE), element("g", HOSTILE, class_=HOSTILE)], HOSTILE)
    root = ElementTree.fromstring(drawn)
    assert root.get("aria-label") == HOSTILE
    assert root.get("role") == "img"
    assert [child.text for child in root] == [HOSTILE, HOSTILE]
    assert root[1].get("class") == HOSTILE
    assert text(-0.001, 1.005, "x") == '<text x="0" y="1">x</text>'


def test_a_loss_curve():
    drawn = draw_loss_curve([1, 2, 3], [3.5, 2.5, 2.0], guessing=3.3, held_out=2.2)
    root = ElementTree.fromstring(standalone(drawn))
    assert "3 steps; the loss is 3.50 at the first" in root.get("aria-label", "")
    written = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Loss at each step of training", "step of training", "loss, nats", "one step", "held out, 2.20"} <= {
        *written
    }
    assert "guessing blindly, 3.30" in written
    dots = next(element for element in root.iter() if element.get("class") == "dots")
    assert dots.get("d", "").count("M") == 3


@pytest.mark.parametrize(
    "losses",
    [[], [2.0], [2.0] * 3, [1e-3, 1e5], [1e308, 1.0], [0.0, 0.0], [1.0 + 0.1 * (n % 7) for n in range(20_000)]],
)
def test_any_losses_can_be_drawn(losses: list[float]):
    drawn = draw_loss_curve(list(range(1, len(losses) + 1)), losses)
    ElementTree.fromstring(drawn)
    assert "nan" not in drawn
    assert "inf" not in re.sub(r'aria-label="[^"]*"', "", drawn)
    assert len(drawn) < 60_000


def test_heat_maps():
    values = [[1.0], [0.25, 0.75], [math.nan, 0.0, 0.004]]
    drawn = HeatMap(values, ["a", HOSTILE, "c"], ["a", "b", "\\u202e"], "rows", "columns", (30, 20), [(1, 1)]).draw(
        "t", 0, 0
    )
    root = ElementTree.fromstring(drawn)
    cells = [element for element in root.iter("rect") if element.get("class") == "heat"]
    assert [cell.get("fill-opacity") for cell in cells] == ["1.000", "0.250", "0.750", "0.000", "0.000", "0.004"]
    numbers = {
        element.text: element.get("class") for element in root.iter("text") if "number" in element.get("class", "")
    }
    assert numbers == {"1": "number on-high", ".25": "number on-low", ".75": "number on-high"}
    assert HOSTILE in [element.text for element in root.iter("text")]
    assert len([element for element in root.iter("rect") if element.get("class") == "chosen"]) == 1


def test_large_heat_maps_stay_small():
    size = math.isqrt(MOST_ELEMENTS) + 1
    values = [[(row * column % 97) / 97 for column in range(size)] for row in range(size)]
    drawn = HeatMap(values, ["a"] * size, ["a"] * size, "rows", "columns", (6, 6)).draw("t", 0, 0)
    root = ElementTree.fromstring(drawn)
    assert sum(element.get("d", "").count("M") for element in root.iter("path")) == size * size
    assert len(drawn) < 40 * size * size


def test_histograms():
    assert sum(count_in_bins([-1.0, 0.0, 1.0, 2.0, math.nan], 1.0)) == 3
    counts = count_in_bins([-1.0, 1.0], 1.0)
    assert (counts[0], counts[BINS - 1]) == (1, 1)
    drawn = draw_histograms({"a": [0.1, -0.1, math.nan, 1e300], HOSTILE: []}, 0.08, "Weights")
    root = ElementTree.fromstring(drawn)
    assert {"a", HOSTILE} <= {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert "2 weights, deviation 0.100" in drawn


def test_scatter():
    points = [(0.0, 1.0), (2.0, -1.0), (math.nan, 0.0)]
    drawn = draw_scatter(points, ["a", HOSTILE, "lost"], "title", ("x", "y"), "words", ("one", "other"), 1, True)
    root = ElementTree.fromstring(drawn)
    written = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"title", "x", "y", "a", HOSTILE, "one", "other"} <= {*written}
    assert "lost" not in written


def test_a_curve_in_text():
    curve = TerminalCurve(1, 1000, 79, 9)
    assert curve.lines() == [""] * 9
    for step in range(1, 1001):
        curve.add(step, 3.5 - step / 1000)
    lines = curve.lines()
    assert len(lines) == 9
    assert max(map(len, lines)) <= 79
    assert lines[0].split()[0] == "3.4920"
    assert lines[6].split()[0] == "2.5000"
    assert lines[-1].split() == ["1", "1,000"]
    # It falls: what is set is in later columns the lower the line.
    first = [next(place for place, letter in enumerate(line[9:]) if letter > "⠀") for line in lines[:7]]
    assert first == sorted(first)
    assert first[0] == 0
    assert first[-1] > 50


def test_a_steep_curve_in_text_has_no_gaps():
    curve = TerminalCurve(1, 140, 79, 9)
    for step in range(1, 141):
        curve.add(step, float(step > 70))
    assert all(any(letter > "⠀" for letter in line[9:]) for line in curve.lines()[:7])


def _colours(block: str) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(int(digits[place : place + 2], 16) for place in (0, 2, 4))
        for name, digits in re.findall(r"--([a-z-]+): #([0-9a-f]{6})", block)
    }


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """As WCAG 2.2 defines it."""

    def luminance(colour: tuple[float, ...]) -> float:
        parts = [part / 255 for part in colour]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("block", re.findall(r":root \{.*?\}", theme(), re.DOTALL), ids=["light", "dark", "print"])
def test_colours_can_be_read(block: str):
    colours = _colours(block)
    for paper in (colours["paper"], colours["panel"]):
        for name in ("ink", "muted", "main", "mark"):
            assert _contrast(colours[name], paper) >= 4.5, name
    assert _contrast(colours["faint"], colours["paper"]) >= 3
    for percent in range(101):
        share = percent / 100
        cell = tuple(p + share * (h - p) for p, h in zip(colours["paper"], colours["heat"], strict=True))
        assert _contrast(colours["on-high" if share >= FULL_FROM else "on-low"], cell) >= 4.5, percent
