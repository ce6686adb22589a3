"""Runs that go on: whatever happened in between, the bits are those of an undisturbed run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.runtime.backends.backend import PythonBackend
from microgpt.runtime.training.checkpoint import Checkpoint, load_checkpoint
from microgpt.runtime.training.runs import FolderInUseError, RunFolder
from microgpt.tools.cli import cli

# Python, with slices of one step, unless a test says otherwise: some tests stop at a certain step.
SIZES = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1", "--backend", "python")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(PythonBackend, "slice", 1)
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def train(*arguments: object) -> Result:
    return run("train", *SIZES, "--samples", 3, *arguments)


def everything(folder: Path) -> tuple[object, ...]:
    """All bits of a finished run: its last checkpoint and its log."""
    return load_checkpoint(folder / "checkpoint.safetensors"), (folder / "log.jsonl").read_bytes()


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets training end as if by Ctrl-C, once the step is taken; gives what undoes that."""
    from microgpt.tools.training.train_run import Run

    save_step = Run._save_step

    def save_and_stop(self: Run) -> None:
        save_step(self)
        if self.training.state.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "_save_step", save_and_stop)
    return lambda: monkeypatch.setattr(Run, "_save_step", save_step)


@pytest.fixture
def whole(tmp_path: Path) -> Result:
    """An undisturbed run of 30 steps, in the folder `whole`."""
    result = train("--steps", 30, "--out", "whole")
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize(
    ("first", "second"),
    [("python", "python"), ("eager", "python"), ("python", "eager"), ("c", "python"), ("python", "c")],
)
@pytest.mark.parametrize("step", [12, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 29, 30))])
def test_two_parts_equal_the_whole(
    whole: Result, first: str, second: str, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    undo = stop_after(step, monkeypatch)
    # Whatever the backend, its slices of steps end where a checkpoint is due.
    interrupted = train("--steps", 30, "--out", "parts", "--backend", first, "--save-every", step)
    undo()
    if "needs a C compiler" in interrupted.stderr:
        pytest.skip("there is no C compiler here")
    assert interrupted.exit_code == 130
    assert load_checkpoint("parts/checkpoint.safetensors").step == step
    resumed = run("train", "--resume", "parts", "--backend", second, "--jobs", 1)
    if "needs a C compiler" in resumed.stderr:
        pytest.skip("there is no C compiler here")
    assert resumed.exit_code == 0, resumed.stderr
    said = f"going on after step {step} of 30" if step < 30 else "all 30 steps have been taken"
    assert said in resumed.stderr
    assert everything(tmp_path / "parts") == everything(tmp_path / "whole")
    lines = whole.stdout.splitlines()
    assert interrupted.stdout.splitlines() == lines[: 3 + step]
    assert resumed.stdout.splitlines() == lines[:3] + lines[3 + step :]


def test_all_constants_of_adam_are_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    constants = ("--steps", 9, "--beta1", 0.5, "--beta2", 0.75, "--epsilon", 0.001)
    assert train(*constants, "--out", "whole").exit_code == 0
    undo = stop_after(4, monkeypatch)
    assert train(*constants, "--out", "parts").exit_code == 130
    undo()
    assert run("train", "--resume", "parts", "--backend", "eager").exit_code == 0
    assert everything(tmp_path / "parts") == everything(tmp_path / "whole")


def test_from_every_checkpoint(whole: Result, tmp_path: Path):
    saved = train("--steps", 30, "--out", "saved", "--save-every", 7, "--keep", 3)
    assert saved.stdout == whole.stdout
    checkpoints = sorted((tmp_path / "saved" / "checkpoints").iterdir())
    assert [path.name for path in checkpoints] == [f"step-{step}.safetensors" for step in (14, 21, 28)]
    for checkpoint in checkpoints:
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path / "saved", copy)
        result = run("train", "--resume", copy / "checkpoints" / checkpoint.name, "--jobs", 1)
        assert result.exit_code == 0, result.stderr
        assert everything(copy) == everything(tmp_path / "whole")
        assert [path.name for path in sorted((copy / "checkpoints").iterdir())] == [path.name for path in checkpoints]
        shutil.rmtree(copy)


