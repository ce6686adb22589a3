"""The library: the same results as the command line, and the examples."""

import math
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

import microgpt
from microgpt.runtime.machine.toolchain import Toolchain, ToolchainError
from microgpt.runtime.training.checkpoint import CheckpointError, load_checkpoint
from microgpt.runtime.training.training import NotFiniteError, ResumeError
from microgpt.tools.cli import cli

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
SHAPE = {"n_embd": 4, "n_head": 2, "block_size": 4}


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def test_equals_the_command_line(tmp_path: Path):
    sizes = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1")
    result = CliRunner().invoke(cli, ["train", *sizes, "--steps", "5", "--samples", "3", "--out", str(tmp_path / "a")])
    model = microgpt.train(steps=5, **SHAPE, out=tmp_path / "b")
    lines = [f"step {step.number:4d} /    5 | loss {step.loss:.4f}" for step in model.steps]
    assert result.stdout.splitlines()[3:8] == lines
    samples = [f"sample {number:2d}: {text}" for number, text in enumerate(model.sample(3), 1)]
    assert result.stdout.splitlines()[-3:] == samples
    assert (tmp_path / "a" / "log.jsonl").read_bytes() == (tmp_path / "b" / "log.jsonl").read_bytes()
    checkpoints = [load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in "ab"]
    assert checkpoints[0] == checkpoints[1] == model.checkpoint


def test_save_and_load(tmp_path: Path):
    model = microgpt.train(["anna", "bob"], steps=3, **SHAPE, backend="python")
    model.save(tmp_path / "model")
    again = microgpt.load(tmp_path / "model", backend="eager")
    assert again.checkpoint == model.checkpoint
    assert again.sample(4) == model.sample(4)
    assert again.sample(4) == model.sample(4), "both go on in the same stream"
    assert again.sample(2, seed=1, prefix="bo", min_length=4) == model.sample(2, seed=1, prefix="bo", min_length=4)
    assert again.evaluate(["anna", "bob"]) == model.evaluate(["bob", "anna"])
    assert again.steps == ()
    assert "after 3 steps" in repr(again)
    with pytest.raises(CheckpointError):
        microgpt.load(tmp_path)


def test_a_run_that_does_not_fit_its_folder(tmp_path: Path):
    microgpt.train(["ab"], steps=1, **SHAPE, out=tmp_path, backend="eager")
    with pytest.raises(ResumeError, match=r"^steps was 1, not 2$"):
        microgpt.train(["ab"], steps=2, **SHAPE, out=tmp_path, resume=True, backend="eager")
    with pytest.raises(NotFiniteError):
        microgpt.train(steps=5, learning_rate=1e300, **SHAPE, backend="eager")


class Anything:
    """What no argument accepts, and what cannot be shown in one line."""

    def __repr__(self) -> str:
        return "<\n>"


# An argument of `train`, a value of a wrong type, and what the error says besides the name and the value.
WRONG_TYPES = [
    *((name, value, "a whole number (an int)")
      for name in ("steps", "seed", "n_layer", "n_embd", "n_head", "block_size", "save_every", "keep")
      for value in (True, 10.0, "10", [1], math.nan)),
    *((name, value, "a number")
      for name in ("learning_rate", "beta1", "beta2", "epsilon", "eval_fraction")
      for value in (True, "0.1", None, 1j, [0.1])),
    *((name, value, "True or False") for name in ("pack", "resume", "progress") for value in (1, 0, None, "yes")),
    *(("backend", value, "'auto', 'c', 'python' or 'eager'") for value in (None, 1, b"c")),
    *(("out", value, "a path") for value in (1, b"folder", ["a"], True)),
    *(("on_step", value, "callable") for value in (None, 1, "print")),
    *(("data", value, "an iterable of str") for value in (None, 1, b"anna\nbob", {"anna": 1}, {"anna"})),
]  # fmt: skip

WRONG_VALUES = [
    *((name, value, "of at least 1")
      for name in ("steps", "n_layer", "n_embd", "n_head", "block_size", "save_every", "keep")
      for value in (0, -1)),
    ("seed", -1, "of at least 0"),
    *((name, value, "above 0") for name in ("learning_rate", "epsilon") for value in (0, -1.0, math.nan, math.inf)),
    *((name, value, "from 0 to less than 1")
      for name in ("beta1", "beta2", "eval_fraction")
      for value in (1, -0.1, math.nan, 10**400)),
    *(("backend", value, "'auto', 'c', 'python' or 'eager'") for value in ("cuda", "", "pyhton")),
    ("backend", "C", "did you mean 'c'?"),
    ("out", "", "a path"),
    ("out", "a\0b", "a path"),
]  # fmt: skip


