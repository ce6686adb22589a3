"""Random scalar programs, as source text: over every operation, with zeros, infinities, subnormals, NaN among inputs.

A program is made from a seed alone. Its text is a Python function of two lists of scalars and two lists of indices,
which runs on the eager `Value` and under the trace alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Any

from microgpt.compiler.conditions import choose, logical_and, logical_not, logical_or, where
from microgpt.compiler.functions import FUNCTIONS, constant_maximum, maximum, minimum, scope, select
from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.trace import trace

__all__ = ["Program", "random_program"]

INDEX_LIMITS = {"i": 3, "j": 4}

# What the rows of the table of operations have for users.
NAMES = sorted(FUNCTIONS)

COMPARISONS = ["<", "<=", ">", ">=", "==", "!="]
EXPONENTS = [
    "2", "3", "-1", "-0.5", "0.5", "0", "1", "2.5", "2.0", "-2", "-3", "1.5", "2", "3", "-1", "-0.5", "0.5", "True",
    "-0.0", "Fraction(1, 3)", "Double(-0.7)", "(2**53 + 1)", "-(2**53 + 1)", "1e300", "10**300", "-inf",
]  # fmt: skip
PLAIN_CONSTANTS = ["2", "3.0", "0.5", "-1.5", "0.1", "1", "-1", "-0.25", "49", "127", "Fraction(2, 3)", "Double(0.3)"]
ODD_CONSTANTS = [
    "0", "0.0", "-0.0", "1.0", "-1.0", "True", "False", "inf", "-inf", "nan", "1e308", "-1e200", "5e-324",
    "(2**53 + 1)", "-(2**60 + 1)", "10**300", "Fraction(-1, 10**310)", "Double(-0.0)",
]  # fmt: skip
ODD_INPUTS = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -1e-310, 1e308, -1e308, 1e-200, 710.0]


class Double:
    """A number that is no float, such as NumPy has."""

    def __init__(self, number: float) -> None:
        self.number = number

    def __float__(self) -> float:
        return self.number

    def __neg__(self) -> Double:
        return Double(-self.number)


@dataclass(frozen=True)
class Program:
    """A function, and arguments for it.

    Attributes:
        seed: that it was made from.
        lines: the body of the function, each line a statement.
        results: the expressions that it returns.
        inputs: the lists ``x`` and ``y``.
        indices: the lists ``i`` and ``j``.
        argument: the list to differentiate in.
        may_be_refused: whether it selects among values in a way whose gradient need not have a static order.
    """

    seed: int
    lines: tuple[str, ...]
    results: tuple[str, ...]
    inputs: dict[str, list[float]]
    indices: dict[str, list[int]]
    argument: str
    may_be_refused: bool

    @property
    def source(self) -> str:
        """The text of the function."""
        return "\n    ".join(["def program(x, y, i, j):", *self.lines, f"return [{', '.join(self.results)}]"]) + "\n"

    @property
    def derivative(self) -> str:
        """What is computed beside the results: the gradient of one, the Jacobian of several."""
        return "gradient" if len(self.results) == 1 else "jacobian"

    @property
    def function(self) -> Callable[..., Any]:
        """The function."""
        namespace: dict[str, Any] = {
            "__name__": "random_program", "constant_maximum": constant_maximum, "select": select, "scope": scope,
            "inf": math.inf, "nan": math.nan, "Fraction": Fraction, "Double": Double,
            "maximum": maximum, "minimum": minimum, "where": where, "choose": choose, "logical_and": logical_and,
            "logical_or": logical_or, "logical_not": logical_not, **FUNCTIONS,
        }  # fmt: skip
        exec(compile(self.source, f"program_{self.seed}.py", "exec"), namespace)
        return namespace["program"]  # type: ignore[no-any-return]

    def trace(self) -> Graph:
        """The forward graph."""
        function, start, tensors, indices = self.function, 0, [], []
        for name, values in self.inputs.items():
            tensors.append(Tensor(name, name, start, (len(values),)))
            start += len(values)
        start = 0
        for name, numbers in self.indices.items():
            indices.append(IndexTensor(name, start, len(numbers), INDEX_LIMITS[name]))
            start += len(numbers)
        return trace(lambda a, n: {"loss": function(a["x"], a["y"], n["i"], n["j"])}, "program", tensors, indices)

    def without(self, place: int) -> Program:
        """The program without one of its lines. It need not be one that runs."""
        return replace(self, lines=self.lines[:place] + self.lines[place + 1 :])


def random_program(seed: int) -> Program:
    """The program of that seed."""
    return _Generator(seed).make()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random = Random(f"program {seed}")
        self.lines: list[str] = []
        self.scalars: list[str] = []  # names with every method of a scalar
        self.expressions: list[str] = []  # that some of these were set to
        self.numbers: list[str] = []  # names of constants: results of constant_maximum and of choices among numbers
        self.conditions: list[str] = []  # names of comparisons
        self.terms: list[str] = []  # scalars that must be part of the result
        self.may_be_refused = False
        self.count = 0
        self.sizes = {"x": random.randint(4, 12), "y": random.randint(3, 8)}
        # Half of the programs stay among ordinary numbers, so that their results are no NaN.
        self.odd = random.choice((0.0, 0.0, 0.1, 0.5))

    def make(self) -> Program:
        random = self.random
        if random.random() < 0.02:
            return self._program(
                random.choice(("x[0]", "y[1]", "x[2] * 1", "x[0] * 0", "constant_maximum([x[0]]) + x[1] * 0"))
            )
        if random.random() < 0.03:
            return self._only_gathers()
        blocks: list[tuple[Callable[[], None], int]] = [
            (self._operation, 40), (self._reflected, 12), (self._sum, 10), (self._maximum, 5), (self._gather, 8),
            (self._gather_row, 5), (self._select_alike, 6), (self._cross_entropy, 7), (self._attention, 2),
            (self._chain, 3), (self._repeat, 6), (self._square, 5), (self._select_any, 2), (self._dead, 4),
            (self._wide_sum, 1), (self._cancel, 3), (self._scoped, 4), (self._choice, 5), (self._constants, 12),
            (self._mixed, 8), (self._mixed_choice, 3), (self._where, 14), (self._nested, 5), (self._choose, 6),
            (self._region, 4), (self._kept_condition, 4), (self._where_among_numbers, 3),
        ]  # fmt: skip
        makers, weights = zip(*blocks, strict=True)
        for _ in range(random.randint(2, 24)):
            random.choices(makers, weights)[0]()
        chosen = [*self.terms, *random.sample(self.scalars, min(len(self.scalars), random.randint(1, 3)))]
        random.shuffle(chosen)
        chosen = chosen or [self._leaf()]
        result = chosen[0]
        for term in chosen[1:]:
            result += random.choices((f" + {term}", f" - {term}", f" * {term}"), (6, 2, 1))[0]
        several = random.random() < 0.12
        further = random.sample(self.scalars, min(len(self.scalars), random.randint(1, 2))) if several else ()
        return self._program(result, *further)

    def _program(self, *results: str) -> Program:
        random = self.random
        inputs = {name: [self._input() for _ in range(size)] for name, size in self.sizes.items()}
        indices = {name: [random.randrange(limit) for _ in range(2)] for name, limit in INDEX_LIMITS.items()}
        argument = random.choice(("x", "x", "x", "y"))
        return Program(self.seed, tuple(self.lines), results, inputs, indices, argument, self.may_be_refused)

    def _only_gathers(self) -> Program:
        """A table that is read through indices alone: its gradient is scattered, several times into the same row."""
        random = self.random
        terms = []
        for _ in range(random.randint(3, 7)):
            index, limit = self._index()
            table = random.choice((f"x[:{limit}]", f"x[{limit} - 1 :: -1]"))
            factor = f"y[{random.randrange(self.sizes['y'])}]"
            terms.append(f"select({table}, {index}) * {random.choice((factor, self._constant()))}")
        return self._program(" + ".join(terms))

    def _input(self) -> float:
        random = self.random
        if random.random() < self.odd:
            return random.choice(ODD_INPUTS)
        return random.choice(
            (random.gauss(0, 1), random.gauss(0, 1), random.uniform(0, 2), float(round(random.gauss(0, 2))))
        )

    def _constant(self) -> str:
        random = self.random
        if random.random() < max(self.odd, 0.03):
            return random.choice(ODD_CONSTANTS)
        return random.choice((*PLAIN_CONSTANTS, repr(random.gauss(0, 1))))

    def _leaf(self) -> str:
        name = self.random.choice(("x", "x", "y"))
        return f"{name}[{self.random.randrange(self.sizes[name])}]"

    def _scalar(self) -> str:
        """A scalar: mostly a recent one, so that programs get deep."""
        if not self.scalars or self.random.random() < 0.3:
            return self._leaf()
        recent = self.scalars[-4:] if self.random.random() < 0.6 else self.scalars
        return self.random.choice(recent)

    def _name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def _set(self, text: str) -> str:
        name = self._name()
        self.lines.append(f"{name} = {text}")
        self.scalars.append(name)
        self.expressions.append(text)
        return name

    def _other(self) -> str:
        """The second operand of an operator: a scalar, a number of the program, or a constant."""
        roll = self.random.random()
        if roll < 0.2 and self.numbers:
            return self._number()
        return self._constant() if roll < 0.36 else self._scalar()

    def _operation(self) -> None:
        random, a = self.random, self._scalar()
        text = random.choice(
            (
                f"{a} + {self._other()}", f"{a} - {self._other()}", f"{a} * {self._other()}", f"{a} * {self._other()}",
                f"{a} / {self._other()}", f"{a} ** {random.choice(EXPONENTS)}", f"-{a}", f"{a}.relu()",
                f"({a} * 0.25).exp()", f"{a}.exp()", f"({a} * {a} + 0.5).log()", f"{a}.log()",
                f"({a} * {a} + 1) ** {random.choice(EXPONENTS)}", f"({a} + {self._other()}) * {self._scalar()}",
                f"{a} * {self._scalar()} + {self._scalar()} * {self._scalar()}", f"({a} + {self._other()}).relu()",
                f"{a}.{random.choice(NAMES)}()", f"{random.choice(NAMES)}({a} * 0.5)", f"{random.choice(NAMES)}({a})",
                f"({a} + {self._other()}).{random.choice(NAMES)}() * {random.choice(NAMES)}({self._constant()})",
                f"{random.choice(('maximum', 'minimum'))}({a}, {self._other()})", f"({a} * {a}) ** {self._scalar()}",
                f"{a} ** {self._scalar()}", f"minimum({self._constant()}, {a}, {self._scalar()})",
                f"maximum([{a}, {self._scalar()}, {self._scalar()}])",
            )
        )  # fmt: skip
        self._set(text)

    def _reflected(self) -> None:
        number = self.random.choice((*self.numbers[-2:], self._constant(), self._constant()))
        self._set(f"{number} {self.random.choice('+-*/')} {self._scalar()}")

    def _square(self) -> None:
        a = self._scalar()
        self._set(self.random.choice((f"{a} * {a}", f"{a} + {a}", f"{a} - {a}", f"{a} / {a}", f"{a} * {a} * {a}")))

    def _sum(self) -> None:
        random = self.random
        size = random.randint(1, 7)
        kind = random.random()
        if kind < 0.4:
            self._set(f"sum([{', '.join(self._scalar() for _ in range(size))}])")
        elif kind < 0.8:
            self._set(f"sum([{', '.join(f'{self._scalar()} * {self._scalar()}' for _ in range(size))}])")
        else:
            name = random.choice("xy")
            self._set(f"sum(a * b for a, b in zip({name}, {name}[::-1]))")

    def _wide_sum(self) -> None:
        """More inputs in a statement, and in neighbouring ones, than generated code keeps in variables."""
        self.sizes["y"] = max(self.sizes["y"], self.random.choice((40, 150, 260)))
        self.sizes["x"] = max(self.sizes["x"], self.random.choice((12, 40)))
        self._set("sum(x[n % len(x)] * y[n] for n in range(len(y)))")

    def _maximum(self) -> None:
        values = [self._scalar() for _ in range(self.random.randint(1, 5))]
        if self.numbers and self.random.random() < 0.3:
            values.insert(self.random.randrange(len(values)), self.random.choice(self.numbers))
        name = self._name()
        self.lines.append(f"{name} = constant_maximum([{', '.join(values)}])")
        self.numbers.append(name)

    def _number(self) -> str:
        """A constant of the program: mostly a recent one."""
        if not self.numbers:
            self._maximum()
        return self.random.choice(self.numbers[-4:] if self.random.random() < 0.6 else self.numbers)

    def _set_number(self, text: str) -> None:
        name = self._name()
        self.lines.append(f"{name} = {text}")
        self.numbers.append(name)

    def _choice(self) -> None:
        """A choice among numbers, some of which are only known when the program runs; or a row of such choices."""
        index, limit = self._index()

        def one() -> str:
            return self._number() if self.random.random() < 0.2 else self._constant()

        if self.random.random() < 0.7:
            self._set_number(f"select([{', '.join(one() for _ in range(limit))}], {index})")
            return
        row = self._name()
        self.lines.append(f"{row} = select([{', '.join(f'[{one()}, {one()}]' for _ in range(limit))}], {index})")
        self.numbers += (f"{row}[0]", f"{row}[1]")

    def _constants(self) -> None:
        """Constants computed with constants and with plain numbers, by every operation."""
        random, a = self.random, self._number()
        b = random.choice((self._number(), self._constant()))
        self._set_number(
            random.choice(
                (f"{a} + {b}", f"{a} - {b}", f"{a} * {b}", f"{a} / {b}", f"{b} / {a}", f"{b} - {a}", f"{b} * {a}",
                 f"{a} / {b}", f"{b} / {a}", f"{a} ** {random.choice(EXPONENTS)}", f"-{a}", f"+{a}", f"{a}.relu()",
                 f"({a} * 0.25).exp()", f"({a} * {a} + 0.5).log()", f"{a}.log()", f"sum([{a}, {b}, {a}, 0.1])",
                 f"constant_maximum([{a}, {b}])", f"({a} * {a} + 1) ** {random.choice(EXPONENTS)}",
                 f"{a}.{random.choice(NAMES)}()", f"{random.choice(NAMES)}({a} * 0.25)", f"abs({a})",
                 f"maximum({a}, {b})", f"minimum({b}, {a})", f"{a} ** {self._number()}")
            )
        )  # fmt: skip

    def _mixed(self) -> None:
        """A constant as numerator, denominator, factor or base among scalars."""
        random, a, c, d = self.random, self._scalar(), self._number(), self._number()
        number = self._constant()
        self._set(
            random.choice(
                (f"{a} / {c}", f"{c} / {a}", f"{a} * ({number} / {c})", f"{a} * ({c} / {d})", f"{a} / ({c} - {d})",
                 f"{a} - {c} ** {random.choice(EXPONENTS)}", f"({a} - {c}) ** {random.choice(EXPONENTS)}",
                 f"{c} / ({a} * {a} + {d})", f"{number} / {c} - {a}", f"+{a} * +{c}",
                 f"({c} * {a} + {d} * {number}).relu()", f"sum([{c}, {a}, {d}, {number}])",
                 f"{a} * (127 / {c})", f"(({a} - {c}) * 0.25).exp() / {d}", f"{a} ** {c}", f"{c} ** {a}",
                 f"maximum({a}, {c}) - minimum({d}, {a})", f"{number} ** {a}" if number[0] in "0123" else f"{a} * 2")
            )
        )  # fmt: skip

    def _mixed_choice(self) -> None:
        """A choice among inputs and constants: a scalar, whichever is chosen. Or by an index that is fixed."""
        index, limit = self._index()
        values = [self.random.choice((self._leaf(), self._number(), self._constant())) for _ in range(limit)]
        values[self.random.randrange(limit)] = self._leaf()
        if self.random.random() < 0.3:
            index = str(self.random.randrange(limit))
        chosen = f"select([{', '.join(values)}], {index})"
        self._set(
            self.random.choice((f"{chosen} / 3", f"49 / {chosen}", f"{chosen} ** -1", f"{chosen} * {self._other()}"))
        )

    def _condition(self) -> str:
        """A condition: a comparison of scalars, of constants, of an index, or several joined."""
        random = self.random
        if self.conditions and random.random() < 0.3:
            return random.choice(self.conditions)
        compared = f"{self._scalar()} {random.choice(COMPARISONS)} {self._other()}"
        index, limit = self._index()
        return random.choices(
            (
                f"({compared})", f"({self._other()} {random.choice(COMPARISONS)} {self._scalar()})", f"~({compared})",
                f"(({compared}) {random.choice('&|')} ({self._scalar()} > 0.25))",
                f"(~({compared}) | ({self._scalar()} <= 0) & ({self._leaf()} < {self._scalar()}))",
                f"logical_{random.choice(('and', 'or'))}({compared}, {random.choice(('True', 'False'))}, {index} == 1)",
                f"logical_not({compared})", f"({self._number()} {random.choice(COMPARISONS)} {self._constant()})",
                random.choice(("True", "False", "logical_not(2.0 < 1.5)")), self._scalar(), self._number(),
                f"({index} {random.choice(('==', '!='))} {random.randrange(limit)})",
            ),
            (12, 4, 4, 3, 3, 1, 2, 2, 1, 1, 1, 2),
        )[0]  # fmt: skip

    def _kept_condition(self) -> None:
        name = self._name()
        self.lines.append(f"{name} = {self._condition()}")
        self.conditions.append(name)

    def _branch(self) -> str:
        """What a branch computes: something that is often not defined where it is not taken."""
        random, a = self.random, self._scalar()
        return random.choice(
            (a, a, self._other(), f"{a}.log()", f"{a}.sqrt()", f"{a} ** -1", f"{self._scalar()} / {a}",
             f"{a} * {self._scalar()}", f"{a} ** {random.choice(EXPONENTS)}", f"{random.choice(NAMES)}({a})",
             f"sum([{a}, {self._scalar()}, {self._leaf()}])")
        )  # fmt: skip

    def _where(self) -> None:
        text = f"where({self._condition()}, {self._branch()}, {self._branch()})"
        self._set(f"{text} {self.random.choice('+*')} {self._leaf()}")

    def _nested(self) -> None:
        inner = f"where({self._condition()}, {self._branch()}, {self._branch()})"
        outer = self.random.choice((f"{inner}, {self._branch()}", f"{self._branch()}, {inner}", f"{inner}, {inner}"))
        self._set(f"where({self._condition()}, {outer}) * {self._leaf()}")

    def _choose(self) -> None:
        """A choice among any values, in any order, of which others are used elsewhere."""
        index, limit = self._index()
        values = [self._branch() for _ in range(limit + self.random.choice((0, 0, 1)))]
        if self.random.random() < 0.25:
            index = str(self.random.randrange(-limit, limit))
        self._set(f"choose([{', '.join(values)}], {index}) {self.random.choice('+*')} {self._leaf()}")

    def _region(self) -> None:
        """Several operations that hang on one condition, perhaps with uses elsewhere."""
        random, condition = self.random, self._name()
        self.lines.append(f"{condition} = {self._condition()}")
        name = self._set(self._branch() + f" * {self._leaf()}")
        step = random.choice(
            (f"{name} * {self._leaf()} - {name}", f"{name}.log() + {name}", f"({name} + {self._leaf()}).sqrt()")
        )
        self.lines.append(f"for _ in range({random.choice((1, 3, 12))}): {name} = {step}")
        if random.random() < 0.6:
            self.scalars.remove(name)
        again = random.choice(
            ("", f" + where({condition}, {name}, {self._leaf()})", f" * where({self._condition()}, {name}, 1)")
        )
        self._set(f"where({condition}, {name}, {self._scalar()}) + {self._leaf()}{again}")

    def _where_among_numbers(self) -> None:
        """A choice among constants: a constant, by which one divides as floats do."""
        values = ", ".join(self.random.choice((self._number(), self._constant())) for _ in range(2))
        kept = self._name()
        self.lines.append(f"{kept} = where({self._scalar()} > {self._other()}, {values})")
        self.numbers.append(kept)
        self._set(f"{self._leaf()} * (49 / {kept})")

    def _index(self) -> tuple[str, int]:
        name = self.random.choice("ij")
        return f"{name}[{self.random.randrange(2)}]", INDEX_LIMITS[name]

    def _table(self, count: int) -> str:
        """That many inputs: neighbours, far ones in steps, backwards, or without any pattern."""
        random = self.random
        size = self.sizes["x"]
        steps = [step for step in (1, 2, 3, -1, -2) if (count - 1) * abs(step) < size]
        if steps and random.random() < 0.7:
            step = random.choice(steps)
            reach = (count - 1) * abs(step)
            first = random.randint(0, size - 1 - reach) + (reach if step < 0 else 0)
            return "[" + ", ".join(f"x[{first + step * place}]" for place in range(count)) + "]"
        return "[" + ", ".join(self._leaf() for _ in range(count)) + "]"

    def _gather(self) -> None:
        index, limit = self._index()
        table = self._table(limit)
        if self.random.random() < 0.4:
            name = self._name()
            self.lines.append(f"{name} = {table}")
            self._set(f"select({name}, {index}) * select({name}, {self._index_of(limit)}) + select({name}, {index})")
        else:
            self._set(f"select({table}, {index}) {self.random.choice('+*')} {self._scalar()}")

    def _index_of(self, limit: int) -> str:
        name = next(name for name, own in INDEX_LIMITS.items() if own == limit)
        return f"{name}[{self.random.randrange(2)}]"

    def _gather_row(self) -> None:
        index, limit = self._index()
        width = self.random.randint(1, 3)
        self.sizes["x"] = max(self.sizes["x"], limit * width)
        row = self._name()
        self.lines.append(f"{row} = select([x[n * {width} : n * {width} + {width}] for n in range({limit})], {index})")
        other = self.random.choice((row, f"x[:{width}]", f"y[:{width}]"))
        self._set(f"sum(a * b for a, b in zip({row}, {other}))")

    def _alike(self, element: str) -> str:
        """An expression of one input, `element`."""
        shared = self._scalar()
        return self.random.choice(
            (f"{element} * {shared}", f"({element} + {shared}).exp()", f"({element} * {element} + {shared}).relu()",
             f"({element} * 0.5 - {shared}) ** 2", f"-{element}", f"{shared} / ({element} * {element} + 1)",
             f"{element}.exp().log() * {shared} + {element}", f"{element}.{self.random.choice(NAMES)}() * {shared}")
        )  # fmt: skip

    def _select_alike(self) -> None:
        """A choice among values that are computed alike and serve nothing else: always has a gradient."""
        index, limit = self._index()
        values = f"[{self._alike('t')} for t in {self._table(limit)}]"
        self._set(f"select({values}, {index})")

    def _logits(self, limit: int) -> str:
        """The name of a list of scalars, computed alike from a row each and from shared scalars."""
        random = self.random
        name, hidden = self._name(), self._name()
        width = random.randint(1, 3)
        self.sizes["x"] = max(self.sizes["x"], limit * width)
        self.lines.append(f"{hidden} = [{', '.join(self._scalar() for _ in range(width))}]")
        row = f"x[n * {width} : n * {width} + {width}]"
        if random.random() < 0.15:
            row = f"[select([x[n], x[n + 1], x[n + 2]], i[0])] * {width}"
            self.sizes["x"] = max(self.sizes["x"], limit + 2)
        elif random.random() < 0.15:
            row = f"[t * {self._scalar()} for t in {row}]"
        text = random.choice(
            (f"sum(w * h for w, h in zip({row}, {hidden}))", f"sum(w * h for w, h in zip({row}, {hidden}))",
             f"sum(h * w for w, h in zip({row}, {hidden})) / 2", f"sum(w * h for w, h in zip({row}, {hidden})).relu()",
             f"sum(w + h for w, h in zip({row}, {hidden})) * sum({row})",
             f"sum(w * w * h for w, h in zip({row}, {hidden}))")
        )  # fmt: skip
        self.lines.append(f"{name} = [{text} for n in range({limit})]")
        return name

    def _softmax(self, logits: str) -> str:
        powers, result, highest = self._name(), self._name(), self._name()
        self.lines.append(f"{highest} = constant_maximum({logits})")
        self.lines.append(f"{powers} = [(t - {highest}).exp() for t in {logits}]")
        total = self._name()
        self.lines.append(f"{total} = sum({powers})")
        self.lines.append(f"{result} = [t / {total} for t in {powers}]")
        return result

    def _cross_entropy(self) -> None:
        """What language models do with a target, in the forms that must have a static gradient."""
        index, limit = self._index()
        logits = self._logits(limit) if self.random.random() < 0.8 else f"x[:{limit}]"
        form = self.random.randrange(5)
        if form == 0:
            term = f"-select({self._softmax(logits)}, {index}).log()"
        elif form == 1:
            probabilities = self._softmax(logits)
            term = f"-select({probabilities}, {index}).log() * constant_maximum({probabilities})"
        elif form == 2:
            probabilities = self._softmax(logits)
            term = f"sum(p * p for p in {probabilities}) - select({probabilities}, {index}).log()"
        elif form == 3:
            highest = self._name()
            self.lines.append(f"{highest} = constant_maximum({logits})")
            term = f"sum([(t - {highest}).exp() for t in {logits}]).log() + {highest} - select({logits}, {index})"
        else:
            probabilities = self._softmax(logits)
            self.lines.append(f"{self._name()} = {probabilities}[0] * 2")  # looked at, and not used
            term = f"select({probabilities}, {index})"
        self.terms.append(self._set(term))
        self.scalars.pop()

    def _attention(self) -> None:
        """Keys and values of a few positions, and a target at each of them."""
        index, limit = self._index()
        self.sizes["x"] = max(self.sizes["x"], 12)
        keys, scores, weights = self._name(), self._name(), self._name()
        self.lines.append(f"{keys} = [[x[n] * {self._scalar()}, x[n + 1] + x[n]] for n in range(3)]")
        self.lines.append(f"{scores} = [sum(a * b for a, b in zip({keys}[2], key)) / 2**0.5 for key in {keys}]")
        softmax = self._softmax(scores)
        self.lines.append(f"{weights} = [sum(a * b[c] for a, b in zip({softmax}, {keys})) for c in range(2)]")
        logits = self._name()
        self.lines.append(
            f"{logits} = [sum(a * b for a, b in zip(x[2 * n : 2 * n + 2], {weights})) for n in range({limit})]"
        )
        self.terms.append(self._set(f"-select({self._softmax(logits)}, {index}).log()"))
        self.scalars.pop()

    def _select_any(self) -> None:
        """A choice among any values. Their gradients' order may depend on the index, and is then refused."""
        index, limit = self._index()
        values = [self._scalar() for _ in range(limit)]
        self.may_be_refused = True
        if self.random.random() < 0.4:
            base = self._name()
            self.lines.append(f"{base} = [{self._alike('t')} for t in {self._table(limit)}]")
            self._set(f"select({base}, {index}) + select({base}, {self._index_of(limit)}) * {base}[0]")
        else:
            self._set(f"select([{', '.join(values)}], {index}) * {self._leaf()}")

    def _chain(self) -> None:
        random = self.random
        length = random.choice((3, 20, 70, 250)) if random.random() < 0.97 else random.choice((2000, 5000))
        name = self._set(self._scalar())
        a, b = self._leaf(), self._leaf()
        step = random.choice(
            (f"{name} * {a} * 0.5 + {b}", f"({name} * 0.5 + {a}).relu()", f"{a} + {b} * {name} * 0.25",
             f"({name} * -0.5).exp()", f"{name} + {a} * {b}", f"1 / ({name} * {name} + 1)", f"{b} - {name}",
             f"({name} + {a}) * ({name} - {b}) * 0.01", f"{name} * {name} ** -1 * {a}",
             f"{a} * ({b} + {name}) - {name}")
        )  # fmt: skip
        self.lines.append(f"for _ in range({length}): {name} = {step}")

    def _repeat(self) -> None:
        """An earlier expression once more: as an equal value, not the same one."""
        # Two choices among the same computed values need not have a static gradient.
        earlier = [text for text in self.expressions if "select(v" not in text]
        if earlier:
            self._set(f"({self.random.choice(earlier)}){self.random.choice(('', ' + 0', ' * 1', ' * -1', ' - 0.0'))}")

    def _cancel(self) -> None:
        """What a simplifier may be tempted by."""
        a = self._scalar()
        self._set(
            self.random.choice(
                (f"{a} * 0", f"{a} * 0.0 + {a}", f"-(-{a})", f"({a} + 0) ** -1", f"{a} ** 1", f"{a} ** 0", f"{a} / 1",
                 f"({a} + 0.0) * -1 * -1", f"0 - {a}", f"1 * {a} + -0.0", f"({a} * 0 + 0) ** -1", f"1 / (0 + {a})",
                 f"({a} ** -1) ** -1", f"sum([{a}]) ** -3", f"sum([{a}, {a}]) / sum([{a}])", f"(2.0 * {a}) * 0.5")
            )
        )  # fmt: skip

    def _dead(self) -> None:
        self.lines.append(f"{self._name()} = {self._scalar()} * {self._scalar()} + {self._constant()}")

    def _scoped(self) -> None:
        name = self._name()
        product = f"{self._scalar()} * {self._scalar()}"
        self.lines.append(f'with scope("part", {self.random.randrange(3)}): {name} = {product}')
        self.scalars.append(name)


def arguments_of(program: Program) -> Sequence[Sequence[float]]:
    """All arguments in order, as a compiled program takes them."""
    return [*program.inputs.values(), *program.indices.values()]
