"""`compile`, `show` and `bench`: the commands that look inside."""

import json
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
from microgpt.tools.options import parse_lengths

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)

needs_c = pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler")


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
    rows = json.loads(result.stdout)["programs"]
    assert [row["length"] for row in rows] == [1, 2, 3, 4]
    assert all(row["operations"]["trace"] > row["statements"] > 0 for row in rows)
    assert all(Path(row["file"]).read_text().startswith('"""gpt_inference') for row in rows)


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


def test_show():
    result = run("show", "--length", 2)
    assert result.exit_code == 0
    program = stages.stage_product(Recipe("training", 2, CONFIG), "emit_python")
    assert (
        result.stdout.splitlines()[4:] == program.splitlines()[3:]
    )  # the heading says in addition for what it was made
    compile(result.stdout, "shown", "exec")
    lines = run("show", "--length", 2, "--grep", "p1_l0_h1_scores").stdout.splitlines()
    assert lines
    assert all("p1_l0_h1_scores" in line for line in lines)
    nothing = run("show", "--length", 2, "--grep", "nonsense")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "no line contains 'nonsense'" in nothing.stderr


def test_show_stages():
    assert run("show", "--stage", "list", "--kind", "inference").stdout.split() == stages.all_names("inference")
    graph = parse(run("show", "--length", 3, "--kind", "inference", "--stage", "trace").stdout)
    assert graph == Recipe("inference", 2, CONFIG).trace()
    assert run("show", "--length", 1, "--kind", "inference", "--stage", "differentiate").exit_code == 2
    assert "def run(" in run("show", "--kind", "optimizer").stdout


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
    assert (json.loads(result.stdout)["run"] is not None) == (backend == "c")
    rows = json.loads(result.stdout)["lengths"]
    assert [row["length"] for row in rows] == [2]
    assert rows[0]["gradient_ratio"] > 5
    assert all(rows[0][name] > 0 for name in ("eager_step", "compiled_step", "step_ratio", "compile", "pairs"))


def test_compile_c():
    result = run("compile", "--backend", "c", "--json")
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    report = json.loads(result.stdout)["library"]
    assert Path(report["file"]).read_text().startswith("/* Made for GPTConfig(")
    assert report["programs"]["training"]["number"] == 4
    table = run("compile").stdout
    assert report["file"] in table
    assert max(len(line) for line in table.splitlines()[:-1]) <= 80
    assert run("show", "--backend", "c").stdout == Path(report["file"]).read_text()
    assert run("compile", "--backend", "c", "--length", 1).exit_code == 2


def test_show_straight_c():
    text = run("show", "--backend", "c", "--emit", "straight", "--length", 1).stdout
    assert "pow(" in text
    assert "gpt.py:" in text


def test_show_a_line_of_the_model():
    chosen = run("show", "--length", 3, "--line", "gpt.py:129").stdout.splitlines()
    whole = run("show", "--length", 3).stdout.splitlines()
    assert chosen
    assert [line for line in whole if line in chosen] == chosen
    assert any("_scores_" in line for line in chosen)
    trace = run("show", "--length", 3, "--stage", "trace", "--line", "gpt.py:129").stdout.splitlines()
    operations = [line for line in trace if line.startswith("%")]
    assert operations
    assert all(" gpt.py:129 " in line for line in operations)
    both = run("show", "--length", 3, "--stage", "trace", "--line", "gpt.py:120-130", "--scope", "position2.head1")
    assert all(re.search(r" position2\.\S*head1", line) for line in both.stdout.splitlines() if " 129 " in line)


def test_show_an_operation_in_every_text():
    names = stages.all_names("training")
    for name in names if shutil.which("cc") else names[:-1]:
        result = run("show", "--length", 3, "--stage", name, "--scope", "layer0.head1.position2.scores", "--limit", 3)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines(), name
    operation = run("show", "--length", 3, "--stage", "simplify", "--op", "%700").stdout
    assert re.search(r"^%700 = ", operation, re.MULTILINE)


def test_show_numbers_lines_and_limits_them():
    result = run("show", "--length", 2, "--grep", "p[01]_l0_h1_sc", "--number", "--limit", 2)
    lines = run("show", "--length", 2).stdout.splitlines()
    for line in result.stdout.splitlines():
        number, _, text = line.strip().partition("  ")
        assert lines[int(number) - 1].strip() == text.strip()
    assert "more lines" in result.stderr


def test_show_interleaved():
    asked = ("show", "--length", 3, "--line", "gpt.py:129", "--interleave", "--limit", 2)
    panes = ("--stage", "remove_dead_nodes", "--stage", "loops", "--stage", "python", "--stage", "c")
    text = run(*asked, *panes).stdout
    assert text.startswith("gpt.py:129 forward, ")
    places = [text.index(f"\n  {name}\n") for name in panes[1::2]]
    assert places == sorted(places)
    assert " more\n" in text
    data = json.loads(run(*asked, *panes, "--json").stdout)
    assert (data["schema"], data["version"]) == ("microgpt.show", 1)
    (group,) = (group for group in data["groups"] if group["direction"] == "forward")
    assert (group["file"], group["line"]) == ("gpt.py", 129)
    assert "scores = " in group["text"]
    assert [pane["pane"] for pane in group["panes"]] == list(panes[1::2])
    assert all(pane["total"] >= len(pane["lines"]) > 0 for pane in group["panes"])


def test_show_as_json():
    data = json.loads(run("show", "--length", 2, "--line", "gpt.py:129", "--json").stdout)
    lines = run("show", "--length", 2).stdout.splitlines()
    assert data["operations"] > 0
    assert data["total"] == len(data["lines"])
    assert all(lines[entry["line"] - 1] == entry["text"] for entry in data["lines"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--line", "gpt.py"), "write for example gpt.py:148"),
        (("--line", "other.py:3"), "this program comes from gpt.py, not other.py"),
        (("--line", "gpt.py:9999"), "gpt.py has lines 1 to "),
        (("--line", "gpt.py:9-3"), "gpt.py has lines 1 to "),
        (("--scope", "nowhere"), "there is no such scope"),
        (("--op", "seven"), "write for example %123"),
        (("--op", "%99999999"), "remove_dead_nodes has operations %0 to %"),
        (("--grep", "("), "is not a regular expression"),
        (("--stage", "trace", "--stage", "simplify"), "several stages at a time are for --interleave"),
    ],
)
def test_show_usage_errors(arguments: tuple[str, ...], message: str):
    result = run("show", "--length", 1, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_show_where_nothing_was_recorded():
    result = run("show", "--length", 1, "--line", "gpt.py:1")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no operation that is needed in the end comes from there" in result.stderr


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
