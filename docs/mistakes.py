"""Writes docs/mistakes.md: mistakes in your own functions, the error of each, and what to write instead.

It runs everything on the page. ``--check`` fails if the page is stale.
"""

from __future__ import annotations

import linecache
import re
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).with_name("mistakes.md")

HEAD = """\
# Mistakes and their errors

Written by `python docs/mistakes.py`, which runs all code on this page.

The compiler traces a function on symbolic scalars, twice, before their values are known. Code that cannot be traced
raises a `TraceError` that names your line, even if the function catches the error and continues. An argument that does
not fit the example raises a `TypeError`, `ValueError` or `IndexError` that names the part of the argument. Data that
the function reads beside its arguments are part of the program; a call raises a `RuntimeError` if they have changed.
"""

HERE = "  # here"


@dataclass(frozen=True)
class Mistake:
    """One of them.

    Attributes:
        title: its heading.
        wrong: the program; the line that is to be named ends in ``# here``.
        right: what to write instead.
    """

    title: str
    wrong: str
    right: str


MISTAKES = [
    Mistake(
        "A branch on a number",
        """
def size(x):
    if x > 0.0:  # here
        return x
    return -x

microgpt.compile(size, 1.0)
""",
        """
def size(x):
    return microgpt.where(x > 0.0, x, -x)

assert microgpt.compile(size, 1.0)(-2.0) == (2.0, -1.0)
""",
    ),
    Mistake(
        "A number as a condition",
        """
def inverse(x):
    return 1.0 / x if x else 0.0  # here

microgpt.compile(inverse, 1.0)
""",
        """
def inverse(x):
    return microgpt.where(x == 0.0, 0.0, 1.0 / x)

assert microgpt.compile(inverse, 1.0)(0.0) == (0.0, 0.0)
""",
    ),
    Mistake(
        "A number tested for equality",
        """
def loss(x, kind):
    return x * x if kind == 1.0 else abs(x)  # here

microgpt.compile(loss, 1.0, 1.0)
""",
        """
def loss(x, kind):
    return microgpt.where(kind == 1.0, x * x, abs(x))

assert microgpt.compile(loss, 1.0, 1.0, wrt="x")(3.0, 1.0) == (9.0, 6.0)
""",
    ),
    Mistake(
        "The built-in max",
        """
def highest(xs):
    return max(xs)  # here

microgpt.compile(highest, [1.0, 2.0])
""",
        """
def highest(xs):
    return microgpt.maximum(xs)

assert microgpt.compile(highest, [1.0, 2.0])([1.0, 2.0]) == (2.0, [0.0, 1.0])
""",
    ),
    Mistake(
        "Sorting",
        """
def median(xs):
    return sorted(xs)[1]  # here

microgpt.compile(median, [1.0, 3.0, 2.0])
""",
        """
def median(xs):
    a, b, c = xs
    return microgpt.maximum(microgpt.minimum(a, b), microgpt.minimum(microgpt.maximum(a, b), c))

assert microgpt.compile(median, [1.0, 3.0, 2.0])([1.0, 3.0, 2.0]) == (2.0, [0.0, 0.0, 1.0])
""",
    ),
    Mistake(
        "A function of math",
        """
import math

def wave(x):
    return math.sin(x)  # here

microgpt.compile(wave, 1.0)
""",
        """
def wave(x):
    return microgpt.sin(x)

microgpt.compile(wave, 1.0)
""",
    ),
    Mistake(
        "A number read as a float",
        """
def loss(x):
    print(f"x is {float(x)}")  # here
    return x * x

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    return x * x, x  # return beside the loss what you want to see

(value, x), slope = microgpt.compile(loss, 1.0, has_aux=True)(3.0)
print(f"x is {x}")
""",
    ),
    Mistake(
        "A method that does not exist",
        """
def loss(x):
    return x.cbrt()  # here

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    return x ** (1.0 / 3.0)

microgpt.compile(loss, 1.0)
""",
    ),
    Mistake(
        "The data of a Value",
        """
def loss(x):
    return x.data * 2.0  # here

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    return x * 2.0

microgpt.compile(loss, 1.0)
""",
    ),
    Mistake(
        "A remainder",
        """
def saw(x):
    return x % 1.0  # here

microgpt.compile(saw, 1.0)
""",
        """
def saw(x, whole):
    return x - whole  # the caller computes the integer part; it is data

assert microgpt.compile(saw, 1.0, 1.0, wrt="x")(2.75, 2.0) == (0.75, 1.0)
""",
    ),
    Mistake(
        "An index into a list",
        """
def loss(scores, label):
    return -scores[label]  # here

microgpt.compile(loss, [1.0, 2.0, 3.0], microgpt.index(3))
""",
        """
def loss(scores, label):
    return -microgpt.select(scores, label)

assert microgpt.compile(loss, [1.0, 2.0, 3.0], microgpt.index(3))([1.0, 2.0, 3.0], 1)[0] == -2.0
""",
    ),
    Mistake(
        "Arithmetic with an index",
        """
def after(xs, place):
    return microgpt.select(xs, place + 1)  # here

microgpt.compile(after, [1.0, 2.0, 3.0], microgpt.index(2))
""",
        """
def after(xs, place):
    return microgpt.select(xs[1:], place)

assert microgpt.compile(after, [1.0, 2.0, 3.0], microgpt.index(2))([1.0, 2.0, 3.0], 1)[0] == 3.0
""",
    ),
    Mistake(
        "A loop whose trip count varies",
        """
def power(x, times):
    result = x
    for _ in range(times):  # here
        result = result * x
    return result

microgpt.compile(power, 1.0, microgpt.index(4))
""",
        """
def power(x, times):
    powers = [x]
    for _ in range(3):
        powers.append(powers[-1] * x)
    return microgpt.choose(powers, times)

assert microgpt.compile(power, 1.0, microgpt.index(4), wrt="x")(2.0, 2) == (8.0, 12.0)
""",
    ),
    Mistake(
        "A loop over rows of data",
        """
def loss(weight, data):
    total = 0.0
    for x, y in data:  # here
        total = total + (weight * x - y) ** 2
    return total

microgpt.compile(loss, 1.0, microgpt.rows((1.0, 2.0)), wrt="weight")
""",
        """
def squared(weight, x, y):
    return (weight * x - y) ** 2

def loss(weight, data):
    return microgpt.sum_rows(squared, data, weight)

compiled = microgpt.compile(loss, 1.0, microgpt.rows((1.0, 2.0)), wrt="weight")
assert compiled(1.0, [(1.0, 2.0), (2.0, 2.0), (3.0, 3.0)]) == (1.0, -2.0)
""",
    ),
    Mistake(
        "A scalar that the function of a row does not get",
        """
def loss(weight, data):
    def squared(x, y):
        return (weight * x - y) ** 2  # here
    return microgpt.sum_rows(squared, data)

microgpt.compile(loss, 1.0, microgpt.rows((1.0, 2.0)), wrt="weight")
""",
        """
def loss(weight, data):
    def squared(weight, x, y):
        return (weight * x - y) ** 2
    return microgpt.sum_rows(squared, data, weight)

compiled = microgpt.compile(loss, 1.0, microgpt.rows((1.0, 2.0)), wrt="weight")
assert compiled(1.0, [(1.0, 2.0), (2.0, 2.0), (3.0, 3.0)]) == (1.0, -2.0)
""",
    ),
    Mistake(
        "A swallowed error",
        """
def loss(x):
    try:
        return x * 2.0 if x > 0.0 else x  # here
    except Exception:
        return x

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    return microgpt.where(x > 0.0, x * 2.0, x)

assert microgpt.compile(loss, 1.0)(3.0) == (6.0, 2.0)
""",
    ),
    Mistake(
        "A value kept from an earlier call",
        """
kept = []

def loss(x):
    if not kept:
        kept.append(x * x)
    return kept[0] + x  # here

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    square = x * x
    return square + x

microgpt.compile(loss, 1.0)
""",
    ),
    Mistake(
        "A value used outside the function",
        """
seen = []

def loss(x):
    seen.append(x * x)
    return seen[-1] + x

microgpt.compile(loss, 1.0)
print(seen[0] + 1.0)  # here
""",
        """
def loss(x):
    square = x * x
    return square + x, square

(value, square), slope = microgpt.compile(loss, 1.0, has_aux=True)(3.0)
print(square + 1.0)
""",
    ),
    Mistake(
        "A function that is not deterministic",
        """
import itertools

calls = itertools.count(1.0)

def noisy(x):
    return x + next(calls)  # here

microgpt.compile(noisy, 1.0)
""",
        """
def noisy(x, noise):
    return x + noise

noisy = microgpt.compile(noisy, 1.0, 0.0, wrt="x")
assert [noisy(1.0, noise)[0] for noise in (1.0, 2.0)] == [2.0, 3.0]
""",
    ),
    Mistake(
        "A forgotten return",
        """
def loss(x):  # here
    x * x

microgpt.compile(loss, 1.0)
""",
        """
def loss(x):
    return x * x

microgpt.compile(loss, 1.0)
""",
    ),
    Mistake(
        "A gradient of several numbers",
        """
def errors(x):  # here
    return [x - 1.0, x + 1.0]

microgpt.compile(errors, 1.0)
""",
        """
def errors(x):
    return [x - 1.0, x + 1.0]

assert microgpt.jacobian(errors, 1.0)(3.0) == [1.0, 1.0]
""",
    ),
    Mistake(
        "An integer in place of a float",
        """
microgpt.compile(lambda x: x * x, 3)  # here
""",
        """
microgpt.compile(lambda x: x * x, 3.0)
""",
    ),
    Mistake(
        "An integer that changes",
        """
scaled = microgpt.compile(lambda x, times: x * times, 1.0, 3)
scaled(1.0, 4)  # here
""",
        """
scaled = microgpt.compile(lambda x, times: x * times, 1.0, 3.0, wrt="x")
assert scaled(1.0, 4.0) == (4.0, 4.0)
""",
    ),
    Mistake(
        "An object that could change unseen",
        """
class Settings:
    rate = 0.5

microgpt.compile(lambda x, settings: x * settings.rate, 1.0, Settings())  # here
""",
        """
from dataclasses import dataclass

@dataclass
class Settings:
    rate: float = 0.5

scaled = microgpt.compile(lambda x, settings: x * settings.rate, 1.0, Settings(), wrt="x")
assert scaled(3.0, Settings(2.0)) == (6.0, 2.0)
""",
    ),
    Mistake(
        "Data that changes outside the arguments",
        """
rows = [[1.0, 2.0], [3.0, 4.0]]

def loss(weights):
    return sum((weights[0] * x - y) ** 2 for x, y in rows)

fitted = microgpt.compile(loss, [0.0])
fitted([1.0])
rows[1][0] = 5.0
fitted([1.0])  # here
""",
        """
rows = [[1.0, 2.0], [3.0, 4.0]]

def loss(weights, rows):
    return sum((weights[0] * x - y) ** 2 for x, y in rows)

fitted = microgpt.compile(loss, [0.0], rows, wrt="weights")
assert fitted([1.0], rows)[0] == 2.0
rows[1][0] = 6.0
assert fitted([1.0], rows)[0] == 5.0
""",
    ),
    Mistake(
        "An attribute that changes",
        """
class Model:
    def __init__(self):
        self.rate = 0.5

    def loss(self, x):
        return self.rate * x * x

model = Model()
loss = microgpt.compile(model.loss, 1.0)
model.rate = 0.25
loss(2.0)  # here
""",
        """
class Model:
    def __init__(self):
        self.rate = 0.5

    def loss(self, x, rate):
        return rate * x * x

model = Model()
loss = microgpt.compile(model.loss, 1.0, model.rate, wrt="x")
model.rate = 0.25
assert loss(2.0, model.rate) == (1.0, 1.0)
""",
    ),
    Mistake(
        "Another number of elements",
        """
total = microgpt.compile(lambda xs: sum(x * x for x in xs), [1.0, 2.0])
total([1.0, 2.0, 3.0])  # here
""",
        """
total = microgpt.compile(lambda xs: sum(x * x for x in xs), [0.0] * 3)
total([1.0, 2.0, 0.0])  # a program has one size: pad with zeros
""",
    ),
    Mistake(
        "An index out of its range",
        """
chosen = microgpt.compile(lambda xs, place: microgpt.select(xs, place), [1.0, 2.0], microgpt.index(2))
chosen([1.0, 2.0], 2)  # here
""",
        """
chosen = microgpt.compile(lambda xs, place: microgpt.select(xs, place), [1.0, 2.0], microgpt.index(2))
chosen([1.0, 2.0], 1)
""",
    ),
    Mistake(
        "A compiled function inside another",
        """
square = microgpt.compile(lambda x: x * x, 1.0)

def loss(x):
    return square(x)[0] + x  # here

microgpt.compile(loss, 1.0)
""",
        """
def square(x):
    return x * x

def loss(x):
    return square(x) + x

microgpt.compile(loss, 1.0)
""",
    ),
    Mistake(
        "An argument that does not exist",
        """
def loss(weights, rows):
    return sum(w * x for w, x in zip(weights, rows))

microgpt.compile(loss, [1.0], [2.0], wrt="weight")  # here
""",
        """
def loss(weights, rows):
    return sum(w * x for w, x in zip(weights, rows))

microgpt.compile(loss, [1.0], [2.0], wrt="weights")
""",
    ),
    Mistake(
        "A size that the example ignores",
        """
def norm(x):
    return sum(v * v for v in x)

family = microgpt.compile_sized(norm, lambda n, rows: [0.0] * n)  # here
""",
        """
def norm(x):
    return sum(v * v for v in x)

family = microgpt.compile_sized(norm, lambda n: [0.0] * n)
assert family(n=3)([1.0, 2.0, 3.0]) == (14.0, [2.0, 4.0, 6.0])
""",
    ),
    Mistake(
        "Loops that are others at each size",
        """
def pairs(x):
    return sum(x[i] * x[j] for i in range(len(x)) for j in range(i))  # here

print(microgpt.compile_sized(pairs, lambda n: [0.0] * n).show())
""",
        """
def pairs(x):
    total = sum(x)
    return (total * total - sum(v * v for v in x)) / 2

family = microgpt.compile_sized(pairs, lambda n: [0.0] * n)
assert "fold add { k < n: x[k] }" in str(family.show())
assert family(n=4)([1.0, 2.0, 3.0, 4.0])[0] == 35.0
""",
    ),
]


