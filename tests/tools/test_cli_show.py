"""`show`: whole texts, and the lines that belong to a line of the model, a scope or an operation."""

import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.text import parse
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.cli import cli
from microgpt.tools.passes import stages
from microgpt.tools.subject.model import ModelSubject
from microgpt.tools.terminal import code
from microgpt.tools.text.document import Code

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4"]
CONFIG = GPTConfig(27, 1, 4, 2, 4)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(cli, [command, *MODEL, *map(str, arguments)])


def test_show():
    result = run("show", "--length", 2)
    assert result.exit_code == 0
    program = stages.stage_product(ModelSubject(Recipe("training", 2, CONFIG)), "emit_python")
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
    names = stages.all_names(ModelSubject(Recipe("inference", 15, CONFIG)))
    assert run("show", "--stage", "list", "--kind", "inference").stdout.split() == names
    graph = parse(run("show", "--length", 3, "--kind", "inference", "--stage", "trace").stdout)
    assert graph == Recipe("inference", 2, CONFIG).trace()
    assert run("show", "--length", 1, "--kind", "inference", "--stage", "differentiate").exit_code == 2
    assert "def run(" in run("show", "--kind", "optimizer").stdout


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


@pytest.mark.slow
def test_show_an_operation_in_every_text(compiles: bool):
    names = stages.all_names(ModelSubject(Recipe("training", 2, CONFIG)))
    for name in names if compiles else names[:-1]:
        result = run("show", "--length", 2, "--stage", name, "--scope", "layer0.head1.position1.scores", "--limit", 3)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines(), name
    operation = run("show", "--length", 2, "--stage", "simplify", "--op", "%700").stdout
    assert re.search(r"^%700 = ", operation, re.MULTILINE)


def test_show_numbers_lines_and_limits_them():
    result = run("show", "--length", 2, "--grep", "p[01]_l0_h1_sc", "--number", "--limit", 2)
    lines = run("show", "--length", 2).stdout.splitlines()
    for line in result.stdout.splitlines():
        number, _, text = line.strip().partition("  ")
        assert lines[int(number) - 1].strip() == text.strip()
    assert "more lines" in result.stderr


@pytest.mark.parametrize("language", ["python", "c", "assembly", "graph", "loops"])
def test_show_colours_every_line_as_it_is(language: str, monkeypatch: pytest.MonkeyPatch):
    lines = ["", "a = [1]", "", "  # b ; c", "\tret", "", ""] * 50
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    code.print_code(Code(lines, language, range(1, len(lines) + 1), "  "))
    plain = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue()).splitlines()
    assert len(plain) == len(lines)
    expected = [f"  {place:>3}  {line.expandtabs()}" for place, line in enumerate(lines, 1)]
    assert [line.split() for line in plain] == [line.split() for line in expected]
    assert "\x1b[" in screen.getvalue()


def test_show_interleaved():
    asked = ("show", "--length", 3, "--line", "gpt.py:129", "--interleave", "--limit", 2)
    panes = ("--stage", "dce", "--stage", "loops", "--stage", "python", "--stage", "c")
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
        (("--line", "gpt.py"), "write for example gpt.py:7"),
        (("--line", "other.py:3"), "this program comes from gpt.py, not other.py"),
        (("--line", "gpt.py:9999"), "gpt.py has lines 1 to "),
        (("--line", "gpt.py:9-3"), "gpt.py has lines 1 to "),
        (("--scope", "nowhere"), "there is no such scope"),
        (("--op", "seven"), "write for example %123"),
        (("--op", "%99999999"), "dce has operations %0 to %"),
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
