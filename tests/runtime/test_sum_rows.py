"""`microgpt.sum_rows` and `mean_rows` in compiled functions: loops over any number of rows, with the eager bits."""

from __future__ import annotations

import math
import pickle
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy
import pytest
from click.testing import CliRunner
from helpers import skip_without_compiler, skip_without_make

import microgpt
from microgpt import Value
from microgpt.runtime.executable.repeat import BLOCK
from microgpt.runtime.storage.cache import Cache
from microgpt.tools.cli import cli


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


@pytest.fixture(params=[pytest.param("c", marks=pytest.mark.slow), "python"])
def target(request: pytest.FixtureRequest) -> str:
    skip_without_compiler(request.param)
    return str(request.param)


RANDOM = Random(5)
PAIRS = [(RANDOM.gauss(0, 1), RANDOM.gauss(0, 1)) for _ in range(2 * BLOCK + 5)]
PAIR = microgpt.rows((0.5, 0.25))


def squared(weights: Any, x: Any, y: Any) -> Any:
    return (weights[0] * x + weights[1] - y) ** 2


def plain(weights: Any, data: Any) -> Any:
    return microgpt.sum_rows(squared, data, weights)


def between_programs(weights: Any, data: Any) -> Any:
    """Something is computed before the loop, shared scalars are repeated, and much happens behind it."""
    scaled = [microgpt.exp(weights[0]), weights[1] * weights[0]]
    total = microgpt.mean_rows(squared, data, scaled)
    return microgpt.log1p(total) * weights[1] + 0.1 * sum(w * w for w in weights) + total**0.5


def one_after_the_other(weights: Any, data: Any) -> Any:
    """The variance around a mean over the same rows."""
    mean = microgpt.mean_rows(lambda w, x, y: w * x + y, data, weights[0])
    return microgpt.mean_rows(lambda mean, w, x, y: (w * x + y - mean) ** 2, data, mean, weights[1]) + mean


def several(weights: Any, data: Any) -> Any:
    """Of one function: two results with gradient, a count, and what no gradient is wanted of."""

    def row(named: Any, power: int, x: Any, y: Any) -> Any:
        error = named["w"][0] * x + named["w"][1] - y
        size = microgpt.abs(error)
        return {"even": error**power, "odd": size * named["w"][1], "count": 1.0, "hits": microgpt.where(x > y, 1, 0)}

    found = microgpt.sum_rows(row, data, {"w": weights}, 2)
    return found["even"] * found["odd"] / found["count"] + found["hits"]


def branched(weights: Any, data: Any) -> Any:
    def row(weights: Any, x: Any, y: Any) -> Any:
        return microgpt.where(x > 0.0, weights[0] / x, weights[1] * microgpt.log(-x)) * y

    return microgpt.sum_rows(row, data, weights)


def of_rows_alone(weights: Any, data: Any) -> Any:
    return microgpt.sum_rows(lambda x, y: x / y, data) * weights[0] + weights[1]


def no_loop(weights: Any, data: Any) -> Any:
    return weights[0] * weights[1]


PROGRAMS = [plain, between_programs, one_after_the_other, several, branched, of_rows_alone, no_loop]


def eagerly(function: Any, numbers: list[float], rows: list[Any]) -> tuple[float, list[float]]:
    values = [Value(number) for number in numbers]
    result = function(values, [tuple(map(Value, row)) for row in rows])
    result.backward()
    return result.data, [value.grad for value in values]


@pytest.mark.parametrize("function", PROGRAMS)
def test_has_the_eager_bits(cache: Cache, target: str, function: Any) -> None:
    compiled = microgpt.compile(function, [0.5, -0.25], PAIR, wrt="weights", target=target, cache=cache)
    assert compiled.target == target
    for count in (1, BLOCK - 1, BLOCK, len(PAIRS)):
        numbers = [0.3 + count / 64, -0.7]
        assert compiled(numbers, PAIRS[:count]) == eagerly(function, numbers, PAIRS[:count])


