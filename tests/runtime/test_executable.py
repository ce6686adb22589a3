"""One graph as C: the bits of the interpreter, from the compiler and from the cache; coverage of other programs."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from microgpt.compiler.functions import constant_maximum
from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.pipeline import GRAPH_STAGES, compile_graph, compile_loops
from microgpt.compiler.trace import trace
from microgpt.runtime.executable import derivatives, estimate
from microgpt.runtime.executable.compile_function import compile_function
from microgpt.runtime.executable.executable import compile_executable
from microgpt.runtime.executable.function import CompiledFunction
from microgpt.runtime.machine.find_toolchain import find_toolchain
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.storage.cache import Cache

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    try:
        find_toolchain()
    except ToolchainError as error:
        pytest.skip(str(error))
    return Cache.open(tmp_path_factory.mktemp("functions"))


def differentiated(function, size: int) -> Graph:
    tensors = [Tensor("x", "x", 0, (size,))]
    return compile_graph(lambda: trace(lambda a, i: {"loss": [function(a["x"])]}, "function", tensors), "x")


def perceptron(x):
    hidden = [x[8 * unit : 8 * unit + 8] for unit in range(16)]
    out = [x[128 + 16 * unit : 144 + 16 * unit] for unit in range(3)]
    total = 0
    for sample in range(6):
        inputs = x[176 + 8 * sample : 184 + 8 * sample]
        activations = [sum(w * v for w, v in zip(row, inputs, strict=True)).relu() for row in hidden]
        results = [sum(w * v for w, v in zip(row, activations, strict=True)) for row in out]
        total = total + sum(result**2 for result in results)
    return total / 6


def bodies(x):
    count = 8
    places = [x[3 * body : 3 * body + 3] for body in range(count)]
    energy = 0
    for body in range(count):
        force = [0.0, 0.0, 0.0]
        for other in range(count):
            if other != body:
                away = [places[other][axis] - places[body][axis] for axis in range(3)]
                pull = (sum(part * part for part in away) + 0.01) ** -1.5
                force = [force[axis] + x[24 + other] * away[axis] * pull for axis in range(3)]
        energy = energy + sum(part * part for part in force)
    return energy


def recurrent(x):
    weights = [x[6 * unit : 6 * unit + 6] for unit in range(6)]
    state = x[36:42]
    for step in range(50):
        state = [(sum(w * s for w, s in zip(row, state, strict=True)) + x[42 + step]).relu() for row in weights]
    return sum(unit * unit for unit in state)


def kalman(x):
    """Log-likelihood of a filter with the states place and speed: recurrences of scalars."""
    noise, drift, place, speed = x[0] * x[0] + 0.5, x[1] * x[1] + 0.1, x[2], x[3]
    a, b, c = 10.0, 0.0, 1.0
    total = 0
    for observed in x[4:]:
        place = place + speed
        a, b, c = a + 2 * b + c + drift / 4, b + c + drift / 2, c + drift
        sure = 1 / (a + noise)
        miss = observed - place
        total = total + (a + noise).log() + miss * miss * sure
        place, speed = place + a * sure * miss, speed + b * sure * miss
        a, b, c = a - a * sure * a, b - a * sure * b, c - b * sure * b
    return total


@pytest.mark.parametrize(
    ("function", "size", "least", "row"),
    [
        (perceptron, 224, 0.999, "a two-layer perceptron"),
        (bodies, 32, 0.99, "the attraction between eight bodies"),
        (recurrent, 92, 0.999, "a recurrent net"),
        (kalman, 104, 0.97, "a Kalman filter"),
    ],
)
def test_other_programs_end_in_loops_too(function, size, least, row, cache):
    graph = differentiated(function, size)
    compiled = compile_executable(graph, "c", cache)
    inside, total = compiled.report["coverage"]
    assert inside / total >= least
    share = f"{inside / total:.1%}".replace(".0%", "%").replace("%", " %")
    figures = f"| {total:,} | {inside:,} ({share}) | {len(compile_loops(graph).program.nests)} |"
    (told,) = (
        line for line in (ROOT / "docs" / "loops.md").read_text("utf-8").splitlines() if line.startswith(f"| {row}")
    )
    assert told.endswith(figures)
    random = Random(5)
    for _ in range(3):
        x = [random.gauss(0, 0.4) for _ in range(size)]
        loss, gradient = compiled.run(x)
        expected = interpret(graph, {"x": x})
        assert (loss, gradient) == (expected["loss"], expected["gradient"])
    again = compile_executable(graph, "c", cache)
    assert again.path == compiled.path
    assert again.run(x) == [loss, gradient]


def test_triangles_are_copied_as_triangles(cache):
    size = 6

    def transposed(x):
        """What stands above the diagonal is only copied; what stands below is computed."""
        rows = range(size)
        return [x[size * i + j] if i <= j else x[size * i + j] * 2.0 for j in rows for i in rows]

    tensors = [Tensor("x", "x", 0, (size * size,))]
    graph = compile_graph(lambda: trace(lambda a, i: {"out": transposed(a["x"])}, "triangles", tensors))
    random = Random(5)
    x = [random.gauss(0, 1) for _ in range(size * size)]
    assert compile_executable(graph, "c", cache).run(x) == [interpret(graph, {"x": x})["out"]]


def test_indices_are_checked(cache):
    tensors, indices = [Tensor("x", "x", 0, (5,))], [IndexTensor("i", 0, 1, 5)]
    graph = compile_graph(
        lambda: trace(
            lambda a, n: {"loss": [n["i"][0].select(a["x"]) * constant_maximum(a["x"])]}, "chosen", tensors, indices
        ),
        "x",
    )
    compiled = compile_executable(graph, "c", cache)
    assert compiled.run([1.0, 2.0, 3.0, 4.0, 5.0], [2])[0] == [15.0]
    with pytest.raises(IndexError, match="from 0 to 4"):
        compiled.run([1.0, 2.0, 3.0, 4.0, 5.0], [5])
    with pytest.raises(ValueError, match="5 numbers"):
        compiled.run([1.0], [2])


@pytest.mark.parametrize("target", ["c", "python"])
def test_what_does_not_fit_into_memory_is_refused(target, cache, monkeypatch):
    """Before anything is emitted; not what is in the cache."""
    monkeypatch.setattr(estimate, "SMALL", 0)

    def twice(x):
        return x * 2.0

    known = compile_function(twice, 1.0, target=target, cache=cache)
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "1M")
    again = compile_function(twice, 1.0, target=target, cache=cache)
    assert again(3.0) == known(3.0)
    with pytest.raises(
        MemoryError, match=r"compiling \d+ operations takes about 40\.0 MiB, but 1\.0 MiB are available"
    ):
        compile_function(lambda x: x.exp() * 3.0, 1.0, target=target, cache=cache)


@pytest.mark.parametrize("make", [compile_function, derivatives.hessian])
def test_a_limit_may_be_given(make, cache):
    def five(x):
        return x * x * 5.0

    for limit in ("1M", 1 << 20):
        with pytest.raises(MemoryError, match=r"but 1\.0 MiB are available; .* fewer numbers, or raise memory_limit"):
            make(lambda x: x.exp() * 5.0, 1.0, target="python", cache=cache, memory_limit=limit)
    assert make(five, 1.0, target="python", cache=cache, memory_limit="1G")(1.0)
    assert make(five, 1.0, target="python", cache=cache, memory_limit="1M")(1.0)  # from the cache


@pytest.mark.parametrize(
    ("limit", "error", "message"),
    [
        ("much", ValueError, "memory_limit: 'much' is not a size; write for example 500M, 2G, or none"),
        (-1, ValueError, "memory_limit must be a number of bytes, more than 0, or a text such as '2G', not -1"),
        (True, TypeError, "memory_limit must be a number of bytes, more than 0, or a text such as '2G', not True"),
    ],
)
def test_what_a_limit_may_be(limit, error, message, cache):
    with pytest.raises(error, match=message):
        compile_function(lambda x: x * x, 1.0, cache=cache, memory_limit=limit)


def test_progress_says_what_takes_long(cache, monkeypatch):
    told = []

    def compiled():
        CompiledFunction(lambda x: x.log() * 3.0, [1.0], "python", cache, lambda *news: told.append(news[2]))
        return told.pop()

    assert compiled().startswith("dce")
    monkeypatch.setattr(estimate, "LONG", 0.0)
    CompiledFunction(lambda x: x.log() * 4.0, [1.0], "c", cache, lambda *news: told.append(news[2]))
    assert re.fullmatch(r"the C compiler.*, \d+ operations, about 0 s and 40\.0 MiB", told[-1])


def test_progress_says_how_many_operations(cache):
    told = []
    CompiledFunction(lambda x: x.exp() * 3.0, [1.0], "python", cache, lambda *news: told.append(news[2]))
    assert told[0] == "trace"
    assert [re.fullmatch(r"(\w+), \d+ operations", stage)[1] for stage in told[1:]] == [
        "trace",
        *(stage.__name__ for stage in GRAPH_STAGES),
    ]