def refuses(kind: type[Exception], name: str, value: object, words: str, **more: object) -> None:
    """`train` refuses an argument by an error that names it, its value and what is allowed, before it does anything."""
    arguments = {"data": ["ab"], "steps": 1, **SHAPE, **({"out": "run"} if name == "save_every" else {}), **more}
    with pytest.raises(kind) as caught:
        microgpt.train(**{**arguments, name: value})
    message = str(caught.value)
    assert name in message
    assert words in message
    assert repr(value)[:40] in message
    assert not Path("run").exists()


@pytest.mark.parametrize(("name", "value", "words"), WRONG_TYPES)
def test_train_refuses_other_types(name: str, value: object, words: str):
    refuses(TypeError, name, value, words)


@pytest.mark.parametrize(("name", "value", "words"), WRONG_VALUES)
def test_train_refuses_other_values(name: str, value: object, words: str):
    refuses(ValueError, name, value, words)


def test_errors_about_values_that_are_long():
    with pytest.raises(TypeError, match=r"^steps must be .*, not a value of type list$"):
        microgpt.train(steps=list(range(1000)))
    with pytest.raises(TypeError, match=r"^on_step must be callable, not a value of type Anything$"):
        microgpt.train(on_step=Anything())


def test_train_refuses_what_does_not_fit_together():
    for wrong, message in (
        ({"n_embd": 6, "n_head": 4}, r"n_embd \(6\) must be a multiple of n_head \(4\)"),
        ({"n_layer": 10**18}, r"n_layer 1000000000000000000, .* 10,000,000 are the most"),
        ({"save_every": 1}, "save_every needs `out`"),
        ({"resume": True}, "resume needs `out`"),
        ({"data": []}, "no document"),
        ({"data": [" ", ""]}, "no document"),
        ({"data": "namse"}, "did you mean `names`"),
        ({"data": ""}, "data must be a path, not ''"),
    ):
        with pytest.raises(ValueError, match=message):
            microgpt.train(**{"data": ["ab"], "steps": 1, **SHAPE, **wrong})
    with pytest.raises(TypeError, match=r"data\[1\] must be a str, not 2 \(int\)"):
        microgpt.train(["ab", 2], steps=1)


