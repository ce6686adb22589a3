"""The explorer without a browser: blocks, packing, the page as text, and the command."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zlib
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.ops import CONST, INDEX, INPUT
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs import graphs
from microgpt.tools.cli import cli
from microgpt.tools.explore.assemble import SCRIPTS, assemble
from microgpt.tools.explore.blocks import blocks
from microgpt.tools.explore.pack import differences, pack_bytes, pack_integers, pack_lines

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
WORDS = dict.fromkeys(
    (
        *("title", "counts", "source_note", "assembly_note", "time_note", "values_note", "texts_label"),
        *("how", "ir_note", "middle", "middle_title", "middle_note"),
    ),
    "x",
)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["explore", *map(str, arguments)])


def test_blocks_are_the_parts_of_the_model_in_its_order() -> None:
    graph = graphs.training_graph(GPTConfig(vocab_size=5, n_layer=2, n_embd=4, n_head=2, block_size=4), 3)
    names, block_of = blocks(graph)
    layer = ["attn_norm", "query", "key", "value", "head.scores", "head.weights", "head.mix", "attn_out"]
    layers = [
        name
        for number in range(2)
        for name in (
            *(f"layer{number}.{part}" for part in layer),
            f"layer{number} (1)",
            *(f"layer{number}.{part}" for part in ("mlp_norm", "mlp_up", "mlp_down")),
            f"layer{number} (2)",
        )
    ]
    assert names == ["embed", *layers, "logits", "loss", "mean"]
    leaves = [graph.op[node] in (CONST, INPUT, INDEX) for node in range(len(graph))]
    assert [block < 0 for block in block_of] == leaves


def test_blocks_can_be_drawn_one_below_the_other() -> None:
    """They depend on each other in one direction only."""
    graph = graphs.training_graph(GPTConfig(vocab_size=5, n_layer=2, n_embd=4, n_head=2, block_size=4), 3)
    _, block_of = blocks(graph)
    waits: dict[int, set[int]] = {}
    for node in range(len(graph)):
        for operand in graph.operands(node):
            if block_of[operand] >= 0 and block_of[operand] != block_of[node]:
                waits.setdefault(block_of[node], set()).add(block_of[operand])
    done: set[int] = set()
    while len(done) <= max(block_of):
        ready = [block for block in range(max(block_of) + 1) if block not in done and waits.get(block, set()) <= done]
        assert ready, "a circle"
        done.update(ready)


def unpack(block: str) -> bytes:
    return zlib.decompress(base64.b64decode(block))


def test_packed_numbers_come_back() -> None:
    numbers = [0, 1, -1, 2**31 - 1, -(2**31), 77, 65536, 255, 256]
    planes = unpack(pack_integers(numbers))
    count = len(numbers)
    rows = zip(*(planes[place : place + count] for place in range(0, 4 * count, count)), strict=True)
    assert [int.from_bytes(bytes(row), "little", signed=True) for row in rows] == numbers


def test_differences_add_up_again() -> None:
    numbers = [3, 3, 9, -4]
    found = differences(numbers)
    assert found == array("i", [3, 0, 6, -13])
    assert [second - first for first, second in pairwise([0, *numbers])] == list(found)


def test_packed_lines_come_back() -> None:
    lines = ["</script>", "", "\u2028", "ünï"]
    assert unpack(pack_lines(lines)).decode().split("\n") == [*lines, ""]


def test_whatever_is_put_into_the_page_is_text() -> None:
    page = assemble({"x": pack_bytes(b"y")}, {**WORDS, "title": "</title><script>{{data}}"})
    assert "&lt;/title&gt;&lt;script&gt;{{data}}" in page
    assert page.count("<script>") == 1


def test_the_policy_allows_the_style_and_the_script_by_their_hashes_and_nothing_else() -> None:
    page = assemble({}, WORDS)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "&#x27;none&#x27;" or rules["default-src"] == "'none'"
    for name, tag in (("style-src", "style"), ("script-src", "script")):
        inside = page.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "style=" not in page.split("<body>")[1].split("<script")[0]


def test_scripts_put_no_text_in_as_markup() -> None:
    folder = Path(__file__).parents[2] / "tools" / "explore" / "page"
    assert sorted(path.name for path in folder.glob("*.js")) == sorted(SCRIPTS)
    for name in SCRIPTS:
        text = (folder / name).read_text("utf-8")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "import("):
            assert word not in text, f"{word} in {name}"


@pytest.mark.slow
def test_two_pages_have_the_same_bytes_whatever_the_hashes_are(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.html" for seed in (0, 1, 4242)]
    (tmp_path / "corpus.txt").write_text("anna\neve\n")
    for path in paths:
        command = [
            sys.executable,
            "-m",
            "microgpt",
            "explore",
            "-o",
            str(path),
            "--data",
            "corpus.txt",
            "--length",
            "2",
        ]
        subprocess.run([*command, *MODEL], check=True, env={**os.environ, "PYTHONHASHSEED": path.stem})
    first, *others = (path.read_bytes() for path in paths)
    assert len(first) > 50_000
    assert all(other == first for other in others)


def test_texts_decide_the_length(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("anna\neve\n")
    runner = CliRunner()
    train = ["train", "--data", "corpus.txt", *MODEL, "--backend", "eager", "--steps", "1", "--samples", "0"]
    trained = runner.invoke(cli, [*train, "--out", "run"])
    assert trained.exit_code == 0, trained.output
    result = run("--values", "run", "--text", "an", "--text", "eve", "-o", "page.html")
    assert result.exit_code == 0, result.output
    assert result.stdout == "page.html\n"
    page = Path("page.html").read_text("utf-8")
    assert "<title>Loss and gradient of 3 characters" in page
    assert 'id="data-given"' in page
    result = run("--values", "run", "--text", "an", "--length", 4)
    assert result.exit_code == 2
    assert "--length 4, but a --text has only 3, its beginning included" in result.output
    result = run("--values", "run", "--text", "xyz")
    assert result.exit_code == 3
    assert "no token for" in result.output


@pytest.mark.slow
@pytest.mark.usefixtures("toolchain")
def test_times_stand_beside_the_lines(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("anna\neve\n")
    result = run("--time", "--data", "corpus.txt", "--length", 1, *MODEL)
    assert result.exit_code == 0, result.output
    page = Path("explore.html").read_text("utf-8")
    block = re.search(r'id="data-meta">([^<]*)<', page)
    assert block is not None
    heat = json.loads(unpack(block[1]))["heat"]
    assert "measured" in heat["note"]
    assert len(heat["time"]) == len(heat["ops"])
    assert any(heat["time"])
    # A line has time only where it has operations.
    assert all(count for count, time in zip(heat["ops"], heat["time"], strict=True) if time)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--values", "nowhere"], 2, "needs a --text"),
        (["--values", "nowhere", "--text", "emma"], 3, "nowhere"),
        (["--length", "5", *MODEL], 2, "more than --block-size"),
        (["-o", "no/such/page.html"], 5, "there is no folder no/such"),
    ],
)
def test_wrong_input_gets_one_line(arguments: list[str], code: int, words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1
