"""Models in a browser: every bit of a run is that of portable numerics."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from golden.test_portable import DOCUMENTS, digest, figures, training
from wasm.browsing import Page

from microgpt.compiler.numerics import numerics
from microgpt.data.corpus import load_corpus
from microgpt.model.config import AdamConfig
from microgpt.runtime.backends.backend import Document, EagerBackend
from microgpt.runtime.backends.c_backend import CBackend
from microgpt.runtime.programs.wasm import export_wasm
from microgpt.runtime.storage.cache import Cache
from microgpt.runtime.training.training import Training, sample

START = "window.training = await program.train({ documents: given.documents, seed: given.seed, steps: given.steps });"
TYPES = Path(__file__).parents[2] / "runtime" / "executable" / "text" / "microgpt.d.ts"


def numbers(bits: Sequence[str]) -> list[float]:
    return [struct.unpack("<d", struct.pack("<Q", int(each)))[0] for each in bits]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, page: Page) -> Path:
    folder = tmp_path_factory.mktemp("small")
    with numerics("portable"):
        task = training()
        files = export_wasm(folder, task.config, task.optimizer, task.tokenizer.characters)
    assert [file.name for file in files] == ["microgpt.wasm", "microgpt.js", "microgpt.d.ts"]
    return folder


@pytest.fixture
def begun(page: Page, small: Path) -> Page:
    """A page with a training that has taken no step."""
    page.load(small, "microgpt")
    page.run(START, {"documents": DOCUMENTS, "seed": 3, "steps": 12})
    return page


def test_a_run_has_the_figures_of_portable_numerics(begun: Page):
    found = begun.run("""
        const begin = bits(training.parameters), losses = bits(training.run(12));
        return { begin, losses, end: bits(training.parameters), samples: training.sample({ count: 4 }) };
    """)
    assert {
        "begin_sha256": digest(numbers(found["begin"])),
        "losses": [loss.hex() for loss in numbers(found["losses"])],
        "end_sha256": digest(numbers(found["end"])),
        "samples": found["samples"],
    } == figures()


def test_samples_on_the_way_change_nothing(begun: Page):
    """Neither a run nor the values of its last step."""
    losses, unchanged, same = begun.run("""
        const losses = [], unchanged = [];
        for (let step = 0; step < 12; step++) {
            losses.push(training.step());
            const before = bits(training.array("scores"));
            training.sample({ count: 2, temperature: 1, seed: step });
            training.distribution("mi");
            unchanged.push(String(before) === String(bits(training.array("scores"))));
        }
        const [one, two] = [7, 7].map((seed) => training.sample({ count: 20, temperature: 1, seed }));
        return [bits(losses), unchanged.every(Boolean), String(one) === String(two)];
    """)
    assert [loss.hex() for loss in numbers(losses)] == figures()["losses"]
    assert unchanged
    assert same


def test_arrays_have_the_values_and_gradients_of_the_last_step(begun: Page):
    about = begun.run("return program.about")
    found = begun.run("""
        const loss = training.step(), get = (name) => bits(training.array(name));
        return { tokens: [...training.tokens], targets: [...training.targets], document: training.document,
            loss: bits([loss]), gradient: get("gradient"), losses: get("training_loss"), weights: get("weights") };
    """)
    with numerics("portable"):
        task = training()
        parameters = list(task.state.parameters)
        eager = EagerBackend(task.config, task.optimizer)
        loss, gradient = eager.loss_and_gradient(parameters, Document(found["tokens"], found["targets"]))
    assert numbers(found["loss"]) == [loss]
    assert list(map(float.hex, numbers(found["gradient"]))) == list(map(float.hex, gradient))
    length = len(found["tokens"])
    assert length == min(len(found["document"]) + 1, task.config.block_size)
    rows = {row["name"]: row for row in about["arrays"]}
    assert rows["weights"]["scope"].endswith("head.weights")
    assert (rows["weights"]["side"], rows["weights_grad"]["side"]) == ("forward", "backward")
    text = about["sources"]["gpt.py"].splitlines()
    assert "power / total" in text[int(rows["weights"]["line"].removeprefix("gpt.py:")) - 1]
    # The attention of every position and head sums to 1.
    weights = numbers(found["weights"])
    positions, heads, keys = rows["weights"]["shape"]
    for position in range(length):
        for head in range(heads):
            start = (position * heads + head) * keys
            assert sum(weights[start : start + position + 1]) == pytest.approx(1.0, abs=1e-12)
    assert positions == task.config.block_size
    names = [row["name"] for row in about["arrays"]]
    assert len(set(names)) == len(names)


def test_the_learning_rate_may_change_while_it_runs(begun: Page):
    same, other, still = begun.run(
        """
        const run = async (rates) => {
            const other = await program.train({ documents: given, seed: 3, steps: 12 });
            for (const rate of rates) { other.learningRate = rate; other.step(); }
            return String(bits(other.parameters));
        };
        const usual = await run([0.01, 0.01, 0.01]);
        const idle = await program.train({ documents: given, seed: 3, steps: 0 });
        const before = String(bits(idle.parameters));
        idle.run(2);
        return [usual === await run([0.01, 0.01, 0.01]), usual === await run([0.01, 0.02, 0.01]),
            before === String(bits(idle.parameters))];
    """,
        list(DOCUMENTS),
    )
    assert (same, other, still) == (True, False, True)


def test_the_most_probable_character_follows_from_a_distribution(begun: Page):
    total, size, ahead = begun.run("""
        training.run(12);
        const probabilities = training.distribution("oli", 0.5);
        return [probabilities.reduce((a, b) => a + b), probabilities.length, Math.max(...probabilities)];
    """)
    assert total == pytest.approx(1.0)
    assert size == training().tokenizer.vocab_size
    assert 1 / size < ahead < 1


def test_documents_are_stripped_and_checked(begun: Page):
    assert begun.run("""return program.check([" emma ", "", "Zoë", "a\\u0301va", "mia"])""") == {
        "accepted": ["emma", "mia"],
        "refused": [
            {"index": 2, "document": "Zoë", "character": "Z"},
            {"index": 3, "document": "a\u0301va", "character": "\u0301"},
        ],
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("await program.train({ documents: ['emma', 'Zoë'] })", 'no character "Z", which "Zoë" has'),
        ("await program.train({ documents: ['', ' '] })", "there is no document"),
        ("training.array('nothing')", 'no array "nothing"'),
        ("training.distribution('oliviaoliviaolivia')", "is longer than 6 characters"),
        ("training.distribution('x')", 'no character "x"'),
        ("await program.sampler()", "no weights were exported"),
        ("training.parameters.fill(NaN); training.sample()", "not finite"),
    ],
)
def test_mistakes_are_errors(begun: Page, body: str, message: str):
    assert message in begun.error(body)


def test_what_is_no_program_is_refused(page: Page, small: Path):
    page.load(small, "microgpt")
    script = (small / "microgpt.js").read_text("utf-8")
    body = """
        const address = URL.createObjectURL(new Blob([given], { type: "text/javascript" }));
        await (await import(address)).load(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    """
    assert "no program that microgpt exported" in page.error(body, script)


def test_the_types_name_what_is_there(begun: Page):
    """Every member that the types declare, and every field of what a program says of itself."""
    text = TYPES.read_text("utf-8")

    def members(interface: str) -> list[str]:
        body = re.search(rf"^export interface {interface} {{\n(.*?)^}}", text, re.MULTILINE | re.DOTALL)
        assert body is not None
        return re.findall(r"^  (?:readonly )?(\w+)[?(:]", body[1], re.MULTILINE)

    begun.run("training.step(); window.sampler = await program.sampler(training.parameters);")
    objects = {"Model": "program", "Training": "training", "Sampler": "sampler", "ModelAbout": "program.about"}
    for interface, name in objects.items():
        declared = members(interface)
        assert declared
        assert begun.run(f"return given.filter((member) => {name}[member] === undefined)", declared) == []
    assert set(members("ModelAbout")) == set(begun.run("return Object.keys(program.about)"))
    assert set(members("ArrayAbout")) == set(begun.run("return Object.keys(program.about.arrays[0])"))


def test_weights_are_exported(page: Page, tmp_path: Path):
    with numerics("portable"):
        task = training(n_embd=2, block_size=4)
        given = task.config, task.optimizer, task.tokenizer.characters, task.state.parameters
        export_wasm(tmp_path, *given, prefix="names")
    page.load(tmp_path, "names")
    found = page.run("window.sampler = await program.sampler(); return bits(sampler.parameters)")
    assert numbers(found) == task.state.parameters
    one, two = page.run("return [1, 2].map((seed) => sampler.sample({ count: 30, seed }))")
    assert one != two
    assert len(one) == len(two) == 30


@pytest.mark.slow
def test_a_thousand_steps_have_the_bits_of_the_native_run(page: Page, tmp_path: Path):
    """The default model, on all names."""
    with numerics("portable"):
        corpus = load_corpus("names")
        task = Training(corpus, 42, 1000, AdamConfig())
        characters = task.tokenizer.characters
        export_wasm(tmp_path, task.config, task.optimizer, characters)
        backend = CBackend(task.config, task.optimizer, Cache.open(tmp_path / "cache"))
        backend.prepare(task.lengths(), task.config.block_size, lambda done, total, what="": None)
        losses = [step.loss.hex() for step in task.run(backend)]
        samples = [
            sample(backend, task.config, task.tokenizer, task.state.parameters, task.rng, temperature=0.5)
            for _ in range(20)
        ]
    page.load(tmp_path, "microgpt")
    page.run(START, {"documents": corpus.documents, "seed": 42, "steps": 1000})
    found = page.run("return { losses: bits(training.run(1000)), end: bits(training.parameters) }")
    assert [loss.hex() for loss in numbers(found["losses"])] == losses
    assert digest(numbers(found["end"])) == digest(task.state.parameters)
    assert page.run("return training.sample({ count: 20 })") == samples


def test_the_json_is_plain(small: Path):
    """It stands behind the code, in a section that engines pass over."""
    module = (small / "microgpt.wasm").read_bytes()
    assert module[:8] == b"\0asm\1\0\0\0"
    about: dict[str, Any] = json.loads(module[module.rindex(b"\x08microgpt{") + 9 :])
    assert about["numerics"] == "portable"
    assert about["alphabet"] == list(training().tokenizer.characters)