class Number:
    """What stands for a whole number as those of NumPy do."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


def test_numbers_of_other_libraries_will_do():
    plain = microgpt.train(["ab", "ba"], steps=2, **SHAPE, backend="eager", learning_rate=0.5)
    others = {name: Number(size) for name, size in SHAPE.items()}
    model = microgpt.train(
        (text for text in ("ab", "ba")),
        steps=Number(2),
        **others,
        seed=Number(42),
        backend="eager",
        learning_rate=Fraction(1, 2),
    )
    assert model.checkpoint == plain.checkpoint
    assert model.sample(Number(1), top_k=Number(1), top_p=1, seed=Number(3)) == plain.sample(1, top_k=1, seed=3)


def test_a_model_refuses_wrong_arguments(tmp_path: Path):
    model = microgpt.train(["anna", "bob"], steps=1, **SHAPE, backend="eager")
    for call, kind, message in (
        (lambda: model.sample(-1), ValueError, "count .* at least 0, not -1"),
        (lambda: model.sample(2.0), TypeError, r"count .*, not 2.0 \(float\)"),
        (lambda: model.sample(True), TypeError, r"count .*, not True \(bool\)"),
        (lambda: model.sample(temperature=0), ValueError, "temperature .* above 0 .*greedy=True.*, not 0"),
        (lambda: model.sample(temperature=math.nan), ValueError, "temperature .* above 0 .*, not nan"),
        (lambda: model.sample(temperature="1"), TypeError, r"temperature .* above 0 .*, not '1' \(str\)"),
        (lambda: model.sample(top_k=0), ValueError, "top_k .* at least 1, not 0"),
        (lambda: model.sample(top_k=1.5), TypeError, r"top_k .* at least 1, not 1.5 \(float\)"),
        (lambda: model.sample(top_p=0), ValueError, "top_p .* above 0 and at most 1, not 0"),
        (lambda: model.sample(top_p=1.5), ValueError, "top_p .* above 0 and at most 1, not 1.5"),
        (lambda: model.sample(min_length=5), ValueError, "min_length .* from 0 to 4, not 5"),
        (lambda: model.sample(greedy=1), TypeError, r"greedy must be True or False, not 1 \(int\)"),
        (lambda: model.sample(prefix=b"an"), TypeError, r"prefix must be a str, not b'an' \(bytes\)"),
        (lambda: model.sample(prefix="anna"), ValueError, "prefix must have at most 3 characters, not 4"),
        (lambda: model.sample(prefix="x"), ValueError, "no token for 'x'"),
        (lambda: model.sample(seed=-1), ValueError, "seed .* at least 0, not -1"),
        (lambda: model.sample(seed="7"), TypeError, r"seed .* at least 0, not '7' \(str\)"),
        (lambda: model.evaluate("anna"), TypeError, r"documents .*, not a str; for a single text, write \[text\]"),
        (lambda: model.evaluate(7), TypeError, r"documents .*, not 7 \(int\)"),
        (lambda: model.evaluate([1]), TypeError, r"documents\[0\] must be a str, not 1 \(int\)"),
        (lambda: model.evaluate([]), ValueError, "documents must have at least one"),
        (lambda: model.evaluate(["anna"], pack=1), TypeError, r"pack must be True or False, not 1 \(int\)"),
        (lambda: model.perplexity(["anna"]), TypeError, "text must be a str, not"),
        (lambda: model.save(1), TypeError, r"path must be a path .*, not 1 \(int\)"),
        (lambda: model.save(""), ValueError, "path must be a path, not ''"),
        (lambda: model.export(b"x"), TypeError, r"folder must be a path .*, not b'x' \(bytes\)"),
        (lambda: microgpt.load(1), TypeError, r"path must be a path .*, not 1 \(int\)"),
        (lambda: microgpt.load(tmp_path, backend="C"), ValueError, "backend must be .*, not 'C'; did you mean 'c'"),
        (lambda: microgpt.load(tmp_path, progress=None), TypeError, "progress must be True or False, not None"),
        (lambda: microgpt.load(tmp_path / "none"), ValueError, "no such file"),
        (lambda: microgpt.index(0), ValueError, "limit .* at least 1, not 0"),
        (lambda: microgpt.index(2.0), TypeError, r"limit .* at least 1, not 2.0 \(float\)"),
        (lambda: microgpt.index(True), TypeError, r"limit .* at least 1, not True \(bool\)"),
        (lambda: microgpt.scope(1).__enter__(), TypeError, r"name must be a str, not 1 \(int\)"),
        (lambda: microgpt.scope("a", 1.5).__enter__(), TypeError, r"number must be an int, not 1.5 \(float\)"),
        (lambda: microgpt.scope("a b").__enter__(), ValueError, "not 'a b'"),
        (lambda: microgpt.maximum([]), ValueError, "at least one value"),
    ):  # fmt: skip
        with pytest.raises(kind, match=message):
            call()


def test_no_error_of_the_command_line_comes_out(monkeypatch: pytest.MonkeyPatch):
    def none() -> Toolchain:
        raise ToolchainError("no C compiler was found")

    monkeypatch.setattr("microgpt.runtime.machine.find_toolchain.find_toolchain", none)
    monkeypatch.setattr("microgpt.runtime.backends.c_backend.CBackend.find", lambda backend: False)
    with pytest.raises(ToolchainError, match="the C backend needs a C compiler that keeps every bit"):
        microgpt.train(["ab"], steps=1, **SHAPE, backend="c")
    with pytest.warns(UserWarning, match="no C compiler can be used, so programs run in Python"):
        model = microgpt.train(["ab"], steps=1, n_embd=2, n_head=1, block_size=2)
    assert model.losses


def test_the_library_needs_nothing_of_the_command_line():
    script = (
        "import sys, microgpt\n"
        "model = microgpt.train(['ab'], steps=1, n_embd=2, n_head=1, block_size=2, backend='eager')\n"
        "model.sample(1)\n"
        "print(*sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    imported = set(result.stdout.split())
    assert not {name for name in imported if name.startswith("microgpt.tools")}
    assert not imported & {"click", "rich", "IPython"}


SLOW = {"export_c", "resume", "train_names"}  # they compile programs for every length


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
        for path in sorted(EXAMPLES.glob("*.py"))
    ],
)
def test_examples(path: Path, tmp_path: Path):
    result = subprocess.run([sys.executable, path], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout


def blocks() -> list[object]:
    """The Python of the documents, by file: what trains, and the rest."""
    found: list[object] = []
    for path in (ROOT / "README.md", *(ROOT / "docs" / name for name in ("fit.md", "training.md", "tutorial.md"))):
        texts = re.findall(r"^```python\n(.*?)^```", path.read_text("utf-8"), re.S | re.M)
        train = [text for text in texts if "train" in text]
        quick = [text for text in texts if "train" not in text]
        found += [pytest.param(train, id=f"{path.name}, training", marks=pytest.mark.slow)] if train else []
        many = [pytest.mark.slow] if len(quick) > 2 else []
        found += [pytest.param(quick, id=path.name, marks=many)] if quick else []
    return found


@pytest.mark.parametrize("texts", blocks())
def test_what_the_documents_show(texts: list[str], tmp_path: Path):
    """Each by itself, but in one process: importing and looking for a compiler takes longer."""
    paths = [tmp_path / f"shown{number}.py" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    code = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path, run_name='__main__')"
    command = [sys.executable, "-c", code, *map(str, paths)]
    result = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
