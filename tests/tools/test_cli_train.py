"""`train` and `sample`: what they print, write and keep, and what remains when they are cut short."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result
from helpers import skip_without_compiler

from microgpt.data.corpus import load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.runtime.programs import estimate
from microgpt.runtime.training.checkpoint import load_checkpoint
from microgpt.runtime.training.training import Training, sample
from microgpt.tools.cli import cli

SHAPE = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 4}
SIZES = ["--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def train(*arguments: object) -> Result:
    return run("train", *SIZES, *arguments)


@pytest.fixture
def start(start_process: Start) -> Start:
    """Starts a command."""

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "microgpt", *map(str, arguments)]
        return start_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return begin


def rest(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What is still to come on both streams, after which the process has ended; minutes may pass before.

    `communicate` would lose the lines that `readline` has read ahead.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    hung = threading.Timer(600, process.kill)
    hung.start()
    with process, ThreadPoolExecutor(1) as executor:
        errors = executor.submit(process.stderr.read)
        printed = process.stdout.read()
    hung.cancel()
    return printed, errors.result()


def reference(steps: int, samples: int) -> list[str]:
    """What microgpt.py prints."""
    corpus = load_corpus("names")
    training = Training(corpus, 42, steps, AdamConfig(), **SHAPE)
    backend = EagerBackend(training.config, training.optimizer)
    lines = [f"num docs: {len(corpus.documents)}", "vocab size: 27", "num params: 424"]
    lines += [f"step {step.number:4d} / {steps:4d} | loss {step.loss:.4f}" for step in training.run(backend)]
    lines += ["", "--- inference (new, hallucinated names) ---"]
    draw = (training.config, training.tokenizer, training.state.parameters, training.rng, 0.5)
    return lines + [f"sample {number:2d}: {sample(backend, *draw)}" for number in range(1, samples + 1)]


@pytest.mark.parametrize("backend", ["auto", "python", "eager"])
def test_prints_what_the_reference_prints(backend: str):
    result = train("--steps", 3, "--samples", 3, "--backend", backend)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == reference(3, 3)
    assert "trained 3 steps" in result.stderr


def test_says_why_there_are_fewer_threads():
    what = ["--steps", 1, "--samples", 0, "--backend"]
    assert "a step has 1 document, so --threads 3 is 1\n" in train(*what, "eager", "--threads", 3).stderr
    said = train(*what, "eager", "--threads", 3, "--batch-size", 2).stderr
    assert "a step has 2 documents, so --threads 3 is 2\n" in said
    assert "a step has" not in train(*what, "eager").stderr
    skip_without_compiler()
    said = train(*what, "c", "--threads", 3).stderr
    assert "a step has 1 document, too short to be divided, so --threads 3 is 1\n" in said


def test_long_documents_are_divided(monkeypatch: pytest.MonkeyPatch):
    skip_without_compiler()
    monkeypatch.setattr(estimate, "_DIVIDED", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    result = train("--steps", 6, "--samples", 0, "--threads", 2, "--backend", "c")
    assert result.stdout.splitlines() == reference(6, 0)[:-2]
    assert "divided" not in result.stderr
    said = train("--steps", 6, "--samples", 0, "--threads", 5, "--backend", "c").stderr
    assert "this process may use 2 cores, so --threads 5 is 2\n" in said


def test_without_samples():
    result = train("--steps", 1, "--samples", 0)
    assert result.stdout.splitlines() == reference(1, 0)[:4]


def test_prints_json(tmp_path: Path):
    out = tmp_path / "run"
    report = json.loads(train("--steps", 4, "--samples", 3, "--out", out, "--json").stdout)
    losses = [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert report["losses"] == losses
    assert (report["steps"], report["first_step"], report["folder"]) == (4, 1, str(out))
    lines = [f"sample {number:2d}: {text}" for number, text in enumerate(report["samples"], 1)]
    assert lines == train("--steps", 4, "--samples", 3).stdout.splitlines()[-3:]
    assert "as_json" not in (out / "config.json").read_text()


def test_writes_a_run(tmp_path: Path):
    out, log = tmp_path / "runs" / "one", tmp_path / "log.jsonl"
    log.write_text("of an earlier run\n")
    assert (
        train("--backend", "python", "--steps", 3, "--samples", 1, "--out", out, "--log", log, "--seed", 7).exit_code
        == 0
    )
    written = ["checkpoint.safetensors", "config.json", "log.jsonl", "loss.svg", "result.json", "samples.txt"]
    assert sorted(path.name for path in out.iterdir()) == written
    assert json.loads((out / "result.json").read_text())["outcome"] == "finished"
    training = Training(load_corpus("names"), 7, 3, AdamConfig(), **SHAPE)
    steps = list(training.run(EagerBackend(training.config, training.optimizer)))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines == [{"step": s.number, "loss": s.loss, "lr": s.learning_rate, "length": s.length} for s in steps]
    assert (out / "log.jsonl").read_bytes() == log.read_bytes()
    checkpoint = load_checkpoint(out / "checkpoint.safetensors")
    assert checkpoint.parameters == training.state.parameters
    assert (checkpoint.config, checkpoint.tokenizer) == (training.config, training.tokenizer)
    assert (checkpoint.seed, checkpoint.step) == (7, 3)
    config = json.loads((out / "config.json").read_text())
    assert config["model"] == {"vocab_size": 27, **SHAPE}
    assert (config["seed"], config["steps"], config["backend"]) == (7, 3, "python")


def test_sample_goes_on_with_the_last_model(tmp_path: Path):
    result = run("sample")
    assert result.exit_code == 3
    assert "no model has been trained here yet; run `microgpt train`" in result.stderr
    train("--steps", 2, "--samples", 0, "--out", tmp_path / "run")
    model = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors")
    backend, rng = EagerBackend(model.config, AdamConfig()), Random(5)
    draw = (backend, model.config, model.tokenizer, model.parameters, rng, 0.8)
    expected = "".join(f"sample {number:2d}: {sample(*draw)}\n" for number in range(1, 5))
    options = ("-n", 4, "--seed", 5, "--temperature", 0.8, "--jobs", 1)
    for checkpoint in ([], [tmp_path / "run"], [tmp_path / "run" / "checkpoint.safetensors"]):
        result = run("sample", *checkpoint, *options)
        assert result.stdout == expected
        assert result.exit_code == 0
    assert run("sample", *options, "--backend", "eager").stdout == expected


def test_prefix():
    train("--steps", 1, "--samples", 0)
    result = run("sample", "--prefix", "an", "-n", 5, "--jobs", 1)
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert all(line.startswith(f"sample  {number}: an") for number, line in enumerate(lines, 1))
    assert run("sample", "--prefix", "ann", "-n", 1, "--jobs", 1).exit_code == 0
    result = run("sample", "--prefix", "anna")
    assert result.exit_code == 3
    assert "the prefix has 4 characters, and this model looks back over 4" in result.stderr
    result = run("sample", "--prefix", "An")
    assert result.exit_code == 3
    assert "no token for 'A' in 'An'; did you mean 'an'?" in result.stderr


def test_any_text_is_a_corpus(tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("Ünï\n日本語の長い行\n\x1b[31m\n", encoding="utf-8")
    result = train("--data", corpus, "--steps", 3, "--samples", 2, "--backend", "python")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("num docs: 3\n")
    assert run("sample", "--prefix", "日", "-n", 1, "--backend", "eager").stdout.startswith("sample  1: 日")


@pytest.mark.parametrize("content", [None, b"", b"a\0b", b"caf\xe9"])
def test_bad_corpora(tmp_path: Path, content: bytes | None):
    corpus = tmp_path / "corpus.txt"
    if content is not None:
        corpus.write_bytes(content)
    result = train("--data", corpus, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert str(corpus) in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_bad_checkpoints(tmp_path: Path):
    for content in (b"", b"rubbish" * 9):
        (tmp_path / "model").write_bytes(content)
        result = run("sample", tmp_path / "model")
        assert (result.exit_code, result.stdout) == (3, "")
        assert result.stderr.count("\n") == 1
    assert run("sample", tmp_path / "nowhere").exit_code == 3
    assert run("sample", tmp_path).exit_code == 3


def test_places_are_checked_before_anything_is_compiled(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for option, place in (("--out", tmp_path / "file"), ("--log", tmp_path), ("--log", tmp_path / "no" / "log")):
        result = train(option, place)
        assert result.exit_code == 5
        assert f"{option} {place} cannot be written" in result.stderr
        assert result.stdout == ""


def test_a_model_that_cannot_be_kept_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "file"))
    result = train("--steps", 1, "--samples", 1)
    assert result.exit_code == 0
    assert "warning: the model could not be kept for `microgpt sample`" in result.stderr
    assert result.stdout.splitlines()[-1].startswith("sample  1: ")


def test_diverged_training():
    result = train("--steps", 3, "--samples", 1, "--learning-rate", "1e300")
    assert result.exit_code == 6
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("microgpt: error: "))
    assert re.search(r"error: step 2, document '\w+': -inf in the gradient, first in mul\(.*\) at gpt.py:\d+ ", line)
    assert line.endswith("; train with a lower --learning-rate")
    assert result.stdout.splitlines()[-1].startswith("step    1 /    3 | loss ")


@pytest.mark.parametrize("backend", ["c", "python"])
def test_backends_print_the_same(backend: str):
    eager = train("--backend", "eager", "--steps", 3, "--samples", 2)
    result = train("--backend", backend, "--steps", 3, "--samples", 2)
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    assert result.stdout == eager.stdout
    assert f"with the {backend} backend" in result.stderr


def test_a_run_that_is_finished(tmp_path: Path):
    assert train("--steps", 2, "--samples", 0, "--out", tmp_path / "run").exit_code == 0
    result = run("train", "--resume", tmp_path / "run", "--samples", 1)
    assert result.exit_code == 0
    assert "all 2 steps have been taken; nothing is left to train, from " in result.stderr
    assert "going on" not in result.stderr
    assert "trained" not in result.stderr
    assert result.stdout.splitlines()[-1].startswith("sample  1: ")


def test_without_a_c_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def find_none() -> None:
        raise ToolchainError("cc: is broken")

    monkeypatch.setattr("microgpt.runtime.machine.find_toolchain.find_toolchain", find_none)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "empty"))
    result = train("--backend", "c", "--steps", 1)
    assert result.exit_code == 5
    assert "needs a C compiler that keeps every bit: cc: is broken; see `microgpt doctor`" in result.stderr
    result = train("--steps", 1, "--samples", 0)
    assert result.exit_code == 0
    assert "no C compiler can be used, so programs run in Python (cc: is broken)" in result.stderr
    assert "with the python backend" in result.stderr


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_interrupted_training_is_saved(tmp_path: Path, start: Start, number: signal.Signals, code: int, word: str):
    out = tmp_path / "out"
    process = start("train", *SIZES, "--steps", 100_000, "--out", out, "--backend", "eager")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    process.send_signal(number)
    printed, errors = rest(process)
    assert process.returncode == code, errors
    lines += printed.splitlines(keepends=True)
    assert "Traceback" not in errors
    checkpoint = load_checkpoint(out / "checkpoint.safetensors")
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert checkpoint.step == len(log) == len(lines) - 3 >= 3
    assert f"{word} after {checkpoint.step} of 100000 steps; the model is saved as {out}" in errors
    training = Training(load_corpus("names"), 42, 100_000, AdamConfig(), **SHAPE)
    steps = training.run(EagerBackend(training.config, training.optimizer))
    assert [next(steps).loss for _ in log] == [line["loss"] for line in log]
    assert training.state.parameters == checkpoint.parameters


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), pytest.param(signal.SIGTERM, 143, "terminated", marks=pytest.mark.slow)],
)
def test_interrupted_compiling(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int, word: str
):
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    process = start("train", "--steps", 40, "--jobs", 2, "--out", tmp_path / "out")
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(3):
        process.stdout.readline()
    # Without a C compiler, a warning comes first.
    assert any("compiling" in line for line in iter(process.stderr.readline, ""))
    time.sleep(0.2)
    process.send_signal(number)
    _, errors = rest(process)
    assert process.returncode == code
    assert errors == f"microgpt: {word} before the first step; nothing has been trained\n"
    assert not (tmp_path / "out" / "checkpoint.safetensors").exists()


def test_a_closed_pipe_ends_quietly(tmp_path: Path, start: Start):
    out = tmp_path / "out"
    process = start("train", *SIZES, "--steps", 100_000, "--out", out, "--backend", "eager")
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=600) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert load_checkpoint(out / "checkpoint.safetensors").step > 0


def test_a_full_disk_is_an_error():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    result = train("--steps", 1, "--samples", 0, "--log", "/dev/full")
    assert result.exit_code == 5
    assert "No space left" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_model_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals):
    """Whoever has trained for hours keeps the model."""
    from microgpt.runtime.training.runs import RunFolder
    from microgpt.tools.terminal.signals import handle_termination

    save = RunFolder.save

    def interrupted(self: RunFolder, checkpoint: object) -> Path:
        os.kill(os.getpid(), number)
        return save(self, checkpoint)

    monkeypatch.setattr(RunFolder, "save", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    handle_termination()
    try:
        result = train("--backend", "eager", "--steps", 3, "--samples", 0, "--out", tmp_path / "out")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.exit_code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert load_checkpoint(tmp_path / "out" / "checkpoint.safetensors").step == 3


def test_the_samples_are_in_the_folder(tmp_path: Path):
    out = tmp_path / "out"
    result = train("--backend", "eager", "--steps", 3, "--samples", 4, "--out", out)
    shown = [line.partition(": ")[2] for line in result.stdout.splitlines()[-4:]]
    assert (out / "samples.txt").read_text(encoding="utf-8").splitlines() == shown
    train("--backend", "eager", "--steps", 3, "--samples", 0, "--out", out, "--overwrite")
    assert not (out / "samples.txt").exists(), "of an earlier run"
