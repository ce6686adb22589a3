"""Fast numerics: within the bounds that are stated of them, in C alone, and labelled wherever they go."""

from __future__ import annotations

import ctypes
import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers import docs_script, skip_without_compiler

import microgpt
from microgpt.compiler.c import fast_prelude as fast_text
from microgpt.compiler.c.prelude import prelude
from microgpt.compiler.errors import ProofError
from microgpt.compiler.loops.place import NotRegularError
from microgpt.compiler.numerics import as_numerics
from microgpt.data.corpus import Corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import EagerBackend, PythonBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs import c_source
from microgpt.runtime.programs.c_source import model_source
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.checkpoint import load_checkpoint, save_checkpoint
from microgpt.runtime.training.training import ResumeError, Training
from microgpt.tools.cli import cli

DTYPES = ("float32", "float64")
NAMES = ("parameters", "first_moment", "second_moment")
# Of gradients, as a share of the largest: a tenth of what the witness allows.
BOUNDS = {"float32": 1e-5, "float64": 1e-13}
SHAPE = {"n_layer": 1, "n_embd": 8, "n_head": 2, "block_size": 4}
CORPUS = Corpus("small", ("ab", "bcab", "c", "aabbcc", "ba", "cab", "a"), "hash")

_PROGRAM = """
void run(NUMBER *x, long count, int function)
{
    if (function == 0) exponentials(x, count);
    else if (function == 1) logarithms(x, count);
    else if (function == 2) roots(x, count);
    else if (function == 3) powers(x, count, (NUMBER)-1.5);
    else if (function == 4) powers(x, count, (NUMBER)-2.0);
    else powers(x, count, (NUMBER)0.75);
}
"""


def root(x: float) -> float:
    return math.sqrt(x) if x >= 0.0 else math.nan


def power_of(exponent: float) -> Any:
    def power(x: float) -> float:
        result = microgpt.Value(x) ** exponent
        return result.data

    return power


FUNCTIONS = [microgpt.exp, microgpt.log, root, power_of(-1.5), power_of(-2.0), power_of(0.75)]
EDGES = [0.0, -1.0, 1.0, math.inf, math.nan, 1e-40, 1e-44, 88.8, 90.0, -87.5, -103.9, -105.0, 3e38]


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_err_by_a_few_units_and_edges_are_right(
    dtype: str, width: int, toolchain: Toolchain, tmp_path: Path
) -> None:
    if width > toolchain.vector_width:
        pytest.skip("this processor has no such vectors")
    numerics = microgpt.fast(dtype)
    source, library = tmp_path / "f.c", tmp_path / "f.so"
    with microgpt.numerics(numerics):
        source.write_text(prelude(width) + _PROGRAM.replace("NUMBER", numerics.number))
    toolchain.build(source, library)
    kind: Any = ctypes.c_float if dtype == "float32" else ctypes.c_double
    run, random = ctypes.CDLL(str(library)).run, Random(1)
    inputs = (
        EDGES + [random.uniform(-20.0, 20.0) for _ in range(500)] + [random.lognormvariate(0, 20) for _ in range(500)]
    )
    inputs = [kind(x).value for x in inputs]
    units = 8 * (2.0**-24 if dtype == "float32" else 2.0**-53)
    for number, function in enumerate(FUNCTIONS):
        found = (kind * (len(inputs) + 16))(*inputs)
        run(found, ctypes.c_long(len(inputs)), number)
        for x, result in zip(inputs, found, strict=False):
            exact = function(x)
            if exact != exact:
                assert result != result, (number, x)
                continue
            right = kind(exact).value
            least = 2.0**-126 if dtype == "float32" else 2.0**-1022
            if math.isinf(right) or math.isinf(exact):
                assert result == right or abs(right) == abs(result), (number, x, result)
            elif abs(right) < least:  # with fewer bits
                assert abs(result - right) <= least * 2.0**-20, (number, x, result)
            else:
                assert abs(result - exact) <= units * abs(exact), (
                    number,
                    x,
                    result,
                )


