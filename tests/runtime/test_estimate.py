"""What compiling takes: operations are counted exactly, what is long is announced, what does not fit refused."""

import contextlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers import emit_no_c

import microgpt
from microgpt.compiler.ir.ops import CONST
from microgpt.compiler.pipeline import compile_graph
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime import reporting
from microgpt.runtime.executable import estimate as limits
from microgpt.runtime.executable.estimate import TooLargeError
from microgpt.runtime.machine import memory
from microgpt.runtime.machine.memory import available_memory
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs import c_library, c_source, estimate, shapes
from microgpt.runtime.programs.estimate import count_operations, estimate_c, estimate_python, graphs_for_c
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.storage.cache import Cache
from microgpt.tools.cli import cli

LARGE = ("--n-embd", "64", "--n-head", "4")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("anna\nbob\nhannah\notto\nada\nsomebodywithalongname\n")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def real_count(kind: str, config: GPTConfig, number: int) -> int:
    recipe = Recipe(kind, number, config)
    graph = compile_graph(recipe.trace, recipe.gradient)
    return len(graph) - graph.op.count(CONST)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(GPTConfig(27, 1, 16, 4, 3), marks=pytest.mark.slow),
        GPTConfig(9, 3, 6, 1, 5),
        GPTConfig(90, 1, 8, 4, 3),
        pytest.param(GPTConfig(13, 2, 10, 5, 4), marks=pytest.mark.slow),
        GPTConfig(5, 1, 6, 2, 12),
        GPTConfig(5, 1, 15, 3, 4),
    ],
)
def test_the_count_is_that_of_the_graph(config: GPTConfig):
    last = config.block_size
    assert count_operations("training", config, last) == real_count("training", config, last)
    assert count_operations("inference", config, last - 1) == real_count("inference", config, last - 1)


@pytest.mark.parametrize("config", [GPTConfig(13, 1, 4, 4, 12), GPTConfig(2, 1, 2, 1, 2), GPTConfig(27, 1, 1, 1, 3)])
def test_of_heads_of_one_number_it_is_nearly_so(config: GPTConfig):
    """There, more operations are the same ones."""
    real = real_count("training", config, config.block_size)
    assert real <= count_operations("training", config, config.block_size) <= 1.1 * real


@pytest.mark.parametrize("block", [4, *(pytest.param(block, marks=pytest.mark.slow) for block in (9, 18))])
def test_which_graphs_are_made_for_a_library(block: int, monkeypatch: pytest.MonkeyPatch):
    """Positions may continue earlier ones, and are not made then."""
    config = GPTConfig(5, 1, 6, 2, block)
    for module in (c_source, shapes):
        monkeypatch.setattr(module, "is_sized", lambda config: False)
    emit_no_c(monkeypatch)
    made: Counter[tuple[str, int]] = Counter()

    def watch(what: str, kind: str = "", number: int = 0) -> None:
        if kind:
            made[kind, number] += 1

    c_source.model_source(config, AdamConfig(), tell=watch).prove()
    stages = {"training": 6, "inference": 5}
    made = Counter({program: count // stages[program[0]] for program, count in made.items()})
    expected = Counter(graphs_for_c(config))
    assert not made - expected
    missing = expected - made
    assert {kind for kind, _ in missing} <= {"inference"}
    real = sum(count_operations(kind, config, number) * times for (kind, number), times in made.items())
    total = sum(count_operations(kind, config, number) for kind, number in graphs_for_c(config))
    assert 0.8 * total <= real <= total


def test_progress_while_a_library_is_compiled(toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimate, "SMALL", 0)
    shares = []
    cache = Cache.open(tmp_path / "own", warn=pytest.fail)
    config = GPTConfig(3, 1, 2, 1, 4)
    c_library.load_model_library(cache, config, AdamConfig(), lambda share, total, stage: shares.append(share / total))
    assert len(shares) > 30
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.1
    assert 0.5 < shares[-1] < 1


SIZE = ("--n-embd", 2, "--n-head", 1, "--block-size", 2, "--data", "corpus.txt")
SMALL = (*SIZE, "--steps", 2, "--samples", 0)
ANNOUNCED = r"^microgpt: compiling 0\.0 million operations: about \d+ s and 4\d\.\d MiB$"


def test_what_is_long_is_announced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimate, "SMALL", 0)
    command = ("train", *SMALL, "--jobs", 1, "--backend", "python")
    assert "operations" not in run(*command).stderr
    monkeypatch.setattr(limits, "LONG", 0.0)
    assert "operations" not in run(*command).stderr, "nothing is compiled"
    result = run(*command, "--n-layer", 2)
    assert result.exit_code == 0
    assert re.search(ANNOUNCED, result.stderr, re.MULTILINE)
    assert "operations" not in run(*command, "--n-layer", 3, "-q").stderr


@pytest.mark.usefixtures("toolchain")
def test_a_library_that_takes_long_is_announced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimate, "SMALL", 0)
    monkeypatch.setattr(limits, "LONG", 0.0)
    command = ("train", *SMALL, "--backend", "c")
    result = run(*command)
    assert result.exit_code == 0
    assert re.search(ANNOUNCED, result.stderr, re.MULTILINE)
    assert "operations" not in run(*command).stderr, "nothing is compiled"


