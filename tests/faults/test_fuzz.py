"""Broken inputs of every kind, made at random: each is used or refused in one line, without a traceback, soon, and in
little memory."""

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from microgpt.data.corpus import Corpus, CorpusError, load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from microgpt.runtime.training.training import Training
from microgpt.tools.cli import cli
from microgpt.tools.terminal.console import escaped

pytestmark = pytest.mark.random

Tries = Callable[[str], Iterator[random.Random]]

# Seconds for one try, which takes milliseconds; and mebibytes that all of a kind may add to the largest size that the
# process has had.
PATIENCE = 60
LARGEST_GROWTH = 200


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Iterator[Tries]:
    """Random streams, one for each try; --seed is the number of the first. Fails at a try that hangs or that swells."""
    resource = pytest.importorskip("resource")
    count, first = request.config.getoption("--fuzz"), int(request.config.getoption("--seed"))

    def hang(signum: int, frame: object) -> None:
        raise AssertionError("a try hangs")

    def streams(kind: str) -> Iterator[random.Random]:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(first, first + count):
            signal.alarm(PATIENCE)
            yield random.Random(f"{kind} {number}")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LARGEST_GROWTH * 1024

    earlier = signal.signal(signal.SIGALRM, hang)
    yield streams
    signal.alarm(0)
    signal.signal(signal.SIGALRM, earlier)


# What stands for something in the formats that are read.
PIECES = (b'"', b"[", b"]", b"{", b"\\", b"-", b"9" * 30, b"null", b"1e999", b"\0")


def check_message(error: Exception) -> None:
    assert "\n" not in str(error)


def mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(6):
            case 0:
                changed[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[place : place + rng.randrange(1, 20)]
            case 2:
                changed[place:place] = rng.randbytes(rng.randrange(1, 20))
            case 3:
                changed[place : place + 1] = rng.choice(PIECES)
            case 4:
                other = rng.randrange(len(changed) + 1)
                changed[place : place + 8] = changed[other : other + rng.randrange(12)]
            case 5:
                del changed[place:]
    return bytes(changed)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    corpus = Corpus("small", ("ab", "ba"), "")
    training = Training(corpus, 1, 9, AdamConfig(), n_layer=1, n_embd=2, n_head=1, block_size=2)
    save_checkpoint(tmp_path / "checkpoint", training.checkpoint())
    return tmp_path / "checkpoint"


def test_checkpoints(checkpoint: Path, tries: Tries):
    content, sound = checkpoint.read_bytes(), load_checkpoint(checkpoint)
    size = int.from_bytes(content[:8], "little")
    for rng in tries("checkpoint"):
        if rng.random() < 0.5:  # in the header, where more can be said wrongly
            broken = content[:8] + mutated(content[8 : 8 + size], rng) + content[8 + size :]
            broken = (len(broken) - len(content) + size).to_bytes(8, "little", signed=True) + broken[8:]
        else:
            broken = mutated(content, rng)
        checkpoint.write_bytes(broken)
        try:
            assert load_checkpoint(checkpoint) == sound
        except CheckpointError as error:
            check_message(error)


def test_checkpoints_that_lie(checkpoint: Path, tries: Tries):
    """Metadata that is nonsense under a digest that is right."""
    import json

    from microgpt.runtime.storage import tensor_file as module

    content = checkpoint.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + size]), content[8 + size :]
    for rng in tries("lie"):
        metadata = {name: text for name, text in header["__metadata__"].items() if name != "sha256"}
        name = rng.choice(["config", "tokenizer", "seed", "step", "run", "random_state"])
        metadata[name] = mutated(metadata[name].encode(), rng).decode("utf-8", "replace")
        metadata["sha256"] = module._digest(metadata, numbers)
        text = json.dumps({**header, "__metadata__": metadata}).encode()
        checkpoint.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
        try:
            loaded = load_checkpoint(checkpoint)
        except CheckpointError as error:
            check_message(error)
            continue
        random.Random().setstate(loaded.progress.random_state)
        assert loaded.step <= loaded.progress.steps


