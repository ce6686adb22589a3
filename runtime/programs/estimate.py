"""How long compiling the programs of a model takes, and how much memory, before their graphs are made.

Both follow the number of scalar operations in the graphs, and that number is a polynomial in the sizes of the model:
what stands outside the layers is affine in the width, in the vocabulary and in their product; a layer is quadratic in
the width and affine in the heads; and attention makes a training graph quadratic in its length. So small graphs are
made and counted, just as many as the polynomial has coefficients, which are solved for exactly. While they are made,
the speed of this machine is measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

from ...model.config import GPTConfig
from ..executable.estimate import (
    BASE_BYTES,
    C_BYTES,
    C_COST,
    FORWARD_BYTES,
    FORWARD_SECONDS,
    GRAPH_BYTES,
    PAGE_BYTES,
    PYTHON_BYTES,
    PYTHON_COST,
    SIZED_SECONDS,
    SMALL,
    WITNESS_BYTES,
    WITNESS_SECONDS,
    Estimate,
)
from .recipe import Recipe
from .shapes import FIRST_LENGTHS, is_sized, is_walked, sized_work, witnessed

if TYPE_CHECKING:
    from ...compiler.ir.graph import Graph

__all__ = [
    "count_operations",
    "estimate_c",
    "estimate_flat",
    "estimate_graph",
    "estimate_loops",
    "estimate_page",
    "estimate_python",
    "graphs_for_c",
    "least_divided",
]

# Of a training graph for each parameter and position, within a tenth unless the model is tiny.
_OPERATIONS = 6

# Of a document that threads divide, at least: they meet some 50 times a layer, and a meeting takes up to a microsecond.
_DIVIDED = 10_000_000

# A program of a model: its kind and number, as in a `Recipe`.
_Program = tuple[str, int]


def graphs_for_c(config: GPTConfig) -> list[_Program]:
    """The graphs that are made for a C library, at the most: see `compile_family` and `ModelSource.prove`."""
    block = config.block_size
    longest = [("training", block), ("inference", block - 1)] if block > FIRST_LENGTHS else []
    lengths = [("training", length) for length in range(1, min(block, FIRST_LENGTHS) + 1)]
    return [*lengths, *(("inference", position) for position in range(block)), *longest]


def estimate_c(config: GPTConfig) -> Estimate | None:
    """What compiling a C library takes; None if that is little."""
    return _estimate_sized(config) if is_sized(config) else estimate_flat(config)


def estimate_flat(config: GPTConfig) -> Estimate | None:
    """The same, if programs are found at the model's own sizes."""
    return _estimate(config, graphs_for_c(config), 1, C_COST, C_BYTES)


def _estimate_sized(config: GPTConfig) -> Estimate | None:
    """Of a model whose programs are instantiated: small models are compiled, and some lengths of its own witnessed."""
    lengths, _ = witnessed(config)
    small, own = sized_work(config.n_layer), config.parameter_count * sum(lengths)
    if small + own < 10 * SMALL:
        return None
    walked = is_walked(config)
    seconds = small * SIZED_SECONDS + own * (WITNESS_SECONDS if walked else FORWARD_SECONDS)
    size = lengths[-1] * WITNESS_BYTES if walked else FORWARD_BYTES
    return Estimate(_OPERATIONS * (small + own), seconds, config.parameter_count * size + BASE_BYTES)


def estimate_python(recipes: Iterable[Recipe], jobs: int) -> Estimate | None:
    """What compiling these programs of one model takes, `jobs` at a time; None if that is little."""
    found = [recipe for recipe in recipes if isinstance(recipe.config, GPTConfig)]
    if not found:
        return None
    config = found[0].config
    assert isinstance(config, GPTConfig)
    return _estimate(config, list(map(_program, found)), jobs, PYTHON_COST, PYTHON_BYTES)


def _estimate_one(recipe: Recipe, bytes_each: int) -> Estimate | None:
    config = recipe.config
    return _estimate(config, [_program(recipe)], 1, PYTHON_COST, bytes_each) if isinstance(config, GPTConfig) else None


def _program(recipe: Recipe) -> _Program:
    # A gradient that is added to what it is so far takes an operation more for each parameter.
    return "training" if recipe.kind in ("accumulation", "lanes") else recipe.kind, recipe.number


def _estimate(
    config: GPTConfig, programs: Sequence[_Program], jobs: int, cost: float, bytes_each: int
) -> Estimate | None:
    longest = max(number for _, number in programs) + 1
    if config.parameter_count * longest + config.n_layer * config.n_embd * longest**2 < SMALL:
        return None
    counts = sorted((count_operations(kind, config, number) for kind, number in programs), reverse=True)
    at_once = counts[:jobs]
    seconds = sum(counts) * cost * _speed() / len(at_once)
    return Estimate(sum(counts), seconds, bytes_each * sum(at_once) + BASE_BYTES * len(at_once))


