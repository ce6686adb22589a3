"""Writes docs/singular.md: formulas that end in NaN, infinities or lost digits, and what to write instead.

It runs everything on the page. ``--check`` fails if the page is stale.
"""

from __future__ import annotations

import linecache
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import microgpt

PAGE = Path(__file__).with_name("singular.md")

HEAD = """\
# NaN and infinity

Written by `python docs/singular.py`, which runs all code on this page.

A compiled function never raises because of its numbers: where Python's floats raise, it gives IEEE 754's infinity or
NaN. `f.first_nan(*arguments)` finds the origin: the first operation whose operands are finite and whose result is not,
with its operands, your line, and the affected results. `forward` marks the function itself, `backward` a derivative;
the line of a derivative is the line that was differentiated. If all results are finite, it returns None.

The formulas below are right on paper, but not in floating point at the given point. With `where`, the value not taken
may be anything: it receives no gradient and propagates none.
"""


@dataclass(frozen=True)
class Trap:
    """One of them.

    Attributes:
        title: its heading.
        words: what goes wrong.
        wrong, right: the formula, as one function, and what to write instead.
        point: the arguments.
        value, gradient: what is right there.
    """

    title: str
    words: str
    wrong: str
    right: str
    point: tuple[float, ...]
    value: float
    gradient: tuple[float, ...]


TRAPS = [
    Trap(
        "The square root at zero",
        "Its derivative is infinite at 0; infinity times 0, the derivative of the square, is NaN.",
        "def norm(x, y):\n    return microgpt.sqrt(x * x + y * y)\n",
        "def norm(x, y):\n    square = x * x + y * y\n"
        "    return microgpt.where(square > 0.0, microgpt.sqrt(square), 0.0)\n",
        (0.0, 0.0),
        0.0,
        (0.0, 0.0),
    ),
    Trap(
        "The absolute value as a square root",
        "The derivative is infinity times 0 again.",
        "def size(x):\n    return microgpt.sqrt(x * x)\n",
        "def size(x):\n    return abs(x)\n",
        (0.0,),
        0.0,
        (0.0,),
    ),
    Trap(
        "The logistic loss",
        "`exp` overflows above 709.",
        "def loss(score):\n    return microgpt.log(1.0 + microgpt.exp(score))\n",
        "def loss(score):\n    return microgpt.softplus(score)\n",
        (800.0,),
        800.0,
        (1.0,),
    ),
    Trap(
        "The logarithm of a probability",
        "`sigmoid` underflows to 0 below -745, and the logarithm of 0 is infinite.",
        "def log_likelihood(score):\n    return microgpt.log(microgpt.sigmoid(score))\n",
        "def log_likelihood(score):\n    return -microgpt.softplus(-score)\n",
        (-800.0,),
        -800.0,
        (1.0,),
    ),
    Trap(
        "The sigmoid as a fraction",
        "The value is right, 0, but its gradient is infinity times 0.",
        "def share(score):\n    return 1.0 / (1.0 + microgpt.exp(-score))\n",
        "def share(score):\n    return microgpt.sigmoid(score)\n",
        (-800.0,),
        0.0,
        (0.0,),
    ),
    Trap(
        "A softmax of large scores",
        "Subtract the largest first, as a constant: result and gradient stay the same on paper.",
        "def share(a, b):\n    return a.exp() / (a.exp() + b.exp())\n",
        "def share(a, b):\n    highest = microgpt.constant_maximum([a, b])\n"
        "    a, b = (a - highest).exp(), (b - highest).exp()\n    return a / (a + b)\n",
        (1000.0, 1000.0),
        0.5,
        (0.25, -0.25),
    ),
    Trap(
        "The sum of exponentials",
        "Subtract the largest, and add it again.",
        "def total(a, b):\n    return microgpt.log(a.exp() + b.exp())\n",
        "def total(a, b):\n    return microgpt.maximum(a, b) + microgpt.softplus(-abs(a - b))\n",
        (1000.0, -1000.0),
        1000.0,
        (1.0, 0.0),
    ),
    Trap(
        "Entropy at zero",
        "0 times the logarithm of 0 is NaN; the limit is 0. The derivative at 0 is infinite on paper, too.",
        "def entropy(p):\n    return -p * p.log()\n",
        "def entropy(p):\n    return microgpt.where(p > 0.0, -p * p.log(), 0.0)\n",
        (0.0,),
        0.0,
        (0.0,),
    ),
    Trap(
        "A removable pole",
        "0 divided by 0 is NaN; the limit is 1.",
        "def sinc(x):\n    return microgpt.sin(x) / x\n",
        "def sinc(x):\n    return microgpt.where(x == 0.0, 1.0, microgpt.sin(x) / x)\n",
        (0.0,),
        1.0,
        (0.0,),
    ),
    Trap(
        "A power whose exponent varies",
        "The derivative in the exponent is `x**y * log(x)`, and 0 times minus infinity is NaN.",
        "def power(x, y):\n    return x**y\n",
        "def power(x, y):\n    return microgpt.where(x > 0.0, x**y, 0.0)\n",
        (0.0, 2.0),
        0.0,
        (0.0, 0.0),
    ),
    Trap(
        "A logarithm near 1",
        "Nothing is infinite here, but 1 + x rounds to 1. `first_nan` cannot see this.",
        "def growth(x):\n    return microgpt.log(1.0 + x)\n",
        "def growth(x):\n    return microgpt.log1p(x)\n",
        (1e-20,),
        1e-20,
        (1.0,),
    ),
    Trap(
        "An exponential near 1",
        "The derivative is infinity times 0 again.",
        "def interest(x):\n    return microgpt.exp(x) - 1.0\n",
        "def interest(x):\n    return microgpt.expm1(x)\n",
        (1e-20,),
        1e-20,
        (1.0,),
    ),
]


