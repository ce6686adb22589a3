"""Functions over sizes: at any sizes they have the bits of the eager autograd, and no graph of these sizes is made."""

from __future__ import annotations

import math
import pickle
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from helpers import skip_without_compiler, skip_without_make

import microgpt
from microgpt import Value
from microgpt.compiler.c.print_c import Printer
from microgpt.compiler.errors import ProofError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.sizes.sample_sizes import LEAST, MORE, sample_sizes
from microgpt.runtime.executable.structure import Structure
from microgpt.runtime.sized.spot_check import check_spots
from microgpt.runtime.storage.cache import Cache
from microgpt.seeing_sizes import Family, SizedFunction


@pytest.fixture(scope="module", autouse=True)
def with_compiler() -> None:
    skip_without_compiler()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("sized"))


def matrix(rows: int, columns: int) -> list[list[float]]:
    return [[0.0] * columns for _ in range(rows)]


def product(rows: Any, x: Any) -> list[Any]:
    return [sum(w * v for w, v in zip(row, x, strict=True)) for row in rows]


def perceptron(weights, bias, out, x, y):
    hidden = [microgpt.tanh(unit + b) for unit, b in zip(product(weights, x), bias, strict=True)]
    return (sum(w * unit for w, unit in zip(out, hidden, strict=True)) - y) ** 2


def perceptron_example(inputs, hidden):
    return matrix(hidden, inputs), [0.0] * hidden, [0.0] * hidden, [0.0] * inputs, 0.0


def classifier(weights, x, label):
    """Its weights are a dict and its label an index."""
    first = [microgpt.relu(unit) + 0.5 * unit for unit in product(weights["first"], x)]
    scores = product(weights["second"], [microgpt.tanh(unit) for unit in product(weights["middle"], first)])
    top = microgpt.constant_maximum(scores)
    powers = [microgpt.exp(score - top) for score in scores]
    return -microgpt.log(microgpt.select(powers, label) / sum(powers))


def classifier_example(inputs, one, two, classes):
    weights = {"first": matrix(one, inputs), "middle": matrix(two, one), "second": matrix(classes, two)}
    return weights, [0.0] * inputs, microgpt.index(classes)


def recurrent(layers, xs, ys):
    inside, outside = layers
    state = [0.0 for _ in inside]
    loss = 0.0
    for x, y in zip(xs, ys, strict=True):
        state = [microgpt.tanh(unit + w * x) for unit, w in zip(product(inside, state), outside, strict=True)]
        loss = loss + (sum(state) - y) ** 2
    return loss / len(xs)


def recurrent_example(width, length):
    return [matrix(width, width), [0.0] * width], [0.0] * length, [0.0] * length


def chain(matrices, x):
    for rows in matrices:
        x = product(rows, x)
    return sum(v * v for v in x)


def chain_example(n, depth):
    return [matrix(n, n) for _ in range(depth)], [0.0] * n


def regression(weights, bias, rows, ys):
    errors = [guess + bias - y for guess, y in zip(product(rows, weights), ys, strict=True)]
    return sum(error**2 for error in errors) / len(ys), {"errors": errors}


def regression_example(features, count):
    return [0.0] * features, 0.0, matrix(count, features), [0.0] * count


def cumulative(x):
    """A triangle: sum number i has i terms."""
    return sum(microgpt.exp(sum(x[: place + 1])) for place in range(len(x)))


def ends(x):
    """Its gradient consists of copies: of the first number and of one that is elsewhere at each size."""
    return x[0] * x[-1]


def triangle(x):
    """One sum of a triangle of terms: rows of different lengths in one sum are no loop."""
    return sum(x[i] * x[j] for i in range(len(x)) for j in range(i))


def deviation(xs, weights):
    """Its constants are rational in the sizes, and one a root."""
    mean = sum(xs) / len(xs)
    spread = sum((x - mean) ** 2 for x in xs) / (len(xs) - 1)
    decay = 0.01 / len(weights) * sum(w * w for w in weights)
    return spread * (len(xs) + len(weights)) ** -0.5 + decay * (len(xs) - 1) / (len(xs) + 1) - 3 / len(weights) * mean


def deviation_example(n, m):
    return [0.0] * n, [0.0] * m


def horner(coefficients, x):
    """Its first step is another one than those that follow, and its last ones, too."""
    total = 0.0
    for coefficient in coefficients:
        total = total * x + coefficient
    return total