def test_a_checkpoint_into_another_folder(whole: Result, tmp_path: Path):
    train("--steps", 30, "--out", "saved", "--save-every", 20)
    before = sorted((tmp_path / "saved").rglob("*"))
    result = train("--resume", "saved/checkpoints/step-20.safetensors", "--out", "other", "--log", "other.jsonl")
    assert result.exit_code == 0, result.stderr
    assert everything(tmp_path / "other")[0] == everything(tmp_path / "whole")[0]
    assert (tmp_path / "other.jsonl").read_text().splitlines() == (
        tmp_path / "whole" / "log.jsonl"
    ).read_text().splitlines()[20:]
    assert sorted((tmp_path / "saved").rglob("*")) == before


def test_resume_alone_begins_or_goes_on(whole: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a script says that is started again and again until all is done."""
    command = ("--steps", 30, "--out", "again", "--save-every", 5, "--resume")
    undo = stop_after(8, monkeypatch)
    assert train(*command).exit_code == 130
    undo()
    for _ in range(2):
        assert train(*command).exit_code == 0
        assert everything(tmp_path / "again") == everything(tmp_path / "whole")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--steps", 31), "--steps was 30, not 31"),
        (("--seed", 1), "--seed was 42, not 1"),
        (("--learning-rate", 0.02), "--learning-rate was 0.01, not 0.02"),
        (("--beta1", 0.9), "--beta1 was 0.85, not 0.9"),
        (("--n-embd", 8), "--n-embd was 4, not 8"),
        (("--block-size", 5), "--block-size was 4, not 5"),
        (("--eval-fraction", 0.5), "--eval-fraction was 0.0, not 0.5"),
        (("--pack",), "--pack was False, not True"),
        (("--data", "other.txt"), "the corpus other.txt is not the one that was trained on (sha256 bd02dfd33179... th"),
    ],
)
def test_another_run_is_refused(options: tuple[object, ...], words: str, tmp_path: Path, whole: Result):
    (tmp_path / "other.txt").write_text("ab\nba\n")
    before = {path: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    result = run("train", "--resume", "whole", *options)
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "whole").iterdir()} == before


def test_a_changed_corpus_is_refused(tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("abba\nbaab\n")
    train("--data", corpus, "--steps", 3, "--out", "run")
    corpus.write_text("abba\nbaaab\n")
    result = run("train", "--resume", "run")
    assert result.exit_code == 3
    assert "is not the one that was trained on" in result.stderr


def test_nothing_to_resume(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for place, words in (("empty", "empty holds no run"), ("nowhere", "nowhere: no such file")):
        result = run("train", "--resume", place)
        assert result.exit_code == 3
        assert words in result.stderr
    assert run("train", "--resume").exit_code == 2
    assert run("train", "--save-every", 3).exit_code == 2


def test_a_model_without_progress_is_refused(tmp_path: Path, whole: Result):
    from dataclasses import replace

    from microgpt.runtime.training.checkpoint import save_checkpoint

    path = tmp_path / "model.safetensors"
    save_checkpoint(path, replace(load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors"), progress=None))
    result = run("train", "--resume", path)
    assert result.exit_code == 3
    assert "not what training needs to go on" in result.stderr


def test_an_unfinished_run_is_not_lost_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Result):
    undo = stop_after(8, monkeypatch)
    train("--steps", 30, "--out", "run")
    undo()
    result = train("--steps", 30, "--out", "run")
    assert result.exit_code == 3
    assert "run holds a run that has taken 8 of its 30 steps; go on with it by --resume, or lose it by" in result.stderr
    assert load_checkpoint("run/checkpoint.safetensors").step == 8
    assert train("--steps", 30, "--out", "run", "--overwrite").exit_code == 0
    assert everything(tmp_path / "run") == everything(tmp_path / "whole")


def test_damaged_checkpoints_are_passed_over(tmp_path: Path, whole: Result):
    train("--steps", 30, "--out", "run", "--save-every", 10)
    for name in ("checkpoint.safetensors", "checkpoints/step-30.safetensors"):
        content = bytearray((tmp_path / "run" / name).read_bytes())
        content[-5] ^= 16
        (tmp_path / "run" / name).write_bytes(content)
    result = run("train", "--resume", "run", "--jobs", 1)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("does not match its own sha256") == 2
    assert "going on after step 20 of 30" in result.stderr
    assert everything(tmp_path / "run") == everything(tmp_path / "whole")


def test_two_trainings_do_not_share_a_folder(tmp_path: Path):
    pytest.importorskip("fcntl")
    folder = RunFolder(tmp_path / "run")
    result = train("--steps", 3, "--out", "run")
    assert result.exit_code == 5
    assert "--out run cannot be written: another training is writing to it" in result.stderr
    folder.close()
    assert train("--steps", 3, "--out", "run").exit_code == 0
    with pytest.raises(FolderInUseError):
        _ = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")


def test_leftovers_of_a_kill_are_removed(tmp_path: Path, whole: Result):
    leftovers = [tmp_path / "whole" / ".0123456789abcdef.tmp", tmp_path / "whole" / "checkpoints" / ".00.tmp"]
    leftovers[1].parent.mkdir(exist_ok=True)
    for path in leftovers:
        path.write_bytes(b"half a check")
    with (tmp_path / "whole" / "log.jsonl").open("a") as log:
        log.write('{"step": 31, "lo')
    assert run("train", "--resume", "whole", "--jobs", 1).exit_code == 0
    assert not any(path.exists() for path in leftovers)
    assert len([json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]) == 30


def test_a_full_disk_loses_one_checkpoint_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Result
):
    save_step = RunFolder.save_step

    def full_at_ten(self: RunFolder, checkpoint: Checkpoint, keep: int) -> Path:
        if checkpoint.step == 10:
            raise OSError(28, "No space left on device")
        return save_step(self, checkpoint, keep)

    monkeypatch.setattr(RunFolder, "save_step", full_at_ten)
    result = train("--steps", 30, "--out", "run", "--save-every", 10)
    assert result.exit_code == 0
    assert "warning: no checkpoint of step 10 (No space left on device); training goes on" in result.stderr
    assert everything(tmp_path / "run") == everything(tmp_path / "whole")


def test_divergence_leaves_the_last_good_checkpoint(tmp_path: Path):
    result = train("--steps", 40, "--out", "run", "--save-every", 1, "--learning-rate", "1e300")
    assert result.exit_code == 6
    assert "the last good checkpoint is run/checkpoints/step-1.safetensors" in result.stderr
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-1.safetensors"]
    assert load_checkpoint("run/checkpoints/step-1.safetensors").step == 1
    text = (tmp_path / "run" / "log.jsonl").read_text()
    assert [json.loads(line, parse_constant=pytest.fail)["step"] for line in text.splitlines()] == [1]


def test_c_and_python_go_on_with_each_other(tmp_path: Path):
    """From one backend to the other and back, in slices of another length, through a file each time."""
    toolchain = pytest.importorskip("microgpt.runtime.machine.toolchain")
    from microgpt.data.corpus import load_corpus
    from microgpt.model.config import AdamConfig
    from microgpt.runtime.backends.backend import PythonBackend
    from microgpt.runtime.backends.c_backend import CBackend
    from microgpt.runtime.programs.library import Library
    from microgpt.runtime.storage.cache import Cache
    from microgpt.runtime.training.checkpoint import save_checkpoint
    from microgpt.runtime.training.training import Training, sample

    shape = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 4}
    corpus, cache, optimizer = load_corpus("names"), Cache.open(), AdamConfig()
    whole = Training(corpus, 42, 1000, optimizer, **shape)
    python, c = PythonBackend(whole.config, optimizer, Library(cache, 1)), CBackend(whole.config, optimizer, cache)
    try:
        c.prepare([], 0)
    except toolchain.ToolchainError as error:
        pytest.skip(str(error))
    expected = [step.loss for step in whole.run(python)]

    losses: list[float] = []
    for backend, end in ((c, 300), (python, 420), (c, 1000)):
        part = Training(corpus, 42, 1000, optimizer, **shape)
        if losses:
            part.restore(load_checkpoint(tmp_path / "checkpoint"))
        for step in part.run(backend, 60):
            losses.append(step.loss)
            if part.state.step == step.number == end:
                break
        save_checkpoint(tmp_path / "checkpoint", part.checkpoint())
    assert losses == expected
    assert part.checkpoint() == whole.checkpoint()
    names = [
        [sample(backend, run.config, run.tokenizer, run.state.parameters, run.rng, 0.5) for _ in range(5)]
        for backend, run in ((c, part), (python, whole))
    ]
    assert names[0] == names[1]
