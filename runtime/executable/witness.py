"""Witness: a program that has just been made is run on random numbers and compared, as bits, before anybody may use it.

That loops are their graph is proved for all numbers (see `run_loops`). What stands before the graph and behind the
loops, from the trace to the machine code, is witnessed here: the results must be those of the eager autograd. All
numbers are the same each time.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from ...compiler.errors import ProofError
from ...compiler.ir.graph import Graph
from ...compiler.ir.interpret import in_single_precision, interpret
from ...compiler.numerics import current
from ...compiler.passes.differentiate import differentiate
from ...compiler.passes.sink_through_selects import sink_through_selects
from .replay import replay

__all__ = [
    "Numbers",
    "Witness",
    "along_direction",
    "carried_out",
    "check_graph",
    "check_program",
    "compare",
    "eager_witnesses",
    "interpreted_witnesses",
    "points",
    "repetitions",
]

# By name of an argument or a result.
Numbers = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Witness:
    """What a graph is known to give.

    Attributes:
        arguments, indices: by name.
        results: by name; of the graph's, and perhaps of more.
    """

    arguments: Numbers
    indices: Mapping[str, Sequence[int]]
    results: Numbers


def points(graph: Graph, example: Numbers | None = None) -> Iterator[tuple[Numbers, dict[str, list[int]]]]:
    """Arguments and indices: numbers of both signs, positive ones, for logarithms and roots, and some near an example.

    A function need not be defined elsewhere: almost no matrix has a Cholesky factor, and NaN equals NaN. Two orders of
    three terms often have the same sum, so small graphs are run several times.
    """
    kinds = 2 if example is None else 3
    for number in range(kinds * repetitions(len(graph))):
        random = Random(f"witness {number}")
        arguments: dict[str, Sequence[float]] = {}
        for name, (_, size) in graph.arguments().items():
            if example is not None and number % kinds == 2:
                near = example[name]  # the first time, the example itself
                arguments[name] = near if number == 2 else [x + random.gauss(0.0, (x or 1.0) / 1024) for x in near]
            elif number % kinds == 1:
                arguments[name] = [random.uniform(0.25, 1.75) for _ in range(size)]
            else:
                arguments[name] = [random.gauss(0.0, 1.0) for _ in range(size)]
        yield (
            arguments,
            {tensor.name: [random.randrange(tensor.limit) for _ in range(tensor.count)] for tensor in graph.indices},
        )


def eager_witnesses(
    traced: Graph,
    gradient: str | None,
    example: Numbers | None = None,
    derivative: str = "gradient",
    initial: str | None = None,
) -> list[Witness]:
    """What the eager autograd gives for a trace.

    A second derivative is that of the gradient's graph, as the eager autograd differentiates it; that this graph has
    the eager autograd's gradient is checked.

    Args:
        gradient: the argument that it differentiates in; None for none.
        example: by name, arguments that the function is defined for.
        derivative, initial: see `replay`.

    Raises:
        ProofError: if the gradient's graph has another gradient.
    """
    twice = derivative in ("hessian", "hvp")
    joint = differentiate(sink_through_selects(traced).graph, str(gradient), scatter=False).graph if twice else traced
    witnesses = []
    for arguments, indices in points(traced, example):
        results = replay(joint, gradient, arguments, indices, derivative, initial)
        if twice:
            compare(f"the gradient of {traced.name}", replay(traced, gradient, arguments, indices), results)
        witnesses.append(Witness(arguments, indices, results))
    return witnesses


def interpreted_witnesses(graph: Graph, example: Numbers | None = None) -> Iterator[Witness]:
    """What the interpreter gives for a graph of which there is no trace.

    Args:
        example: by name, arguments that the graph is defined for.
    """
    for arguments, indices in points(graph, example):
        yield Witness(arguments, indices, interpret(graph, arguments, indices))


def check_graph(graph: Graph, witnesses: Iterable[Witness]) -> None:
    """Checks that what the passes made of a trace computes what the eager autograd does.

    Raises:
        ProofError: naming the first result that differs.
    """
    for witness in witnesses:
        found = interpret(graph, witness.arguments, witness.indices)
        compare(f"the graph {graph.name}", {name: witness.results[name] for name in found}, found)


def check_program(
    run: Callable[..., Iterable[Sequence[float]]],
    graph: Graph,
    witnesses: Iterable[Witness],
    is_native: bool = False,
) -> None:
    """Checks that a program computes what its graph should.

    Args:
        run: takes a sequence for each argument of the graph, then one for each of its indices, and gives its outputs.
        is_native: whether it is in C, which in fast numerics need only be near.

    Raises:
        ProofError: naming the first result that differs, and whether the graph is as wrong.
    """
    what, names = f"the program {graph.name}", [output.name for output in graph.outputs]
    for witness in witnesses:
        found = carried_out(what, run, *witness.arguments.values(), *witness.indices.values())
        try:
            results = dict(zip(names, found, strict=True))
            again = partial(interpret, graph, witness.arguments, witness.indices) if is_native else None
            compare(what, {name: witness.results[name] for name in names}, results, again)
        except ProofError:
            check_graph(graph, [witness])
            raise


def carried_out(what: str, run: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return run(*arguments)
    except Exception as error:  # a wrong program may raise anything; a right one raises nothing
        raise ProofError(f"{what} raises {type(error).__name__}: {error}") from error


def repetitions(size: int) -> int:
    """How often a program of `size` operations or so is run: small ones cost nothing."""
    return max(1, min(32, 20_000 // max(1, size)))


# By what share of the sum of magnitudes two ways of computing a derivative may differ; and what is too large to say.
_TOLERANCE, _LARGEST = 1e-6, 1e300


def along_direction(gradient: Sequence[float], direction: Sequence[float], slope: float) -> float | None:
    """The product of a gradient and a direction, if it is not the derivative along it; None if it is, but for rounding.

    Args:
        slope: the derivative along the direction, found without the gradient.
    """
    parts = [*map(operator.mul, gradient, direction)]
    magnitude = math.fsum(map(abs, parts)) + abs(slope) if all(map(math.isfinite, parts)) else math.inf
    # Where numbers are not finite, or nearly so, nothing is known of how far rounding carries.
    product = math.fsum(parts) if magnitude < _LARGEST else slope
    return product if abs(product - slope) > max(_TOLERANCE, current().tolerance) * magnitude else None


def compare(what: str, expected: Numbers, found: Numbers, again: Callable[[], Numbers] | None = None) -> None:
    """Compares as bits; what is fast need only be near.

    Args:
        again: of a program in C, computes `expected` once more, to see how far rounding carries.

    Raises:
        ProofError: naming the first result that differs.
    """
    near = _nearness(expected, again) if again and current().fast else None
    for name, numbers in expected.items():
        others = found.get(name, ())
        if len(numbers) != len(others):
            raise ProofError(f"{what} gives {len(others)} numbers of {name}, not {len(numbers)}")
        for place, (a, b) in enumerate(zip(numbers, others, strict=True)):
            if a != b and (a == a or b == b) and not (near and near(name, place, b)):
                raise ProofError(f"{what} gives {b!r} for {name}[{place}], the eager autograd {a!r}")


# How many times as far off as the same operations in single precision a result may be: they are in another order.
_TIMES = 16
# What double precision errs by where single precision errs by 1.
_FINER = 2.0**-29


def _nearness(expected: Numbers, again: Callable[[], Numbers]) -> Callable[[str, int, float], bool]:
    """Whether a number is near the one in a place of a result.

    It is by the `tolerance` of the largest number there, or if rounding each operation to single precision makes a
    difference of that size: then the function is as ill-conditioned. What single precision cannot hold is not compared.
    """
    numerics = current()
    single = numerics.number == "float"
    with in_single_precision():
        rounded = again()
    most = {
        name: max((abs(x) for x in numbers if abs(x) < math.inf), default=0.0) for name, numbers in expected.items()
    }

    def near(name: str, place: int, found: float) -> bool:
        right, other = expected[name][place], rounded[name][place]
        off = abs(right - other)
        if not math.isfinite(off):
            if single:
                return True
            off = 0.0
        return abs(right - found) <= numerics.tolerance * most[name] + _TIMES * off * (1.0 if single else _FINER)

    return near