def begin(numerics: microgpt.Numerics, steps: int = 20, batch_size: int = 1) -> Training:
    with microgpt.numerics(numerics):
        return Training(CORPUS, 5, steps, AdamConfig(), 0.0, False, batch_size, **SHAPE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("dtype", [DTYPES[0], pytest.param(DTYPES[1], marks=pytest.mark.slow)])
def test_gradients_and_losses_are_near_and_not_equal(dtype: str, cache: Cache) -> None:
    skip_without_compiler()
    numerics = microgpt.fast(dtype)
    with microgpt.numerics(numerics):
        training = begin(numerics)
        backend, parameters = CBackend(training.config, training.optimizer, cache), training.state.parameters
        eager = EagerBackend(training.config, training.optimizer)
        different = 0
        for document in training.batch(0) + training.batch(1) + training.batch(3):
            (loss, gradient), (right, exact) = (
                each.loss_and_gradient(parameters, document) for each in (backend, eager)
            )
            assert abs(loss - right) <= BOUNDS[dtype] * right
            largest = max(map(abs, exact))
            assert max(abs(a - b) for a, b in zip(gradient, exact, strict=True)) <= BOUNDS[dtype] * largest
            different += gradient != exact
        assert different
        losses = [step.loss for step in training.run(backend)]
        expected = [step.loss for step in begin(numerics).run(eager)]
    assert losses != expected
    assert losses == pytest.approx(expected, rel=1e-3 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("size", "threads"), [(3, 1), (5, 1), (5, 2), (19, 1), (19, 3)])
def test_batches_are_fast_too(dtype: str, size: int, threads: int, cache: Cache) -> None:
    """Of documents of different lengths: fewer than are worth it side by side, fewer than a vector has lanes, more."""
    skip_without_compiler()
    numerics = microgpt.fast(dtype)
    with microgpt.numerics(numerics):
        training, other = begin(numerics, 6, size), begin(numerics, 6, size)
        backend = CBackend(training.config, AdamConfig(), cache, batch_size=size, threads=threads)
        losses = [step.loss for step in training.run(backend)]
        expected = [step.loss for step in other.run(PythonBackend(other.config, AdamConfig(), Library(cache, 1), size))]
    assert losses == pytest.approx(expected, rel=1e-4 if dtype == "float32" else 1e-10)
    for name in NAMES:
        exact, found = getattr(other.state, name), getattr(training.state, name)
        largest = max(map(abs, exact))
        assert max(abs(a - b) for a, b in zip(exact, found, strict=True)) <= 1e-3 * largest


@pytest.mark.parametrize(("size", "threads"), [(19, 2), (19, 3)])
def test_every_thread_takes_the_same_step(size: int, threads: int, cache: Cache) -> None:
    """Each begins with the state that is handed over, and ends with the bits of all others."""
    skip_without_compiler()
    numerics = microgpt.fast()
    with microgpt.numerics(numerics):
        config = begin(numerics, 6, size).config
        backend = CBackend(config, AdamConfig(), cache, batch_size=size, threads=threads)
        losses = []
        for _ in range(2):
            training = begin(numerics, 6, size)
            losses.append([step.loss for step in training.run(backend)])
        assert losses[0] == losses[1]
        found = [
            [getattr(backend.library.functions, f"microgpt_{name}")(memory)[: config.parameter_count] for name in NAMES]
            for memory in (backend._memory, *backend._others)
        ]
        assert len(found) == threads
        assert all(each == found[0] for each in found)
        assert found[0] == [getattr(training.state, name) for name in NAMES]


def test_few_documents_are_computed_in_narrow_vectors(cache: Cache) -> None:
    config = begin(microgpt.fast(), 1, 1).config
    with microgpt.numerics(microgpt.fast()):
        narrow = [
            (size, threads)
            for size in (1, 3, 4, 8, 9, 32, 33)
            for threads in (1, 2)
            if CBackend(config, AdamConfig(), cache, batch_size=size, threads=threads)._narrow
        ]
    assert narrow == [(4, 1), (4, 2), (8, 1), (8, 2), (9, 2), (32, 2)]


def test_a_batch_of_more_documents_than_are_sorted_at_once(cache: Cache) -> None:
    skip_without_compiler()
    numerics = microgpt.fast()
    with microgpt.numerics(numerics):
        training, other = begin(numerics, 1, 1100), begin(numerics, 1, 1100)
        (step,) = training.run(CBackend(training.config, AdamConfig(), cache, batch_size=1100, threads=2))
        (right,) = other.run(PythonBackend(other.config, AdamConfig(), Library(cache, 1), 1100))
    assert step.loss == pytest.approx(right.loss, rel=1e-5)


def test_documents_side_by_side_are_witnessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shorter document counts as long as it is."""
    skip_without_compiler()
    unchanged = c_source.c_text

    def changed(package: str, name: str, **holes: Any) -> str:
        return unchanged(package, name, **holes).replace("inside ? share : 0", "share")

    monkeypatch.setattr(c_source, "c_text", changed)
    numerics = microgpt.fast()
    with microgpt.numerics(numerics):
        training = begin(numerics, 6, 5)
        backend = CBackend(training.config, AdamConfig(), Cache.open(tmp_path), batch_size=5)
        with pytest.raises(ProofError, match="the program of the optimizer"):
            backend.prepare((), 0)


def test_programs_that_cannot_be_side_by_side_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise NotRegularError("so")

    monkeypatch.setattr(c_source, "side_by_side", refuse)
    with microgpt.numerics("fast"):
        config = begin(microgpt.fast()).config
        assert "gradients_of" in model_source(config, AdamConfig(), kind="lanes").text


def test_python_computes_as_in_exact_numerics(cache: Cache) -> None:
    numerics = microgpt.fast()
    with microgpt.numerics(numerics):
        training = begin(numerics, 4)
        losses = [step.loss for step in training.run(PythonBackend(training.config, AdamConfig(), Library(cache, 1)))]
    exact = begin(microgpt.exact(), 4)
    assert losses == [step.loss for step in exact.run(EagerBackend(exact.config, AdamConfig()))]


def test_a_checkpoint_says_so_and_is_resumed_with_nothing_else(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a", begin(microgpt.fast()).checkpoint())
    checkpoint = load_checkpoint(tmp_path / "a")
    assert checkpoint.numerics == "fast"
    begin(microgpt.fast()).restore(checkpoint)
    with pytest.raises(ResumeError, match="numerics was fast, not exact"):
        begin(microgpt.exact()).restore(checkpoint)
    with pytest.raises(ResumeError, match="numerics was fast, not fast-float64"):
        begin(microgpt.fast("float64")).restore(checkpoint)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_witness_notices_a_wrong_function(dtype: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    skip_without_compiler()
    last = {**fast_text._LAST, **dict.fromkeys(("float", "double"), (3, 3))}
    monkeypatch.setattr(fast_text, "_LAST", last)  # too short a series
    fast_text.fast_prelude.cache_clear()
    try:
        with pytest.raises(ProofError, match="the program wrong gives"):
            microgpt.compile(wrong, 1.0, 2.0, numerics=microgpt.fast(dtype), target="c", cache=Cache.open(tmp_path))
    finally:
        fast_text.fast_prelude.cache_clear()


def wrong(x: Any, y: Any) -> Any:
    total = 0.0
    for _ in range(8):
        x, y = x * 0.5, y * 0.25
        total = total + (x.exp() + y.exp()) * x
    return total


GALLERY = [("rosenbrock", "rosenbrock"), ("black_scholes", "price"), ("logistic", "loss"), ("moons", "loss")]
LARGE = [("bodies", "energy"), ("curve", "residuals"), ("kalman", "likelihood"),
         ("convolution", "loss"), ("recurrent", "loss")]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "function"), [GALLERY[0], *(pytest.param(*each, marks=pytest.mark.slow) for each in GALLERY[1:] + LARGE)]
)
def test_gallery_programs_are_near(name: str, function: str, cache: Cache) -> None:
    """Their derivatives at the example, within a bound that allows for how ill-conditioned some are."""
    skip_without_compiler()
    script = docs_script("gallery")
    (program,) = (program for program in script.PROGRAMS if program.name == name)
    module = script.module_of(program, False)
    example = getattr(module, f"{function}_example")
    make = microgpt.jacobian if function == "residuals" else microgpt.compile
    flat: dict[Any, list[float]] = {}
    arguments = [0 if isinstance(each, type(microgpt.index(2))) else each for each in example]
    for numerics in (microgpt.exact(), microgpt.fast("float32"), microgpt.fast("float64")):
        compiled = make(getattr(module, function), *example, numerics=numerics, target="c", cache=cache)
        flat[numerics] = list(numbers_in(compiled(*arguments)))
    exact, single, double = flat.values()
    largest = max(map(abs, exact))
    assert max(abs(a - b) for a, b in zip(exact, single, strict=True)) <= 1e-3 * largest
    assert max(abs(a - b) for a, b in zip(exact, double, strict=True)) <= 1e-11 * largest


def numbers_in(result: Any) -> Any:
    if isinstance(result, dict):
        result = tuple(result.values())
    if hasattr(result, "tolist"):
        result = result.tolist()
    if isinstance(result, tuple | list):
        for part in result:
            yield from numbers_in(part)
    elif result is not None:  # what has no gradient
        yield float(result)


def test_a_fit_is_near(cache: Cache) -> None:
    skip_without_compiler()

    def loss(weights: Any, t: Any, measured: Any) -> Any:
        return (weights["a"] * microgpt.exp(-weights["rate"] * t) - measured) ** 2

    examples = [(t / 10, 3 * math.exp(-0.7 * t / 10)) for t in range(20)]
    start = {"a": 1.0, "rate": 1.0}
    what: dict[str, Any] = {"optimizer": microgpt.adam(0.05), "steps": 30, "target": "c", "cache": cache, "batch": 7}
    exact, fast = (microgpt.fit(loss, start, examples, numerics=each, **what) for each in ("exact", "fast"))
    assert fast.losses != exact.losses
    assert fast.losses == pytest.approx(exact.losses, rel=1e-3)
    assert fast.weights == pytest.approx(exact.weights, rel=1e-4)


def test_a_fast_function_is_verified_by_its_drift(cache: Cache) -> None:
    skip_without_compiler()
    fast = microgpt.compile(lambda x: microgpt.exp(x) * x, 1.0, numerics="fast", target="c", cache=cache)
    assert "all but those of fast C equal" in str(fast.verify())


def test_roots_that_stand_for_powers_have_edges_of_their_own(cache: Cache) -> None:
    """As docs/exactness.md says."""
    skip_without_compiler()
    fast = microgpt.compile(lambda x: x**0.5, 4.0, numerics="fast", target="c", cache=cache)
    assert fast(4.0) == (2.0, 0.25)
    assert math.isnan(fast(-math.inf)[0])


def test_names_and_errors() -> None:
    assert as_numerics("fast") is microgpt.fast() is microgpt.fast("float32")
    assert as_numerics("fast-float64") is microgpt.fast("float64")
    assert repr(microgpt.fast()) == "fast('float32')"
    with pytest.raises(ValueError, match="dtype must be one of float32, float64, not 'float16'"):
        microgpt.fast("float16")
    with pytest.raises(ValueError, match=r"dtype must be one of float32, float64, not \[\]"):
        microgpt.fast([])  # type: ignore[arg-type]
    compiled = microgpt.compile(lambda x: x * x, 3.0, numerics="fast", target="python")
    assert "fast('float32')" in repr(compiled)


def command(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_the_command_line_labels_what_is_fast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_compiler()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    shape = ["--n-embd", "2", "--n-head", "1", "--block-size", "2"]
    train = ["train", "--numerics", "fast", *shape]
    done = command(*train, "--steps", "3", "--samples", "0", "--out", "run")
    assert done.exit_code == 0, done.stderr
    assert "fast numerics, not exact: `microgpt verify --numerics fast` measures" in done.stderr
    assert json.loads((tmp_path / "run" / "config.json").read_text())["numerics"] == "fast"
    assert "fast numerics, not exact" in command("sample", "run", "-n", "1").stderr
    done = command(*train, "--steps", "1", "--samples", "0", "--backend", "eager")
    assert "the eager backend computes as in exact ones" in done.stderr
    done = command("verify", "--numerics", "fast", "--steps", "5", "--json", *shape)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["numerics"] == "fast"
    assert 0.0 < found["drift"]["loss_at_most"] < 1e-4
    assert "fast numerics, not exact" in command("compile", "--numerics", "fast", *shape).stderr
    done = command("export", "folder", "--numerics", "fast")
    assert done.exit_code == 2
    assert "--numerics fast is for programs that microgpt runs" in " ".join(done.stderr.split())
