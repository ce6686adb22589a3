"""`compile` and `bench`: the commands that look inside."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.text import format_graph, parse
from microgpt.compiler.ir.verify import verify
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.cli import cli
from microgpt.tools.options.chosen_program import parse_lengths, program_number
from microgpt.tools.passes import stages
from microgpt.tools.subject.model import ModelSubject

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        subject = ModelSubject(recipe)
        graphs = [stages.stage_product(subject, name) for name in stages.stage_names(subject)[:6]]
        statements = stages.stage_product(ModelSubject(recipe), "form_statements")
        assert [int(cell) for cell in row[1:8]] == [*map(len, graphs), len(statements.roots)]
    folder = Path(next(line for line in lines if line.startswith("programs, in "))[13:-1])
    assert all((folder / row[1]).is_file() for row in rows[3:])


def test_compile_as_json():
    result = run("compile", "--length", "all", "--kind", "inference", "--jobs", 1, "--json")
    rows = json.loads(result.stdout)["programs"]
    assert [row["length"] for row in rows] == [1, 2, 3, 4]
    assert all(row["operations"]["trace"] > row["statements"] > 0 for row in rows)
    assert all(Path(row["file"]).read_text().startswith('"""gpt_inference') for row in rows)


def test_the_usual_length_is_taken_if_there_is_no_other():
    assert program_number("training", None, 16) == 7
    assert program_number("training", None, 4) == 4
    assert program_number("inference", None, 16) == 6
    assert program_number("optimizer", None, 16) == 0


def test_lengths_may_be_given_one_by_one():
    result = run("compile", "--length", 1, "--length", 2, "--json")
    assert [row["length"] for row in json.loads(result.stdout)["programs"]] == [1, 2]


@pytest.mark.parametrize("kind", ["training", "inference", "optimizer"])
def test_compile_dumps_every_stage(kind: str, tmp_path: Path):
    length = [] if kind == "optimizer" else ["--length", 2]
    result = run("compile", "--kind", kind, *length, "--dump", tmp_path / "stages", "--check")
    assert result.exit_code == 0, result.output
    assert "every stage keeps the rules" in result.stderr
    files = sorted((tmp_path / "stages").iterdir())
    config = AdamConfig() if kind == "optimizer" else GPTConfig(vocab_size=27)
    names = stages.stage_names(ModelSubject(Recipe(kind, 1, config)))
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


@pytest.mark.usefixtures("toolchain")
def test_compile_dumps_and_proves_loops(tmp_path: Path):
    result = run("compile", "--backend", "c", "--dump", tmp_path / "loops", "--verify")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"8 programs of loops, unrolled, are their graphs: [\d,]{5,} operations", result.stderr)
    names = {path.name for path in (tmp_path / "loops").iterdir()}
    assert {"length1.txt", "length4.txt", "position0.txt", "adam.txt", "model.c"} <= names
    text = (tmp_path / "loops" / "length4.txt").read_text()
    assert format_program(parse_program(text)) == text


@pytest.mark.usefixtures("toolchain")
def test_compile_says_that_the_library_was_in_the_cache():
    assert run("compile", "--backend", "c").exit_code == 0
    again = run("compile", "--backend", "c")
    assert again.stdout.startswith("C: operations that ended in loops")
    assert "the library was in the cache; the times above" in again.stderr


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
    program = stages.stage_product(ModelSubject(recipe), "emit_python")
    layout = stages.describe(stages.stage_product(ModelSubject(recipe), "allocate"))
    statements = stages.describe(stages.stage_product(ModelSubject(recipe), "form_statements"))
    schedule = stages.describe(stages.stage_product(ModelSubject(recipe), "schedule"))
    for name in ("p1_l0_h1_scores_0", "p0_embed_3"):
        assert f"{name} = " in program
        assert f"\n{name} = %" in statements
        assert f" {name} " in schedule.replace("\n", " ")
    assert "function 0: " in layout


@pytest.mark.parametrize("backend", ["python", pytest.param("c", marks=pytest.mark.slow)])
def test_bench(backend: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("microgpt.tools.checks.model_race.RUN_STEPS", 50)
    result = run("bench", "--backend", backend, "--length", "1,2", "--seconds", "0.05")
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line and line.split()[0].isdigit()] == ["1", "2"]
    result = run("bench", "--backend", backend, "--length", "2", "--seconds", "0.05", "--json")
    assert (json.loads(result.stdout)["run"] is not None) == (backend == "c")
    rows = json.loads(result.stdout)["lengths"]
    assert [row["length"] for row in rows] == [2]
    times = ("eager_step", "compiled_step", "step_ratio", "gradient_ratio", "compile", "pairs")
    assert all(rows[0][name] > 0 for name in times)


def test_compile_c():
    result = run("compile", "--backend", "c", "--json")
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    report = json.loads(result.stdout)["library"]
    assert Path(report["file"]).read_text().startswith("/* Made for GPTConfig(")
    assert report["programs"]["training"]["number"] == 4
    table = run("compile").stdout
    assert report["file"] in table
    assert "\nFound at the model's own sizes: the model is small.\n" in table
    assert max(len(line) for line in table.splitlines()[:-1]) <= 80
    assert run("show", "--backend", "c").stdout == Path(report["file"]).read_text()
    assert run("compile", "--backend", "c", "--length", 1).exit_code == 2


def test_compile_c_on_a_slow_machine(monkeypatch: pytest.MonkeyPatch):
    """Figures of more digits must not widen the page."""
    program = {"number": 16, "operations": 220_000, "in_loops": 220_000, "nests": 124}
    seconds = {"loops": 104.3, "cc": 1204.3}
    reason = "models of such small sizes are exceptions: the loops compute something that is not an operation"
    report = {"programs": {"training": program}, "flat": reason, "seconds": seconds, "peak_memory": 4e9, "bytes": 4e6}
    library = SimpleNamespace(report=report, path=Path("model.c"))
    made = SimpleNamespace(library=library, find=lambda: True)
    monkeypatch.setattr("microgpt.tools.commands.compile.begun_c", lambda config: made)
    monkeypatch.setattr("microgpt.tools.commands.compile.prepare", lambda *what: None)
    lines = run("compile").stdout.splitlines()
    assert "loops 104.3 s, then the C compiler 1204.3 s" in " ".join(lines)
    assert max(map(len, lines)) <= 80


def test_export(tmp_path: Path):
    result = run("export", tmp_path / "library")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'library'}\n"
    assert {"microgpt.c", "microgpt.h", "main.c", "Makefile"} <= {
        path.name for path in (tmp_path / "library").iterdir()
    }


def test_doctor(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setenv("PATH", os.devnull)  # others are probed in the test of its fields
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 0, result.output
    assert "no-such-compiler is not a program" in result.stdout
    report = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    assert report["compilers"][0]["problem"] is not None
