"""`microgpt sweep`: which runs there are, that each has the bits of `train`, what is repeated, and the plot."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from microgpt.tools.cli import cli
from microgpt.tools.sweeping.grid import Axis
from microgpt.tools.sweeping.job import Result as RunResult
from microgpt.tools.sweeping.plot import axis_to_plot, draw_plot
from microgpt.tools.sweeping.results import Setting, settings_of

# Nothing is compiled.
SMALL = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--steps", "5", "--backend", "eager")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("anna\nbob\nhannah\notto\nada\n")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another executor of the same interface, and one that starts at once."""
    monkeypatch.setattr("microgpt.tools.sweeping.execute.local_executor", ThreadPoolExecutor)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def sweep(*arguments: object, out: str = "sweep") -> Result:
    return run("sweep", "--data", "corpus.txt", *SMALL, "--jobs", 2, "--out", out, *arguments)


def everything(folder: Path) -> tuple[bytes, ...]:
    return tuple((folder / name).read_bytes() for name in ("checkpoint.safetensors", "log.jsonl"))


def test_each_run_has_the_bits_of_train():
    """In processes of their own, as users have it."""
    result = sweep("--set", "learning_rate=0.01,0.1", "--set", "n-embd=4,6")
    assert result.exit_code == 0, result.stderr
    for rate in ("0.01", "0.1"):
        for width in ("4", "6"):
            options = ("--learning-rate", rate, "--n-embd", width)
            alone = run("train", "--data", "corpus.txt", *SMALL, *options, "--samples", 0, "--out", "alone")
            assert alone.exit_code == 0, alone.stderr
            folder = Path("sweep", "runs", f"learning_rate={rate},n_embd={width}")
            assert everything(folder) == everything(Path("alone"))
    assert re.search(r"0\.1 +[46] \d\.\d{4} +1\n", result.stdout)


@pytest.mark.usefixtures("threads")
def test_what_is_done_is_not_repeated():
    first = sweep("--set", "seed=1,2")
    assert "2 runs, 2 at a time" in first.stderr
    stamps = {path: path.stat().st_mtime_ns for path in Path("sweep", "runs").rglob("*")}
    again = sweep("--set", "seed=1,2")
    assert again.stdout == first.stdout
    assert "2 of 2 runs are done already" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    Path("sweep", "runs", "seed=2", "sweep.json").write_text('{"half a')
    more = sweep("--set", "seed=1,2,3")
    assert "1 of 3 runs are done already" in more.stderr
    changed = {path for path in stamps if path.stat().st_mtime_ns != stamps[path]}
    assert {path.parts[2] for path in changed if len(path.parts) > 2} == {"seed=2"}
    assert everything(Path("sweep", "runs", "seed=3"))


@pytest.mark.usefixtures("threads")
def test_other_options_are_refused():
    assert sweep("--set", "seed=1,2").exit_code == 0
    before = everything(Path("sweep", "runs", "seed=1"))
    result = sweep("--set", "seed=1,2", "--learning-rate", "0.5")
    assert result.exit_code == 3
    assert "seed=1 holds a run with learning_rate 0.01, not 0.5; give another --out" in result.stderr
    assert everything(Path("sweep", "runs", "seed=1")) == before
    Path("corpus.txt").write_text("anna\nbob\n")
    assert "holds a run with corpus_sha256" in sweep("--set", "seed=1,2").stderr
    assert sweep("--set", "seed=1,2", "--overwrite").exit_code == 0
    assert everything(Path("sweep", "runs", "seed=1")) != before


@pytest.mark.usefixtures("threads")
def test_a_run_that_diverges_ends_alone():
    result = sweep("--set", "learning_rate=0.01,1e300")
    assert result.exit_code == 0
    assert "warning: 1 of 2 runs diverged; the first, learning_rate=1e+300: step 2, document '" in result.stderr
    assert re.search(r"1e\+300 +- 1 diverged\n", result.stdout)
    assert "×" in Path("sweep", "sweep.svg").read_text(encoding="utf-8")
    result = sweep("--set", "learning_rate=1e299,1e300")
    assert result.exit_code == 6
    assert "every run diverged" in result.stderr


