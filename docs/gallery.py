"""Writes docs/gallery.md: the programs of docs/examples/gallery, beside versions without the package's operations.

``--check`` fails if the page is stale. The script runs everything on the page, except the times, which come from
gallery.json; ``--measure [NAME ...]`` measures them anew.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import microgpt
from microgpt.runtime.storage.cache import Cache

DOCS = Path(__file__).parent
PAGE, TIMES, FOLDER = DOCS / "gallery.md", DOCS / "gallery.json", DOCS / "examples" / "gallery"

HEAD = """\
# Gallery

Written by `python docs/gallery.py`, which runs all code on this page.

These are ten programs that people differentiate, in plain scalars. Each is a script in `docs/examples/gallery`. Beside
each is a version by hand: with `+ - * / **`, `exp`, `log` and `relu` alone, and with all rows of data in one program.
The tables compare the two. Every command takes these files, such as
`microgpt explore docs/examples/gallery/bodies.py:energy`; see [See what the compiler does](seeing.md).

`python docs/gallery.py --measure` took the times: both versions in C, alternately, on one core of an AMD EPYC that
other work shared, with gcc 12; the shortest of many calls. *compile* is the CPU time of trace, passes, proof and gcc
with a cold cache.
"""


@dataclass(frozen=True)
class Program:
    """One of them.

    Attributes:
        name: of its file.
        words: what to look at.
        loss: the function that is compared; its example stands beside it.
        by_hand: definitions in place of those in the file; "" where there is nothing to compare with.
        all_rows: in `by_hand`, the loss over all rows in one program, if the file takes any number of rows.
        rows: an expression for these rows.
        weights: one for the arguments of `all_rows`.
        edges: arguments of `loss`, as an expression, at which the two differ, and what they are in words.
    """

    name: str
    words: str
    loss: str
    by_hand: str = ""
    all_rows: str = ""
    rows: str = ""
    weights: str = ""
    edges: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> Path:
        """Its file."""
        return FOLDER / f"{self.name}.py"


PROGRAMS = [
    Program(
        "moons",
        "The loss is that of one point. `mean_over_rows` compiles a loop over any number of points, 16 at a time in "
        "vector lanes; by hand, all points are unrolled into one program.",
        "loss",
        """
def total(layers):
    return sum(loss(layers, point, label) for point, label in rows) / len(rows) + decay(layers)
""",
        "total",
        "rows",
        "(layers,)",
    ),
    Program(
        "logistic",
        "`softplus` stays exact where `1 + exp(-40)` rounds to 1. Labels of 1 and -1 avoid the difference of two large "
        "numbers. The compiled function takes any number of rows.",
        "loss",
        """
def loss(weights, row, label):
    z = score(weights, row)
    return relu(z) + log(1 + exp(-(relu(z) + relu(-z)))) - (label + 1) / 2 * z


def total(weights):
    rows = data(200)
    return sum(loss(weights, row, label) for row, label in rows) / len(rows)
""",
        "total",
        "data(200)",
        "(weights,)",
        (("a score of 40 with the label 1", "[0.0] * 5 + [40.0], [0.0] * 5, 1.0"),),
    ),
    Program(
        "bodies",
        "`sqrt` is one correctly rounded instruction and `x * x` one multiplication, while `**` calls `pow` of the C "
        "library. The gradient of the energy gives the forces, and its Hessian their derivatives.",
        "energy",
        """
def square(vector):
    return sum(x**2 for x in vector)


def potential(positions):
    pairs = ((i, j) for i in range(COUNT) for j in range(i))
    squares = ((i, j, square([a - b for a, b in zip(positions[i], positions[j])])) for i, j in pairs)
    return -sum(masses[i] * masses[j] * (each + 1e-4) ** -0.5 for i, j, each in squares)
""",
    ),
    Program(
        "recurrent",
        "The derivative of `tanh` by hand multiplies an infinity by zero for large arguments. Near 0, the subtraction "
        "from 1 cancels almost all digits.",
        "loss",
        """
def tanh(x):
    return 1 - 2 / (exp(2 * x) + 1)
""",
        edges=(
            ("biases of 400", '{**net, "bias": [400.0] * WIDTH}'),
            (
                "inlets of 1e-12 and nothing hidden",
                '{**net, "input": [1e-12] * WIDTH, "hidden": [[0.0] * WIDTH] * WIDTH, "output": [1e12] * WIDTH}',
            ),
        ),
    ),
    Program(
        "convolution",
        "`maximum` takes four numbers at once. The cross-entropy subtracts the largest score, as a constant, so that "
        "`exp` does not overflow. The label is an index, so one program serves all labels.",
        "loss",
        """
def maximum(*numbers):
    a, *others = numbers
    for b in others:
        a = a + relu(b - a)
    return a


def cross_entropy(scores, label):
    powers = [exp(score - 1.0) for score in scores]
    return -log(select(powers, label) / sum(powers))
