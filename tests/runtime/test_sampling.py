"""Sampling and evaluation: the options, and that without them the random stream is the reference's."""

import json
import math
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from microgpt.data.corpus import Corpus, load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import EagerBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.evaluation import evaluate, mean_loss, token_losses
from microgpt.runtime.training.sampling import SamplingError, SamplingOptions, sample, sample_document, weights_of
from microgpt.runtime.training.training import Training
from microgpt.runtime.value import Value
from microgpt.tools.cli import cli

CORPUS = Corpus("small", ("abba", "a", "ca", "bacca", "cab"), "")
SHAPE = {"n_layer": 1, "n_embd": 4, "n_head": 2, "block_size": 6}


@pytest.fixture(scope="module")
def trained() -> tuple[Training, EagerBackend]:
    training = Training(CORPUS, 1, 20, AdamConfig(), **SHAPE)
    backend = EagerBackend(training.config, training.optimizer)
    list(training.run(backend))
    return training, backend


def draw(trained: tuple[Training, EagerBackend], seed: int = 0, prefix: str = "", **options: object):
    training, backend = trained
    tokens = training.tokenizer.encode(prefix)[1:-1]
    model = backend, training.config, training.tokenizer, training.state.parameters
    return sample_document(*model, Random(seed), SamplingOptions(**options), tokens)


def test_documents_may_take_turns(toolchain: Toolchain, tmp_path: Path):
    """Memory has the keys and values of one document: those of another one are handed over again."""
    training = Training(CORPUS, 1, 20, AdamConfig(), **SHAPE)
    state, documents = training.state, [[0, 1, 2, 1, 0], [2, 2, 1, 0, 1]]
    eager = EagerBackend(training.config, training.optimizer)
    compiled = CBackend(training.config, training.optimizer, Cache.open(tmp_path))
    given = list(state.parameters)
    for parameters in (given, [number * 1.5 for number in given]):
        caches: dict[str, list[list[float]]] = {"eager": [[], []], "compiled": [[], []]}
        for position, tokens in enumerate(zip(*documents, strict=True)):
            for place, token in enumerate(tokens):
                found = [
                    backend.next_token(parameters, 0.5, token, position, caches[name][place])
                    for name, backend in (("eager", eager), ("compiled", compiled))
                ]
                assert found[0] == found[1]
            if position == 1:
                compiled.loss_and_gradient(given, training.document(0))
            if position == 2:
                compiled.sample_many(given, Random(1), 0.5, training.tokenizer.bos, 3)
            if position == 3:
                compiled.repeat_next(0, 2)
        assert caches["eager"] == caches["compiled"]


def test_weights():
    def weights(*numbers: float, barred: int | None = None, **options: object) -> list[float]:
        return weights_of(numbers, SamplingOptions(**options), barred)

    assert weights(0.2, 0.3, 0.5) == [0.2, 0.3, 0.5]
    assert weights(0.2, 0.3, 0.5, top_k=1) == [0.0, 0.0, 0.5]
    assert weights(0.2, 0.3, 0.5, top_k=9) == [0.2, 0.3, 0.5]
    assert weights(0.25, 0.5, 0.25, top_k=2) == [0.25, 0.5, 0.0], "of equal ones, the first"
    assert weights(0.2, 0.3, 0.5, top_p=0.5) == [0.0, 0.0, 0.5]
    assert weights(0.2, 0.3, 0.5, top_p=0.51) == [0.0, 0.3, 0.5]
    assert weights(0.2, 0.3, 0.5, top_p=1e-9) == [0.0, 0.0, 0.5]
    assert weights(0.2, 0.3, 0.5, barred=2) == [0.2, 0.3, 0.0]
    assert weights(0.2, 0.3, 0.5, barred=2, top_k=1) == [0.0, 0.3, 0.0]
    assert weights(0.125, 0.375, 0.5, top_k=2, top_p=0.6) == [0.0, 0.375, 0.5], "top_p of what top_k has left"


def test_options_that_allow_everything_change_nothing(trained: tuple[Training, EagerBackend]):
    training, backend = trained
    model = backend, training.config, training.tokenizer, training.state.parameters
    for seed in range(20):
        expected = sample(*model, Random(seed), 0.5)
        assert draw(trained, seed).text == expected
        assert draw(trained, seed, top_k=4, top_p=1.0).text == expected


