"""`microgpt.fit`: the bits of a plain loop of ``backward()``, on every target, for any number of rows."""

import math
from array import array
from collections import namedtuple
from random import Random

import numpy
import pytest
from helpers import skip_without_compiler

import microgpt
from microgpt import Optimizer, Value
from microgpt.runtime.fitting.order import Order
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.storage.cache import Cache


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


def perceptron(layers, point, label):
    """The margin of a perceptron with one hidden layer."""
    hidden, output = layers
    rows = zip(hidden["w"], hidden["b"], strict=True)
    values = [sum((w * x for w, x in zip(row, point, strict=True)), bias).tanh() for row, bias in rows]
    return (1 - label * sum(w * v for w, v in zip(output, values, strict=True))).relu()


def ridge(layers):
    hidden, output = layers
    return 0.01 * sum(w * w for w in [*(w for row in hidden["w"] for w in row), *output])


RANDOM = Random(1)
LAYERS = (
    {"w": [[RANDOM.uniform(-1, 1) for _ in range(2)] for _ in range(3)], "b": [0.0, 0.1, -0.1]},
    [RANDOM.uniform(-1, 1) for _ in range(3)],
)
POINTS = [([RANDOM.gauss(0, 1), RANDOM.gauss(0, 1)], float(RANDOM.choice([-1, 1]))) for _ in range(5)]


def recurrence(weights, inputs):
    """Uses both weights again and again: their gradients are sums within one example, too."""
    a, b = weights
    state = 0.1
    for x in inputs:
        state = (a * state + b * x).tanh()
    return (state - 0.3) ** 2


def classifier(weights, features, label):
    scores = [sum(w * x for w, x in zip(row, features, strict=True)) for row in weights]
    powers = [(score - microgpt.constant_maximum(scores)).exp() for score in scores]
    return -(microgpt.select(powers, label) / sum(powers)).log()


def bigram(table, before, after):
    row = microgpt.select(table, before)
    powers = [logit.exp() for logit in row]
    return -(microgpt.select(powers, after) / sum(powers)).log()


def nesterov(parameter, gradient, velocity, learning_rate):
    velocity = 0.9 * velocity + gradient
    return parameter - learning_rate * (gradient + 0.9 * velocity), velocity


def clipped(parameter, gradient):
    step = microgpt.maximum(microgpt.minimum(gradient, 0.5), -0.5)
    return parameter - 0.1 * step - 0.01 * step * step


def lagging(parameter, gradient, before, twin, still, rate):
    """Needs what its first result replaces until the end; a state is another's twin, an argument, and a constant."""
    return parameter - rate * before / (1 + before * before), gradient, gradient, still


NESTEROV = Optimizer(nesterov, {"velocity": 0.0}, {"learning_rate": lambda step: 0.1 / (1 + step)})
LAGGING = Optimizer(lagging, {"before": 1.0, "twin": 0.0, "still": 2.5}, {"rate": 0.05})
OPTIMIZERS = {
    "sgd": microgpt.sgd(0.1),
    "momentum": microgpt.momentum(lambda step: 0.1 - 0.01 * step),
    "adam": microgpt.adam(0.05),
    "nesterov": NESTEROV,
    "clipped": clipped,
    "lagging": LAGGING,
}


def same_as_eager(cache, target, *arguments, **options):
    found = microgpt.fit(*arguments, target=target, cache=cache, **options)
    expected = microgpt.fit(*arguments, target="eager", **options)
    assert found.target == target
    assert expected.target == "eager"
    assert found.losses == expected.losses
    assert repr(found.weights) == repr(expected.weights)
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_the_bits_of_the_eager_loop(cache, target, name):
    weights, examples = {"slope": 1.0, "offset": -0.5}, [(0.25 * x, 1.5 * x + 0.3) for x in range(5)]
    options = {"optimizer": OPTIMIZERS[name], "steps": 6, "penalty": lambda weights: weights["slope"] ** 2 * 0.01}
    found = same_as_eager(cache, target, line, weights, examples, **options)
    assert found.losses[-1] < found.losses[0]


