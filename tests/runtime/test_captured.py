"""What a function reads beside its arguments: a call after it has changed is an error, and any other is none."""

from __future__ import annotations

import builtins
import functools
import math
import sys
import types
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgpt
from microgpt.compiler.errors import InternalError
from microgpt.runtime.executable.captured import Captured
from microgpt.runtime.storage.cache import Cache

pytestmark = pytest.mark.usefixtures("python_alone")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("captured"))


def compiled(cache: Cache, function: Callable[..., Any]) -> microgpt.CompiledFunction:
    result = microgpt.compile(function, 1.0, target="python", cache=cache)
    result(1.0)
    return result


RATES = [2.0, [3.0]]
SCALE = 2.0


def helper(x: Any, offsets: Any = {"a": [1.0]}, *, extra: Any = [0.5]) -> Any:  # noqa: B006
    return offsets["a"][0] * x + extra[0]


@dataclass
class Layer:
    weights: list[float] = field(default_factory=lambda: [1.0, 2.0])
    seen: list[float] = field(default_factory=list)
    rate = 0.5

    @property
    def doubled(self) -> float:
        return 2.0 * self.weights[1]

    def __call__(self, x: Any) -> Any:
        self.seen.append(1.0)
        return self.weights[0] * x * self.rate + self.doubled


class Slotted:
    __slots__ = ("rate",)

    def __init__(self) -> None:
        self.rate = 1.0


def set_global(name: str, value: Any) -> Callable[[], None]:
    return lambda: globals().__setitem__(name, value)


def cases() -> dict[str, tuple[Callable[[Any], Any], Callable[[], Any], str]]:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    table = {"a": {"b": 1.0}}
    numbers, doubles, view = np.arange(3.0), array("d", [1.0, 2.0]), bytearray(b"ab")
    queue, chosen, pair = deque([1.0, 2.0]), {1.0}, (1.0, [2.0])
    layers, slotted, space = [Layer(), Layer()], Slotted(), types.SimpleNamespace(rate=1.0)
    bound, called, partly = Layer(), Layer(), functools.partial(lambda factors, x: factors[0] * x, [2.0])
    depth = 1.0

    def set_depth() -> None:
        nonlocal depth
        depth = 2.0

    return {
        "element": (lambda x: rows[1][0] * x, lambda: rows[1].__setitem__(0, 9.0), "rows[1][0] is 9.0 and was 3.0"),
        "length": (lambda x: sum(doubles) * x, lambda: doubles.append(1.0), "doubles is not what it was when"),
        "append": (lambda x: x * sum(r[0] for r in rows), lambda: rows.append([1.0]), "rows has 3 elements and had 2"),
        "dict": (lambda x: table["a"]["b"] * x, lambda: table["a"].update(b=2.0), "table['a']['b'] is 2.0 and was 1.0"),
        "array": (lambda x: numbers[1] * x, lambda: numbers.__setitem__(1, 5.0), "numbers is not what it was when"),
        "bytes": (lambda x: view[0] * x, lambda: view.__setitem__(0, 5), "view is not what it was when"),
        "deque": (lambda x: queue[0] * x, lambda: queue.appendleft(5.0), "queue has 3 elements and had 2 when"),
        "set": (lambda x: sum(chosen) * x, lambda: chosen.add(2.0), "chosen is not what it was when"),
        "tuple": (lambda x: pair[1][0] * x, lambda: pair[1].__setitem__(0, 5.0), "pair[1][0] is 5.0 and was 2.0"),
        "binding": (lambda x: depth * x, set_depth, "depth is 2.0 and was 1.0 when"),
        "global": (lambda x: RATES[1][0] * x, lambda: RATES[1].__setitem__(0, 4.0), "RATES[1][0] is 4.0 and was 3.0"),
        "global binding": (lambda x: SCALE * x, set_global("SCALE", 3.0), "SCALE is 3.0 and was 2.0 when"),
        "global gone": (lambda x: GONE * x, lambda: globals().pop("GONE"), "not all that "),  # noqa: F821
        "default": (helper, lambda: helper.__defaults__[0].update(a=[2.0]), "offsets['a'][0] is 2.0"),
        "keyword": (helper, lambda: helper.__kwdefaults__["extra"].__setitem__(0, 2.0), "extra[0] is 2.0"),
        "self": (bound.__call__, lambda: bound.weights.__setitem__(0, 5.0), "self.weights[0] is 5.0 and was 1.0"),
        "callable": (called, lambda: called.weights.__setitem__(1, 5.0), ".weights[1] is 5.0 and was 2.0"),
        "class attribute": (layers[1], lambda: setattr(layers[1], "rate", 5.0), ".rate is 5.0 and was 0.5"),
        "object in a list": (
            lambda x: sum(layer(x) for layer in layers), layers[0].weights.clear, "weights has 0 elements"
        ),
        "slots": (lambda x: slotted.rate * x, lambda: setattr(slotted, "rate", 2.0), "slotted.rate is 2.0 and was 1.0"),
        "namespace": (lambda x: space.rate * x, lambda: setattr(space, "rate", 2.0), "space.rate is 2.0 and was 1.0"),
        "partial": (partly, lambda: partly.args[0].__setitem__(0, 3.0), ".args[0][0] is 3.0 and was 2.0 when"),
    }  # fmt: skip