def test_a_sum_that_does_not_depend_on_what_is_shared(cache: Cache, target: str) -> None:
    """It counts in the eager walk all the same, and zero times infinity is NaN."""

    def loss(weights: Any, data: Any) -> Any:
        product = weights[0] * weights[1]
        other = weights[0] * 3.0
        total = microgpt.sum_rows(lambda shared, x, y: x * y, data, product)
        return total * weights[1] + ((other * other + product * 5.0) + weights[0] * 7.0)

    compiled = microgpt.compile(loss, [0.5, -0.25], PAIR, wrt="weights", target=target, cache=cache)
    random = Random(3)
    for _ in range(20):
        numbers = [random.gauss(0, 1), random.gauss(0, 1)]
        assert compiled(numbers, PAIRS) == eagerly(loss, numbers, PAIRS)
    _, found = compiled([0.5, math.inf], PAIRS)
    _, wanted = eagerly(loss, [0.5, math.inf], PAIRS)
    assert [*map(math.isnan, found)] == [*map(math.isnan, wanted)]


def test_c_has_the_eager_bits(cache: Cache) -> None:
    skip_without_compiler()
    compiled = microgpt.compile(several, [0.5, -0.25], PAIR, wrt="weights", target="c", cache=cache)
    assert compiled([0.3, -0.7], PAIRS) == eagerly(several, [0.3, -0.7], PAIRS)


def test_the_gradient_is_that_of_a_loop_of_backward(cache: Cache, target: str) -> None:
    values = [Value(0.3), Value(-0.7)]
    total = 0.0
    for x, y in PAIRS:
        result = squared(values, Value(x), Value(y))
        result.backward()
        total += result.data
    compiled = microgpt.compile(plain, [0.0, 0.0], PAIR, target=target, cache=cache)
    assert compiled([0.3, -0.7], PAIRS) == (total, ([value.grad for value in values], None))


def test_aux_value_alone_and_data(cache: Cache, target: str) -> None:
    def row(weights: Any, rate: Any, point: Any, label: Any) -> Any:
        score = rate * sum(w * x for w, x in zip(weights, point, strict=True))
        chosen = microgpt.choose([score, -score], label) * microgpt.select(weights, label)
        return microgpt.softplus(-chosen), microgpt.where(chosen > 0.0, 1.0, 0.0)

    def loss(weights: Any, data: Any, rate: Any) -> Any:
        loss, right = microgpt.mean_rows(row, data, weights, rate)
        return loss, {"accuracy": right}

    example = ([0.5, -0.25], microgpt.rows(([1.0, 2.0], microgpt.index(2))), 1.5)
    rows = [([x, y], int(x > y)) for x, y in PAIRS]
    compiled = microgpt.compile(loss, *example, wrt="weights", has_aux=True, target=target, cache=cache)
    values, rate = [Value(0.3), Value(-0.7)], Value(1.25)
    expected, aux = loss(values, rows, rate)
    expected.backward()
    assert compiled([0.3, -0.7], rows, 1.25) == (
        (expected.data, {"accuracy": float(aux["accuracy"])}),
        [value.grad for value in values],
    )
    alone = microgpt.compile(loss, *example, gradient=False, target=target, cache=cache)
    assert alone([0.3, -0.7], rows, 1.25) == (expected.data, {"accuracy": float(aux["accuracy"])})
    assert len(alone._program.plans[0].one.graph) < len(compiled._program.plans[0].one.graph)
    in_rate = microgpt.compile(loss, *example, wrt=("rate",), has_aux=True, target=target, cache=cache)
    assert in_rate([0.3, -0.7], rows, 1.25) == ((expected.data, {"accuracy": float(aux["accuracy"])}),
                                                (rate.grad,))  # fmt: skip


def test_jacobian(cache: Cache, target: str) -> None:
    def sums(weights: Any, data: Any) -> Any:
        def row(weights: Any, x: Any, y: Any) -> Any:
            return [weights[0] * x, weights[1] * weights[0] * y]

        first, second = microgpt.sum_rows(row, data, weights)
        return [first * second, second + weights[0]]

    compiled = microgpt.jacobian(sums, [0.5, 0.5], PAIR, wrt="weights", value=True, target=target, cache=cache)
    rows = []
    for place in range(2):
        values = [Value(0.3), Value(-0.7)]
        results = sums(values, [tuple(map(Value, row)) for row in PAIRS])
        results[place].backward()
        rows.append([value.grad for value in values])
    assert compiled([0.3, -0.7], PAIRS) == ([result.data for result in results], rows)