def estimate_graph(recipe: Recipe) -> Estimate | None:
    """What making one graph takes, its stages kept and a text made of it; None if that is little."""
    return _estimate_one(recipe, GRAPH_BYTES)


def estimate_page(recipe: Recipe, config: GPTConfig) -> Estimate | None:
    """What making one program in all its forms takes, with the library in C of its model; None if that is little."""
    return _together(estimate_c(config), _estimate_one(recipe, PAGE_BYTES))


def estimate_loops(recipe: Recipe, config: GPTConfig) -> Estimate | None:
    """What making one graph and its loops takes, with the library in C of its model; None if that is little."""
    return _together(estimate_c(config), _estimate_one(recipe, GRAPH_BYTES))


def _together(*estimates: Estimate | None) -> Estimate | None:
    parts = [part for part in estimates if part is not None]
    if not parts:
        return None
    operations, seconds = sum(part.operations for part in parts), math.fsum(part.seconds for part in parts)
    return Estimate(operations, seconds, max(part.memory for part in parts))


def count_operations(kind: str, config: GPTConfig, number: int) -> int:
    """The operations of a clean graph of a model, constants apart, without making it.

    Exact unless a size is below those of the samples, where more operations are the same ones.
    """
    length = number if kind == "training" else number + 1
    terms = _terms(kind, config, length)
    return round(sum(coefficient * term for coefficient, term in zip(_coefficients(kind), terms, strict=True)))


def least_divided(config: GPTConfig) -> int:
    """The length from which on a document is worth being divided among threads; 0 if it is longer than a block."""
    length = -(-_DIVIDED // (_OPERATIONS * config.parameter_count))
    return length if length <= config.block_size else 0


def _terms(kind: str, config: GPTConfig, length: int) -> list[int]:
    """What the number of operations is a linear combination of."""
    width, vocabulary = config.n_embd, config.vocab_size
    powers = [1, length, length**2] if kind == "training" else [1, length]
    outside = [1, width, vocabulary, vocabulary * width]
    layer = [1, width, width**2, config.n_head]
    return [
        *(term * power for term in outside for power in powers[:2]),
        *(config.n_layer * term * power for term in layer for power in powers),
    ]


@cache
def _coefficients(kind: str) -> tuple[Fraction, ...]:
    return _samples(kind)[0]


@cache
def _speed() -> float:
    """Seconds that an operation of a clean graph takes here."""
    kinds = ("training", "inference")
    operations = sum(_samples(kind)[2] for kind in kinds)
    return math.fsum(_samples(kind)[1] for kind in kinds) / operations


@cache
def _samples(kind: str) -> tuple[tuple[Fraction, ...], float, int]:
    """The coefficients of `_terms`; the seconds that counting took; and the operations counted."""
    from ...compiler.pipeline import compile_graph

    shapes = [
        (length, GPTConfig(vocabulary, layers, heads * size, heads, 4))
        for layers, vocabulary, heads, size, length in product((1, 2), (3, 4), (1, 2), (3, 4, 5), (2, 3, 4))
    ]
    shapes.sort(key=lambda shape: shape[1].n_layer * shape[1].n_embd ** 2 * shape[0])
    solver = _LinearSolver()
    seconds, operations = 0.0, 0
    for length, config in shapes:
        terms = _terms(kind, config, length)
        if solver.determines(terms):
            continue
        recipe = Recipe(kind, length if kind == "training" else length - 1, config)
        start = time.process_time()
        count = _count(compile_graph(recipe.trace, recipe.gradient))
        seconds += time.process_time() - start
        operations += count
        solver.add(terms, count)
    return solver.solve(), seconds, operations


def _count(graph: Graph) -> int:
    from ...compiler.ir.ops import CONST

    # Constants that happen to be equal, such as 1/n for a length and for a width, are one node.
    return len(graph) - graph.op.count(CONST)


class _LinearSolver:
    """Exact equations, added one after another; each row is kept reduced by those before it."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, list[Fraction]]] = []

    def _reduced(self, row: Iterable[int]) -> list[Fraction]:
        left = [Fraction(number) for number in row]
        for pivot, known in self._rows:
            factor = left[pivot]
            if factor:
                left = [a - factor * b for a, b in zip(left, known, strict=True)]
        return left

    def determines(self, terms: Sequence[int]) -> bool:
        """Whether these terms follow from those that were added."""
        return not any(self._reduced([*terms, 0])[:-1])

    def add(self, terms: Sequence[int], value: int) -> None:
        """``sum(coefficient * term) == value``, where the terms do not follow from others."""
        left = self._reduced([*terms, value])
        pivot = next(place for place, number in enumerate(left) if number)
        self._rows.append((pivot, [number / left[pivot] for number in left]))

    def solve(self) -> tuple[Fraction, ...]:
        """The coefficients."""
        found: dict[int, Fraction] = {}
        for pivot, row in reversed(self._rows):
            found[pivot] = row[-1] - sum(row[place] * known for place, known in found.items())
        return tuple(found[place] for place in range(len(found)))
