"""The docs: the walkthrough is what the compiler makes, and the commands that docs name are there."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from microgpt.tools.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in DOCS.glob("*.md"))]


@pytest.fixture(scope="module")
def walkthrough() -> ModuleType:
    specification = importlib.util.spec_from_file_location("walkthrough", DOCS / "walkthrough.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_walkthrough_is_what_the_compiler_makes():
    result = subprocess.run(
        [sys.executable, DOCS / "walkthrough.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_table_of_operations_is_what_the_rows_say():
    result = subprocess.run(
        [sys.executable, DOCS / "operations.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_walkthrough_that_went_stale_is_noticed(
    walkthrough: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "walkthrough.md"
    page.write_text("the page as it was")
    monkeypatch.setattr(walkthrough, "PAGE", page)
    monkeypatch.setattr(walkthrough, "page", lambda: ("the page as it is", ""))
    monkeypatch.setattr(sys, "argv", ["walkthrough.py", "--check"])
    assert walkthrough.main() == 1
    assert "run python docs/walkthrough.py" in capsys.readouterr().out
    assert page.read_text() == "the page as it was"
    monkeypatch.setattr(sys, "argv", ["walkthrough.py"])
    assert walkthrough.main() == 0
    assert page.read_text() == "the page as it is"


def test_words_that_are_not_true_any_more_end_the_script(walkthrough: ModuleType):
    with pytest.raises(SystemExit, match=r"says that loops are endless; this is not so any more"):
        walkthrough.expect(False, "loops are endless")


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_docs_are_there(name: str):
    text = (ROOT / name).read_text("utf-8")
    examples = re.findall(r"^\$ microgpt ([a-z][^\n|>]*)", text, re.MULTILINE)
    mentions = re.findall(r"`microgpt ([a-z][^`\n|>]*)", text)
    for words in (command.split() for command in (*examples, *mentions)):
        with click.Context(cli) as context:
            command = cli.get_command(context, words[0])
            assert command is not None, f"{name} names microgpt {words[0]}; there are {', '.join(COMMANDS)}"
            if isinstance(command, click.Group) and len(words) > 1:
                command = command.get_command(context, words[1])
                assert command is not None, f"{name} names microgpt {words[0]} {words[1]}"
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {word for word in words if word.startswith("--")} <= known | {"--help"}
    for words in (command.split() for command in examples):
        with click.Context(cli) as context:
            command = cli.get_command(context, words[0])
            assert command is not None
            # Reads the options and their values, and runs nothing.
            arguments = [word.strip("'") for word in words[1:]]
            command.make_context(words[0], arguments, parent=context).close()


@pytest.mark.slow
def test_the_examples_in_python_run(tmp_path: Path):
    own, example = re.findall(r"```python\n(.*?)```", (DOCS / "seeing.md").read_text("utf-8"), re.DOTALL)
    small = example.replace("vocab_size=27", "vocab_size=5, n_embd=4, n_head=2, block_size=4")
    assert small != example
    result = subprocess.run([sys.executable, "-c", small], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.match(r"\d+ operations; lines of the C: \[\d", result.stdout)
    (tmp_path / "model.py").write_text(own)
    result = subprocess.run([sys.executable, tmp_path / "model.py"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "model.py:5 energy" in result.stdout
    assert "all equal to the eager autograd's, bit by bit" in " ".join(result.stdout.split())
    result = CliRunner().invoke(cli, ["passes", f"{tmp_path / 'model.py'}:loss"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md"])
def test_files_that_docs_name_are_there(name: str):
    text = (ROOT / name).read_text("utf-8")
    paths = re.findall(r"`((?:compiler|runtime|model|data|tools|tests|docs|microgpt|\.ci)/[\w./]+)`", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str):
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", (ROOT / name).read_text("utf-8")):
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name} links to {target}"
        assert not anchor or anchor in anchors(path.read_text("utf-8")), f"{name} links to {target}#{anchor}"