@pytest.mark.parametrize(
    ("function", "weights", "examples", "options"),
    [
        (perceptron, LAYERS, POINTS, {"batch": 3}),
        (perceptron, LAYERS, POINTS, {"batch": 2, "shuffle": 7, "penalty": ridge}),
        (recurrence, [0.7, 0.9], [[0.1, -0.4, 0.9], [1.5, 0.2, -1.0], [0.3, 0.3, 0.3]], {}),
        (recurrence, [0.7, 0.9], [[0.1, -0.4, 0.9], [1.5, 0.2, -1.0]], {"batch": 1, "optimizer": microgpt.adam()}),
        (
            classifier,
            [[0.1, -0.2], [0.0, 0.3], [0.5, 0.5]],
            [([1.0, 2.0], 0), ([0.5, -1.0], 2), ([-1.0, 0.25], 1), ([2.0, 0.0], 2)],
            {"row": ([0.0, 0.0], microgpt.index(3)), "batch": 3},
        ),
        (
            bigram,
            [[0.1, -0.2, 0.3], [0.0, 0.3, -0.1], [0.5, 0.5, 0.2]],
            [(0, 1), (1, 2), (2, 0), (0, 1), (0, 2)],
            {"row": (microgpt.index(3), microgpt.index(3))},
        ),
        (lambda w, x: w, 1.5, [0.0, 0.0], {}),  # the result is a weight itself
        (lambda w, x: 0.5 * x, 1.5, [1.0, 2.0], {}),  # and none has a part in it
    ],
    ids=["batch", "shuffle", "recurrence", "stochastic", "labels", "labels alone", "a weight", "no weight"],
)
def test_every_kind_of_example_has_the_bits_of_the_eager_loop(cache, target, function, weights, examples, options):
    same_as_eager(cache, target, function, weights, examples, **{"optimizer": microgpt.sgd(0.1), "steps": 7, **options})


def test_is_what_one_writes_by_hand(cache, target):
    """The loop of micrograd's demo, without anything of `fit`."""
    found = microgpt.fit(
        perceptron, LAYERS, POINTS, optimizer=microgpt.sgd(0.1), steps=5, penalty=ridge, target=target, cache=cache
    )
    hidden, output = LAYERS
    layers = (
        {"w": [[Value(w) for w in row] for row in hidden["w"]], "b": [Value(b) for b in hidden["b"]]},
        [Value(w) for w in output],
    )
    parameters = [*(w for row in layers[0]["w"] for w in row), *layers[0]["b"], *layers[1]]
    losses = []
    for _ in range(5):
        for parameter in parameters:
            parameter.grad = 0.0
        total = 0.0
        for point, label in POINTS:
            loss = perceptron(layers, [Value(x) for x in point], Value(label))
            loss.backward()
            total += loss.data
        for parameter in parameters:
            parameter.grad /= len(POINTS)
        extra = ridge(layers)
        extra.backward()
        losses.append(total / len(POINTS) + extra.data)
        for parameter in parameters:
            parameter.data -= 0.1 * parameter.grad
    assert found.losses == losses
    (hidden, output) = found.weights
    assert [*(w for row in hidden["w"] for w in row), *hidden["b"], *output] == [p.data for p in parameters]


def test_gradients_go_on_where_the_last_example_left_them():
    """Adding up the gradient of each example first, and then these, gives other bits."""
    examples = [[0.1, -0.4, 0.9], [1.5, 0.2, -1.0], [0.3, 0.3, 0.3]]
    found = microgpt.fit(recurrence, [0.7, 0.9], examples, optimizer=microgpt.sgd(1.0), steps=1, target="eager")
    sums = [0.0, 0.0]
    for inputs in examples:
        weights = [Value(0.7), Value(0.9)]
        recurrence(weights, [Value(x) for x in inputs]).backward()
        sums = [total + weight.grad for total, weight in zip(sums, weights, strict=True)]
    assert found.weights != [weight - total / 3 for weight, total in zip([0.7, 0.9], sums, strict=True)]
    assert found.weights == pytest.approx([weight - total / 3 for weight, total in zip([0.7, 0.9], sums, strict=True)])