def test_several_arguments_of_rows(cache: Cache, target: str) -> None:
    def loss(weight: Any, first: Any, second: Any) -> Any:
        total = microgpt.sum_rows(lambda w, x: w * x, first, weight)
        return total * microgpt.mean_rows(lambda w, x, y: w * x * y, second, weight)

    compiled = microgpt.compile(loss, 0.5, microgpt.rows(1.0), PAIR, wrt="weight", target=target, cache=cache)
    ones = [x for x, _ in PAIRS[:5]]
    weight = Value(0.3)
    result = loss(weight, [Value(x) for x in ones], [tuple(map(Value, row)) for row in PAIRS])
    result.backward()
    assert compiled(0.3, ones, PAIRS) == (result.data, weight.grad)
    assert compiled(0.3, compiled.read(ones, "first"), compiled.read(PAIRS, "second")) == (result.data, weight.grad)
    with pytest.raises(TypeError, match="first was read for rows of another structure"):
        compiled(0.3, compiled.read(PAIRS, "second"), PAIRS)
    with pytest.raises(ValueError, match="argument must be 'first' or 'second'"):
        compiled.read(PAIRS, "third")


@dataclass(frozen=True)
class Line:
    slope: Any
    offset: Any


def test_what_is_shared_may_be_nested(cache: Cache, target: str) -> None:
    def row(line: Line, flat: Any, word: str, x: Any, y: Any) -> Any:
        assert word == "word"
        return (line.slope * x + line.offset * flat[0] - y) ** 2

    def loss(slope: Any, offset: Any, data: Any) -> Any:
        return microgpt.sum_rows(row, data, Line(slope, offset), numpy.array([slope]), "word")

    compiled = microgpt.compile(loss, 1.0, 1.0, PAIR, target=target, cache=cache)
    values = [Value(0.3), Value(-0.7)]
    result = loss(*values, PAIRS)
    result.backward()
    assert compiled(0.3, -0.7, PAIRS) == (result.data, (*(value.grad for value in values), None))


def test_plain_numbers_stay_plain() -> None:
    assert microgpt.sum_rows(squared, [(1.0, 2.0), (3, 4)], [1.0, 0.5]) == 0.5
    assert microgpt.mean_rows(lambda x: [x, "name"], [1, 2]) == [1.5, "name"]


def test_rows_of_arrays_and_of_numpy(cache: Cache) -> None:
    def row(weights: Any, x: Any) -> Any:
        return sum(w * each for w, each in zip(weights, x, strict=True)) ** 2

    compiled = microgpt.compile(lambda w, data: microgpt.mean_rows(row, data, w), numpy.zeros(2),
                                microgpt.rows(numpy.zeros(2)), wrt=0, cache=cache)  # fmt: skip
    value, gradient = compiled(numpy.ones(2), numpy.array(PAIRS))
    assert isinstance(gradient, numpy.ndarray)
    assert value == pytest.approx(numpy.mean(numpy.array(PAIRS).sum(axis=1) ** 2))


def one_of_rows(weight: Any, data: Any) -> Any:
    return microgpt.sum_rows(lambda w, x: w * x, data, weight)


def test_pickling_and_threads(cache: Cache) -> None:
    compiled = microgpt.compile(one_of_rows, 1.0, microgpt.rows(1.0), wrt=0, cache=cache)
    again = pickle.loads(pickle.dumps(compiled))
    rows = compiled.read([1.0, 2.0])
    assert again(3.0, [1.0, 2.0]) == compiled(3.0, rows) == (9.0, 3.0)
    points = [k / 7 for k in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda x: compiled(x, rows), points)) == [compiled(x, rows) for x in points]


def test_captured_data_are_watched(cache: Cache) -> None:
    rates = [2.0]
    compiled = microgpt.compile(
        lambda w, data: microgpt.sum_rows(lambda w, x: rates[0] * w * x, data, w), 1.0, microgpt.rows(1.0),
        wrt=0, target="python", cache=cache,
    )  # fmt: skip
    assert compiled(1.0, [1.0, 2.0]) == (6.0, 6.0)
    rates[0] = 3.0
    with pytest.raises(RuntimeError, match=r"rates\[0\] is 3.0 and was 2.0"):
        compiled(1.0, [1.0, 2.0])


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda w, data: sum(w * x for x, y in data), "rows of data were looked at"),
        (lambda w, data: w * len(data), "write sum_rows"),
        (lambda w, data: w * data[0][0], "mean_rows"),
        (lambda w, data: microgpt.sum_rows(lambda x, y: w * x, data), "what it needs behind the rows"),
        (lambda w, data: microgpt.sum_rows(lambda x: x, data), r"sum_rows calls <lambda>\(x, argument1\)"),
        (lambda w, data: microgpt.sum_rows(lambda x, y: None, data), "returned no number"),
        (lambda w, data: microgpt.sum_rows(lambda w, x, y: w if w > x else y, data, w), "where"),
    ],
)  # fmt: skip
def test_refuses_at_the_users_line(cache: Cache, function: Any, words: str) -> None:
    with pytest.raises(microgpt.TraceError, match=words) as caught:
        microgpt.compile(function, 1.0, PAIR, cache=cache)
    assert str(caught.value).startswith("test_sum_rows.py:")