@dataclass(frozen=True)
class Told:
    """What a program ends with.

    Attributes:
        line: of the program, counted from 1; 0 if it is in none.
        text: the kind of the error and its message.
    """

    line: int
    text: str


def program(text: str) -> str:
    """The program as it is run and shown."""
    return "import microgpt\n" + text.replace(HERE, "").rstrip() + "\n"


def marked_line(mistake: Mistake) -> int:
    """The line that is to be named."""
    lines = ["import microgpt", *mistake.wrong.split("\n")]
    (line,) = (number for number, text in enumerate(lines, 1) if text.endswith(HERE))
    return line


def run(text: str, folder: Path) -> Told | None:
    """Runs a program as ``model.py``; None if it ends well."""
    path = folder / "model.py"
    path.write_text(text, encoding="utf-8")
    linecache.checkcache(str(path))
    module = sys.modules["model"] = ModuleType("model")  # where dataclasses look for what they are made of
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except Exception as error:
        named = re.search(r"\bmodel\.py:(\d+)", str(error))
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        return Told(int(named[1]) if named else frames[-1].lineno or 0, f"{type(error).__name__}: {error}")
    finally:
        del sys.modules["model"]
    return None


def page() -> str:
    """The text."""
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as folder:
        for number, mistake in enumerate(MISTAKES, 1):
            told = run(program(mistake.wrong), Path(folder))
            assert told is not None, mistake.title
            parts.append(section(number, mistake, told))
    return "".join(parts)


def section(number: int, mistake: Mistake, told: Told) -> str:
    """What the page says of a mistake."""
    return (
        f"\n## {number}. {mistake.title}\n\n```python\n{program(mistake.wrong)}```\n\nLine {told.line}:\n\n"
        f"```text\n{told.text}\n```\n\nInstead:\n\n```python\n{program(mistake.right)}```\n"
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(page() != PAGE.read_text("utf-8"))
    PAGE.write_text(page(), encoding="utf-8")