def test_corpora(tmp_path: Path, tries: Tries):
    path = tmp_path / "corpus.txt"
    text = "anna\nÜnï\r\n日本語\n\n \t\n\u2028x\u0085y\n".encode()
    for rng in tries("corpus"):
        path.write_bytes(mutated(text, rng) if rng.random() < 0.8 else rng.randbytes(rng.randrange(40)))
        try:
            corpus = load_corpus(path)
            pack, fraction = rng.random() < 0.5, rng.choice((0.0, 0.3))
            training = Training(corpus, 1, 5, AdamConfig(), fraction, pack, n_layer=1, n_embd=2, n_head=1, block_size=2)
            assert all(1 <= training.document(step).length <= 2 for step in range(5))
        except CorpusError as error:
            check_message(error)


def test_command_lines(tmp_path: Path, tries: Tries, monkeypatch: pytest.MonkeyPatch, checkpoint: Path):
    """Nothing is carried out: what is tried is how a command line is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    Path("corpus.txt").write_text("ab\nba\n")
    options = ["--steps", "--seed", "--n-embd", "--n-head", "--block-size", "--learning-rate", "--samples", "--data"]
    options += ["--out", "--log", "--resume", "--save-every", "--keep", "--eval-fraction", "--pack", "--overwrite"]
    options += ["--config", "--top-k", "--top-p", "--temperature", "--prefix", "--trace", "--json", "--text", "-n"]
    options += ["--set", "--seeds", "--beta1", "--beta2", "--epsilon", "-q", "-v", "--jobs", "--backend"]
    values = ["0", "1", "-1", "2", "1e999", "nan", "", " ", "x", "\0", "ü", "corpus.txt", "checkpoint", ".", "9" * 5000]
    runner = CliRunner()
    for rng in tries("command line"):
        command = [rng.choice(("train", "sample", "eval", "sweep", "compare", "data"))]
        for _ in range(rng.randrange(6)):
            command.append(rng.choice(options))
            command += rng.sample(values, rng.choice((0, 1, 1, 1, 2)))
        if command[0] in ("train", "sample", "eval", "sweep"):
            command.insert(1, "--print-config")
        result = runner.invoke(cli, command)
        assert result.exit_code in (0, 1, 2, 3, 5), (command, result.output)
        if result.exit_code > 1:
            # Besides it, there may be warnings and what -v tells.
            assert result.stderr.count("microgpt: error: ") == 1, (command, result.stderr)
            assert all(line.startswith("microgpt: ") for line in result.stderr.splitlines()), (command, result.stderr)


def test_grids(tmp_path: Path, tries: Tries, monkeypatch: pytest.MonkeyPatch):
    """What a sweep would do; nothing is carried out."""
    from microgpt.tools.commands.sweep import sweep
    from microgpt.tools.sweeping.grid import jobs_of, parse_axes

    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("ab\nba\n")
    sound = (b"learning_rate=0.003,0.01", b"n_embd=8,16", b"seed=1,2", b"pack=true,false", b"data=corpus.txt")
    sweep_to = ["--out", "sweep", "--data", "corpus.txt"]
    for rng in tries("grid"):
        context = sweep.make_context("sweep", list(sweep_to))
        texts = [mutated(rng.choice(sound), rng).decode("utf-8", "replace") for _ in range(rng.randrange(4))]
        try:
            with context:
                axes = parse_axes(context, texts, rng.choice((None, None, 3)))
                jobs = jobs_of(axes, context.params, "auto", None, 3)
            assert len({job.name for job in jobs}) == len(jobs)
            assert all("/" not in job.name and "\0" not in job.name and len(job.name) < 200 for job in jobs)
        except (click.UsageError, CorpusError) as error:
            # What users have typed is quoted; the command line prints it in one line.
            message = error.format_message() if isinstance(error, click.UsageError) else str(error)
            assert escaped(message).isprintable()


def test_configurations(tmp_path: Path, tries: Tries, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    text = b'steps = 3\nlearning-rate = 1e-3\n[train]\nn_embd = 4\ndata = "names"\npack = true\n[sample]\nnumber = 2\n'
    runner = CliRunner()
    for rng in tries("configuration"):
        Path("microgpt.toml").write_bytes(mutated(text, rng))
        result = runner.invoke(cli, ["train", "--print-config"])
        assert result.exit_code in (0, 2, 3), result.output
        assert result.stderr.count("\n") == (result.exit_code != 0), result.stderr
