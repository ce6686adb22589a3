"""`microgpt.compile`: a user's functions, in the shape of their arguments, with the bits of `Value`."""

import _ctypes
import copy
import inspect
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import microgpt
from microgpt import Value
from microgpt.runtime.executable import executable
from microgpt.runtime.executable.executable import compile_executable
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.storage.cache import Cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache.open(tmp_path / "cache")


def compiled(cache, function, *example, target="python"):
    return microgpt.compile(function, *example, cache=cache, target=target)


def cross_entropy(weights, inputs, label):
    scores = [sum(w * x for w, x in zip(row, inputs, strict=True)) for row in weights]
    highest = microgpt.constant_maximum(scores)
    powers = [(score - highest).exp() for score in scores]
    return -(microgpt.select(powers, label) / sum(powers)).log()


WEIGHTS = [[0.1, 0.2], [0.3, -0.4], [1.0, 2.0]]


@pytest.mark.parametrize("label", [0, 1, 2])
def test_equals_value_bit_for_bit(cache, label, target):
    function = compiled(cache, cross_entropy, WEIGHTS, [1.0, 2.0], microgpt.index(3), target=target)
    assert function.target == target
    value, (d_weights, d_inputs, d_label) = function(WEIGHTS, [0.5, -1.5], label)

    weights = [[Value(w) for w in row] for row in WEIGHTS]
    inputs = [Value(0.5), Value(-1.5)]
    loss = cross_entropy(weights, inputs, label)
    loss.backward()
    assert value == loss.data
    assert d_weights == [[w.grad for w in row] for row in weights]
    assert d_inputs == [x.grad for x in inputs]
    assert d_label is None


class Point(NamedTuple):
    x: float
    y: float


def test_arguments_keep_their_shape(cache):
    def function(tree, times):
        return (tree["a"][0] * tree["point"].y - tree["point"].x) * times

    tree = {"a": (2.0, 5.0), "point": Point(1.0, 3.0), "note": "kept"}
    value, (d_tree, d_times) = compiled(cache, function, tree, 4)(tree, 4)
    assert value == 20.0
    assert d_tree == {"a": (12.0, 0.0), "point": Point(-4.0, 8.0), "note": None}
    assert d_times is None


def test_one_argument_gives_its_gradient_alone(cache):
    assert compiled(cache, lambda x: x * x, 1.0)(3.0) == (9.0, 6.0)


def test_a_constant_function_has_no_gradient(cache):
    assert compiled(cache, lambda x: 7.0, 1.0)(3.0) == (7.0, 0.0)


def test_a_second_compilation_loads_the_first(cache, monkeypatch):
    first = compiled(cache, cross_entropy, WEIGHTS, [1.0, 2.0], microgpt.index(3))
    monkeypatch.setattr("microgpt.runtime.executable.executable.compile_python", None)
    second = compiled(cache, cross_entropy, WEIGHTS, [1.0, 2.0], microgpt.index(3))
    assert second.path == first.path
    assert second(WEIGHTS, [1.0, 2.0], 0) == first(WEIGHTS, [1.0, 2.0], 0)
    assert "def run(parameters, index0):" in second.source


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((WEIGHTS, [1.0, 2.0], 3), IndexError, "label is 3, but must be from 0 to 2"),
        ((WEIGHTS, [1.0, 2.0], -1), IndexError, "label is -1"),
        ((WEIGHTS, [1.0, 2.0], 0.5), TypeError, "label must be a whole number"),
        ((WEIGHTS, [1.0, "x"], 0), TypeError, r"inputs\[1\] must be a number, not 'x'"),
        ((WEIGHTS, [1.0], 0), TypeError, "inputs has 1 element, 2 in the example"),
        ((WEIGHTS, {"a": 1.0, "b": 2.0}, 0), TypeError, "inputs must be a sequence of 2 elements"),
        ((WEIGHTS,), TypeError, r"compiled for 3 arguments \(weights, inputs, label\), called with 1"),
    ],
)
def test_arguments_unlike_the_example(cache, arguments, error, message):
    function = compiled(cache, cross_entropy, WEIGHTS, [1.0, 2.0], microgpt.index(3))
    with pytest.raises(error, match=message):
        function(*arguments)


def squares(xs):
    return sum(x * x for x in xs)


@pytest.mark.parametrize("brief", [0, 10_000])
def test_threads_do_not_share_memory(cache, target, brief, monkeypatch):
    """Whether programs keep Python's lock or not."""
    monkeypatch.setattr(executable, "_BRIEF", brief)
    function = compiled(cache, squares, [0.0] * 500, target=target)

    def run(seed: int) -> bool:
        xs = [float(seed)] * 500
        return all(function(xs) == (500.0 * seed * seed, [2.0 * seed] * 500) for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(8)))


def test_brief_programs_keep_pythons_lock(cache, monkeypatch, toolchain):
    """Giving it away, and taking it back, would take longer than they run."""

    def keeps_it() -> bool:
        run = compiled(cache, squares, [0.0] * 500, target="c")._executable.workspace().run
        return bool(run.func._flags_ & _ctypes.FUNCFLAG_PYTHONAPI)

    assert keeps_it()
    monkeypatch.setattr(executable, "_BRIEF", 500)
    assert not keeps_it()


def test_a_call_enters_one_function_and_its_check(cache, toolchain):
    """Entering another takes as long as a hundred operations."""
    function = compiled(cache, lambda x, y: x - 2.0 * y, 0.0, 0.0, target="c")
    function(3.0, 1.0)
    entered = []
    sys.setprofile(lambda frame, event, _: entered.append(frame.f_code.co_name) if event == "call" else None)
    try:
        function(3.0, 1.0)
    finally:
        sys.setprofile(None)
    assert entered == ["call", "check"]