def test_counts_arguments(cache: Cache) -> None:
    compiled = microgpt.compile(lambda w, data: microgpt.sum_rows(squared, data, w), [1.0, 1.0], PAIR, cache=cache)
    for arguments in (([1.0, 1.0],), ([1.0, 1.0], PAIRS, 2.0)):
        for call in (compiled, compiled.first_nan):
            with pytest.raises(TypeError, match=rf"for 2 arguments \(w, data\), called with {len(arguments)}"):
                call(*arguments)


def test_refuses(cache: Cache) -> None:
    weight = Value(1.0)
    with pytest.raises(TypeError, match="uses a scalar that is not among its arguments"):
        microgpt.sum_rows(lambda x, y: weight * x, [tuple(map(Value, row)) for row in PAIRS])
    hidden = microgpt.exp(weight)
    with pytest.raises(TypeError, match="uses a scalar that is not among its arguments"):
        microgpt.sum_rows(lambda w, x, y: hidden * w * x, PAIRS, weight)
    with pytest.raises(ValueError, match="rows must have at least one row"):
        microgpt.sum_rows(squared, [], [1.0, 1.0])
    with pytest.raises(TypeError, match="rows must be a sequence"):
        microgpt.sum_rows(squared, 3.0, [1.0, 1.0])
    with pytest.raises(TypeError, match="wrt has data, but rows of data have no gradient"):
        microgpt.compile(plain, [0.5, 0.5], PAIR, wrt="data", cache=cache)
    with pytest.raises(TypeError, match="inside another argument"):
        microgpt.compile(plain, [0.5, 0.5], [PAIR], cache=cache)
    for second in (microgpt.hessian, microgpt.hvp):
        with pytest.raises(microgpt.TraceError, match="no second derivative"):
            second(plain, [0.5, 0.5], PAIR, wrt=0, cache=cache)
    compiled = microgpt.compile(plain, [0.5, 0.5], PAIR, target="python", cache=cache)
    with pytest.raises(TypeError, match=r"data\[1\]: y must be a number, not 'a'"):
        compiled([1.0, 1.0], [(1.0, 2.0), (1.0, "a")])
    with pytest.raises(ValueError, match="data must have at least one row"):
        compiled([1.0, 1.0], [])
    with pytest.raises(ValueError, match="takes no rows of data"):
        microgpt.compile(lambda x: x, 1.0, target="python", cache=cache).read([1.0])


def test_verify_bench_source_and_first_nan(cache: Cache, target: str) -> None:
    compiled = microgpt.compile(between_programs, [0.5, 0.25], PAIR, wrt="weights", target=target, cache=cache)
    assert "equal to the eager autograd's" in str(compiled.verify())
    assert "equal" in str(compiled.verify([0.3, 0.7], PAIRS))
    assert "the program alone" in str(compiled.bench(seconds=0.01))
    assert compiled.source == str(compiled.show()).rstrip("\n") + "\n" or target == "python"
    jacobian = microgpt.jacobian(lambda w, data: [plain(w, data), w[0]], [0.5, 0.5], PAIR, wrt=0, cache=cache)
    assert "equal to" in str(jacobian.verify())
    assert compiled.first_nan([0.3, 0.7], PAIRS) is None
    reciprocal = microgpt.compile(
        lambda w, data: microgpt.sum_rows(lambda w, x: w / x, data, w),
        1.0,
        microgpt.rows(1.0),
        target=target,
        cache=cache,
    )
    found = reciprocal.first_nan(2.0, [1.0, 0.0, 2.0])
    assert found is not None
    assert found.results == ("row 1 of data",)
    assert found.operation == "pow(0, -1)"
    assert found.line.startswith("test_sum_rows.py:")


