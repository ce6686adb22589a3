"""What a function reads without a name for it: operators of objects, attributes by strings, orders, classes."""

# ruff: noqa: PLW0108  # names are looked up when a function is called
from __future__ import annotations

import enum
import functools
import sys
import types
from array import array
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import microgpt
from microgpt.runtime.storage.cache import Cache

pytestmark = pytest.mark.usefixtures("python_alone")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("captured"))


FACTOR = 2.0


class Table:
    """All that it holds is behind operators."""

    def __init__(self, *rows: float) -> None:
        self.rows = list(rows)

    def __getitem__(self, place: int) -> float:
        return self.rows[place]

    def __iter__(self) -> Iterator[float]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __mul__(self, other: Any) -> Any:
        return other * self.rows[0]

    def __float__(self) -> float:
        return self.rows[0]

    def __getattr__(self, name: str) -> float:
        if name == "first":
            return self.rows[0]
        raise AttributeError(name)


class Scaled:
    def __init__(self, x: Any) -> None:
        self.x = x * FACTOR

    @functools.cached_property
    def twice(self) -> Any:
        return self.x * FACTOR


class Through:
    def __get__(self, instance: Any, owner: type) -> float:
        return instance.store


class Layer:
    hidden = Through()

    def __init__(self) -> None:
        self.store = 2.0

    def act(self, x: Any) -> Any:
        return x * 2.0

    @property
    def rate(self) -> float:
        return 2.0

    @staticmethod
    def fixed(x: Any) -> Any:
        return x * 2.0

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x * 2.0


class Deep(Layer):
    def act(self, x: Any) -> Any:
        return super().act(x) * 2.0


class Other(Layer):
    def act(self, x: Any) -> Any:
        return x * 5.0


class Numbers(list[float]):
    scale = 1.0


class Pair(NamedTuple):
    a: float

    def times(self, x: Any) -> Any:
        return x * self.a * FACTOR


class Mode(enum.Enum):
    HALF = 0.5

    def of(self, x: Any) -> Any:
        return x * self.value * FACTOR


@functools.singledispatch
def dispatched(x: Any) -> Any:
    return x * FACTOR


@functools.lru_cache
def remembered(x: Any) -> Any:
    return x * FACTOR


def one(x: Any) -> Any:
    return x * FACTOR


def cases() -> dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]]:
    table, numbers, pair = Table(2.0, 3.0), Numbers([1.0]), Pair(1.0)
    layer, deep, plain = Layer(), Deep(), types.SimpleNamespace(rate=2.0)
    sizes = {"a": 1e16, "b": 1.0, "c": -1e16}
    ordered, chosen = OrderedDict(sizes), {1e16, -1e16, 1.0}
    doubles, halves = [array("d", [1.0])], [np.array([1.0])]
    objects, view = np.array([[1.0], [2.0, 3.0]], dtype=object), memoryview(array("d", [1.0]))
    inner = {"a": 1.0}
    values, user, chain = inner.values(), UserDict(inner), ChainMap({"a": 1.0})
    elements = np.vectorize(one, otypes=[object])

    def later(name: str, value: Any) -> Callable[[], None]:
        return lambda: globals().__setitem__(name, value)

    def set_attribute(it: Any, name: str, value: Any) -> Callable[[], None]:
        return lambda: setattr(it, name, value)

    return {
        "order of a dict": (lambda x: sum(x * v for v in sizes.values()), lambda: sizes.update(b=sizes.pop("b"))),
        "order of an OrderedDict": (lambda x: sum(x * v for v in ordered.values()), lambda: ordered.move_to_end("b")),
        "element of a set": (lambda x: sum(x * v for v in chosen), lambda: chosen.discard(1.0)),
        "__getitem__": (lambda x: x * table[0], lambda: table.rows.__setitem__(0, 5.0)),
        "__iter__": (lambda x: sum(x * v for v in table), lambda: table.rows.append(5.0)),
        "__len__": (lambda x: x * len(table), lambda: table.rows.append(5.0)),
        "__mul__": (lambda x: table * x, lambda: table.rows.__setitem__(0, 5.0)),
        "__float__": (lambda x: x * table, lambda: table.rows.__setitem__(0, 5.0)),
        "__getattr__": (lambda x: x * table.first, lambda: table.rows.__setitem__(0, 5.0)),
        "__get__": (lambda x: x * layer.hidden, set_attribute(layer, "store", 5.0)),
        "__init__": (lambda x: Scaled(x).x, later("FACTOR", 3.0)),
        "cached property": (lambda x: Scaled(x).twice, later("FACTOR", 3.0)),
        "method of a named tuple": (pair.times, later("FACTOR", 3.0)),
        "method of an enum": (lambda x: Mode.HALF.of(x), later("FACTOR", 3.0)),
        "singledispatch": (lambda x: dispatched(x), later("FACTOR", 3.0)),
        "lru_cache": (lambda x: remembered(x), later("FACTOR", 3.0)),
        "vectorize": (lambda x: elements(np.array([x]))[0], later("FACTOR", 3.0)),
        "method": (lambda x: layer.act(x), set_attribute(Layer, "act", lambda self, x: x * 5.0)),
        "method of a base": (lambda x: deep.act(x), set_attribute(Layer, "act", lambda self, x: x * 5.0)),
        "method of an object": (lambda x: layer.act(x), set_attribute(layer, "act", lambda x: x * 5.0)),
        "property": (lambda x: x * layer.rate, set_attribute(Layer, "rate", property(lambda self: 5.0))),
        "static method": (lambda x: layer.fixed(x), set_attribute(Layer, "fixed", staticmethod(lambda x: x * 5.0))),
        "class method": (lambda x: Layer.of_class(x), set_attribute(Layer, "of_class", classmethod(lambda c, x: x))),
        "class of an object": (lambda x: layer.act(x), set_attribute(layer, "__class__", Other)),
        "attribute of a list": (lambda x: x * numbers.scale, set_attribute(numbers, "scale", 5.0)),
        "getattr": (lambda x: x * getattr(plain, "rate"), set_attribute(plain, "rate", 5.0)),  # noqa: B009
        "getattr of what comes later": (
            lambda x: x * getattr(layer, "later", 1.0), set_attribute(layer, "later", 5.0)
        ),
        "vars": (lambda x: x * vars(layer)["store"], set_attribute(layer, "store", 5.0)),
        "globals": (lambda x: x * globals()["FACTOR"], later("FACTOR", 3.0)),
        "a global in place of a function": (lambda x: sum([x, x]), later("sum", lambda each: each[0])),
        "type of an array": (lambda x: x * doubles[0][0], lambda: doubles.__setitem__(0, as_whole(doubles[0]))),
        "type of a NumPy array": (
            lambda x: x * float(halves[0][0]), lambda: halves.__setitem__(0, halves[0].view(np.int64))
        ),
        "array of objects": (lambda x: x * objects[1][0], lambda: objects[1].__setitem__(0, 5.0)),
        "memoryview": (lambda x: x * view[0], lambda: view.__setitem__(0, 5.0)),
        "values of a dict": (lambda x: x * sum(values), lambda: inner.update(a=5.0)),
        "UserDict": (lambda x: x * user["a"], lambda: user.update(a=5.0)),
        "ChainMap": (lambda x: x * chain["a"], lambda: chain.maps[0].update(a=5.0)),
    }  # fmt: skip


