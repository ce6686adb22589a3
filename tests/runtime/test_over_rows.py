"""`microgpt.mean_over_rows`: value and gradient over any number of rows, with the bits of a loop of ``backward()``."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy
import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt import Value
from microgpt.runtime.executable.repeat import BLOCK
from microgpt.runtime.storage.cache import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=["c", "python"])
def target(request) -> str:
    skip_without_compiler(request.param)
    return request.param


def logistic(weights, features, label):
    """Of labels 1 and -1, with the weights used twice."""
    score = sum(w * x for w, x in zip(weights["w"], features, strict=True)) + weights["b"]
    return microgpt.softplus(-label * score) + 0.001 * score * score


def ridge(weights):
    return 0.1 * sum(w * w for w in weights["w"])


WEIGHTS = {"w": [0.5, -0.25], "b": 0.1}
RANDOM = Random(5)
ROWS = [([RANDOM.gauss(0, 1), RANDOM.gauss(0, 1)], RANDOM.choice([-1, 1])) for _ in range(40)]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 32, 40])
def test_is_the_loop_over_rows(cache, target, count):
    function = microgpt.mean_over_rows(logistic, WEIGHTS, ROWS[0], penalty=ridge, target=target, cache=cache)
    assert function.target == target
    weights = {"w": [Value(w) for w in WEIGHTS["w"]], "b": Value(WEIGHTS["b"])}
    flat = [*weights["w"], weights["b"]]
    total = 0.0
    for features, label in ROWS[:count]:
        loss = logistic(weights, [Value(x) for x in features], Value(label))
        loss.backward()
        total += loss.data
    for weight in flat:
        weight.grad /= count
    extra = ridge(weights)
    extra.backward()
    value, gradient = function(WEIGHTS, ROWS[:count])
    assert value == total / count + extra.data
    assert gradient == {"w": [w.grad for w in weights["w"]], "b": weights["b"].grad}
    assert function(WEIGHTS, function.read(ROWS[:count])) == (value, gradient)


def eagerly(loss, weights, rows):
    """What `mean_rows` gives on the eager autograd."""
    flat = []

    def valued(tree):
        if isinstance(tree, list):
            return [valued(part) for part in tree]
        flat.append(Value(tree))
        return flat[-1]

    def graded(tree):
        return [graded(part) for part in tree] if isinstance(tree, list) else tree.grad

    values = valued(weights)
    result = microgpt.mean_rows(loss, rows, values)
    if isinstance(result, Value):
        result.backward()
    return (result.data if isinstance(result, Value) else float(result)), graded(values)


def test_one_program_serves_all_calls(cache, target):
    function = microgpt.mean_over_rows(logistic, WEIGHTS, ROWS[0], target=target, cache=cache)
    ones = [function(WEIGHTS, [row])[0] for row in ROWS]
    assert function(WEIGHTS, ROWS)[0] == pytest.approx(sum(ones) / len(ones))
    assert function({"w": [0.0, 0.0], "b": 0.0}, ROWS)[0] == pytest.approx(numpy.log(2))


def bigram(table, before, after):
    """Rows of whole numbers alone; the table is chosen from, and read as a whole."""
    scores = microgpt.select(table, before)
    total = sum(microgpt.exp(score) for score in scores)
    return microgpt.log(total) - microgpt.select(scores, after) + 0.01 * table[0][0] * table[0][0]


def branched(weights, x, place):
    """Its branches hand gradients to the weights in some rows, and not in others."""
    return microgpt.where(x > 0.0, weights[0] * x, weights[1] / x) * microgpt.choose(
        [weights[0], weights[1] * x], place
    )


def the_weight_itself(weights, x):
    return weights[0]


def constant(weights, x):
    return 2.5


@pytest.mark.parametrize(
    ("loss", "weights", "row", "rows"),
    [
        (
            bigram,
            [[0.1, 0.2, 0.3]] * 3,
            (microgpt.index(3), microgpt.index(3)),
            [(i % 3, i * i % 3) for i in range(37)],
        ),
        (branched, [0.5, -2.0], (1.0, microgpt.index(2)), [((-0.9) ** i, i % 2) for i in range(35)]),
        (the_weight_itself, [0.3, 0.7], 1.0, [float(i) for i in range(35)]),
        (constant, [0.3, 0.7], 1.0, [float(i) for i in range(35)]),
    ],
    ids=["whole numbers", "branches", "weight", "constant"],
)
def test_blocks_of_examples_have_the_bits_of_single_ones(cache, loss, weights, row, rows):
    skip_without_compiler()
    compiled, plain = (
        microgpt.mean_over_rows(loss, weights, row, target=target, cache=cache) for target in ("c", "python")
    )
    assert compiled(weights, rows) == plain(weights, rows)
    assert plain(weights, rows) == eagerly(loss, weights, rows)
    assert "block0(m + " in compiled.source


def test_a_large_program_is_not_repeated(cache):
    skip_without_compiler()

    def long(weights, x):
        for _ in range(BLOCK * 100):
            x = x * weights[0] + weights[1]
        return x

    compiled = microgpt.mean_over_rows(long, [0.5, 0.25], 1.0, target="c", cache=cache)
    rows = [i / 8 for i in range(BLOCK + 1)]
    assert compiled([0.5, 0.25], rows) == eagerly(long, [0.5, 0.25], rows)
    assert "block0(m + " not in compiled.source


def test_minimize_takes_it(cache):
    optimize = pytest.importorskip("scipy.optimize")

    def squared(weights, x, y):
        return (weights[0] * x + weights[1] - y) ** 2

    function = microgpt.mean_over_rows(squared, numpy.zeros(2), (1.0, 1.0), cache=cache)
    rows = function.read((x / 4, 3 * x / 4 - 2) for x in range(20))
    found = optimize.minimize(function, numpy.zeros(2), args=(rows,), jac=True)
    assert found.x == pytest.approx([3.0, -2.0], abs=1e-5)


def test_threads_wait_for_one_another(cache):
    function = microgpt.mean_over_rows(logistic, WEIGHTS, ROWS[0], cache=cache)
    rows = function.read(ROWS)
    points = [{"w": [k / 10, -k / 5], "b": k / 3} for k in range(20)]
    expected = [function(point, rows) for point in points]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda point: function(point, rows), points)) == expected


def test_refuses(cache):
    function = microgpt.mean_over_rows(logistic, WEIGHTS, ROWS[0], target="python", cache=cache)
    with pytest.raises(ValueError, match="rows must have at least one row"):
        function(WEIGHTS, [])
    with pytest.raises(TypeError, match=r"rows\[1\]: label must be a number, not 'a'"):
        function(WEIGHTS, [([1.0, 2.0], 1.0), ([1.0, 2.0], "a")])
    with pytest.raises(TypeError, match="weights has no key 'b'"):
        function({"w": [1.0, 2.0]}, ROWS)
    with pytest.raises(ValueError, match="target must be"):
        microgpt.mean_over_rows(logistic, WEIGHTS, ROWS[0], target="d")
    with pytest.raises(microgpt.TraceError, match=r"mean_rows calls logistic\(weights, features, label, argument3\)"):
        microgpt.mean_over_rows(logistic, WEIGHTS, (1.0, 2.0, 3.0))