def refused(result: Result) -> None:
    assert result.exit_code == 5, result.stderr
    assert "million operations: about" in result.stderr
    advice = "(choose a smaller n_embd, n_layer or block_size|`stats`, `passes`, `explore` .* make no graph)"
    assert re.search(f"but 100.0 MiB are available; {advice}", result.stderr)
    assert "MICROGPT_MEMORY_LIMIT=none tries it all the same" in result.stderr
    assert result.stderr.count("error:") == 1


@pytest.mark.slow
def test_what_does_not_fit_is_refused_everywhere(monkeypatch: pytest.MonkeyPatch):
    large = (*LARGE, "--data", "corpus.txt")
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "100M")
    refused(run("train", *large, "--backend", "python"))
    refused(run("compile", *large, "--backend", "python", "--length", 16))
    larger = ("--n-embd", "256", "--n-head", "4", "--data", "corpus.txt")
    c = run("train", *larger, "--backend", "c")
    if "needs a C compiler" not in c.stderr:
        refused(c)
        refused(run("compile", *larger, "--backend", "c"))
    refused(run("export", "c-model", *larger))
    assert not Path("c-model").exists()
    sweep = run("sweep", *large, "--backend", "python", "--seeds", 2, "--jobs", 1, "--out", "sweep")
    assert "2 of 2 runs failed" in sweep.stderr
    refused(sweep)
    with pytest.raises(TooLargeError, match=r"but 100\.0 MiB are available"):
        microgpt.train(["anna", "bob"] * 9, steps=1, n_embd=256, n_head=4, backend="python")
    assert run("train", *large, "--backend", "eager", "--steps", 1, "--samples", 0).exit_code == 0


SINGLE = [
    ("graph", "-o", "x.dot"),
    ("graph", "--scope", "mean", "-o", "x.dot"),
    ("passes",),
    ("stats", "--no-machine"),
    ("explore",),
    ("show",),
    ("show", "--stage", "trace"),
    ("show", "--stage", "loops"),
    ("show", "--line", "gpt.py:129"),
    ("show", "--line", "gpt.py:129", "--stage", "loops"),
    ("show", "--interleave"),
    ("show", "--emit", "straight", "--backend", "c"),
    ("compile", "--dump", "stages"),
    ("compile", "--check"),
]


@pytest.mark.parametrize("command", SINGLE, ids=" ".join)
def test_commands_that_make_one_graph_refuse_what_does_not_fit(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    """Before anything is traced."""
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "100M")
    for kind in ("training", "inference"):  # what is counted once, in small graphs
        count_operations(kind, GPTConfig(5, 1, 4, 2, 4), 2)
    monkeypatch.setattr(Recipe, "trace", pytest.fail)
    refused(run(*command, *LARGE, "--length", 16, "--data", "corpus.txt"))


@pytest.mark.parametrize(
    "command", [("graph", "-o", "x.dot"), ("passes",), ("show", "--stage", "loops"), ("compile", "--check")]
)
def test_commands_that_make_one_graph_announce_what_is_long(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimate, "SMALL", 0)
    monkeypatch.setattr(limits, "LONG", 0.0)
    result = run(*command, "--length", 2, *SIZE)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith("microgpt: compiling 0.0 million operations: about ")


@pytest.mark.slow
def test_a_sweep_announces_what_is_long(monkeypatch: pytest.MonkeyPatch):
    """Once for all of its programs, those apart that are in the cache."""
    monkeypatch.setattr(estimate, "SMALL", 0)
    size = (*SIZE, "--steps", 1, "--jobs", 2)
    grid = ("--set", "n_layer=1,2", "--set", "learning_rate=0.01,0.02", "--backend", "python")
    assert "operations" not in run("sweep", *size, *grid, "--out", "quick").stderr
    monkeypatch.setattr(limits, "LONG", 0.0)
    assert "operations" not in run("sweep", *size, *grid, "--out", "again").stderr, "nothing is compiled"
    more = ("--set", "n_layer=1,3,4", "--set", "learning_rate=0.01,0.02", "--backend", "python")
    result = run("sweep", *size, *more, "--out", "deeper")
    assert result.exit_code == 0, result.stderr
    told = (
        r"^microgpt: 6 runs, 2 at a time\nmicrogpt: compiling 0\.0 million operations: about \d+ s and [89]\d\.\d MiB$"
    )
    assert len(re.findall(told, result.stderr, re.MULTILINE)) == 1
    assert result.stderr.count("operations") == 1


