"""`graph`: its levels, formats, limits and values."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import EQUAL
from microgpt.data.tokenizer import Tokenizer
from microgpt.model import gpt
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.training.checkpoint import Checkpoint, save_checkpoint
from microgpt.tools.cli import cli
from microgpt.tools.passes import stages
from microgpt.tools.subject.model import ModelSubject

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)
SCORES = "position1.layer0.head1.scores"
HOSTILE = '<script>alert("&amp;\\N\\l")</script>]]>\u2028\n'

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot is not installed")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["graph", *MODEL, *map(str, arguments)])


def drawn(*arguments: object) -> dict[str, dict[str, object]]:
    """The boxes of a picture, by name."""
    result = run(*arguments, "-o", "drawn.json")
    assert result.exit_code == 0, result.output
    return {node["id"]: node for node in json.loads(Path("drawn.json").read_text())["nodes"]}


def live_operations(kind: str, number: int) -> int:
    graph: Graph = stages.stage_product(ModelSubject(Recipe(kind, number, CONFIG)), "dce")
    return sum(bool(graph.operands(node)) for node in range(len(graph)))


@pytest.mark.parametrize("level", ["model", "op"])
@pytest.mark.parametrize(("kind", "number"), [("training", 3), ("inference", 2)])
def test_every_operation_is_in_one_box(level: str, kind: str, number: int):
    boxes = drawn("--level", level, "--length", 3, "--kind", kind)
    equals = 0
    if level == "op":  # comparing an index is no operation of a nest: it is read where it is used
        graph: Graph = stages.stage_product(ModelSubject(Recipe(kind, number, CONFIG)), "dce")
        equals = sum(len(graph.operands(node)) > 0 and graph.op[node] == EQUAL for node in range(len(graph)))
    total = sum(int(str(box.get("operations", 0))) for box in boxes.values())
    assert live_operations(kind, number) - equals <= total <= live_operations(kind, number)


def test_model_level_has_a_box_for_each_scope_and_no_circle():
    boxes = drawn("--length", 3)
    labels = [(box["label"], box["direction"]) for box in boxes.values()]
    for label in ("embed", "layer0 · query", "layer0 · weights", "layer0 · mlp_up", "logits", "loss"):
        assert (label, "forward") in labels
        assert (label, "backward") in labels
    assert labels.count(("layer0 · residual", "forward")) == 2
    data = json.loads(Path("drawn.json").read_text())
    graph = nx.node_link_graph(
        {key: data[key] for key in ("directed", "multigraph", "graph", "nodes", "edges")}, edges="edges"
    )
    assert nx.is_directed_acyclic_graph(graph)
    assert (data["schema"], data["version"], data["graph"]["level"]) == ("microgpt.graph", 1, "model")
    names = {box["label"]: name for name, box in boxes.items() if box["direction"] == "forward"}
    # A box leads to where the model enters its scope, not to the helper that computes it.
    line = int(str(boxes[names["layer0 · query"]]["source"]).removeprefix("gpt.py:"))
    assert Path(gpt.__file__).read_text().splitlines()[line - 1].strip() == 'with ops.scope("query"):'
    # Every position's query, 4 numbers, is handed on to the scores.
    assert graph.edges[names["layer0 · query"], names["layer0 · scores"]] == {"values": 12, "kind": "forward"}


def test_model_level_of_adam():
    labels = {box["label"] for box in drawn("--kind", "optimizer").values()}
    assert labels == {"first_moment", "second_moment", "unbiased1", "unbiased2", "parameter"}


def test_layers_are_merged_before_there_are_too_many_boxes():
    one = drawn("--length", 2, "--level", "op")
    many = drawn("--length", 2, "--level", "op", "--n-layer", 4, "--limit", 100)
    assert "each for all layers alike" in json.loads(Path("drawn.json").read_text())["graph"]["counts"]
    assert len(many) <= 100
    assert {str(box["label"]) for box in many.values()} >= {"layer.query", "layer.residual", "loss"}
    # Some loops of a layer are split in others, and are boxes of their own.
    assert len(one) <= len(many) < 1.2 * len(one)
    blocks = drawn("--length", 2, "--n-layer", 4, "--limit", 40)
    assert len(blocks) <= 40
    result = run("--length", 2, "--level", "op", "--limit", 20, "-o", "x.dot")
    assert result.exit_code == 2
    assert "too many for one picture of at most 20; narrow it with --level op --scope NAME" in result.stderr
    assert not Path("x.dot").exists()


def test_op_level_has_formulas_shapes_and_sources():
    boxes = drawn("--length", 3, "--level", "op")
    query = next(box for box in boxes.values() if box["label"] == "query" and box["direction"] == "forward")
    assert query["formula"] == "query[t,i] = Σ_j attn_wq[i,j]·attn_norm[t,j]"
    assert (query["shape"], query["role"], query["for"]) == ("3 × 4", "attention", "t = 0…2, i = 0…3, j = 0…3")
    assert str(query["source"]).startswith("gpt.py:")
    only = drawn("--length", 3, "--level", "op", "--scope", "layer0.scores")
    assert len(only) < len(boxes)
    assert {box["direction"] for box in only.values()} == {"forward", "backward", "outside"}


def test_scalar_level():
    boxes = drawn("--length", 2, "--scope", SCORES)
    directions = [box["direction"] for box in boxes.values() if box["direction"] in ("forward", "backward")]
    graph: Graph = stages.stage_product(ModelSubject(Recipe("training", 2, CONFIG)), "dce")
    scopes = [graph.origins[origin].scope for origin in graph.origin]
    inside = [node for node in range(len(graph)) if scopes[node] == SCORES and graph.operands(node)]
    assert len(directions) == len(inside)
    assert any(box["label"] == "p1_l0_query_2" for box in boxes.values())
    for stage in stages.GRAPHS:
        assert run("--length", 2, "--scope", SCORES, "--stage", stage, "-o", "x.dot").exit_code == 0


def test_around_an_operation():
    assert len(drawn("--length", 2, "--around", "p1_l0_h1_scores_0", "--radius", 0)) < 8
    near = drawn("--length", 2, "--around", "p1_l0_h1_scores_0", "--radius", 1)
    name = next(name for name, box in near.items() if box.get("note") == "p1_l0_h1_scores_0")
    number = drawn("--length", 2, "--around", f"%{name[1:]}", "--radius", 1)
    assert number == near
    assert set(near) < set(drawn("--length", 2, "--around", "p1_l0_h1_scores_0", "--radius", 2)) | {
        name for name in near if name[0] in "ouc"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--around", "p1_l0_h1_score_0"), "no value is called 'p1_l0_h1_score_0'; near it are p"),
        (("--around", "%99999999"), "there is no operation %99999999; this stage has %0 to %"),
        (("--around", "p1_l0_query_0", "--radius", 9), "; --radius "),
        (("--around", "p1_l0_query_0", "--scope", "mean"), "give --scope or --around, not both"),
        (("--level", "op", "--around", "p1_l0_query_0"), "--around goes with --level scalar"),
        (("--level", "model", "--scope", "mean"), "--scope goes with --level op or scalar"),
        (("--stage", "trace"), "--stage goes with --level scalar"),
        (("--scope", "mean", "--stage", "allocate"), "--stage 'allocate' makes no graph"),
        (("--scope", "position0"), "over 300 cannot be read; narrow it with --scope: within it are position0.layer0 ("),
        (
            (
                "--level",
                "scalar",
            ),
            "narrow it with --scope: within it are position0 (",
        ),
        (("--scope", "position0.layer7"), "--scope: no operation is in 'position0.layer7'; in position0 there are "),
        (("--level", "op", "--scope", "nowhere"), "--scope: no operation is in 'nowhere'; there are position"),
        (("--values", "x"), "--values needs a --text"),
        (("--link-base", "javascript:alert(1)"), "--link-base 'javascript:alert(1)' is no address of a folder"),
        (("--format", "gif"), "--format 'gif' is not one of svg, png, pdf, dot, json, graphml"),
        (("--timeout", "0"), "0 is not a finite number above zero"),
    ],
)
def test_wrong_options(arguments: tuple[object, ...], message: str):
    result = run("--length", 2, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(Path().iterdir())


def test_formats(tmp_path: Path):
    assert run("--length", 1, "-o", tmp_path / "all.dot").stdout == f"{tmp_path / 'all.dot'}\n"
    assert (tmp_path / "all.dot").read_text().startswith("digraph microgpt {")
    boxes = drawn("--length", 1)
    assert run("--length", 1, "-o", "x.graphml").exit_code == 0
    graph = nx.read_graphml("x.graphml")
    assert set(graph) == set(boxes)
    assert graph.nodes["b0"]["label"] == boxes["b0"]["label"]
    result = run("--length", 1, "--format", "json", "-o", "-")
    assert json.loads(result.stdout) == json.loads(Path("drawn.json").read_text())
    assert run("--length", 1, "--format", "dot", "-o", "odd.name").exit_code == 0
    assert Path("odd.name").read_text().startswith("digraph")
    assert "-o - needs a --format" in run("--length", 1, "-o", "-").stderr


@needs_dot
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_pictures(suffix: str):
    result = run("--length", 1, "--kind", "inference", "-o", f"x.{suffix}")
    assert (result.exit_code, result.stdout) == (0, f"x.{suffix}\n"), result.stderr
    assert Path(f"x.{suffix}").read_bytes().startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix])
    assert [path.name for path in Path().iterdir()] == [f"x.{suffix}"]


@needs_dot
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "training2"),
        (("--level", "op"), "training2-op"),
        (("--scope", "mean"), "training2-mean"),
        (("--around", "p1_l0_query_0"), "training2-p1_l0_query_0"),
    ],
)
def test_default_names(arguments: tuple[str, ...], name: str):
    assert run("--length", 2, *arguments).stdout == f"{name}.svg\n"


@needs_dot
def test_boxes_tell_and_link():
    assert run("--length", 2, "--level", "op", "--link-base", "https://example.org/a b&c", "-o", "x.svg").exit_code == 0
    anchors = list(ElementTree.parse("x.svg").iter("{http://www.w3.org/2000/svg}a"))
    link, title = (f"{{http://www.w3.org/1999/xlink}}{name}" for name in ("href", "title"))
    told = [node.get(title, "").split("\n") for node in anchors if node.get(link)]
    query = next(lines for lines in told if lines[0] == "query, forward")
    assert query[1:3] == ["query[t,i] = Σ_j attn_wq[i,j]·attn_norm[t,j]", "shape: 2 × 4"]
    assert any(line.startswith("gpt.py:") for line in query)
    links = {node.get(link, "").partition("#L")[0] for node in anchors if node.get(link)}
    assert links == {"https://example.org/a%20b&c/gpt.py"}


@needs_dot
def test_links_lead_to_the_installed_source(tmp_path: Path):
    assert run("--length", 1, "-o", "x.svg").exit_code == 0
    links = [
        node.get("{http://www.w3.org/1999/xlink}href", "")
        for node in ElementTree.parse("x.svg").iter("{http://www.w3.org/2000/svg}a")
    ]
    files = {(tmp_path / link.partition("#")[0]).resolve() for link in links if link}
    assert [file.name for file in files] == ["gpt.py"]
    assert all(file.is_file() for file in files)


def test_dot_is_needed_for_pictures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", os.devnull)
    result = run("--length", 1, "-o", "x.svg")
    assert result.exit_code == 5
    assert "`dot` is not installed; install Graphviz" in result.stderr
    assert Path("x.dot").read_text().startswith("digraph")
    assert not Path("x.svg").exists()
    assert run("--length", 1, "-o", "x.json").exit_code == 0


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")
@pytest.mark.parametrize(("script", "message"), [("echo oh no >&2; exit 3", "oh no"), ("sleep 9", "within 0.5 s")])
def test_dot_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dot").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    result = run("--length", 1, "-o", "x.svg", "--timeout", "0.5")
    assert result.exit_code == 5
    assert message in result.stderr
    assert "has been written to x.dot" in result.stderr
    assert Path("x.dot").exists()


def saved(characters: str) -> Checkpoint:
    """A model, never trained, that reads `characters`; in the file model.safetensors."""
    tokenizer = Tokenizer.of([characters])
    config = GPTConfig(tokenizer.vocab_size, 1, 4, 2, 4)
    parameters = [math.sin(0.9 * number) / 3 for number in range(config.parameter_count)]
    checkpoint = Checkpoint(config, tokenizer, 42, 0, parameters)
    save_checkpoint("model.safetensors", checkpoint)
    return checkpoint


def run_values(*arguments: object) -> dict[str, dict[str, float]]:
    result = CliRunner().invoke(
        cli, ["graph", "--values", "model.safetensors", *map(str, arguments), "-o", "values.json"]
    )
    assert result.exit_code == 0, result.output
    return {node["id"]: node for node in json.loads(Path("values.json").read_text())["nodes"]}


def test_values_and_gradients_are_those_of_the_program():
    model = saved("abcm")
    tokens = model.tokenizer.encode("cab")
    graph: Graph = stages.stage_product(ModelSubject(Recipe("training", 4, model.config)), "dce")
    indices = {"tokens": tokens[:-1], "targets": tokens[1:]}
    results = interpret(graph, {"parameters": model.parameters}, indices)
    mean = run_values("--text", "cab", "--scope", "mean")
    assert results["loss"][0] in [box.get("value") for box in mean.values()]
    # A score's gradient, by the table of derivatives, is what the backward pass computes for it.
    scores = run_values("--text", "cab", "--scope", "position2.layer0.head1.weights")
    forward = {box["label"]: box for box in scores.values() if str(box["label"]).startswith("p2_l0_h1_scores")}
    assert len(forward) == 3
    backward = [box["value"] for box in scores.values() if box["direction"] == "backward"]
    for box in forward.values():
        assert any(math.isclose(box["gradient"], value, rel_tol=1e-9) for value in backward)
    # The norm of all elements of a matrix's gradient.
    boxes = run_values("--text", "cab", "--level", "op")
    box = next(box for box in boxes.values() if box["label"] == "lm_head")
    start, size = next((t.start, t.size) for t in graph.inputs if t.name == "lm_head")
    expected = math.hypot(*results["gradient"][start : start + size])
    assert math.isclose(box["value_l2"], expected, rel_tol=1e-12)
    probabilities = run_values("--text", "cab", "--kind", "inference", "--level", "op")
    box = next(box for box in probabilities.values() if box["label"] == "probabilities")
    assert 0 < box["value_min"] < box["value_max"] < 1


def test_long_texts_are_cut_and_leaves_have_names():
    saved("abcm")
    boxes = run_values("--text", "abcabc", "--around", "p1_embed_0", "--radius", 1)
    assert "'abcabc', of which the model reads 4" in json.loads(Path("values.json").read_text())["graph"]["counts"]
    labels = {str(box["label"]) for box in boxes.values()} | {str(box.get("note")) for box in boxes.values()}
    assert {"wte[tokens[1],0]", "wpe[1,0]"} <= labels


def test_numbers_that_are_not_finite():
    model = saved("abcm")
    huge = [1e308 * math.copysign(1, value) for value in model.parameters]
    save_checkpoint("model.safetensors", Checkpoint(model.config, model.tokenizer, 42, 0, huge))
    boxes = run_values("--text", "abc", "--level", "op")
    assert any(box.get("values_not_finite", 0) > 0 for box in boxes.values())
    scalars = run_values("--text", "abc", "--scope", "position0.embed", "--limit", 900)
    assert "inf" in {box.get("value") for box in scalars.values()}
    for suffix in ("dot", "graphml"):
        arguments = ["--values", "model.safetensors", "--text", "abc", "--level", "op", "-o", f"x.{suffix}"]
        assert CliRunner().invoke(cli, ["graph", *arguments]).exit_code == 0


def test_wrong_values():
    saved("abcm")
    for arguments, code, message in (
        (("--text", "xyz"), 3, "x"),
        (("--text", "cab", "--length", "2"), 2, "--length 2, but --text 'cab' makes 4"),
        (("--text", "cab", "--n-embd", "8"), 2, "--n-embd 8, but the model has 4"),
        (("--text", "cab", "--kind", "optimizer"), 2, "go with --kind training and inference"),
    ):
        result = CliRunner().invoke(cli, ["graph", "--values", "model.safetensors", *arguments])
        assert (result.exit_code, message in result.stderr) == (code, True), result.output
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("suffix", ["dot", "json", "graphml", "svg"])
@pytest.mark.parametrize("options", [("--level", "op"), ("--scope", "position1.loss", "--limit", "900")])
def test_a_hostile_text_does_no_harm(suffix: str, options: tuple[str, ...]):
    if suffix == "svg" and shutil.which("dot") is None:
        pytest.skip("the program dot is not installed")
    saved(HOSTILE)
    path = Path(f"x.{suffix}")
    arguments = ["graph", "--values", "model.safetensors", "--text", HOSTILE, *options, "-o", str(path)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    text = path.read_text("utf-8")
    assert "\u2028" not in text
    if suffix in ("svg", "graphml"):
        root = ElementTree.fromstring(text)
        assert not [node for node in root.iter() if "script" in node.tag.lower()]
        shown = "".join(root.itertext()) if suffix == "svg" else str(nx.read_graphml(path).graph)
        assert "<script>alert(" in shown
    elif suffix == "json":
        assert HOSTILE[:15] in json.loads(text)["graph"]["counts"]
    else:
        assert "&lt;script&gt;" in text


def test_hostile_names_are_escaped():
    from microgpt.tools.drawing.dot import to_dot
    from microgpt.tools.drawing.export import to_graphml, to_json
    from microgpt.tools.drawing.picture import Box, Picture
    from microgpt.tools.drawing.source import Links, SourceLine

    box = Box(HOSTILE, "other", "forward", HOSTILE, HOSTILE, HOSTILE, HOSTILE, SourceLine("no.such", HOSTILE, 1))
    box.facts[HOSTILE] = box.full_formula = box.numbers = HOSTILE
    picture = Picture(HOSTILE, HOSTILE, "op", {"a": box, "b": Box("b", "other", "backward")})
    picture.hand("a", "b", 3)
    links = Links('x"><script>', Path("x.svg"))
    source = to_dot(picture, links).source
    ElementTree.fromstring(to_graphml(picture, links))
    json.loads(to_json(picture, links))
    if shutil.which("dot"):
        drawn_ = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, check=True)
        assert drawn_.stderr == b""
        root = ElementTree.fromstring(drawn_.stdout)
        assert not [node for node in root.iter() if "script" in node.tag.lower()]
        assert sum(node.get("class") == "node" for node in root.iter()) == 2
        titles = [node.get("{http://www.w3.org/1999/xlink}title", "") for node in root.iter()]
        assert any('<script>alert("&amp;\\N\\l")</script>]]>\\u2028\\n' in title for title in titles), titles
        links_ = [node.get("{http://www.w3.org/1999/xlink}href", "") for node in root.iter()]
        assert all('"' not in link and "<" not in link for link in links_)


@pytest.mark.slow
def test_the_same_bytes_whatever_the_hashes_are():
    given = [*MODEL, "--length", "2", "--n-layer", "2", "--format", "dot", "-o", "-"]
    pictures = [[*given, *more] for more in (["--level", "op"], ["--level", "model"], ["--around", "p1_l0_query_0"])]
    code = "import sys; from microgpt.tools.cli import cli\n"
    code += f"for arguments in {pictures!r}: cli.main(['graph', *arguments], standalone_mode=False)"
    outputs = [
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "77")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"digraph") == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "arguments"),
    [("length7.svg", ()), ("attention.svg", ("--level", "op", "--scope", "layer0.weights"))],
)
def test_pictures_of_the_docs_are_up_to_date(file: str, arguments: tuple[str, ...]):
    """If not: docs/drawings.md and README.md have the commands that draw them."""
    path = Path(__file__).parents[2] / "docs" / file
    if not path.exists():
        pytest.skip("the tests run without the docs")
    root = ElementTree.parse(path).getroot()
    shown = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    result = CliRunner().invoke(cli, ["graph", "--length", "7", *arguments, "-o", "now.json"])
    assert result.exit_code == 0, result.output
    data = json.loads(Path("now.json").read_text())
    assert sum(node.get("class") == "node" for node in root.iter()) == len(data["nodes"])
    assert data["graph"]["counts"] in shown
    labels = {"∂ " * (node["direction"] == "backward") + node["label"] for node in data["nodes"]}
    assert labels <= set(shown)
