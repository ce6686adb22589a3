"""Numerics: which are in force, and what is compiled and kept with them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import microgpt
from microgpt.compiler import correctly_rounded
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.numerics import current
from microgpt.compiler.pipeline import compile_graph
from microgpt.model.config import AdamConfig
from microgpt.runtime.programs import graphs
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.random_stream import random_stream


def unequal_to_libm() -> float:
    """An argument for which libm does not round `exp` right."""
    random = Random(1)
    while True:
        x = random.uniform(-20.0, 20.0)
        if microgpt.exp(x) != correctly_rounded.exponential(x):
            return x


def test_exact_is_the_default_and_comes_back():
    assert current() is microgpt.exact()
    with microgpt.numerics("portable") as chosen:
        assert current() is chosen is microgpt.portable()
        with microgpt.numerics(microgpt.exact()):
            assert current() is microgpt.exact()
        assert current() is microgpt.portable()
    assert current() is microgpt.exact()


@pytest.mark.parametrize(("choice", "error"), [("rough", ValueError), (1, TypeError)])
def test_other_numerics_are_refused(choice: object, error: type[Exception]):
    with pytest.raises(error, match="numerics must be one of exact, portable"), microgpt.numerics(choice):
        pass
    with pytest.raises(error, match="numerics must be one of exact, portable"):
        microgpt.compile(lambda x: x * x, 1.0, numerics=choice)


def test_constants_and_values_follow_what_is_in_force():
    x = unequal_to_libm()
    with microgpt.numerics("portable"):
        portable = [microgpt.exp(x), microgpt.Value(x).exp().data, float(microgpt.constant_maximum([x]).exp())]
    assert portable == [correctly_rounded.exponential(x)] * 3
    assert microgpt.exp(x) != portable[0]


def mixed(x: microgpt.Value, y: microgpt.Value) -> microgpt.Value:
    """Every function that calls libm, and the powers."""
    z = x.exp() * y.log() + x.sin() * y.cos() - x.tanh() / y.atan() + x.erf() * y.log1p() + x.expm1()
    return z + x.sigmoid() * y.softplus() + y**-0.5 + y**0.5 + x**2 + y**-1 + y**x


@pytest.mark.slow
@pytest.mark.parametrize("target", ["python", "c"])
def test_programs_have_the_bits_of_the_eager_autograd(target: str, tmp_path: Path):
    """Also where they are called with other numerics in force: a program keeps its own."""
    compiled = microgpt.compile(mixed, 0.5, 0.5, target=target, cache=Cache.open(tmp_path), numerics="portable")
    random = Random(2)
    for _ in range(30):
        x, y = random.gauss(0.0, 2.0), abs(random.gauss(0.0, 2.0))
        with microgpt.numerics("portable"):
            values = microgpt.Value(x), microgpt.Value(y)
            result = mixed(*values)
            result.backward()
        assert compiled(x, y) == (result.data, tuple(value.grad for value in values))
    assert compiled.numerics is microgpt.portable()


def test_generated_python_names_where_its_functions_come_from(tmp_path: Path):
    for choice, home in (("exact", "arithmetic"), ("portable", "correctly_rounded")):
        source = microgpt.compile(
            lambda x: x.exp(), 1.0, target="python", cache=Cache.open(tmp_path), numerics=choice
        ).source
        assert f"from microgpt.compiler.{home} import exponential" in source


def test_squares_and_inverses_are_single_operations():
    names = {}
    for choice in ("exact", "portable"):
        with microgpt.numerics(choice):
            graph = compile_graph(lambda: graphs.optimizer_graph(AdamConfig()))
        names[choice] = sorted(OPS[op].name for op in graph.op if OPS[op].name == "pow")
    assert names == {"exact": ["pow", "pow"], "portable": ["pow"]}  # the root stays: of minus infinity, it is infinite


def test_programs_have_names_of_their_own():
    recipe = Recipe("optimizer", 0, AdamConfig())
    with microgpt.numerics("portable"):
        portable = recipe.key
    assert portable != recipe.key


def test_parameters_begin_alike_everywhere():
    """The stream is Python's, and its normal numbers are those of correctly rounded functions."""
    with microgpt.numerics("portable"):
        ours = random_stream(42)
    theirs = Random(42)
    numbers = [(ours.gauss(0.0, 0.08), theirs.gauss(0.0, 0.08)) for _ in range(200)]
    assert all(abs(a - b) < 1e-15 for a, b in numbers)
    assert ours.random() == theirs.random()
    assert numbers[0][0].hex() == FIRST


FIRST = "-0x1.79b96220d7201p-7"


@pytest.mark.slow
def test_a_model_keeps_its_numerics(tmp_path: Path):
    documents = ["emma", "ava", "zoe", "mia"]
    shape = {"n_embd": 4, "n_head": 2, "block_size": 4, "backend": "eager", "progress": False}
    model = microgpt.train(documents, steps=3, numerics="portable", out=tmp_path / "run", **shape)
    assert model.checkpoint.numerics == "portable"
    again = microgpt.load(tmp_path / "run", backend="eager", progress=False)
    assert again.checkpoint == model.checkpoint
    assert again.sample(2) == model.sample(2)
    with pytest.raises(ValueError, match="numerics was portable, not exact"):
        microgpt.train(documents, steps=3, out=tmp_path / "run", resume=True, **shape)