""",
        edges=(("a bias of 800", "*parameters[:3], [800.0] + [0.0] * 9, image, 3"),),
    ),
    Program(
        "rosenbrock",
        "`+`, `*` and `**` suffice. SciPy's `minimize` accepts the compiled value and gradient, and the compiled "
        "Hessian-vector product, which costs a few gradients in 1,000 dimensions.",
        "rosenbrock",
    ),
    Program(
        "kalman",
        "The covariance is symmetric, so three numbers represent it. The constant of the likelihood is inside the "
        "logarithm.",
        "likelihood",
        """
def likelihood(log_q, log_r, x, v):
    q, r = exp(log_q), exp(log_r)
    a, b, c, d = 10.0, 0.0, 0.0, 1.0
    total = 0
    for z in places:
        x = x + v
        a, b, c, d = a + b + c + d + q / 4, b + d + q / 2, c + d + q / 2, d + q
        s = a + r
        gain, slope, miss = a / s, c / s, z - x
        total = total - 0.5 * (log(s) + miss * miss / s + math.log(2 * math.pi))
        x, v = x + gain * miss, v + slope * miss
        a, b, c, d = (1 - gain) * a, (1 - gain) * b, c - slope * a, d - slope * b
    return total
""",
    ),
    Program(
        "gaussian_process",
        "`sqrt` replaces a power. A jitter proportional to the variance keeps the pivots of a nearly singular "
        "covariance positive; without it, rounding makes one negative, and the result is NaN.",
        "likelihood",
        """
JITTER = 0.0


def sqrt(x):
    return x**0.5
""",
        edges=(("a noise of exp(-40)", "0.1, 0.2, -40.0"),),
    ),
    Program(
        "black_scholes",
        "`where` chooses between `erf` near the mean and a continued fraction in the tails; the gradient is that of "
        "the chosen one. The series by hand is wrong beyond six standard deviations.",
        "price",
        """
def normal(x):
    total = term = x
    for k in range(1, 60):
        term = term * (x * x) / (2 * k + 1)
        total = total + term
    return 0.5 + total * exp(-0.5 * (x * x)) / math.sqrt(2 * math.pi)
""",
        edges=(
            ("a strike of 200", "100.0, 200.0, 0.5, 0.02, 0.25"),
            ("a strike of 400", "100.0, 400.0, 0.5, 0.02, 0.25"),
            ("a spot of 1e6", "1e6, 105.0, 0.5, 0.02, 0.25"),
        ),
    ),
    Program(
        "curve",
        "The loss is that of one measurement, and the compiled function takes any number of them. The Jacobian of the "
        "residuals serves the Gauss-Newton method and SciPy's `least_squares`.",
        "loss",
        """
def total(curve):
    return sum(loss(curve, t, y) for t, y in zip(*data(1000))) / 1000
""",
        "total",
        "list(zip(*data(1000)))",
        "(start,)",
    ),
]

# What the versions by hand import.
BASIC = "from microgpt import compile, constant_maximum, exp, log, relu, select\nimport math\n"


def module_of(program: Program, by_hand: bool = False) -> ModuleType:
    """Its file as a module, with the definitions by hand in place of its own if so wanted."""
    name = f"gallery_{program.name}"
    specification = importlib.util.spec_from_file_location(name, program.path)
    assert specification is not None and specification.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    if by_hand:
        exec(compile(BASIC + program.by_hand, f"{program.name}_by_hand.py", "exec"), module.__dict__)
    return module


def in_module(module: ModuleType, expression: str) -> tuple[Any, ...]:
    """The values of an expression, as a tuple."""
    found: tuple[Any, ...] = eval(f"({expression},)", module.__dict__)
    return found


def graph_sizes(program: Program) -> tuple[int, int]:
    """The operations of value and gradient, by hand and here."""
    hand, here = module_of(program, by_hand=True), module_of(program)
    if program.all_rows:
        (rows,), weights = in_module(here, program.rows), eval(program.weights, here.__dict__)
        one = microgpt.mean_over_rows(getattr(here, program.loss), *weights, rows[0])
        many = microgpt.compile(getattr(hand, program.all_rows), *weights)
        return len(many.ir), len(one._program.plans[0].one.graph)
    example = getattr(here, f"{program.loss}_example")
    old, new = (microgpt.compile(getattr(each, program.loss), *example) for each in (hand, here))
    return len(old.ir), len(new.ir)


def at_edges(program: Program) -> Iterator[tuple[str, str, str]]:
    """For each edge, what the value and its gradient are by hand and here."""
    for words, expression in program.edges:
        told = []
        for by_hand in (True, False):
            module = module_of(program, by_hand)
            arguments = in_module(module, expression)
            compiled = microgpt.compile(getattr(module, program.loss), *getattr(module, f"{program.loss}_example"))
            told.append(described(*compiled(*arguments)))
        yield words, told[0], told[1]


def described(value: float, gradient: Any) -> str:
    """A value, and whether its gradient is finite."""
    slopes = [abs(slope) for slope in leaves(gradient)]
    bad = sum(slope != slope or slope == float("inf") for slope in slopes)
    return f"{value:.6g}, " + (f"{bad} of {len(slopes)} slopes NaN" if bad else f"largest slope {max(slopes):.6g}")


def leaves(gradient: Any) -> Iterator[float]:
    """Its numbers."""
    if isinstance(gradient, float):
        yield gradient
    elif gradient is not None:
        for part in gradient.values() if isinstance(gradient, dict) else gradient:
            yield from leaves(part)


def printed(program: Program) -> str:
    """What its file prints."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        module_of(program).main()
    return told.getvalue()