def test_one_program_for_any_number_of_rows(tmp_path, target):
    cache = Cache.open(tmp_path / "cache")
    options = {"optimizer": microgpt.sgd(0.1), "steps": 2, "target": target, "cache": cache}
    microgpt.fit(perceptron, LAYERS, POINTS[:1], **options)
    entries = sorted(cache.folder.iterdir())
    for count in (2, 5, 100):
        examples = (POINTS * 20)[:count]
        found = microgpt.fit(perceptron, LAYERS, examples, **options)
        expected = microgpt.fit(perceptron, LAYERS, examples, **{**options, "target": "eager"})
        assert (found.losses, found.weights) == (expected.losses, expected.weights)
    assert sorted(cache.folder.iterdir()) == entries


def line(weights, x, y):
    return (weights["slope"] * x + weights["offset"] - y) ** 2


Line = namedtuple("Line", ["slope", "offset"])


def test_weights_keep_their_structure(cache, target):
    def by_name(weights, x, y):
        return (weights.slope * x + weights.offset[0] - y) ** 2

    examples = [(x, 2 * x + 1) for x in (0.0, 1.0, 2.0)]
    options = {"optimizer": microgpt.sgd(0.1), "steps": 3, "target": target, "cache": cache}
    found = microgpt.fit(line, {"slope": 1, "name": "a line", "offset": 0.0}, examples, **options).weights
    assert list(found) == ["slope", "name", "offset"]
    assert found["name"] == "a line"
    named = microgpt.fit(by_name, Line(1.0, (0.0,)), examples, **options).weights
    assert named == Line(found["slope"], (found["offset"],))
    assert type(named) is Line


def test_arrays_of_numpy(cache, target):
    def linear(weights, features, label):
        return (sum(w * x for w, x in zip(weights, features, strict=True)) - label) ** 2

    generator = numpy.random.default_rng(0)
    inputs = generator.normal(size=(6, 3))
    labels = inputs @ numpy.array([1.0, -2.0, 0.5])
    options = {"optimizer": microgpt.sgd(0.1), "steps": 20, "target": target, "cache": cache}
    found = microgpt.fit(linear, numpy.zeros(3), zip(inputs, labels, strict=True), **options)
    assert isinstance(found.weights, numpy.ndarray)
    lists = microgpt.fit(
        linear, [0.0] * 3, [(list(x), float(y)) for x, y in zip(inputs, labels, strict=True)], **options
    )
    assert found.weights.tolist() == lists.weights
    whole = microgpt.fit(linear, array("d", [0.0] * 3), [(numpy.array([1, 2, 3]), 4), ([1.5, 2, 3], 5.5)], **options)
    assert isinstance(whole.weights, array)


def test_what_the_user_gave_stays_as_it_was(cache):
    weights = {"slope": 1.0, "offset": 0.0}
    microgpt.fit(line, weights, [(1.0, 2.0)], steps=2, cache=cache)
    assert weights == {"slope": 1.0, "offset": 0.0}


def test_steps_are_handed_out_in_order(cache, target):
    taken = []
    found = microgpt.fit(
        line, {"slope": 1.0, "offset": 0.0}, [(1.0, 2.0), (2.0, 3.0)], steps=40, batch=1, on_step=taken.append,
        optimizer=microgpt.sgd(lambda step: 0.1 / (1 + step)), target=target, cache=cache,
    )  # fmt: skip
    assert [step.number for step in taken] == list(range(1, 41))
    assert [step.loss for step in taken] == found.losses
    assert [step.constants for step in taken] == [{"learning_rate": 0.1 / (1 + step)} for step in range(40)]


def test_no_steps_are_no_steps(cache):
    found = microgpt.fit(line, {"slope": 1.0, "offset": 0.5}, [(1.0, 2.0)], steps=0, cache=cache)
    assert (found.weights, found.losses, found.steps) == ({"slope": 1.0, "offset": 0.5}, [], 0)


def test_a_pass_takes_every_row_once():
    plain, shuffled = Order(5, None), Order(5, 3)
    assert plain.span(3, 7).tolist() == [3, 4, 0, 1, 2, 3, 4]
    whole = shuffled.span(0, 15).tolist()
    passes = [whole[:5], whole[5:10], whole[10:]]
    assert all(sorted(each) == [0, 1, 2, 3, 4] for each in passes)
    assert passes[0] != passes[1] != passes[2]
    assert whole[4:11] == shuffled.span(4, 7).tolist()
    assert whole != Order(5, 4).span(0, 15).tolist()