@pytest.mark.usefixtures("threads")
def test_a_run_that_fails_is_tried_again():
    Path("sweep", "runs").mkdir(parents=True)
    Path("sweep", "runs", "seed=2").write_text("in the way")
    result = sweep("--set", "seed=1,2")
    assert result.exit_code == 5
    assert "1 of 2 runs failed; the first, seed=2: sweep/runs/seed=2" in result.stderr
    assert everything(Path("sweep", "runs", "seed=1"))
    Path("sweep", "runs", "seed=2").unlink()
    assert sweep("--set", "seed=1,2").exit_code == 0


@pytest.mark.usefixtures("threads")
def test_seeds_and_what_is_held_out():
    result = sweep("--set", "n_layer=1,2", "--seeds", 3, "--seed", 7, "--eval-fraction", "0.4", "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["schema"], report["version"]) == ("microgpt.sweep", 1)
    assert {run["varied"]["seed"] for run in report["runs"]} == {7, 8, 9}
    for setting in report["settings"]:
        runs = [run for run in report["runs"] if run["name"] in setting["runs"]]
        assert len(runs) == 3
        assert setting["loss"] == pytest.approx(sum(run["held_out"] for run in runs) / 3)
    losses = [setting["loss"] for setting in report["settings"]]
    assert losses == sorted(losses)
    assert json.loads(Path("sweep", "results.json").read_bytes())["runs"] == report["runs"]
    table = sweep("--set", "n_layer=1,2", "--seeds", 3, "--seed", 7, "--eval-fraction", "0.4").stdout
    assert table.startswith("Loss of what was held out, the mean of all seeds\n")
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.usefixtures("threads")
def test_any_name_of_a_corpus():
    """Half of a surrogate pair stands for a byte that is no UTF-8."""
    name = "a & <script>'\"ü\udce4.txt"
    Path(name).write_text("ab\nba\n")
    result = sweep("--set", f"data=corpus.txt,{name}")
    assert result.exit_code == 0, result.stderr
    text = Path("sweep", "sweep.svg").read_text(encoding="utf-8")
    assert "<script>" not in text
    ElementTree.fromstring(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing is varied; give a --set, or --seeds"),
        (("--set", "learning_rate"), "--set 'learning_rate' has no values; write for example"),
        (("--set", "learning_rat=1"), "there is no option 'learning_rat' to vary; did you mean 'learning_rate'?"),
        (("--set", "samples=1"), "there is no option 'samples' to vary; the options are data, steps, seed"),
        (("--set", "n_embd=8,x"), "--set n_embd: 'x' is not a valid whole number"),
        (("--set", "n_embd=8,"), "--set n_embd: '' is not a valid whole number"),
        (("--set", "n_embd=8,08"), "--set n_embd: 08 is there twice"),
        (("--set", "n_embd=8", "--set", "n-embd=4"), "--set n_embd is given twice"),
        (("--set", "n_embd=8,9"), "--n-head 2 does not divide --n-embd 9"),
        (("--set", "learning_rate=0.1,nan"), "--set learning_rate: nan is not a finite number above zero"),
        (("--set", "seed=1,2", "--seeds", "2"), "--seeds and --set seed say the same thing"),
        (("--seeds", "100001"), "these are 100,001 runs; a sweep has at most 100,000"),
        (("--set", "data=-,names"), "it cannot come from standard input"),
    ],
)
def test_usage(options: tuple[str, ...], words: str):
    result = sweep(*options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("sweep").exists()


def test_a_worker_that_dies(monkeypatch: pytest.MonkeyPatch):
    class Dying:
        def submit(self, function: Callable[..., object], *arguments: object) -> "Future[object]":
            future: Future[object] = Future()
            future.set_exception(BrokenProcessPool("died"))
            return future

    @contextmanager
    def dying(jobs: int, cluster: str | None):
        yield Dying()

    monkeypatch.setattr("microgpt.tools.commands.sweep.open_executor", dying)
    result = sweep("--set", "seed=1,2")
    assert result.exit_code == 5
    assert "has ended before its time, perhaps because memory ran out" in result.stderr


def test_two_sweeps_do_not_share_a_folder():
    pytest.importorskip("fcntl")
    from microgpt.runtime.training.runs import RunFolder

    folder = RunFolder(Path("sweep"))
    result = sweep("--set", "seed=1,2")
    folder.close()
    assert result.exit_code == 5
    assert "another training is writing to it" in result.stderr


def setting(loss: float | None, **varied: object) -> Setting:
    outcome = "finished" if loss is not None else "diverged"
    return Setting(varied, (RunResult(str(varied), varied, outcome, loss),))


def test_the_plot():
    rates = Axis("learning_rate", (0.1, 0.001, 0.01))
    widths = Axis("n_embd", tuple(range(1, 31)))
    assert axis_to_plot([widths, rates]) is rates
    assert axis_to_plot([widths, Axis("seed", (1, 2))]) is widths
    settings = [
        setting(None if rate == 0.1 and width == 3 else 2 + rate + width / 100, learning_rate=rate, n_embd=width)
        for rate in rates.values
        for width in widths.values
    ]
    svg = ElementTree.fromstring(draw_plot(settings, rates, "Loss"))
    name = "{http://www.w3.org/2000/svg}"
    lines = [line.get("points", "").split() for line in svg.iter(f"{name}polyline")]
    assert [len(line) for line in lines] == [3] * 2 + [2] + [3] * 27
    xs, ys = zip(*(map(float, point.split(",")) for point in lines[0]), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2), "a decade is a decade"
    assert ys[0] > ys[1] > ys[2], "a higher loss is higher up"
    texts = [text.text for text in svg.iter(f"{name}text")]
    assert "n_embd 1" in texts
    assert "and 12 more" in texts
    assert texts.count("×") == 1


@pytest.mark.parametrize(
    ("axis", "losses"),
    [
        (Axis("seed", (1,)), (2.5,)),
        (Axis("pack", (True, False)), (2.5, 2.5)),
        (Axis("n_layer", (1, 2)), (None, None)),
        (Axis("learning_rate", (1e-300, 1e300)), (1e-12, 700.0)),
        (Axis("data", ("\x1b[31m", "x" * 300)), (1.0, 2.0)),
    ],
)
def test_plots_of_little(axis: Axis, losses: tuple[float | None, ...]):
    settings = [setting(loss, **{axis.name: value}) for value, loss in zip(axis.values, losses, strict=True)]
    ElementTree.fromstring(draw_plot(settings_of([one for each in settings for one in each.results]), axis, "Loss"))


CLUSTER = """
import subprocess, sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        command = [sys.executable, "-m", "microgpt", *sys.argv[1:], "--cluster", cluster.scheduler_address]
        sys.exit(subprocess.run(command).returncode)
"""


@pytest.mark.slow
def test_a_cluster():
    """The same runs, through the executor of a dask client."""
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("dask's distributed is not installed")
    command = ("--data", "corpus.txt", *SMALL, "--set", "learning_rate=0.01,1e300", "--out")
    script = [sys.executable, "-c", CLUSTER, "sweep", *command, "cluster"]
    result = subprocess.run(script, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert run("sweep", *command, "here").stdout == result.stdout
    name = "learning_rate=0.01"
    assert everything(Path("cluster", "runs", name)) == everything(Path("here", "runs", name))


def test_a_cluster_without_dask(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = sweep("--seeds", 2, "--cluster", "tcp://127.0.0.1:1")
    assert result.exit_code == 5
    assert "--cluster needs the package distributed: pip install 'microgpt-compiler[cluster]'" in result.stderr
