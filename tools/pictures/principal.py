"""Principal components: the plane on which vectors differ most.

Plain Python rather than a library: a library of linear algebra is a large thing to install for one small matrix, and
its last bits depend on the machine, so that the same run would not give the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Plane", "principal_plane"]

Matrix = list[list[float]]

# Each sweep of Jacobi's method about squares what is left beside the diagonal; ten usually do.
MOST_SWEEPS = 30
LARGEST = 1e100


@dataclass(frozen=True)
class Plane:
    """Vectors, as seen on the plane of their two principal components.

    Attributes:
        points: two coordinates for each vector. The largest coordinate in each direction is positive.
        shares: how much of the variance each direction explains.
    """

    points: list[tuple[float, float]]
    shares: tuple[float, float]


def principal_plane(vectors: Sequence[Sequence[float]]) -> Plane:
    """Projects `vectors`, all of one length, on the plane through their mean on which they differ most.

    Raises:
        ValueError: if a number is not finite, or too large to be squared.
    """
    if not all(abs(number) < LARGEST for vector in vectors for number in vector):
        raise ValueError("a vector has a number that is not finite, or too large to be squared")
    count = len(vectors)
    means = [math.fsum(column) / count for column in zip(*vectors, strict=True)]
    centred = [[number - mean for number, mean in zip(vector, means, strict=True)] for vector in vectors]
    # Of the two matrices of products that have the same eigenvalues, the smaller one.
    rows = centred if count < len(means) else [list(column) for column in zip(*centred, strict=True)]
    values, columns = _eigen([[_dot(a, b) for b in rows] for a in rows])
    total = math.fsum(max(value, 0.0) for value in values) or 1.0
    found = []
    for place in sorted(range(len(values)), key=lambda place: (-values[place], place))[:2]:
        value, vector = max(values[place], 0.0), [row[place] for row in columns]
        if rows is centred:
            coordinates = [math.sqrt(value) * number for number in vector]
        else:
            coordinates = [_dot(row, vector) for row in centred]
        sign = math.copysign(1.0, max(coordinates, key=abs))
        found.append(([sign * number for number in coordinates], value / total))
    found += [([0.0] * count, 0.0)] * (2 - len(found))
    (across, first), (down, second) = found
    return Plane(list(zip(across, down, strict=True)), (first, second))


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def _eigen(symmetric: Matrix) -> tuple[list[float], Matrix]:
    """Eigenvalues, and a matrix whose columns are eigenvectors of length 1, by Jacobi's rotations (1846)."""
    size = len(symmetric)
    a = [list(row) for row in symmetric]
    vectors = [[float(row == column) for column in range(size)] for row in range(size)]
    scale = max((abs(number) for row in a for number in row), default=0.0)
    for _ in range(MOST_SWEEPS):
        rotated = False
        for p in range(size - 1):
            for q in range(p + 1, size):
                if abs(a[p][q]) > 1e-14 * scale:
                    _rotate(a, vectors, p, q)
                    rotated = True
        if not rotated:
            break
    return [a[place][place] for place in range(size)], vectors


def _rotate(a: Matrix, vectors: Matrix, p: int, q: int) -> None:
    """Turns the plane of the axes p and q so that ``a[p][q]`` becomes zero."""
    theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
    tangent = math.copysign(1.0, theta) / (abs(theta) + math.hypot(theta, 1.0))
    cosine = 1 / math.hypot(tangent, 1.0)
    sine = tangent * cosine
    for row in (*a, *vectors):
        row[p], row[q] = cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]
    for column in range(len(a)):
        a[p][column], a[q][column] = (
            cosine * a[p][column] - sine * a[q][column],
            sine * a[p][column] + cosine * a[q][column],
        )
