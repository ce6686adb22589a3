"""`compile`, `graph` and `bench`: the commands that look inside."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.text import format_graph, parse
from microgpt.compiler.ir.verify import verify
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.model.config import GPTConfig
from microgpt.runtime.recipe import Recipe
from microgpt.tools import stages
from microgpt.tools.cli import cli
from microgpt.tools.drawing import render
from microgpt.tools.drawing.draw_blocks import draw_blocks, merge_alike
from microgpt.tools.drawing.draw_scope import draw_scope
from microgpt.tools.options import parse_lengths

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)

needs_c = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler")
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot is not installed")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache for the whole session; every test begins in a folder of its own."""
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cli-cache"))
    monkeypatch.chdir(tmp_path)


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [command, *MODEL, *map(str, arguments)])


def test_lengths():
    assert parse_lengths(["7"], 16) == [7]
    assert parse_lengths(["16,1", "3-5", "4"], 16) == [1, 3, 4, 5, 16]
    assert parse_lengths(["all"], 4) == [1, 2, 3, 4]


def test_compile_prints_a_table():
    result = run("compile", "--length", 1, "2-3", "--jobs", 1)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line[:6].strip().isdecimal()]
    assert [row[0] for row in rows] == ["1", "2", "3"] * 2
    for row in rows[:3]:
        recipe = Recipe("training", int(row[0]), CONFIG)
        graphs = [stages.stage_product(recipe, name) for name in stages.stage_names("training")[:6]]
        statements = stages.stage_product(recipe, "form_statements")
        assert [int(cell) for cell in row[1:8]] == [*map(len, graphs), len(statements.roots)]
    folder = Path(next(line for line in lines if line.startswith("programs, in "))[13:-1])
    assert all((folder / row[1]).is_file() for row in rows[3:])


def test_compile_as_json():
    result = run("compile", "--length", "all", "--kind", "inference", "--jobs", 1, "--json")
    rows = json.loads(result.stdout)
    assert [row["length"] for row in rows] == [1, 2, 3, 4]
    assert all(row["operations"]["trace"] > row["statements"] > 0 for row in rows)
    assert all(Path(row["file"]).read_text().startswith('"""gpt_inference') for row in rows)


def test_lengths_may_be_given_one_by_one():
    result = run("compile", "--length", 1, "--length", 2, "--json")
    assert [row["length"] for row in json.loads(result.stdout)] == [1, 2]


@pytest.mark.parametrize("kind", ["training", "inference", "optimizer"])
def test_compile_dumps_every_stage(kind: str, tmp_path: Path):
    length = [] if kind == "optimizer" else ["--length", 2]
    result = run("compile", "--kind", kind, *length, "--dump", tmp_path / "stages", "--check")
    assert result.exit_code == 0, result.output
    assert "every stage keeps the rules" in result.stderr
    files = sorted((tmp_path / "stages").iterdir())
    names = stages.stage_names(kind)
    if kind == "optimizer":
        names = [*names, "emit_python"]
    assert [path.stem for path in files] == [f"{number:02d}_{name}" for number, name in enumerate(names)]
    for path in files:
        text = path.read_text()
        assert text.endswith("\n")
        if path.stem[3:] in stages.GRAPHS:
            graph = parse(text)
            verify(graph)
            assert format_graph(graph) == text
        elif path.suffix == ".py":
            compile(text, path, "exec")
        else:
            assert max(map(len, text.splitlines())) < 250


@needs_c
def test_compile_dumps_and_proves_loops(tmp_path: Path):
    result = run("compile", "--backend", "c", "--dump", tmp_path / "loops", "--verify")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"8 programs of loops, unrolled, are their graphs: [\d,]{5,} operations", result.stderr)
    names = {path.name for path in (tmp_path / "loops").iterdir()}
    assert {"length1.txt", "length4.txt", "position0.txt", "adam.txt", "model.c"} <= names
    text = (tmp_path / "loops" / "length4.txt").read_text()
    assert format_program(parse_program(text)) == text


@pytest.mark.parametrize("option", ["--backend=python", "--length=1", "--check"])
def test_only_loops_are_proved(option: str):
    result = run("compile", "--verify", option)
    assert result.exit_code == 2
    assert "--verify is for the loops of the C library" in result.stderr


def test_dump_of_several(tmp_path: Path):
    assert run("compile", "--length", "1,2", "--dump", tmp_path / "d").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["training1", "training2"]
    (tmp_path / "file").write_text("")
    result = run("compile", "--length", 1, "--dump", tmp_path / "file")
    assert result.exit_code == 5
    assert "--dump" in result.stderr


def test_statements_in_text_name_what_the_program_names():
    recipe = Recipe("training", 2, CONFIG)
    program = stages.stage_product(recipe, "emit_python")
    layout = stages.describe(stages.stage_product(recipe, "allocate"))
    statements = stages.describe(stages.stage_product(recipe, "form_statements"))
    schedule = stages.describe(stages.stage_product(recipe, "schedule"))
    for name in ("p1_l0_h1_scores_0", "p0_embed_3"):
        assert f"{name} = " in program
        assert f"\n{name} = %" in statements
        assert f" {name} " in schedule.replace("\n", " ")
    assert "function 0: " in layout


def test_blocks_are_merged_without_cycles():
    import networkx as nx

    schedule = stages.stage_product(Recipe("training", 3, GPTConfig(5, 2, 4, 2, 4)), "schedule")
    parts = merge_alike(schedule)
    assert nx.is_directed_acyclic_graph(parts)
    assert len(parts) < len(schedule.blocks)
    total = sum(block.operations for block in schedule.blocks)
    assert sum(data["operations"] for _, data in parts.nodes(data=True)) == total
    handed = sum(data["values"] for *_, data in schedule.coarse.edges(data=True))
    assert sum(data["values"] for *_, data in parts.edges(data=True)) <= handed
    roles = {data["role"] for _, data in parts.nodes(data=True)}
    assert {"layer0.head.scores", "layer1.head.scores", "embed", "loss"} <= roles