def test_estimates_of_several_models():
    one, two, three = (limits.Estimate(10, seconds, 100 * seconds) for seconds in (1.0, 2.0, 3.0))
    assert limits.together([None, one, None, three, two], 2) == limits.Estimate(30, 3.0, 500.0)
    assert limits.together([one], 4) == one
    assert limits.together([None, None], 2) is None


def test_training_from_python_announces_what_is_long(monkeypatch: pytest.MonkeyPatch):
    """With the words of the command line, to the display of a terminal or notebook alone."""
    announced: list[str] = []

    @contextlib.contextmanager
    def progress(wanted: bool = True, announcement: str = "") -> Iterator[reporting.Report]:
        announced.append(announcement)
        yield reporting.silent

    monkeypatch.setattr("microgpt.api.compile_progress", progress)
    monkeypatch.setattr(estimate, "SMALL", 0)
    monkeypatch.setattr(limits, "LONG", 0.0)
    model = microgpt.train(["anna", "bob"], steps=1, n_embd=2, n_head=1, block_size=2, backend="python")
    told = r"compiling 0\.0 million operations: about \d+ s and \d+\.\d MiB"
    (training,) = announced
    assert re.fullmatch(told, training)
    model.sample()
    model.evaluate(["anna"])
    assert re.fullmatch(told, announced[1])
    assert announced[2] == "", "nothing is compiled any more"


def test_a_limit_that_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "much")
    result = run("train", *LARGE, "--data", "corpus.txt", "--backend", "python")
    assert result.exit_code == 3
    assert "MICROGPT_MEMORY_LIMIT: 'much' is not a size" in result.stderr


def test_small_models_are_not_estimated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(estimate, "_samples", pytest.fail)
    assert estimate_c(GPTConfig()) is None
    assert estimate_python([Recipe("training", 16, GPTConfig()), Recipe("optimizer", 0, AdamConfig())], 2) is None
    assert estimate_python([Recipe("optimizer", 0, AdamConfig())], 2) is None


def test_several_at_once_take_more_memory_and_less_time():
    recipes = [Recipe("training", length, GPTConfig(27, 1, 64, 4, 16)) for length in (14, 15, 16)]
    one, two = (estimate_python(recipes, jobs) for jobs in (1, 2))
    assert one is not None
    assert two is not None
    assert one.operations == two.operations
    assert one.seconds == pytest.approx(2 * two.seconds)
    assert 1.9 < two.memory / one.memory < 2


# How much memory there is.


def write(path: Path, text: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(memory, "_left_of_own", lambda root: iter(()))
    write(tmp_path / "proc/meminfo", "MemTotal:  9000000 kB\nMemAvailable:  8000000 kB")
    return tmp_path


def test_free_memory(root: Path):
    assert available_memory(root) == 8_000_000 * 1024


def test_the_limit_of_a_container(root: Path):
    write(root / "proc/self/cgroup", "0::/")
    write(root / "sys/fs/cgroup/memory.max", 1000)
    write(root / "sys/fs/cgroup/memory.current", 700)
    write(root / "sys/fs/cgroup/memory.stat", "anon 500\ninactive_file 200")
    assert available_memory(root) == 500


def test_the_limit_of_an_outer_cgroup(root: Path):
    write(root / "proc/self/cgroup", "0::/user/session")
    for name, limit in (("user/session", "max"), ("user", 900)):
        write(root / "sys/fs/cgroup" / name / "memory.max", limit)
        write(root / "sys/fs/cgroup" / name / "memory.current", 100)
    assert available_memory(root) == 800


def test_the_limit_of_an_old_cgroup(root: Path):
    write(root / "proc/self/cgroup", "8:pids:/job\n5:memory:/job")
    write(root / "sys/fs/cgroup/memory/job/memory.limit_in_bytes", 1000)
    write(root / "sys/fs/cgroup/memory/job/memory.usage_in_bytes", 990)
    assert available_memory(root) == 10


def test_the_limit_of_the_process():
    pytest.importorskip("resource")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from microgpt.runtime.machine.memory import available_memory; print(available_memory())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < float(result.stdout) < 1 << 30