def section(number: int, program: Program, times: dict[str, Any]) -> str:
    """What the page says of a program."""
    parts = [
        f"\n## {number}. {program.name.replace('_', ' ').capitalize()}\n\n{program.words}\n\n"
        f"```python\n{program.path.read_text('utf-8')}```\n\nIt prints\n\n```text\n{printed(program)}```\n"
    ]
    if program.by_hand:
        sizes = graph_sizes(program)
        parts.append(f"\nBy hand:\n\n```python\n{program.by_hand.lstrip()}```\n\n| | by hand | here |\n|---|---|---|\n")
        parts.append(f"| operations of value and gradient | {sizes[0]:,} | {sizes[1]:,} |\n")
        mine = times[program.name]
        parts.append(f"| compile, s | {mine['hand']['compile']:.1f} | {mine['here']['compile']:.1f} |\n")
        parts.append(f"| call, µs | {mine['hand']['call']:.1f} | {mine['here']['call']:.1f} |\n")
        parts += (f"| {words} | {old} | {new} |\n" for words, old, new in at_edges(program))
    return "".join(parts)


def page() -> str:
    """The text."""
    times = json.loads(TIMES.read_text("utf-8"))
    return HEAD + "".join(section(number, program, times) for number, program in enumerate(PROGRAMS, 1))


def measure(names: Sequence[str]) -> None:
    """Writes the times of programs, by default of all: seconds to compile, microseconds of a call."""
    times = json.loads(TIMES.read_text("utf-8")) if TIMES.exists() else {}
    for program in PROGRAMS:
        if program.by_hand and (not names or program.name in names):
            times[program.name] = measured(program)
    TIMES.write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


def measured(program: Program) -> dict[str, dict[str, float]]:
    """The times of one program."""
    hand, here = module_of(program, by_hand=True), module_of(program)
    if program.all_rows:
        (rows,), weights = in_module(here, program.rows), eval(program.weights, here.__dict__)
        makes: list[Callable[[Cache], Any]] = [
            lambda cache: microgpt.compile(getattr(hand, program.all_rows), *weights, target="c", cache=cache),
            lambda cache: microgpt.mean_over_rows(
                getattr(here, program.loss), *weights, rows[0], penalty=getattr(here, "decay", None), target="c",
                cache=cache,
            ),
        ]  # fmt: skip
        ready = [lambda made: weights, lambda made: (*weights, made.read(rows))]
    else:
        example = getattr(here, f"{program.loss}_example")
        arguments = [3 if isinstance(each, type(microgpt.index(1))) else each for each in example]
        makes = [
            lambda cache, module=module: microgpt.compile(
                getattr(module, program.loss), *example, target="c", cache=cache
            )
            for module in (hand, here)
        ]
        ready = [lambda made: arguments] * 2
    made, spent = zip(*map(compiled_anew, makes), strict=True)
    best = shortest([partial(each, *arrange(each)) for each, arrange in zip(made, ready, strict=True)])
    return {
        name: {"compile": round(spent[place], 2), "call": round(1e6 * best[place], 2)}
        for place, name in enumerate(("hand", "here"))
    }


def compiled_anew(make: Callable[[Cache], Any]) -> tuple[Any, float]:
    """What is made with an empty cache, and the seconds that this process and its children spent on it."""
    with tempfile.TemporaryDirectory() as folder:
        before = spent()
        made = make(Cache.open(Path(folder)))
        return made, spent() - before


def spent() -> float:
    """Seconds of the processor so far."""
    import os

    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def shortest(runs: Sequence[Callable[[], Any]], turns: int = 300) -> list[float]:
    """The shortest of many calls of each, in turns."""
    best = [float("inf")] * len(runs)
    for _ in range(turns):
        for place, run in enumerate(runs):
            start = time.perf_counter()
            run()
            best[place] = min(best[place], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2:])
    if sys.argv[1:] == ["--check"]:
        sys.exit(page() != PAGE.read_text("utf-8"))
    PAGE.write_text(page(), encoding="utf-8")
