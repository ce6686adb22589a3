"""The picture of moons.py: what the network says of every place, after some numbers of steps.

The plane is filled where the score passes -3, -2, ... 3; the boundary is where it is 0, and the dashed lines are the
margins, where it is -1 and 1.
"""

from collections import defaultdict

from microgpt.tools.pictures.axis import Axis
from microgpt.tools.pictures.svg import element, group, picture, standalone, text

X, Y = (-1.6, 2.6), (-1.15, 1.65)
GAP, TOP = 18, 42
LARGE, SMALL = (618, 412), (180, 120)
# Cells of the grid along x.
FINE, COARSE = 75, 45


def draw(examples, scores, words):
    """The picture as the text of a file.

    Args:
        examples: points and their labels.
        scores: by number of steps, functions of x and y; the last is drawn large.
        words: how it went.
    """
    *first, last = scores
    parts = [
        text(GAP, 27, f"After {last} steps: {words}", "title"),
        *panel(examples, scores[last], GAP, TOP, LARGE, FINE, 4.5),
    ]
    left = GAP + LARGE[0] + 26
    for place, steps in enumerate(first):
        top = TOP + place * (LARGE[1] - SMALL[1]) / (len(first) - 1)
        parts += panel(examples, scores[steps], left, top, SMALL, COARSE, 2)
        parts.append(text(left, top - 7, f"after {steps} steps" if steps else "before the first step", "label"))
    size = left + SMALL[0] + GAP, TOP + LARGE[1] + GAP
    return standalone(picture(*size, parts, f"Two moons and the boundary between them: {words}"))


def panel(examples, score, left, top, size, cells, radius):
    """One view of the plane."""
    x, y = Axis(*X, left, left + size[0]), Axis(*Y, top + size[1], top)
    columns, rows = cells + 1, round(cells * size[1] / size[0]) + 1
    xs = [X[0] + (X[1] - X[0]) * column / (columns - 1) for column in range(columns)]
    ys = [Y[0] + (Y[1] - Y[0]) * row / (rows - 1) for row in range(rows)]
    grid = [[score(a, b) for a in xs] for b in ys]
    places = [[(x.place(a), y.place(b)) for a in xs] for b in ys]
    parts = [element("rect", x=left, y=top, width=size[0], height=size[1], rx=6, class_="panel", fill="var(--panel)")]
    for level in range(4):
        for sign, kind in ((1, "point"), (-1, "special")):
            rings = curves(*padded([[sign * value for value in line] for line in grid], places), level)
            parts.append(
                element("path", d="".join(rings) or "M0 0", class_=kind, fill_opacity=0.13, fill_rule="evenodd")
            )
    for level, style in ((-1, "4 4"), (1, "4 4"), (0, None)):
        line = {"stroke_width": radius / (4 if style else 2), "stroke_dasharray": style, "stroke_linejoin": "round"}
        path = "".join(curves(grid, places, level)) or "M0 0"
        parts.append(
            element("path", d=path, fill="none", stroke="var(--ink)", stroke_opacity=0.6 if style else 1, **line)
        )
    for (a, b), label in examples:
        kind = "point" if label > 0 else "special"
        parts.append(element("circle", cx=x.place(a), cy=y.place(b), r=radius, class_=kind))
    dots = group(parts[-len(examples) :], stroke="var(--paper)", stroke_width=radius / 4)
    return [*parts[: -len(examples)], dots]


def padded(grid, places):
    """With a rim of no width that is below every level: so lines that end there become rings, to be filled."""
    low = [-1e9] * (len(grid[0]) + 2)
    values = [low, *([-1e9, *line, -1e9] for line in grid), low]
    wide = [[line[0], *line, line[-1]] for line in places]
    return values, [wide[0], *wide, wide[-1]]


def cell(grid, places, row, column):
    """Values and places of the corners of a cell, around it."""
    around = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
    return [(grid[r][c], places[r][c]) for r, c in around]


def between(value, place, after, there, level):
    """Where a level is on an edge: the same place from both sides."""
    if value > after:
        value, place, after, there = after, there, value, place
    share = (level - value) / (after - value)
    return tuple(round(a + share * (b - a), 2) for a, b in zip(place, there, strict=True))


def curves(grid, places, level):
    """The lines of a level, each in one piece, so that dashes run on."""
    neighbours = defaultdict(list)
    for row in range(len(grid) - 1):
        for column in range(len(grid[0]) - 1):
            corners = cell(grid, places, row, column)
            crossed = [
                between(*first, *second, level)
                for first, second in zip(corners, corners[1:] + corners[:1], strict=True)
                if (first[0] > level) != (second[0] > level)
            ]
            for a, b in zip(crossed[::2], crossed[1::2], strict=True):
                if a != b:
                    neighbours[a].append(b)
                    neighbours[b].append(a)
    # Lines that end at the rim first; what is left are rings.
    for start in sorted(neighbours, key=lambda place: (len(neighbours[place]), place)):
        line = [start]
        while neighbours[line[-1]]:
            following = neighbours[line[-1]].pop()
            neighbours[following].remove(line[-1])
            line.append(following)
        if len(line) > 1:
            yield "M" + " ".join(f"{a:.1f} {b:.1f}" for a, b in line) + "z" * (line[0] == line[-1])
