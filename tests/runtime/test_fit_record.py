"""What a fit leaves in its folder, going on from there, and how it ends early; and what it refuses."""

import inspect
import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy
import pytest

import microgpt
from microgpt import DivergedError, Optimizer, TraceError
from microgpt.runtime.fitting import run as run_module
from microgpt.runtime.fitting.python_engine import PythonEngine
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.storage.tensor_file import CheckpointError
from microgpt.runtime.training.runs import FolderInUseError, LockedFolder
from microgpt.runtime.training.training import ResumeError


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache.open(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices do not depend on the clock: they grow to 4 steps."""
    monkeypatch.setattr(run_module, "_SLICE", 0.0)
    monkeypatch.setattr(run_module.time, "perf_counter", lambda: 0.0)


def line(weights, x, y):
    return (weights["slope"] * x + weights["offset"] - y) ** 2


WEIGHTS = {"slope": 1.0, "offset": 0.0}
EXAMPLES = [(0.5 * x, 1.5 * x - 1.0 + 0.1 * (-1) ** x) for x in range(7)]


def fitted(cache: Cache, **options: Any) -> microgpt.Fit:
    settings = {"optimizer": microgpt.adam(0.1), "steps": 12, "batch": 3, "shuffle": 5, "target": "python"}
    arguments = {"loss": line, "weights": WEIGHTS, "examples": EXAMPLES, **settings, **options}
    return microgpt.fit(
        arguments.pop("loss"), arguments.pop("weights"), arguments.pop("examples"), cache=cache, **arguments
    )


@pytest.mark.parametrize("target", ["c", "python", "eager"])
def test_goes_on_bit_for_bit(cache, tmp_path, target, request):
    if target == "c":
        request.getfixturevalue("toolchain")
    whole = fitted(cache, target=target)
    first = fitted(cache, target=target, steps=5, out=tmp_path)
    assert first.losses == whole.losses[:5]
    second = fitted(cache, target=target, out=tmp_path, resume=True)
    assert (second.losses, second.weights, second.steps) == (whole.losses[5:], whole.weights, 12)
    again = fitted(cache, target=target, out=tmp_path, resume=True)
    assert (again.losses, again.weights) == ([], whole.weights)


def test_another_target_goes_on(cache, tmp_path):
    fitted(cache, target="eager", steps=5, out=tmp_path)
    assert fitted(cache, target="python", out=tmp_path, resume=True).weights == fitted(cache).weights


def test_a_line_of_the_log_for_every_step(cache, tmp_path):
    found = fitted(cache, steps=5, out=tmp_path)
    found.losses.extend(fitted(cache, out=tmp_path, resume=True).losses)
    lines = [json.loads(text) for text in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in lines] == list(range(1, 13))
    assert [entry["loss"] for entry in lines] == found.losses
    assert lines[0].keys() == {"step", "loss", "learning_rate", "correction1", "correction2"}


def test_without_resume_it_begins_anew(cache, tmp_path):
    fitted(cache, steps=9, out=tmp_path)
    assert fitted(cache, steps=3, out=tmp_path).steps == 3
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 3


def test_the_checkpoint_is_a_file_that_others_can_read(cache, tmp_path):
    import safetensors

    found = fitted(cache, weights={"slope": 1.0, "offset": 0.0, "more": [[1.0, 2.0], [3.0, 4.0]]}, out=tmp_path)
    tensors = dict(safetensors.deserialize((tmp_path / "checkpoint.safetensors").read_bytes()))
    names = ["weights.slope", "weights.offset", "weights.more"]
    assert set(tensors) == {f"{prefix}{name}" for prefix in ("", "first_moment.", "second_moment.") for name in names}
    assert tensors["weights.more"]["shape"] == [2, 2]
    assert numpy.frombuffer(tensors["weights.slope"]["data"])[0] == found.weights["slope"]


def test_checkpoints_on_the_way(cache, tmp_path, monkeypatch):
    saved = []
    from microgpt.runtime.fitting import record

    monkeypatch.setattr(record, "save_state", lambda path, problem, state, identity: saved.append(state.step))
    fitted(cache, steps=11, out=tmp_path, save_every=4)
    assert saved == [4, 8, 11]


def other_line(weights, x, y):
    return (weights["slope"] * x - weights["offset"] - y) ** 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": other_line}, "the loss computes something else"),
        ({"penalty": lambda weights: weights["slope"] ** 2}, "the penalty computes something else"),
        ({"optimizer": microgpt.adam(0.1, beta1=0.5)}, "the optimizer computes something else; .*constants .* others"),
        ({"optimizer": microgpt.adam(0.2)}, "the optimizer's constants at the steps taken were others"),
        ({"examples": EXAMPLES[:-1]}, "the examples are others"),
        ({"batch": 2}, "batch was 3, not 2"),
        ({"shuffle": None}, "shuffle was 5, not None"),
    ],
)
def test_another_fit_does_not_go_on(cache, tmp_path, options, words):
    fitted(cache, steps=5, out=tmp_path)
    with pytest.raises(ResumeError, match=words):
        fitted(cache, out=tmp_path, resume=True, **options)


def test_moved_lines_are_the_same_loss(cache, tmp_path):
    fitted(cache, steps=5, out=tmp_path)
    source = "\n\n\n\n" + inspect.getsource(line)
    space: dict[str, Any] = {}
    exec(compile(source, "moved.py", "exec"), space)
    assert fitted(cache, loss=space["line"], out=tmp_path, resume=True).weights == fitted(cache).weights


def test_a_schedule_may_go_on_otherwise(cache, tmp_path):
    """It is what the steps taken were that counts."""
    fitted(cache, optimizer=microgpt.sgd(lambda step: 0.1), steps=5, out=tmp_path)
    later = microgpt.sgd(lambda step: 0.1 if step < 5 else 0.01)
    assert fitted(cache, optimizer=later, out=tmp_path, resume=True).weights == fitted(cache, optimizer=later).weights


def test_damage_is_noticed(cache, tmp_path):
    fitted(cache, out=tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint.safetensors: does not match its own sha256"):
        fitted(cache, out=tmp_path, resume=True)
    path.write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        fitted(cache, out=tmp_path, resume=True)


def test_a_checkpoint_beyond_the_steps(cache, tmp_path):
    fitted(cache, steps=9, out=tmp_path)
    with pytest.raises(ValueError, match="is at step 9, beyond steps=4"):
        fitted(cache, steps=4, out=tmp_path, resume=True)


def test_one_fit_a_folder(cache, tmp_path):
    folder = LockedFolder(tmp_path)
    with pytest.raises(FolderInUseError):
        fitted(cache, out=tmp_path)
    folder.close()
    assert fitted(cache, out=tmp_path).steps == 12


class Interrupting:
    """Raises as Ctrl-C does, in the call that would reach a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        advance = PythonEngine.advance

        def interrupted(engine, state, rows, order, constants):
            losses = advance(engine, state, rows, order, constants)
            if state.step >= step:
                raise KeyboardInterrupt
            return losses

        monkeypatch.setattr(PythonEngine, "advance", interrupted)


def test_an_interrupt_keeps_what_was_reached(cache, tmp_path, monkeypatch):
    whole = fitted(cache)
    with monkeypatch.context() as patch:
        Interrupting(patch, 6)
        with pytest.warns(UserWarning, match="interrupted after step 5 of 12; the result is what was reached"):
            found = fitted(cache, out=tmp_path)
    assert found.interrupted
    assert "interrupted" in repr(found)
    assert (found.steps, found.losses) == (5, whole.losses[:5])
    assert fitted(cache, out=tmp_path, resume=True).weights == whole.weights


def logarithm(weights, x):
    scale = weights[0] * x
    return scale.log() + weights[1] ** 2


@pytest.mark.parametrize("target", ["c", "python", "eager"])
def test_what_diverges_is_told_with_its_line(cache, tmp_path, target, request):
    if target == "c":
        request.getfixturevalue("toolchain")
    number = inspect.getsourcelines(logarithm)[1] + 2
    with pytest.raises(DivergedError) as caught:
        fitted(
            cache, loss=logarithm, weights=[0.1, 1.0], examples=[1.0, 2.0, 0.0, 3.0], optimizer=microgpt.sgd(0.001),
            steps=10, batch=1, shuffle=None, target=target, out=tmp_path,
        )  # fmt: skip
    text = f"step 3: example 2: -inf in the loss, first in log(0) at test_fit_record.py:{number} logarithm"
    assert str(caught.value) == text
    assert caught.value.step == 3
    assert caught.value.cause.phase == "loss"
    assert caught.value.result.steps == 2
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_a_gradient_and_an_update_that_diverge(cache):
    def root(weights, x):
        return (weights[0] * x) ** 0.5

    with pytest.raises(DivergedError, match=r"step 1: example 0: inf in the gradient, first in .*test_fit_record.py"):
        fitted(cache, loss=root, weights=[0.0], examples=[1.0], batch=1)

    def divided(parameter, gradient):
        return parameter / (gradient - gradient)

    with pytest.raises(DivergedError, match=r"the optimizer: inf in the update, first in .*, for weights.slope$"):
        fitted(cache, optimizer=divided)

    def huge(weights):
        return (weights["slope"] * 1e300) ** 2

    with pytest.raises(DivergedError, match=r"step 1: the penalty: inf in the loss, first in pow.*huge"):
        fitted(cache, penalty=huge)


def test_data_that_is_no_number_is_named(cache):
    with pytest.raises(DivergedError, match="step 1: example 1: nan in the data, first in examples"):
        fitted(cache, examples=[(1.0, 2.0), (math.nan, 1.0)], batch=2)


def test_a_good_fit_warns_of_nothing(cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(cache)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": 3}, TypeError, "loss must be callable"),
        ({"penalty": 3}, TypeError, "penalty must be callable"),
        ({"steps": -1}, ValueError, "steps must be a whole number of at least 0, not -1"),
        ({"steps": 1.5}, TypeError, "steps must be a whole number"),
        ({"batch": 0}, ValueError, "batch must be a whole number from 1 to 7, not 0"),
        ({"batch": 8}, ValueError, "batch must be a whole number from 1 to 7, not 8"),
        ({"shuffle": -1}, ValueError, "shuffle must be"),
        ({"target": "d"}, ValueError, "target must be 'auto', 'c', 'python' or 'eager'"),
        ({"resume": True}, ValueError, "resume needs `out`"),
        ({"save_every": 3}, ValueError, "save_every needs `out`"),
        ({"on_step": 3}, TypeError, "on_step must be callable"),
        ({"progress": 1}, TypeError, "progress must be True or False"),
        ({"optimizer": "adam"}, TypeError, r"optimizer must be an Optimizer such as adam\(\), or a function"),
        (
            {"optimizer": lambda parameter, gradient, velocity: parameter},
            TypeError,
            r"optimizer: update is called with \(parameter, gradient\), .* state=\{\.\.\.\}",
        ),
        ({"optimizer": lambda parameter, gradient: (parameter, 1.0)}, TypeError, r"must return \(parameter\), not 2"),
        (
            {"optimizer": microgpt.sgd(lambda step: "a")},
            TypeError,
            "learning_rate must be a finite number at every step",
        ),
        ({"optimizer": microgpt.sgd(lambda step: math.inf)}, ValueError, "not inf at step 0"),
        ({"examples": []}, ValueError, "examples must have at least one example"),
        ({"examples": 3}, TypeError, "examples must be a sequence of examples"),
        ({"examples": {1.0: 2.0}}, TypeError, "examples must be a sequence of examples"),
        (
            {"batch": None, "examples": [(1.0, 2.0, 3.0)]},
            TypeError,
            r"loss is called with \(weights, x, y, argument3\)",
        ),
        (
            {"batch": 1, "examples": [(1.0, 2.0), (1.0,)]},
            TypeError,
            r"examples\[1\]: it has 1 part, not 2",
        ),
        ({"batch": 1, "examples": [(1.0, 2.0), (1.0, "a")]}, TypeError, r"examples\[1\]: y must be a number, not 'a'"),
        (
            {"batch": 1, "examples": [(1.0, 2.0), (1.0, 10**400)]},
            OverflowError,
            r"examples\[1\]: y is too large for a double",
        ),
        ({"row": (1.0, microgpt.index(3))}, TypeError, r"examples\[0\]: y must be a whole number, not -0.9"),
        ({"row": (microgpt.index(3), 1.0), "examples": [(3, 1.0)], "batch": 1}, IndexError, r"examples\[0\]: x is 3"),
        ({"weights": {"slope": "a", "offset": None}}, TypeError, "weights must have at least one number to fit"),
        ({"weights": [microgpt.index(3), 1.0]}, TypeError, "an index cannot be fitted"),
        ({"weights": {"slope": {1.0}, "offset": 0.0}}, TypeError, r"weights\['slope'\] is set"),
        (
            {"loss": lambda weights, x, y: None},
            TraceError,
            r"test_fit_record.py:\d+: <lambda> returned: NoneType is not a scalar",
        ),
        ({"loss": lambda weights, x, y: x if x > 0 else y}, TraceError, r"test_fit_record.py:\d+: "),
    ],
)
def test_refuses(cache, options, error, words):
    with pytest.raises(error, match=words):
        fitted(cache, **options)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: microgpt.sgd("a"), TypeError, "learning_rate must be a number or a function of the step"),
        (lambda: microgpt.sgd(math.nan), ValueError, "learning_rate must be"),
        (lambda: microgpt.momentum(decay=1.0), ValueError, "decay must be a number from 0 to less than 1"),
        (lambda: microgpt.adam(beta1=-0.1), ValueError, "beta1 must be"),
        (lambda: microgpt.adam(epsilon=0.0), ValueError, "epsilon must be a number above 0"),
        (lambda: Optimizer(3), TypeError, "update must be callable"),
        (lambda: Optimizer(lambda p, g, v: (p, v), ["v"]), TypeError, "state must be a dict by name"),
        (lambda: Optimizer(lambda p, g, v: (p, v), {"v": "a"}), TypeError, r"state\['v'\] must be a number"),
        (lambda: Optimizer(lambda p, g, v: (p, v), {"a b": 0.0}), ValueError, "'a b' is none"),
        (lambda: Optimizer(lambda p, g, v: (p, v), {"gradient": 0.0}), ValueError, "'gradient' is none"),
        (lambda: Optimizer(lambda p, g: p, {"v": 0.0}), TypeError, r"called with \(parameter, gradient, v\)"),
        (lambda: Optimizer(lambda p, g, r: p, {}, {"r": None}), TypeError, r"constants\['r'\] must be a number"),
    ],
)
def test_refuses_optimizers(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_folder_that_cannot_be_written(cache, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match="file"):
        fitted(cache, out=file)
    assert Path(file).read_text() == ""