def test_the_signature_of_a_compiled_function(cache):
    assert str(inspect.signature(compiled(cache, squares, [1.0]))) == "(*arguments, **named)"


def test_auto_is_python_where_there_is_no_compiler(cache, monkeypatch):
    def fail():
        raise ToolchainError("there is no C compiler")

    monkeypatch.setattr("microgpt.runtime.machine.find_toolchain.find_toolchain", fail)
    assert compiled(cache, squares, [1.0, 2.0], target="auto").target == "python"
    with pytest.raises(ToolchainError, match="no C compiler"):
        compiled(cache, squares, [1.0, 2.0], target="c")


def test_auto_is_python_where_c_would_take_too_long(cache, monkeypatch):
    graph = compiled(cache, squares, [1.0, 2.0]).ir
    monkeypatch.setattr("microgpt.runtime.executable.executable.LONGEST", 0)
    assert compile_executable(graph, "auto", cache).target == "python"


def test_targets_have_names(cache):
    with pytest.raises(ValueError, match="target must be 'auto', 'c', 'python' or 'jax', not 'C'; did you mean 'c'"):
        compiled(cache, squares, [1.0], target="C")
    with pytest.raises(TypeError, match="function must be callable, not 3"):
        compiled(cache, 3, 1.0)


def test_functions_on_one_line_of_two_files_do_not_collide(cache, target):
    """Two cells of a notebook are files whose lines have the same numbers."""
    inner, outer = {}, {}
    exec(compile("def f(x): return [(v * v).exp() for v in x]", "<cell 1>", "exec"), inner)
    exec(compile("def f(x): return sum([(v * 2.0).exp() for v in x])", "<cell 2>", "exec"), outer)

    def both(x):
        return sum(inner["f"](x)) * outer["f"](x)

    values = [Value(0.5), Value(-0.25)]
    result = both(values)
    result.backward()
    function = compiled(cache, both, [0.5, -0.25], target=target)
    assert function([0.5, -0.25]) == (result.data, [value.grad for value in values])


def test_whole_numbers_are_fixed(cache):
    function = compiled(cache, lambda x, n: x * n, 1.0, 3)
    with pytest.raises(TypeError, match="n was 3 in the example and is fixed, so it cannot be 4 now; a number that"):
        function(2.0, 4)


def test_an_example_without_floats(cache):
    with pytest.raises(TypeError, match=r"write 1\.0, not 1"):
        compiled(cache, lambda x: x, 1)


def test_index_wants_a_positive_limit():
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1, not 0"):
        microgpt.index(0)


def test_a_function_that_changes(cache):
    calls = []

    def function(x):
        calls.append(x)
        return x * len(calls)

    with pytest.raises(microgpt.TraceError, match=r"operation 1 is const 1\.0 at first and const 2\.0 then"):
        compiled(cache, function, 1.0)


def test_an_order_that_no_program_can_follow(cache):
    def function(xs, choice):
        powers = [x.exp() for x in xs]
        return microgpt.select(powers, choice).log() + sum(power * power for power in powers)

    with pytest.raises(microgpt.CompileError, match=r"test_function\.py:\d+ .*let the term with select\(\) come after"):
        compiled(cache, function, [1.0, 2.0, 3.0], microgpt.index(3))


def test_the_public_names_are_there():
    for name in microgpt.__all__:
        assert getattr(microgpt, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = microgpt.nonsense


def test_a_call_that_fails_leaves_nothing_behind(cache, target):
    compiled = microgpt.compile(lambda rows: sum(a * b for a, b in rows), [[1.0, 2.0]] * 3, target=target, cache=cache)
    good = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    expected = compiled(good)
    with pytest.raises(TypeError, match=r"rows\[1\]\[1\] must be a number"):
        compiled([[9.0, 9.0], [9.0, "9"], [9.0, 9.0]])
    assert compiled(good) == expected


def test_a_compiled_function_is_no_part_of_another(cache):
    square = microgpt.compile(lambda x: x * x, 3.0, cache=cache)
    with pytest.raises(microgpt.TraceError, match=r"test_function\.py:\d+: .* is compiled and takes no traced values"):
        microgpt.compile(lambda x: square(x)[0] + x, 3.0, cache=cache)


def test_a_compiled_function_is_copied_as_itself(cache):
    compiled = microgpt.compile(lambda x: x * x, 3.0, cache=cache)
    assert copy.copy(compiled) is copy.deepcopy(compiled) is compiled


def test_an_example_is_needed():
    with pytest.raises(TypeError, match="there is no example to compile for"):
        microgpt.compile(lambda x: x * x)


def test_arguments_may_be_named():
    compiled = microgpt.compile(lambda x, y: x - 2.0 * y, 0.0, 0.0, target="python")
    assert compiled(3.0, y=1.0) == compiled(y=1.0, x=3.0) == compiled(3.0, 1.0)
    for given, problem in (
        ({"z": 1.0}, "has no argument z; it was compiled for x, y"),
        ({"x": 1.0}, "is given x twice"),
        ({}, "compiled for 2 arguments"),
    ):
        with pytest.raises(TypeError, match=problem):
            compiled(3.0, **given)
    with pytest.raises(TypeError, match="needs x; it was compiled for x, y"):
        compiled(y=1.0)