def test_drawing_of_blocks():
    drawing = draw_blocks(stages.stage_product(Recipe("training", 2, CONFIG), "schedule"), "A <title> & more").source
    assert "A &lt;title&gt; &amp; more" in drawing
    assert "layer0 · head · scores" in drawing


def test_graph_writes_dot(tmp_path: Path):
    result = run("graph", "--length", 2, "-o", tmp_path / "all.dot")
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'all.dot'}\n")
    assert (tmp_path / "all.dot").read_text().startswith("digraph blocks {")
    options = ("--length", 2, "--scope", "position1.layer0.head1.scores", "-o", "scope.dot")
    assert run("graph", *options).exit_code == 0
    assert "p1_l0_query_2" in Path("scope.dot").read_text()
    for stage in stages.GRAPHS:
        assert run("graph", *options, "--stage", stage).exit_code == 0
    assert run("graph", "--kind", "optimizer", "-o", "adam.dot").exit_code == 0


@needs_dot
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_graph_draws(suffix: str):
    result = run("graph", "--length", 1, "--kind", "inference", "-o", f"x.{suffix}")
    assert (result.exit_code, result.stdout) == (0, f"x.{suffix}\n"), result.stderr
    assert Path(f"x.{suffix}").read_bytes().startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix])
    assert [path.name for path in Path().iterdir()] == [f"x.{suffix}"]


@needs_dot
def test_graph_has_a_default_name():
    assert run("graph", "--length", 1).stdout == "training1.svg\n"
    assert run("graph", "--length", 2, "--scope", "mean").stdout == "training2-mean.svg\n"


def test_graph_needs_dot(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", os.devnull)
    result = run("graph", "--length", 1, "-o", "x.svg")
    assert result.exit_code == 5
    assert "`dot` is not installed; install Graphviz" in result.stderr
    assert Path("x.dot").read_text().startswith("digraph")
    assert not Path("x.svg").exists()


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for dot is a shell script")
@pytest.mark.parametrize(("script", "message"), [("echo oh no >&2; exit 3", "oh no"), ("sleep 9", "has not finished")])
def test_graph_survives_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dot").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(render, "TIME_LIMIT", 0.5)
    result = run("graph", "--length", 1, "-o", "x.svg")
    assert result.exit_code == 5
    assert message in result.stderr
    assert Path("x.dot").exists()


def test_graph_of_too_much_or_nothing():
    result = run("graph", "--length", 2, "--scope", "position0", "-o", "x.dot")
    assert result.exit_code == 2
    assert "over 300 cannot be read; narrow it: within it are position0.layer0 (" in result.stderr
    result = run("graph", "--length", 2, "--scope", "position0.layer7", "-o", "x.dot")
    assert result.exit_code == 2
    assert "no operation is in --scope 'position0.layer7'; in position0 there are position0.layer0" in result.stderr
    assert not Path("x.dot").exists()
    assert run("graph", "--length", 1, "--scope", "position0.layer0.head0", "--limit", 9, "-o", "x.dot").exit_code == 2


@needs_dot
def test_hostile_names_are_escaped():
    from microgpt.compiler.functions import scope
    from microgpt.compiler.ir.graph import Tensor
    from microgpt.compiler.python.form_statements import form_statements
    from microgpt.compiler.trace import trace

    name = '"];evil[<b>&\\N'

    def function(inputs, indices):
        with scope("place"):
            return {"y": [inputs["x"][0] * inputs["x"][1]]}

    graph = trace(function, name, [Tensor(name, "x", 0, (2,))])
    drawing = draw_scope(form_statements(graph), [len(graph) - 1], name)
    render.render(drawing, Path("x.svg"))
    svg = Path("x.svg").read_text()
    assert "evil[&lt;b&gt;&amp;" in svg
    assert svg.count('class="node"') == 4


@pytest.mark.parametrize("backend", ["python", "c"])
def test_bench(backend: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("microgpt.tools.commands.bench.RUN_STEPS", 50)
    result = run("bench", "--backend", backend, "--length", "1,2", "--seconds", "0.05")
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line and line.split()[0].isdigit()] == ["1", "2"]
    result = run("bench", "--backend", backend, "--length", "2", "--seconds", "0.05", "--json")
    assert ("run" in json.loads(result.stdout)) == (backend == "c")
    rows = json.loads(result.stdout)["lengths"]
    assert [row["length"] for row in rows] == [2]
    assert rows[0]["gradient_ratio"] > 5
    assert all(rows[0][name] > 0 for name in ("eager_step", "compiled_step", "step_ratio", "compile", "pairs"))


def test_compile_c():
    result = run("compile", "--backend", "c", "--json")
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    report = json.loads(result.stdout)
    assert Path(report["file"]).read_text().startswith("/* Made for GPTConfig(")
    assert report["programs"]["training"]["number"] == 4
    table = run("compile").stdout
    assert report["file"] in table
    assert max(len(line) for line in table.splitlines()[:-1]) <= 80
    assert run("show", "--backend", "c").stdout == Path(report["file"]).read_text()
    assert run("compile", "--backend", "c", "--length", 1).exit_code == 2


def test_export(tmp_path: Path):
    result = run("export", tmp_path / "library")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'library'}\n"
    assert {"microgpt.c", "microgpt.h", "main.c", "Makefile"} <= {
        path.name for path in (tmp_path / "library").iterdir()
    }


def test_doctor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "no-such-compiler is not a program" in result.stdout
    report = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    assert report["compilers"][0]["problem"] is not None
