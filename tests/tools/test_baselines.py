"""The rivals of `bench` train what we train; each loss says so."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from microgpt.model import gpt
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.backends.backend import Document, PythonBackend, State
from microgpt.runtime.programs.library import Library
from microgpt.runtime.storage.cache import Cache
from microgpt.tools.baselines import run as rivals
from microgpt.tools.baselines.job import Job
from microgpt.tools.terminal.failures import ENVIRONMENT, USAGE, CommandError

# Every size differs from every other, the heads' number from their width; lengths reach from 1 to the longest.
CONFIG = GPTConfig(vocab_size=5, n_layer=2, n_embd=6, n_head=2, block_size=4)
OPTIMIZER = AdamConfig(learning_rate=0.02, beta1=0.8, beta2=0.95, epsilon=1e-6)
STEPS = 60


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> rivals.Work:
    """A run of a tiny model, and its losses by the Python backend."""
    folder: Path = tmp_path_factory.mktemp("cache")
    random = Random(7)
    parameters = gpt.initial_parameters(CONFIG, random)
    documents = []
    for step in range(STEPS):
        tokens = [random.randrange(CONFIG.vocab_size) for _ in range(step % CONFIG.block_size + 2)]
        documents.append(Document(tokens[:-1], tokens[1:]))
    backend = PythonBackend(CONFIG, OPTIMIZER, Library(Cache.open(folder), jobs=1))
    losses = backend.advance(State(list(parameters)), documents, STEPS)
    return rivals.Work(CONFIG, OPTIMIZER, parameters, documents, losses)


def check(results: Sequence[rivals.RivalResult]) -> None:
    for result in results:
        assert result.difference < (1e-9 if result.precision == "f64" else 1e-3), result
        assert result.early_difference <= result.difference
        assert 0 < result.step <= result.median_step
        assert result.compile >= 0


def test_numpy_trains_the_same(work: rivals.Work):
    pytest.importorskip("numpy", reason="numpy is not installed: pip install 'microgpt-compiler[rivals]'")
    results = rivals.run_rivals(["numpy"], work, repeats=2)
    assert [(result.name, result.precision, result.compile) for result in results] == [("numpy", "f64", 0.0)]
    check(results)


@pytest.mark.slow
def test_torch_trains_the_same(work: rivals.Work):
    pytest.importorskip("torch", reason="torch is not installed: pip install 'microgpt-compiler[rivals]'")
    results = rivals.run_rivals(["torch"], work, repeats=1)
    assert [(result.name, result.precision) for result in results] == [("torch", "f64")]
    check(results)


@pytest.mark.slow
def test_jax_trains_the_same(work: rivals.Work):
    pytest.importorskip("jax", reason="jax is not installed: pip install 'microgpt-compiler[rivals]'")
    told: list[str] = []
    results = rivals.run_rivals(["jax"], work, repeats=2, progress=told.append)
    assert [(result.name, result.precision) for result in results] == [("jax", "f64"), ("jax", "f32")]
    assert results[0].difference < results[1].difference
    assert all(result.compile > 0 for result in results)
    assert len(told) == 2
    check(results)


def test_a_wrong_loss_shows(work: rivals.Work):
    pytest.importorskip("numpy")
    losses = [*work.losses[:-1], work.losses[-1] * 1.001]
    wrong = rivals.Work(work.config, work.optimizer, work.parameters, work.documents, losses)
    (result,) = rivals.run_rivals(["numpy"], wrong, repeats=1)
    assert result.difference == pytest.approx(0.001, rel=0.01)
    assert result.early_difference < 1e-9


def test_a_loss_that_is_no_number_shows(work: rivals.Work):
    pytest.importorskip("numpy")
    broken = rivals.Work(
        work.config, work.optimizer, [float("nan")] * len(work.parameters), work.documents, work.losses
    )
    (result,) = rivals.run_rivals(["numpy"], broken, repeats=1)
    assert result.early_difference == result.difference == float("inf")


def test_names_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(rivals.RIVALS, "jax", (("no_such_jax", "no_such_lib"), ("f64",)))
    with pytest.raises(
        CommandError, match=r"no_such_jax and no_such_lib must be .*microgpt-compiler\[rivals\]"
    ) as caught:
        rivals.check_rivals(["jax"])
    assert caught.value.code == ENVIRONMENT


def test_names_the_rivals():
    with pytest.raises(CommandError, match="no rival 'theano'; choose from jax, numpy, torch") as caught:
        rivals.check_rivals(["theano"])
    assert caught.value.code == USAGE


def test_shows_why_a_rival_failed(work: rivals.Work):
    pytest.importorskip("numpy")
    short = rivals.Work(work.config, work.optimizer, work.parameters[:-1], work.documents, work.losses)
    with pytest.raises(CommandError, match=r"the rival numpy \(f64\) failed with status 1:\n(.|\n)*reshape") as caught:
        rivals.run_rivals(["numpy"], short, repeats=1)
    assert caught.value.code == ENVIRONMENT


def test_a_job_comes_back(work: rivals.Work):
    job = Job(CONFIG, OPTIMIZER, list(work.parameters), [[4, 1, 4], [4, 0, 1, 2, 3, 4]], 3, "f32", 2, 0)
    back = Job.parse(job.text())
    assert back == job
    assert back.document(0) == ([4, 1], [1, 4])
    assert back.document(1) == ([4, 0, 1, 2], [0, 1, 2, 3])
    assert back.document(2) == back.document(0)