def test_the_program_around_the_sums_and_the_functions_of_a_row_are_seen(cache: Cache, tmp_path: Any) -> None:
    compiled = microgpt.compile(between_programs, [0.5, 0.25], PAIR, wrt="weights", target="python", cache=cache)
    assert list(compiled.row_functions) == ["squared"]
    row = compiled.row_functions["squared"]
    assert repr(row) == "<microgpt.RowFunction squared, summed in between_programs>"
    for part, title, line in (
        (compiled, "Value and gradient of between_programs, around its sums over rows", "log1p %"),
        (row, "Results and derivatives of squared for a row, summed in between_programs", "initial[0,1]"),
    ):
        assert part.graph(level="model").picture.title == title
        assert line in str(part.show("dce"))
        assert str(part.show("loops")).startswith("program ")
        assert str(part.passes())
        assert str(part.stats(machine=False)).startswith(title)
        page = part.explore(tmp_path / "page.html")
        assert title in page.read_text("utf-8")
    for part in (compiled, row):
        with pytest.raises(ValueError, match="values are shown of a whole function without sums over rows"):
            part.graph(values=([0.5, 0.25], PAIRS))
    with pytest.raises(ValueError, match="between_programs has no function of a row called other; it sums squared"):
        compiled._subject.part("other")
    with pytest.raises(ValueError, match="dtype 'float' has no sums over rows"):
        compiled.export(tmp_path / "c", dtype="float")
    assert "<svg" in compiled._repr_html_() or not shutil.which("dot")


@pytest.mark.parametrize("plain_c", [False, True])
@pytest.mark.parametrize("function", [between_programs, several, no_loop])
def test_exported_c_takes_any_number_of_rows(cache: Cache, tmp_path: Any, function: Any, plain_c: bool) -> None:
    skip_without_make()
    compiled = microgpt.compile(function, [0.5, -0.25], PAIR, wrt="weights", target="python", cache=cache)
    compiled.export(tmp_path, prefix="mine", plain=plain_c)
    main = (tmp_path / "main.c").read_text()
    rows = re.search(r"static const double data\[\] = \{(.*?)\};", main, re.DOTALL)
    assert rows is not None
    texts = rows[1].replace(",", " ").split()
    floats = [float.fromhex(text) if "0x" in text else float(text) for text in texts]
    assert len(floats) == 2 * (BLOCK + 3)
    subprocess.run(["make", "-s", "WARNINGS=-Wall -Wextra -Werror"], cwd=tmp_path, check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "example"], check=True, capture_output=True, text=True).stdout
    found = [float.fromhex(line.split()[2]) for line in printed.splitlines()]
    value, gradient = compiled([0.5, -0.25], list(zip(floats[::2], floats[1::2], strict=True)))
    assert found == [value, *gradient]
    symbols = subprocess.run(["nm", "-g", "--defined-only", "mine.o"], cwd=tmp_path, check=True, capture_output=True)
    assert all(line.split()[-1].startswith(b"mine") for line in symbols.stdout.splitlines())


def test_the_command_line(tmp_path: Any) -> None:
    file = tmp_path / "rows_of_mine.py"
    file.write_text(
        "import microgpt\n"
        "def squared(w, x): return (w * x) ** 2\n"
        "def loss(w, data): return microgpt.mean_rows(squared, data, w)\n"
        "compiled = microgpt.compile(loss, 1.0, microgpt.rows(1.0), target='python')\n"
    )

    def run(*words: Any) -> Any:
        return CliRunner().invoke(cli, list(map(str, words)))

    assert "equal to the eager autograd's" in run("verify", f"{file}:compiled").stdout
    for name, input_of in ((f"{file}:compiled", "sums0"), (f"{file}:compiled:squared", "initial")):
        assert input_of in run("show", name, "--stage", "dce").stdout
        for words in (
            ["graph", "-o", tmp_path / "x.dot"],
            ["export", tmp_path / "c"],
            ["stats", "--no-machine"],
            ["passes"],
            ["explore", "-o", tmp_path / "x.html"],
        ):
            result = run(words[0], name, *words[1:])
            assert result.exit_code == 0, (words, result.output, result.exception)
    assert f"its functions of a row: {file}:compiled:squared" in run("passes", f"{file}:compiled").stderr
    assert "name the whole: " in run("verify", f"{file}:compiled:squared").output
    assert (
        "loss has no function of a row called cubed; it sums squared" in run("passes", f"{file}:compiled:cubed").output
    )


def test_rows_that_are_not_declared_are_told() -> None:
    def loss(weights: Any, rows: Any) -> Any:
        return microgpt.mean_rows(lambda x, part: x, weights, rows)

    with pytest.raises(
        microgpt.TraceError, match=r"test_sum_rows\.py:\d+: the second argument of mean_rows is no rows of data"
    ):
        microgpt.compile(loss, [0.5, -0.25], microgpt.rows(1.0), target="python")