@pytest.mark.parametrize("case", list(cases()))
def test_a_change_is_an_error(case: str, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "RATES", [2.0, [3.0]])
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    monkeypatch.setitem(globals(), "GONE", 2.0)
    monkeypatch.setattr(helper, "__defaults__", ({"a": [1.0]},))
    monkeypatch.setattr(helper, "__kwdefaults__", {"extra": [0.5]})
    function, change, words = cases()[case]
    result = compiled(cache, function)
    change()
    with pytest.raises(RuntimeError) as caught:
        result(1.0)
    assert words in str(caught.value)
    assert "pass what changes as an argument, or compile again" in str(caught.value)


def test_a_module_of_the_users(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("settings_of_mine.py").write_text(
        "rates = [2.0]\nother = 1.0\ndef scaled(x): return rates[0] * x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import settings_of_mine as settings  # type: ignore[import-not-found]

    monkeypatch.setitem(sys.modules, "settings_of_mine", settings)  # taken out again
    result = compiled(cache, settings.scaled)
    settings.other = 5.0
    assert result(1.0)[0] == 2.0
    settings.rates[0] = 3.0
    with pytest.raises(RuntimeError, match=r"rates\[0\] is 3.0 and was 2.0"):
        result(1.0)


def test_a_global_of_a_name_that_the_check_has_itself(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "microgpt_0", 2.0)
    monkeypatch.setitem(globals(), "microgpt_before", 2.0)
    result = compiled(cache, lambda x: microgpt_0 * x + microgpt_before)  # noqa: F821
    monkeypatch.setitem(globals(), "microgpt_0", 3.0)
    with pytest.raises(RuntimeError, match=r"microgpt_0 is 3.0 and was 2.0"):
        result(1.0)


def test_a_built_in_function_that_is_replaced(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everywhere, or in the function's module."""
    for places in (vars(builtins), globals()):
        result = compiled(cache, lambda x: divmod(5, 2)[0] * x)
        with monkeypatch.context() as patch:
            patch.setitem(places, "divmod", lambda a, b: (7, 0))
            with pytest.raises(RuntimeError, match="divmod is not what it was when"):
                result(1.0)
        assert result(1.0) == (2.0, 2.0)


def test_what_is_put_back_is_no_change(cache: Cache) -> None:
    rows = [1.0, math.nan]
    result = compiled(cache, lambda x: x * rows[0] + 0.0 * rows[1])
    rows[0] = 2.0
    with pytest.raises(RuntimeError):
        result(1.0)
    rows[0] = 1.0
    result(1.0)


def test_what_does_not_matter_is_no_error(cache: Cache) -> None:
    """A list that is only written to, and an element that nobody reads: the function is traced again, once."""
    seen, rows, calls = [], [1.0, 2.0], []

    def loss(x: Any) -> Any:
        calls.append(1.0)
        seen.append("called")
        return rows[0] * x

    result = compiled(cache, loss)
    seen.append("by somebody else")
    rows[1] = 7.0
    before = len(calls)
    assert result(3.0) == (3.0, 1.0)
    traced = len(calls) - before
    assert traced == 1
    assert result(3.0) == (3.0, 1.0)
    assert len(calls) == before + traced
    rows[0] = 5.0
    with pytest.raises(RuntimeError, match=r"rows\[0\] is 5.0 and was 1.0"):
        result(3.0)


def test_a_function_that_fails_after_the_change(cache: Cache) -> None:
    rows = [1.0]
    result = compiled(cache, lambda x: rows[0] * x)
    rows.clear()
    with pytest.raises(RuntimeError, match="rows has 0 elements and had 1"):
        result(1.0)


def test_a_list_that_contains_itself(cache: Cache) -> None:
    rows: list[Any] = [1.0]
    rows.append(rows)
    result = compiled(cache, lambda x: rows[1][0] * x)
    rows[0] = 2.0
    with pytest.raises(RuntimeError, match=r"rows\[0\] is 2.0"):
        result(1.0)


def test_no_property_is_run(cache: Cache) -> None:
    class Careful:
        rate = 2.0

        @property
        def costly(self) -> float:
            raise AssertionError

    careful = Careful()
    result = compiled(cache, lambda x: careful.rate * x if True else careful.costly)
    assert result(1.0)[0] == 2.0


def test_every_derivative_and_every_method_looks(cache: Cache) -> None:
    rows = [1.0, 2.0]

    def loss(x: Any) -> Any:
        return rows[0] * x[0] ** 3 * x[1]

    point = [1.0, 1.0]
    made = [
        make(loss, point, target="python", cache=cache)
        for make in (microgpt.compile, microgpt.jacobian, microgpt.hessian, microgpt.hvp)
    ]
    rows[0] = 4.0
    for each in made:
        with pytest.raises(RuntimeError):
            each(*[point] * (1 + (each is made[-1])))
    for look in ("first_nan", "show", "graph", "explore", "passes", "stats", "verify", "bench"):
        with pytest.raises(RuntimeError):
            getattr(made[0], look)(*[point] * (look == "first_nan"))


def test_a_loss_over_rows(cache: Cache) -> None:
    rates = [2.0]
    function = microgpt.mean_over_rows(lambda w, x: rates[0] * w * x, 1.0, 1.0, target="python", cache=cache)
    assert function(1.0, [1.0, 3.0]) == (4.0, 4.0)
    rates[0] = 3.0
    with pytest.raises(RuntimeError, match=r"rates\[0\] is 3.0 and was 2.0 when lambda was compiled"):
        function(1.0, [1.0, 3.0])


@pytest.mark.parametrize("part", ["loss", "penalty", "optimizer"])
@pytest.mark.parametrize("target", ["python", "eager"])
def test_a_fit(cache: Cache, part: str, target: str) -> None:
    """What `on_step` changes; after the last step it may."""
    rates = {"loss": [2.0], "penalty": [0.5], "optimizer": [0.1]}

    def fit(changed_after: int) -> None:
        def on_step(step: microgpt.FitStep) -> None:
            if step.number == changed_after:
                rates[part][0] += 1.0

        microgpt.fit(
            lambda w, x: rates["loss"][0] * w * x,
            1.0,
            [1.0, 3.0],
            penalty=lambda w: rates["penalty"][0] * w * w,
            optimizer=lambda w, slope: w - rates["optimizer"][0] * slope,
            steps=5,
            on_step=on_step,
            target=target,
            cache=cache,
        )

    fit(changed_after=5)
    with pytest.raises(RuntimeError, match=r"\[0\] is .* and was .* when loss was compiled"):
        fit(changed_after=2)


def test_a_tuple_is_kept_as_it_is() -> None:
    """So comparing it takes no time, however long it is."""
    rows = tuple((float(i), 2.0) for i in range(1000))
    captured = Captured((lambda x: rows[0][0] * x,), "loss", "", str)
    assert any(rows is value for place in captured._places for value in place.before)


def test_a_mistake_of_ours_is_not_blamed_on_what_has_changed(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    factors = [2.0]
    function = compiled(cache, lambda x: factors[0] * x)

    def fail(*_: object) -> None:
        raise InternalError("broken")

    monkeypatch.setattr(function._captured, "_trace", fail)
    factors[0] = 3.0
    with pytest.raises(InternalError, match="broken"):
        function(1.0)
