"""The roads that programs take through the compiler, each for a small program."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from helpers import emit_no_c

from microgpt.compiler.conditions import choose, where
from microgpt.compiler.functions import constant_maximum, scope, select
from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.pipeline import compile_graph, compile_loops
from microgpt.compiler.sizes.generalise import Sample, generalise
from microgpt.compiler.trace import trace
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.executable.compile_function import compile_function
from microgpt.runtime.executable.executable import compile_executable
from microgpt.runtime.executable.nodes import index
from microgpt.runtime.programs import model_loops
from microgpt.runtime.programs.c_library import load_model_library
from microgpt.runtime.programs.c_source import model_source
from microgpt.runtime.programs.library import Library
from microgpt.runtime.programs.model_loops import build_graph
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.programs.samples import samples_of
from microgpt.runtime.programs.sized_loops import SizedModel
from microgpt.runtime.sized.compile_sized import compile_sized
from microgpt.runtime.storage.cache import Cache

TINY = GPTConfig(vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=7)
# Wide enough for a copy of a matrix, and for vectors.
WIDE = GPTConfig(vocab_size=9, n_layer=1, n_embd=8, n_head=2, block_size=2)


def bits(x: list[Any], i: list[Any]) -> dict[str, list[Any]]:
    """Matrices times vectors in lanes, a fold of a maximum, powers, a choice: a bit of all that is emitted."""
    rows = [x[9 * row : 9 * row + 9] for row in range(16)]
    sums = [sum(a * b for a, b in zip(row, x[144:153], strict=True)) for row in rows]
    units = [total.relu() * 0.625 for total in sums]
    chosen = select([units[3], sums[5], units[11]], i[0])
    scale = (sum(unit * unit for unit in units) / 16 + 1e-5) ** -0.5
    highest = constant_maximum(sums)
    return {"out": [unit * scale - highest for unit in units], "one": [chosen.exp() / (scale + 1.0)]}


def bits_graph() -> Graph:
    tensors, indices = [Tensor("x", "x", 0, (153,))], [IndexTensor("i", 0, 1, 3)]
    return compile_graph(lambda: trace(lambda a, n: bits(a["x"], n["i"]), "bits", tensors, indices))


def classify(weights: list[Any], x: Any, target: Any) -> Any:
    with scope("unit"):
        hidden = [(x * weight + 0.5 * 2).relu() for weight in weights]
        other = [x * weight - 0.25 for weight in weights[:2]]
    scores = [weight * unit - weight / 2 for weight, unit in zip(weights, hidden, strict=True)]
    highest = constant_maximum(scores)
    powers = [(score - highest).exp() for score in scores]
    total = sum(powers)
    loss = -select([power / total for power in powers], target).log()
    return other[0] * other[1] * x + (other[0] + other[1] + x * x) ** 3 * 0.01 + loss


def own_function(folder: Path) -> None:
    example = [0.3, -0.2, 0.7], 0.5, index(3)
    compile_function(classify, *example, target="python", cache=Cache.open(folder))


def branches(weights: list[Any], x: Any, target: Any) -> Any:
    """Each branch hands something to what the other needs, and neither is defined everywhere."""
    a, b, c = weights
    low = where(a > b, (a * a + 0.5).log() * x, where(b * x < c, a * b, c * c * x))
    return low * a + choose([a * x, b - low, (c * c + 1).log()], target) * b


def own_branches(folder: Path) -> None:
    example = [0.3, -0.2, 0.7], 0.5, index(3)
    compile_function(branches, *example, target="python", cache=Cache.open(folder))


def logarithm(x: Any) -> Any:
    """Defined where numbers are large, and so for none of those that are the same for all functions."""
    return (x - 100.0).log() * 0.01


def own_logarithm(folder: Path) -> None:
    compile_function(logarithm, 101.5, target="python", cache=Cache.open(folder))


def c_of_own_logarithm(folder: Path) -> None:
    compile_function(logarithm, 101.5, target="c", cache=Cache.open(folder))


def powers_in_a_sum(weights: list[Any]) -> Any:
    """Calls that are computed in one batch."""
    terms = [(weight * weight + 0.5) ** -0.25 for weight in weights]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def c_of_powers(folder: Path) -> None:
    example = [0.25 * place for place in range(9)]
    compile_function(powers_in_a_sum, example, target="c", cache=Cache.open(folder))


def python_model(folder: Path) -> None:
    Library(Cache.open(folder), jobs=1).compile(Recipe("training", 2, TINY))


def python_optimizer(folder: Path) -> None:
    Library(Cache.open(folder), jobs=1).compile(Recipe("optimizer", 0, AdamConfig()))


@cache
def graph_of(config: GPTConfig, kind: str, number: int) -> Graph:
    return build_graph(config, kind, lambda *stage: None, number)


def loops(folder: Path, config: GPTConfig = TINY) -> None:
    """From graphs that are made once, and without C: what is changed on this road lies between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_loops, "build_graph", lambda config, kind, tell, number: graph_of(config, kind, number))
        emit_no_c(patch)
        model_source(config, AdamConfig()).prove()