def test_options(trained: tuple[Training, EagerBackend]):
    greedy = {draw(trained, seed, greedy=True).text for seed in range(5)}
    assert len(greedy) == 1
    assert {draw(trained, seed, top_k=1).text for seed in range(5)} == greedy
    for seed in range(30):
        assert len(draw(trained, seed, min_length=5).text) >= 5
        assert len(draw(trained, seed, min_length=6, prefix="ab").text) == 6
        drawn = draw(trained, seed, prefix="ab", temperature=1.0)
        assert drawn.text.startswith("ab")
        assert [step.position for step in drawn.draws] == list(range(2, 2 + len(drawn.draws)))
        assert all(math.isclose(sum(step.probabilities), 1) for step in drawn.draws)


def test_nothing_to_draw(trained: tuple[Training, EagerBackend]):
    training, _ = trained

    class Certain(EagerBackend):
        def next_token(self, *_: object) -> list[float]:
            return [0.0, 0.0, 0.0, self.end]

    backend = Certain(training.config, training.optimizer)
    for greedy in (False, True):
        backend.end = 1.0
        with pytest.raises(SamplingError, match="probability 0"):
            draw((training, backend), min_length=1, greedy=greedy)
        backend.end = math.nan
        with pytest.raises(SamplingError, match="not finite"):
            draw((training, backend), greedy=greedy)


def test_the_mean_of_losses_adds_up_as_the_model_does():
    for seed in range(200):
        rng = Random(seed)
        losses = [rng.expovariate(0.4) for _ in range(rng.randint(1, 16))]
        expected = (1 / len(losses)) * sum(Value(loss) for loss in losses)
        assert mean_loss(losses).hex() == expected.data.hex()


def test_a_documents_loss_is_that_of_training(trained: tuple[Training, EagerBackend]):
    training, backend = trained
    model = backend, training.config, training.tokenizer, training.state.parameters
    for step, text in enumerate(CORPUS.shuffled(Random(1))):
        expected, _ = backend.loss_and_gradient(training.state.parameters, training.document(step))
        (losses,) = token_losses(*model, text, False)
        assert mean_loss(losses).hex() == expected.hex()
    result = evaluate(*model, CORPUS.documents)
    assert (result.documents, result.tokens) == (5, sum(len(text) + 1 for text in CORPUS.documents))
    assert result.bits_per_character == result.loss / math.log(2)
    assert result == evaluate(*model, CORPUS.documents[::-1])


def test_long_texts(trained: tuple[Training, EagerBackend]):
    training, backend = trained
    model = backend, training.config, training.tokenizer, training.state.parameters
    cut, whole = (token_losses(*model, "abcabcabcabca", flag) for flag in (False, True))
    assert [len(losses) for losses in cut] == [6]
    assert [len(losses) for losses in whole] == [6, 6, 2]
    assert whole[0] == cut[0]


# The commands.


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def train(*arguments: object) -> Result:
    sizes = ("--n-embd", 4, "--n-head", 2, "--block-size", 4, "--jobs", 1)
    return run("train", *sizes, "--steps", 3, "--samples", 0, *arguments)


def test_sample_as_json():
    train()
    plain = run("sample", "-n", 3, "--jobs", 1).stdout
    report = json.loads(run("sample", "-n", 3, "--json", "--jobs", 1).stdout)
    assert "".join(f"sample {n:2d}: {s['text']}\n" for n, s in enumerate(report["samples"], 1)) == plain
    assert report["options"]["temperature"] == 0.5
    report = json.loads(run("sample", "-n", 2, "--json", "--trace", "--min-length", 2, "--jobs", 1).stdout)
    first = report["samples"][0]["draws"][0]
    assert first["probability"] == first["probabilities"][report["characters"].index(first["token"])]
    assert first["in_draw"] == [True] * 26 + [False]


def test_trace():
    train()
    lines = run("sample", "-n", 1, "--greedy", "--min-length", 2, "--trace", "--jobs", 1).stdout.splitlines()
    assert lines[0].startswith("sample  1: ")
    assert len(lines) == 5
    letter, probability = lines[1].split()[1:3]
    assert letter == lines[0][len("sample  1: ")]
    assert f"of {letter} {probability}" in lines[1] or "(end" in lines[1]