def weighted(xs, slope, ys):
    """Its constants are 2, 3, 4, ... and 0, 1/m, 2/m, ..."""
    first = sum((place + 1) * x * x for place, x in enumerate(xs))
    return first * sum((y - slope * (place / len(ys))) ** 2 for place, y in enumerate(ys))


def weighted_example(n, m):
    return [0.0] * n, 0.0, [0.0] * m


def distances(x):
    """All pairs: the gradient in x[i] adds up a row and a column of a triangle."""
    return sum((x[i] - x[j]) ** 2 for i in range(len(x)) for j in range(i + 1, len(x)))


def concordance(x):
    return sum(microgpt.tanh(x[i] - x[j]) for i in range(len(x)) for j in range(i))


def vector_example(n):
    return [0.0] * n


FUNCTIONS: dict[Callable[..., Any], tuple[Callable[..., Any], dict[str, Any]]] = {
    perceptron: (perceptron_example, {"wrt": (0, 1, 2)}),
    classifier: (classifier_example, {"wrt": "weights"}),
    recurrent: (recurrent_example, {"wrt": "layers"}),
    chain: (chain_example, {}),
    regression: (regression_example, {"wrt": ("weights", "bias"), "has_aux": True}),
    deviation: (deviation_example, {}),
    weighted: (weighted_example, {}),
    cumulative: (vector_example, {}),
    ends: (vector_example, {}),
}
# Those whose loops are the same from larger sizes on.
LATER: dict[Callable[..., Any], tuple[Callable[..., Any], dict[str, Any]]] = {
    horner: (lambda n: ([0.0] * n, 0.0), {}),
    distances: (vector_example, {}),
    concordance: (vector_example, {}),
}


def random_like(part: Any, random: Random) -> Any:
    """An argument like that of an example."""
    if isinstance(part, float):
        return random.gauss(0.0, 0.5)
    if isinstance(part, dict):
        return {key: random_like(each, random) for key, each in part.items()}
    if isinstance(part, list):
        return [random_like(each, random) for each in part]
    return random.randrange(part.limit)


def eagerly(function: Callable[..., Any], arguments: Any, has_aux: bool) -> tuple[list[float], list[float]]:
    """Value and auxiliary results; and the gradient in all floats, in order."""
    leaves: list[Value] = []

    def lifted(part: Any) -> Any:
        if isinstance(part, float):
            leaves.append(Value(part))
            return leaves[-1]
        if isinstance(part, dict):
            return {key: lifted(each) for key, each in part.items()}
        return [lifted(each) for each in part] if isinstance(part, list) else part

    result = function(*map(lifted, arguments))
    loss, aux = result if has_aux else (result, {})
    loss.backward()
    return [loss.data, *(each.data for part in aux.values() for each in part)], [leaf.grad for leaf in leaves]


def flattened(part: Any) -> Iterator[float]:
    if isinstance(part, float):
        yield part
    elif isinstance(part, list | tuple | dict):
        for each in part.values() if isinstance(part, dict) else part:
            yield from flattened(each)


def check_at(function: Callable[..., Any], sizes: dict[str, int], cache: Cache, seed: str) -> Any:
    """Compares sized, flat and eager at some sizes, as bits."""
    example, options = (FUNCTIONS | LATER)[function]
    family = microgpt.compile_sized(function, example, cache=cache, **options)
    compiled = family(**sizes)
    given = example(**sizes)
    arguments = random_like(list(given if isinstance(given, tuple) else (given,)), Random(seed))
    found = compiled(*arguments)
    flat = microgpt.compile(function, *(given if isinstance(given, tuple) else (given,)), target="python", **options)
    assert found == flat(*arguments)
    results, gradient = eagerly(function, arguments, options.get("has_aux", False))
    assert [*flattened(found[0])] == results
    wanted = [*flattened(found[1])]
    assert wanted == gradient[: len(wanted)]
    assert any(wanted)
    return compiled


def random_sizes(function: Callable[..., Any], random: Random, least: int, most: int) -> dict[str, int]:
    names = FUNCTIONS[function][0].__code__.co_varnames[: FUNCTIONS[function][0].__code__.co_argcount]
    return {name: random.randint(least, most) for name in names}