@dataclass(frozen=True)
class Found:
    """What a formula gives at a point.

    Attributes:
        value, gradient: with an element for each argument.
        first_nan: what `first_nan` says; empty for nothing.
    """

    value: float
    gradient: tuple[float, ...]
    first_nan: str

    def __str__(self) -> str:
        slopes = ", ".join(map(repr, self.gradient))
        return f"{self.value!r}, and its gradient {f'({slopes})' if len(self.gradient) > 1 else slopes}"


def program(text: str) -> str:
    """The module with a formula."""
    return f"import microgpt\n\n\n{text}"


def run(text: str, point: Sequence[float], folder: Path) -> Found:
    """Compiles a formula that stands in ``model.py``."""
    path = folder / "model.py"
    path.write_text(program(text), encoding="utf-8")
    linecache.checkcache(str(path))
    module = sys.modules["model"] = ModuleType("model")
    module.__file__ = str(path)
    try:
        exec(compile(program(text), str(path), "exec"), module.__dict__)
        (function,) = (each for name, each in vars(module).items() if getattr(each, "__module__", "") == "model")
        compiled = microgpt.compile(function, *point)
        value, gradient = compiled(*point)
        return Found(
            value, gradient if isinstance(gradient, tuple) else (gradient,), str(compiled.first_nan(*point) or "")
        )
    finally:
        del sys.modules["model"]


def section(number: int, trap: Trap, wrong: Found, right: Found) -> str:
    """What the page says of a trap."""
    point = ", ".join(map(repr, trap.point))
    told = f"\n```text\n{wrong.first_nan}\n```\n" if wrong.first_nan else ""
    return (
        f"\n## {number}. {trap.title}\n\n{trap.words}\n\n```python\n{program(trap.wrong)}```\n\n"
        f"At {point}, the value is {wrong}.\n{told}\nInstead:\n\n```python\n{program(trap.right)}```\n\n"
        f"The value is {right}.\n"
    )


def page() -> str:
    """The text."""
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as folder:
        for number, trap in enumerate(TRAPS, 1):
            found = (run(text, trap.point, Path(folder)) for text in (trap.wrong, trap.right))
            parts.append(section(number, trap, *found))
    return "".join(parts)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(page() != PAGE.read_text("utf-8"))
    PAGE.write_text(page(), encoding="utf-8")