def test_the_result_says_what_it_is(cache, target):
    found = microgpt.fit(line, {"slope": 1.0, "offset": 0.0}, [(1.0, 2.0)], steps=3, target=target, cache=cache)
    assert repr(found).startswith(f"<microgpt.Fit after 3 steps in {target}, loss ")
    assert found.steps == 3
    assert set(found.seconds) == {"compile", "run"}
    assert "Made from" in found.source
    assert "test_fit.py" in found.source


def test_without_a_compiler_it_is_python(cache, monkeypatch):
    def none(*_, **__):
        raise ToolchainError("no C compiler")

    monkeypatch.setattr("microgpt.runtime.fitting.c_engine.native_library", none)
    arguments = (line, {"slope": 1.0, "offset": 0.0}, [(1.0, 2.0)])
    assert microgpt.fit(*arguments, steps=1, cache=cache).target == "python"
    with pytest.raises(ToolchainError, match="no C compiler"):
        microgpt.fit(*arguments, steps=1, cache=cache, target="c")


def test_too_much_c_is_python(cache, monkeypatch, toolchain):
    monkeypatch.setattr("microgpt.runtime.fitting.fit.LONGEST", 10)
    fresh = {"slope": 1.0, "offset": 0.0, "other": 0.0}
    assert microgpt.fit(line, fresh, [(1.0, 2.0)], steps=1, cache=cache).target == "python"


def test_a_wrong_library_is_noticed(tmp_path, monkeypatch, toolchain):
    """The step that the witness takes differs from the graphs' if the driver adds up in another order."""
    from microgpt.compiler.errors import ProofError
    from microgpt.runtime.fitting import c_source

    right = c_source.plain_text
    assert "loss += m[EXAMPLE_LOSS];" in right("microgpt.runtime.fitting", "fit.c")
    monkeypatch.setattr(c_source, "plain_text", lambda *where: right(*where).replace("loss += m[EX", "loss = m[EX"))
    with pytest.raises(ProofError, match="a step gives"):
        microgpt.fit(perceptron, LAYERS, POINTS, steps=1, target="c", cache=Cache.open(tmp_path / "cache"))


def test_a_wrong_update_is_noticed(tmp_path, monkeypatch):
    from microgpt.compiler.errors import ProofError
    from microgpt.runtime.fitting import python_engine

    right = python_engine.compile_python_map
    monkeypatch.setattr(python_engine, "compile_python_map", lambda *a: right(*a).replace("0.9", "0.8"))
    cache = Cache.open(tmp_path / "cache")
    with pytest.raises(ProofError, match="the program of momentum gives"):
        microgpt.fit(line, {"slope": 1.0, "offset": 0.0}, [(1.0, 2.0)], optimizer=microgpt.momentum(), steps=1,
                     target="python", cache=cache)  # fmt: skip


def test_moons_are_learned(cache, target):
    """With a loss that anybody can check: all points end on their side."""
    random = Random(3)
    examples = []
    for number in range(20):
        angle, upper = math.pi * random.random(), number % 2
        point = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
        examples.append((list(point), 1 if upper else -1))
    found = microgpt.fit(
        perceptron, LAYERS, examples, optimizer=microgpt.adam(0.1), steps=300, target=target, cache=cache
    )
    assert found.losses[-1] < 0.25 * found.losses[0]


@pytest.mark.parametrize("target", ["c", "python", "eager"])
def test_what_differs_each_time_is_refused(target, cache):
    skip_without_compiler(target)
    drawn = iter(range(1, 1000))

    def loss(weight, x):
        return (weight * x - next(drawn)) ** 2

    with pytest.raises(microgpt.TraceError, match="computes something else each time it is traced"):
        microgpt.fit(loss, 0.5, [1.0, 2.0], steps=2, target=target, cache=cache)


def test_what_is_in_the_cache_is_recorded_once(cache):
    skip_without_compiler()
    calls = []

    def loss(weight, x):
        calls.append(weight)
        return (weight * x - 17.25) ** 2

    counts = []
    for _ in range(2):
        calls.clear()
        microgpt.fit(loss, 0.5, [1.0, 2.0], steps=2, target="c", cache=cache)
        counts.append(len(calls))
    assert counts == [2, 1]