def as_whole(numbers: array[float]) -> array[int]:
    whole = array("q")
    whole.frombytes(numbers.tobytes())
    return whole


@pytest.mark.parametrize("case", list(cases()))
def test_a_change_is_an_error(case: str, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    monkeypatch.setitem(globals(), "sum", None)
    del globals()["sum"]  # and put back, as it was not there
    for name in ("act", "rate", "fixed", "of_class"):
        monkeypatch.setattr(Layer, name, Layer.__dict__[name])
    remembered.cache_clear()
    function, change = cases()[case]
    result = microgpt.compile(function, 1.0, target="python", cache=cache)
    result(1.0)
    result(1.0)
    change()
    remembered.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="pass what changes as an argument, or compile again"):
            result(1.0)
    finally:
        globals().pop("sum", None)


def test_what_a_function_imports_itself(cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("rates_of_mine.py").write_text("RATE = 2.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def loss(x: Any) -> Any:
        from rates_of_mine import RATE  # type: ignore[import-not-found]

        return x * RATE

    result = microgpt.compile(loss, 1.0, target="python", cache=cache)
    assert result(1.0)[0] == 2.0
    monkeypatch.setattr(sys.modules["rates_of_mine"], "RATE", 3.0)
    with pytest.raises(RuntimeError, match=r"RATE is 3.0 and was 2.0"):
        result(1.0)
    monkeypatch.undo()
    sys.modules.pop("rates_of_mine", None)


def test_what_objects_have_besides_is_not_watched(cache: Cache) -> None:
    """Nor what their constructors name: no object is made."""

    class Net:
        def __init__(self) -> None:
            self.rate, self.step = 2.0, 0

        def __call__(self, x: Any) -> Any:
            return x * self.rate

    net, calls = Net(), []

    def loss(x: Any) -> Any:
        calls.append(1)
        return net(x)

    result = microgpt.compile(loss, 1.0, target="python", cache=cache)
    result(1.0)
    before = len(calls)
    for net.step in range(3):
        result(1.0)
    assert len(calls) == before


def test_the_message_names_what_has_changed(cache: Cache) -> None:
    sizes = {"a": 1e16, "b": 1.0, "c": -1e16}
    nested = {"a": {"b": [1.0]}}
    result = microgpt.compile(
        lambda x: sum(x * v for v in sizes.values()) + nested["a"]["b"][0], 1.0, target="python", cache=cache
    )
    nested["a"]["b"][0] = 2.0
    with pytest.raises(RuntimeError, match=r"nested\['a'\]\['b'\]\[0\] is 2.0 and was 1.0 when"):
        result(1.0)
    nested["a"]["b"][0] = 1.0
    result(1.0)
    sizes["b"] = sizes.pop("b")
    with pytest.raises(RuntimeError, match="sizes has its keys in another order than when lambda was compiled"):
        result(1.0)