@pytest.mark.parametrize("function", FUNCTIONS, ids=[function.__name__ for function in FUNCTIONS])
def test_the_bits_of_flat_compilation_and_of_the_eager_autograd(function: Callable[..., Any], cache: Cache) -> None:
    random = Random(function.__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of which one would say that it is compiled flat
        for number in range(2):
            compiled = check_at(function, random_sizes(function, random, LEAST, 20), cache, f"{number}")
            assert isinstance(compiled, SizedFunction)


@pytest.mark.parametrize("function", LATER)
def test_loops_that_are_the_same_from_larger_sizes_on(function: Callable[..., Any], cache: Cache) -> None:
    """At smaller sizes, they are compiled flat without a word, as where all sizes are small."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n, is_sized in ((MORE, True), (23, True), (MORE - 1, False)):
            assert isinstance(check_at(function, {"n": n}, cache, f"{n}"), SizedFunction) == is_sized
            family = microgpt.compile_sized(function, LATER[function][0], cache=cache)
            assert family.source


@pytest.mark.slow
@pytest.mark.parametrize("function", FUNCTIONS, ids=[function.__name__ for function in FUNCTIONS])
def test_the_bits_at_many_sizes(function: Callable[..., Any], cache: Cache) -> None:
    """Also where some sizes, or all, are small."""
    random = Random(f"many {function.__name__}")
    for number in range(12):
        check_at(function, random_sizes(function, random, 1 if number % 2 else LEAST, 24), cache, f"{number}")


def test_no_graph_of_the_sizes_is_made(cache: Cache) -> None:
    """Eight traces to learn from and two to prove; of one more family in the same cache, the eight. The gradient of
    784 x 512 weights, of which the eager autograd takes seconds, has that of a smaller net in its corner: the other
    inputs are zero.
    """
    inputs, hidden = 784, 512
    family = microgpt.compile_sized(
        perceptron, perceptron_example, wrt=(0, 1, 2), cache=Cache.open(cache.folder / "own")
    )
    wide = family(inputs=inputs, hidden=hidden)
    assert len(family.traced) == 10
    assert all(sizes["inputs"] * sizes["hidden"] < 500 for sizes in family.traced)
    assert isinstance(wide, SizedFunction)
    assert wide.operations > 1_000_000
    again = microgpt.compile_sized(
        perceptron, perceptron_example, wrt=(0, 1, 2), cache=Cache.open(cache.folder / "own")
    )
    small = again(inputs=9, hidden=hidden)
    assert len(again.traced) == 8
    random = Random("wide")
    weights, bias, out, x, y = random_like(list(perceptron_example(9, hidden)), random)
    padding = [0.0] * (inputs - 9)
    value, (d_weights, d_bias, d_out) = small(weights, bias, out, x, y)
    found, (wide_weights, wide_bias, wide_out) = wide([row + padding for row in weights], bias, out, x + padding, y)
    assert (found, wide_bias, wide_out) == (value, d_bias, d_out)
    assert [row[:9] for row in wide_weights] == d_weights
    assert not any(any(row[9:]) for row in wide_weights)


def test_a_size_below_the_samples_is_fixed(cache: Cache) -> None:
    """A net of two classes is another program than one of many, over the other sizes."""
    family = microgpt.compile_sized(classifier, classifier_example, wrt="weights", cache=cache)
    compiled = check_at(classifier, {"inputs": 9, "one": 8, "two": 4, "classes": 2}, cache, "fixed")
    assert isinstance(compiled, SizedFunction)
    assert not isinstance(family(inputs=1, one=2, two=3, classes=2), SizedFunction)


def test_an_irregular_function_is_compiled_flat_and_says_why(cache: Cache) -> None:
    family = microgpt.compile_sized(triangle, vector_example, cache=cache)
    with pytest.warns(
        UserWarning, match=r"triangle at n=9 is compiled from its graph of about [\d,]+ operations"
    ) as told:
        compiled = family(n=9)
    assert "test_compile_sized.py:" in str(told[0].message)
    assert "differ in more than numbers" in str(told[0].message)
    assert told[0].filename == __file__
    x = [0.5 * place for place in range(9)]
    assert compiled(x) == microgpt.compile(triangle, x, target="python")(x)
    with pytest.raises(ValueError, match="triangle has no loops over its sizes"):
        _ = family.source


def test_that_there_are_no_loops_is_soon_known(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the graphs of two samples, and of two larger ones; of one more family in the same cache, without any."""
    made: list[Graph] = []
    original = Family._graph
    monkeypatch.setattr(Family, "_graph", lambda self, traced: made.append(traced.traced) or original(self, traced))
    own, reasons = Cache.open(cache.folder / "irregular"), []
    for _ in range(2):
        with pytest.raises(ValueError, match=r"triangle has no loops over its sizes: .* differ in more than") as told:
            _ = microgpt.compile_sized(triangle, vector_example, cache=own).source
        reasons.append(str(told.value))
        assert len(made) == 4
    assert reasons[0] == reasons[1]


def test_a_branch_on_the_size(cache: Cache) -> None:
    def even(x):
        return sum(v * v for v in x) if len(x) % 2 else sum(v * v * v for v in x)

    family = microgpt.compile_sized(even, vector_example, cache=cache)
    with pytest.warns(UserWarning, match="differ in more than numbers"):
        assert family(n=6)([2.0] * 6) == (48.0, [12.0] * 6)


def test_a_branch_that_no_sample_takes(cache: Cache) -> None:
    """The function itself is run once at the sizes that are asked for."""

    def large(x):
        return sum(v * v for v in x) if len(x) < 50 else sum(v * v * v for v in x)

    family = microgpt.compile_sized(large, vector_example, cache=cache)
    assert family(n=40)([2.0] * 40)[0] == 160.0
    with pytest.warns(UserWarning, match=r"at n=60 .* its loops at small sizes"):
        assert family(n=60)([2.0] * 60)[0] == 480.0


@pytest.mark.parametrize("n", [20, pytest.param(170, marks=pytest.mark.slow)])
def test_a_branch_that_changes_the_gradient_alone(n: int, cache: Cache) -> None:
    """Its derivative along a direction is compared, and beyond 100,000 operations the eager autograd is not."""

    def squares(rows, x):
        """From 20 numbers on, its gradient is half as large, and its value is not: factors are constants."""
        units = product(rows, x)
        tops = [microgpt.constant_maximum([unit]) for unit in units]
        return sum(unit * (unit if len(x) < 20 else top) for unit, top in zip(units, tops, strict=True))

    family = microgpt.compile_sized(squares, lambda n: (matrix(n, n), [0.0] * n), wrt="x", cache=cache)
    assert isinstance(family(n=19), SizedFunction)
    with pytest.warns(UserWarning, match=rf"at n={n} .* here its derivative along a direction is .*, and by its loops"):
        compiled = family(n=n)
    assert compiled([[1.0] * n] * n, [1.0] * n) == (n**3, [n**2] * n)
    assert (len(compiled.ir) > 100_000) == (n > 20)


def test_a_branch_that_only_a_proof_takes(cache: Cache) -> None:
    """It is irregular, and no mistake of the compiler."""
    ((largest,),) = sample_sizes(1).proved[1:]

    def large(x):
        return sum(v * v for v in x) if len(x) < largest else sum(v * v * v for v in x)

    family = microgpt.compile_sized(large, vector_example, cache=cache)
    with pytest.warns(UserWarning, match=f"the loops at n={largest} are not those of other sizes"):
        family(n=6)


def test_a_function_that_small_sizes_do_not_suit(cache: Cache) -> None:
    def halves(x):
        if len(x) % 2:
            raise ValueError("an even number, please")
        return sum(a * b for a, b in zip(x[: len(x) // 2], x[len(x) // 2 :], strict=True))

    family = microgpt.compile_sized(halves, vector_example, cache=cache)
    with pytest.warns(UserWarning, match="ValueError: an even number, please"):
        assert family(n=8)([1.0] * 8) == (4.0, [1.0] * 8)
    with pytest.raises(ValueError, match="an even number, please"):
        family(n=9)


def test_a_function_that_no_size_suits(cache: Cache) -> None:
    """Its error is not announced by a warning of the same words."""
    family = microgpt.compile_sized(lambda x, y: x[0], vector_example, cache=cache)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            family(n=8)


def test_a_function_that_no_small_size_suits(cache: Cache) -> None:
    """The warning gives no number of operations: nothing is known of them."""
    family = microgpt.compile_sized(lambda x: x[39] * x[39], vector_example, cache=cache)
    with pytest.warns(UserWarning, match=r"at n=40 is compiled from its graph: IndexError: .* out of range"):
        compiled = family(n=40)
    assert compiled([3.0] * 40)[0] == 9.0


def convolution(x, kernel):
    """Which is longer differs between sizes, and so do the loops of its gradient."""
    return sum(sum(x[i + j] * weight for j, weight in enumerate(kernel)) ** 2 for i in range(len(x) - len(kernel) + 1))


def logarithm(x):
    return sum(v * v for v in x) * math.log(len(x))


def half(x):
    return 2.0 * sum(x[: len(x) // 2])


def discounted(x):
    """Its constants are powers of another one."""
    return sum(0.9**place * v * v for place, v in enumerate(x))


_LINE = r"test_compile_sized\.py:\d+ "


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (triangle, rf"{_LINE}triangle, forward: the loops at n=\d+ and at n=\d+ differ in more than numbers"),
        (
            logarithm,
            rf"{_LINE}logarithm, forward: no rule gives the constant \d\.\d+ at n=\d+, .*\.\.\.: constants may be p/q",
        ),
        (half, rf"{_LINE}half, forward: no polynomial in the sizes is \d at n=\d+, \d at n=\d+, \d at n=\d+, \.\.\."),
        (
            discounted,
            rf"{_LINE}discounted, forward: no rule gives the constant 0\.9 at n=\d+, \[i\]=0, 0\.81 at .*an argument",
        ),
    ],
)
def test_why_a_function_has_no_loops(function: Callable[..., Any], reason: str, cache: Cache) -> None:
    """The line, the sizes, and numbers as people write them."""
    with pytest.raises(ValueError, match=rf"{function.__name__} has no loops over its sizes: {reason}"):
        _ = microgpt.compile_sized(function, vector_example, cache=cache).source


def test_why_a_convolution_has_no_loops(cache: Cache) -> None:
    """Its loops differ after one whose numbers have no polynomial; what differs is said, with the line."""
    family = microgpt.compile_sized(convolution, lambda more, taps: ([0.0] * (more + taps), [0.0] * taps), cache=cache)
    with pytest.raises(ValueError, match=rf"{_LINE}convolution, \w+: the loops at .* and at .* differ in more"):
        _ = family.source


def test_the_python_target_is_flat(cache: Cache) -> None:
    family = microgpt.compile_sized(chain, chain_example, target="python", cache=cache)
    compiled = family(n=6, depth=5)
    assert compiled.target == "python"
    arguments = random_like(list(chain_example(6, 5)), Random("python"))
    assert compiled(*arguments) == microgpt.compile_sized(chain, chain_example, cache=cache)(n=6, depth=5)(*arguments)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_traced(cache: Cache) -> None:
    family = microgpt.compile_sized(triangle, vector_example, cache=cache, memory_limit="50M")
    with pytest.warns(UserWarning, match="graph of about"), pytest.raises(MemoryError, match="operations takes about"):
        family(n=100_000)
    assert max(sizes["n"] for sizes in family.traced) < 100
    family = microgpt.compile_sized(perceptron, perceptron_example, cache=cache, memory_limit="50M")
    with pytest.raises(MemoryError, match=r"perceptron at inputs=4000, hidden=1000 takes about"):
        family(inputs=4000, hidden=1000)


def test_the_value_alone_and_results_as_large_as_the_sizes(cache: Cache) -> None:
    family = microgpt.compile_sized(
        product, lambda rows, columns: (matrix(rows, columns), [0.0] * columns), gradient=False, cache=cache
    )
    for rows, columns in ((6, 9), (17, 8)):
        arguments = random_like([matrix(rows, columns), [0.0] * columns], Random(rows))
        expected = [value.data for value in product(*([[Value(w) for w in row] for row in arguments[0]], arguments[1]))]
        assert family(rows=rows, columns=columns)(*arguments) == expected


def test_portable_numerics(cache: Cache) -> None:
    family = microgpt.compile_sized(cumulative, vector_example, numerics="portable", cache=cache)
    x = [0.1 * place for place in range(12)]
    assert family(n=12)(x) == microgpt.compile(cumulative, x, numerics="portable", target="python")(x)
    assert family(n=12).numerics.name == "portable"


SCALE = 2.0


def scaled(x):
    return sum(SCALE * v * v for v in x)


def test_what_it_reads_may_not_change(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = microgpt.compile_sized(scaled, vector_example, cache=cache)(n=7)
    assert compiled([1.0] * 7)[0] == 14.0
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    with pytest.raises(RuntimeError, match=r"SCALE is 3\.0 and was 2\.0"):
        compiled([1.0] * 7)


def test_it_is_pickled_by_name(cache: Cache) -> None:
    family = microgpt.compile_sized(perceptron, perceptron_example, cache=cache, wrt="weights")
    compiled = pickle.loads(pickle.dumps(family(inputs=6, hidden=7)))
    assert compiled.sizes == {"inputs": 6, "hidden": 7}
    arguments = random_like(list(perceptron_example(6, 7)), Random("pickled"))
    assert compiled(*arguments) == family(inputs=6, hidden=7)(*arguments)
    assert pickle.loads(pickle.dumps(family)).sizes == ("inputs", "hidden")


def test_what_there_is_to_see(cache: Cache, tmp_path: Path) -> None:
    family = microgpt.compile_sized(regression, regression_example, cache=cache, has_aux=True)
    compiled = family(features=6, count=8)
    assert isinstance(compiled, SizedFunction)
    assert "for i < count" in str(family.show())
    assert "fold add { k < features: mul(" in family.source
    assert "fold add { k < 6: mul(" in str(compiled.show("loops"))
    assert str(compiled.show()) == compiled.source.rstrip("\n") == compiled.path.read_text().rstrip("\n")
    assert "Made from the function regression at features=6, count=8" in compiled.source
    assert f"{compiled.operations:,}" in str(compiled.stats())
    assert "72 numbers of regression, all equal" in str(compiled.verify())
    assert "regression at features=6, count=8" in repr(compiled)
    assert "regression over features, count" in repr(family)
    words = r"regression at features=6, count=8 was compiled from loops, and {} needs a graph .* family\.flat"
    with pytest.raises(AttributeError, match=words.format("ir")):
        _ = compiled.ir
    for method in (compiled.graph, compiled.explore, compiled.passes, compiled.bench, compiled.first_nan):
        with pytest.raises(ValueError, match=words.format(method.__name__)):
            method()
    with pytest.raises(ValueError, match=words.format(r"show\('trace'\)")):
        compiled.show("trace")
    flat = family.flat(features=5, count=6)
    assert len(flat.ir) > 50
    assert "trace" in str(flat.passes())  # type: ignore[attr-defined]


def test_an_exported_function(cache: Cache, tmp_path: Path) -> None:
    skip_without_make()
    compiled = microgpt.compile_sized(perceptron, perceptron_example, cache=cache, wrt="weights")(inputs=6, hidden=9)
    files = compiled.export(tmp_path / "c", prefix="net")
    assert [path.name for path in files] == ["net.h", "net.c", "main.c", "Makefile"]
    assert "NET_AT_WEIGHTS 0 /* weights: 9 x 6 */" in files[0].read_text()
    subprocess.run(["make", "-s", "-C", tmp_path / "c"], check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "c" / "example"], check=True, capture_output=True, text=True).stdout
    trial = compiled._trial
    expected = compiled._executable.results(trial)
    for name, numbers in expected.items():
        for place, number in enumerate(numbers):
            line = next(line for line in printed.splitlines() if line.startswith(f"{name}[{place}] = "))
            assert float.fromhex(line.split()[2]) == number


def test_c_that_does_something_else_is_found(cache: Cache) -> None:
    """Whichever array has a wrong number at its end, some nest is not what memory holds."""
    compiled = microgpt.compile_sized(perceptron, perceptron_example, cache=cache)(inputs=30, hidden=20)
    space = compiled._executable.run_trial(compiled._trial)
    view = next(iter(space.inputs.values()))
    memory = memoryview(view.obj).cast("B").cast("d")
    program, layout = compiled._instance.program, compiled._instance.layout
    assert check_spots(program, layout, memory, ()) > 50
    written = {nest.body.array.name: nest.body.array for nest in program.nests}
    assert len(written) > 5
    for array in written.values():
        for place in (0, array.size - 1):
            at = layout.start(array) + place
            if array.space == "copy" and place:
                at = layout.start(array) + array.size - array.shape[1] + 29 % array.shape[1]  # rows are padded
                at = min(at, layout.start(array) + array.size - 1)
            before, memory[at] = memory[at], 1.0 + memory[at]
            if before == before:
                with pytest.raises(ProofError, match="its loops"):
                    check_spots(program, layout, memory, ())
            memory[at] = before


def test_a_wrong_kernel_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is the function compiled flat: it is not irregular."""
    original = Printer.kernel_text
    monkeypatch.setattr(Printer, "kernel_text", lambda *given: original(*given).replace("k < 31", "k < 30"))
    family = microgpt.compile_sized(perceptron, perceptron_example, cache=Cache.open(tmp_path))
    with pytest.raises(ProofError, match="its loops"):
        family(inputs=31, hidden=20)
    assert not [entry for entry in tmp_path.iterdir() if entry.is_dir() and entry.name.startswith("sized-")]


def test_a_wrong_number_of_any_kind(cache: Cache) -> None:
    family = microgpt.compile_sized(perceptron, perceptron_example, cache=cache)
    known = "the sizes of perceptron are inputs, hidden"
    with pytest.raises(TypeError, match=f"there is no size 'width'; {known}"):
        family(inputs=3, hidden=4, width=5)
    with pytest.raises(TypeError, match=f"missing hidden; {known}"):
        family(inputs=3)
    for call in (family, family.flat):
        with pytest.raises(TypeError, match=f"sizes are given by name, as in inputs=6, not 3; {known}"):
            call(3, 4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="hidden must be a whole number of at least 1, not 0"):
        family(inputs=3, hidden=0)
    with pytest.raises(TypeError, match=r"inputs must be a whole number .*, not 3\.5"):
        family(inputs=3.5, hidden=4)  # type: ignore[arg-type]
    compiled = family(inputs=6, hidden=7)
    with pytest.raises(TypeError, match=r"weights has 2 elements, 7 in the example"):
        compiled([[1.0] * 6] * 2, [0.0] * 7, [0.0] * 7, [0.0] * 6, 0.0)


def test_wrong_examples() -> None:
    with pytest.raises(
        ValueError, match=r"the example ignores the size depth: it is the same for depth=\d+ and depth="
    ):
        microgpt.compile_sized(scaled, lambda n, depth: [0.0] * n)
    with pytest.raises(TypeError, match="the example takes no size; give it one"):
        microgpt.compile_sized(scaled, lambda: [0.0])
    with pytest.raises(TypeError, match=r"the parameters of the example are sizes, with names; \*n is none"):
        microgpt.compile_sized(scaled, lambda *n: [0.0] * n[0])
    with pytest.raises(TypeError, match=r"rows is rows\(\.\.\.\), whose number no program depends on"):
        microgpt.compile_sized(lambda w, rows: w[0], lambda n: ([0.0] * n, microgpt.rows((1.0,))))
    with pytest.raises(ValueError, match="target must be 'auto', 'c' or 'python', not 'jax'"):
        microgpt.compile_sized(scaled, vector_example, target="jax")
    with pytest.raises(ValueError, match="functions over sizes have exact or portable numerics, not fast"):
        microgpt.compile_sized(scaled, vector_example, numerics="fast")
    with pytest.raises(TypeError, match="example must be"):
        microgpt.compile_sized(scaled, [0.0])  # type: ignore[arg-type]


def test_a_default_size(cache: Cache) -> None:
    family = microgpt.compile_sized(scaled, lambda n=6: [0.0] * n, cache=cache)
    assert family()([1.0] * 6)[0] == 12.0
    assert family() is family(n=6)


@pytest.mark.parametrize("count", range(1, 7))
def test_sample_sizes(count: int) -> None:
    table = sample_sizes(count)
    assert len(table.learned) == 8
    for row in (*table.learned, *table.proved):
        assert len(set(row)) == count
        assert min(row) >= LEAST
    assert not set(table.learned) & set(table.proved)
    assert LEAST in table.proved[0]
    assert min(table.proved[1]) > max(map(max, table.learned))
    columns = list(zip(*table.learned, strict=True))
    for place, column in enumerate(columns):
        assert len(set(column)) >= 4
        for other in columns[:place]:
            assert {a < b for a, b in zip(column, other, strict=True)} == {True, False}


def test_a_million_floats_are_one_node() -> None:
    from microgpt.runtime.executable.structure import structure_of

    found = structure_of(["w"], [matrix(3, 4)])
    assert isinstance(found, Structure)
    assert found.size == 12
    assert len({id(part) for part in found.nodes[0].parts[0].parts}) == 1  # type: ignore[union-attr]