def wide_loops(folder: Path) -> None:
    loops(folder, WIDE)


@cache
def samples() -> list[Sample]:
    return samples_of(1)


def loops_over_sizes(folder: Path) -> None:
    SizedModel(1, generalise(samples())).prove()


def net(weights: list[list[Any]], bias: list[Any], x: list[Any]) -> Any:
    """The mean of the squares of a layer; nothing is added to the last bias."""
    units = [sum(w * v for w, v in zip(row, x, strict=True)) for row in weights]
    total = sum((unit + b) ** 2 for unit, b in zip(units[:-1], bias, strict=False)) + units[-1] ** 2
    return total / len(x)


def function_over_sizes(folder: Path) -> None:
    def example(inputs: int, hidden: int) -> tuple[Any, ...]:
        return [[0.0] * inputs for _ in range(hidden)], [0.0] * hidden, [0.0] * inputs

    assert "for i < hidden" in compile_sized(net, example, wrt=("weights", "bias"), cache=Cache.open(folder)).source


def steps_graph() -> Graph:
    """A body that is pushed about: each place needs the speed, and the speed the place before it. Its totals begin with
    the last place.
    """

    def places(given: dict[str, list[Any]], _: object) -> dict[str, list[Any]]:
        place, speed, found = given["x"][0], given["x"][1], []
        for push in given["x"][2:]:
            speed = speed * place + push
            place = place + speed * speed
            found.append(place)
        total, totals = given["x"][1], []
        for place in reversed(found):
            total = total * place + place
            totals.append(total)
        return {"places": found, "totals": totals}

    return compile_graph(lambda: trace(places, "steps", [Tensor("x", "x", 0, (11,))]))


def recurrence(folder: Path) -> None:
    compile_loops(steps_graph()).prove()


def c_of_a_recurrence(folder: Path) -> None:
    compile_executable(steps_graph(), "c", Cache.open(folder))


def c_of_a_graph(folder: Path) -> None:
    compile_executable(bits_graph(), "c", Cache.open(folder))


def c_library_of_a_model(folder: Path) -> None:
    load_model_library(Cache.open(folder), TINY, AdamConfig())


# A road takes the folder of a cache that is empty.
ROADS: dict[str, Callable[[Path], None]] = {
    "own function": own_function,
    "own function with branches": own_branches,
    "own function, defined near its example": own_logarithm,
    "C of powers in a sum": c_of_powers,
    "C of an own function, defined near its example": c_of_own_logarithm,
    "Python of a model": python_model,
    "Python of the optimiser": python_optimizer,
    "loops of a model": loops,
    "loops with copies": wide_loops,
    "loops over sizes": loops_over_sizes,
    "function over sizes": function_over_sizes,
    "loops of a recurrence": recurrence,
    "C of a recurrence": c_of_a_recurrence,
    "C of a graph": c_of_a_graph,
    "C of a model": c_library_of_a_model,
}