def test_what_is_likely_at_each_position_of_a_text():
    train()
    lines = run("eval", "--text", "annab", "--trace", "--jobs", 1).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [[*pair] for pair in ("0a", "1n", "2n", "3a", "0b")] + [
        ["1", "end"]
    ]
    report = json.loads(run("eval", "--text", "annab", "--trace", "--json", "--jobs", 1).stdout)
    (text,) = report["texts"]
    draws = [draw for window in text["windows"] for draw in window]
    assert [draw["token"] for draw in draws] == [*"annab", None]
    for draw in draws:
        assert draw["probability"] == draw["probabilities"][report["characters"].index(draw["token"])]
    assert text["loss"] == pytest.approx(-sum(math.log(draw["probability"]) for draw in draws) / 6, rel=1e-14)
    result = run("eval", "--trace")
    assert result.exit_code == 2
    assert "--trace needs a text; give one with --text" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--top-k", 0), 2, "0 is not in the range x>=1"),
        (("--top-p", 0), 2, "0 is not a finite number above zero"),
        (("--top-p", 1.5), 2, "1.5 is more than 1"),
        (("--min-length", 5), 3, "--min-length 5 is more than this model can write: 4 characters"),
    ],
)
def test_wrong_options(arguments: tuple[object, ...], code: int, words: str):
    train()
    result = run("sample", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_eval(tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("anna\nbob\nannabella\n")
    train("--data", corpus, "--out", tmp_path / "run")
    lines = run("eval", tmp_path / "run", "--jobs", 1).stdout.splitlines()
    assert lines[:3] == [f"corpus: {corpus}", "documents: 3", "characters, ends included: 12"]
    report = json.loads(run("eval", "--data", corpus, "--pack", "--text", "bob", "--json", "--jobs", 1).stdout)
    assert report["tokens"] == 5 + 4 + 10
    assert report["step"] == 3
    assert report["texts"][0]["text"] == "bob"
    assert math.isclose(report["texts"][0]["perplexity"], math.exp(report["texts"][0]["loss"]))
    only = run("eval", "--text", "bob", "--jobs", 1).stdout
    assert (
        only
        == f"perplexity {report['texts'][0]['perplexity']:10.4f}  loss {report['texts'][0]['loss']:.4f}  text bob\n"
    )
    assert run("eval", "--data", corpus, "--limit", 2, "--jobs", 1).stdout.splitlines()[1] == "documents: 2"
    result = run("eval", "--text", "Bob")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "no token for 'B' in 'Bob'; did you mean 'bob'?" in result.stderr
    corpus.write_text("anna\n")
    result = run("eval", "--jobs", 1)
    assert result.exit_code == 3
    assert "has changed since the training" in result.stderr


def test_held_out(tmp_path: Path):
    result = train("--eval-fraction", 0.01, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if "held out" in line)
    report = json.loads(run("eval", tmp_path / "run", "--json", "--jobs", 1).stdout)
    loss, bits = report["document_loss"], report["bits_per_character"]
    expected = f"held out: {report['documents']} documents, loss {loss:.4f}, {bits:.4f} bits per character"
    assert line == f"microgpt: {expected}"
    assert report["data"] == "held out of names"


def test_splits():
    corpus = load_corpus("names")
    kept, held_out = corpus.split(0.1, 42)
    assert 0.08 < len(held_out.documents) / len(corpus.documents) < 0.12
    assert not set(kept.documents) & set(held_out.documents), "equal documents stay together"
    assert sorted(kept.documents + held_out.documents) == sorted(corpus.documents)
    larger = Corpus("larger", ("zzyzx", *corpus.documents), "")
    assert set(larger.split(0.1, 42)[1].documents) - {"zzyzx"} == set(held_out.documents)
    assert corpus.split(0.1, 43)[1].documents != held_out.documents
    assert corpus.split(0.0, 42) == (corpus, Corpus("names", (), corpus.sha256))
    with pytest.raises(ValueError, match="none is held out"):
        CORPUS.split(1e-9, 1)
    with pytest.raises(ValueError, match="none is to train on"):
        CORPUS.split(1 - 1e-9, 1)


def test_pack():
    """Every token of every document is predicted once, in order."""
    corpus = Corpus("long", ("abcabcabc", "ab", "c" * 12), "")
    training = Training(corpus, 3, 50, AdamConfig(), 0.0, True, **SHAPE)
    cut = Training(corpus, 3, 50, AdamConfig(), **SHAPE)
    documents = [training.document(step) for step in range(6)]
    expected = [letter for text in corpus.shuffled(Random(3)) for letter in text + "|"]
    ids = {"a": 0, "b": 1, "c": 2, "|": 3}
    assert [target for _, targets in documents for target in targets] == [ids[letter] for letter in expected]
    assert all(len(tokens) <= 6 for tokens, _ in documents)
    assert [len(tokens) for tokens, _ in documents].count(6) == 3
    assert cut.state.parameters == training.state.parameters
