"""Random recurrences, as source text: scalars, and rows of them, that each step computes from those of the step before.

As with `random_program`, a program is made from a seed alone. With more steps it is the same program but for their
number.
"""

from __future__ import annotations

from random import Random

from differential.programs import Program

__all__ = ["random_recurrence"]

# Of two values in scope; what they give stays among ordinary numbers.
FORMS = [
    "{a} + 0.25 * {b}", "{a} - 0.5 * {b}", "0.5 * {a} * {b}", "{a} / (1.5 + {b} * {b})", "tanh({a} + {b})",
    "(1 + {a} * {a}) ** -0.5 + {b}", "sin({a} * {b})", "exp(-{a} * {a}) - {b}",
    "relu({a} * {b}) + 0.1", "0.5 * {a} + 0.5 * {b}", "sqrt(1 + {a} * {a}) - {b} / 3",
]  # fmt: skip
BRANCH = "where({a} < {b}, {a} * 0.75, {b})"


def random_recurrence(seed: int, further: int = 0) -> Program:
    """The recurrence of that seed, with so many steps more."""
    random = Random(f"recurrence {seed}")
    steps = random.randint(8, 12) + further
    width = random.choice((0, 0, 0, 2, 3, 5))
    forms = [*FORMS, BRANCH] if random.random() < 0.25 else FORMS
    states = [f"s{number}" for number in range(random.randint(1, 4))]
    given = [f"x[{number}]" for number in range(4)]
    # Some states begin as numbers of the program: what the first steps compute is then folded.
    lines = [f"{states[0]} = {random.choice(given)}"]
    lines += [f"{state} = {random.choice((*given, '0.5', '0.0', '1'))}" for state in states[1:]]
    lines += [f"row = [{', '.join(random.choice((*given, '0.25')) for _ in range(width))}]"] if width else []
    numbers = [round(random.uniform(-1, 1), 3) for _ in range(60)]
    data = random.choice(("y[step]", f"{numbers}[step]", "x[1]", "(1 / (step + 2))"))
    lines += ["total = 0", f"for step in range({steps}):", f"    z = {data}"]
    scope = [*states, "z", *given]
    for number in range(random.randint(1, 3)):
        a, b = random.choice(scope), random.choice(states)
        lines.append(f"    t{number} = {random.choice(forms).format(a=a, b=b)}")
        scope.append(f"t{number}")
    if width:
        a, b = random.sample(scope, 2)
        form = random.choice(forms).format(a="v", b=random.choice((a, "row[k - 1]")))
        lines.append(f"    row = [{form} + 0.1 * {b} for k, v in enumerate(row)]")
        scope.append("row[-1]")
    # Each one at once, or all together from what they were before.
    values = [f"tanh({random.choice(forms).format(a=state, b=random.choice(scope))})" for state in states]
    if random.random() < 0.5:
        lines.append(f"    {', '.join(states)} = {', '.join(values)}")
    else:
        lines += [f"    {state} = {value}" for state, value in zip(states, values, strict=True)]
    lines.append(f"    total = total + {random.choice((states[0], f'{states[-1]} * z', 'z * z'))}")
    results = " + ".join(["x[0]", "total", *states, *(["row[0]"] if width else [])])
    inputs = {"x": [random.uniform(-1, 1) for _ in range(4)], "y": [random.uniform(-1, 1) for _ in range(60)]}
    return Program(seed, tuple(lines), (results,), inputs, {"i": [0], "j": [0]}, random.choice("xxy"), False)
