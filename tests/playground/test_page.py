"""The page as text: one file, allowed little, the same every time; and the command that writes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from explorer.conftest import HOSTILE
from playground.pages import corpus

from microgpt.data.tokenizer import Tokenizer
from microgpt.model.config import GPTConfig
from microgpt.runtime.machine import wasm
from microgpt.tools.cli import cli
from microgpt.tools.playground.lines import Lines
from microgpt.tools.playground.page import Program, write_page

MODULE = "async function load(bytes) {}\nexport { load };\n"


def page(documents: tuple[str, ...], seed: int = 42) -> str:
    alphabet = Tokenizer.of(documents).characters
    programs = [Program(GPTConfig(len(alphabet) + 1, n_embd=width), b"", {"views": []}) for width in (8, 32)]
    return write_page(programs, MODULE, "x = 1\n", corpus(documents), alphabet, seed)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["playground", *map(str, arguments)])


def test_the_page_may_only_use_what_it_brought() -> None:
    text = page(("ava", "eve"))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("' 'wasm-unsafe-eval'; worker-src blob:; base-uri 'none'; form-action 'none'")
    assert not re.search(r"(?:src|href)=", text)
    assert text == page(("ava", "eve"))


def test_texts_with_markup_stay_text() -> None:
    text = page(HOSTILE)
    assert "window.harm" not in text
    assert text.count("<script>") == 1
    assert "<img" not in text


def test_the_seed_is_on_its_slider() -> None:
    assert 'max="99" value="7"' in page(("ava",), 7)
    assert 'max="123" value="123"' in page(("ava",), 123)


def test_a_width_that_no_model_has_is_refused(folders: Path) -> None:
    result = run("--n-embd", "6")
    assert result.exit_code == 2
    assert "multiple of n_head" in result.output
    assert not (folders / "playground.html").exists()


def test_a_folder_that_is_not_there_is_refused_at_once(folders: Path) -> None:
    result = run("-o", "nowhere/page.html")
    assert result.exit_code != 0
    assert "there is no folder nowhere" in result.output


def test_without_a_compiler_there_is_one_clear_error(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wasm, "candidates", lambda: iter(()))
    (folders / "small.txt").write_text("ab\nba\n", encoding="utf-8")
    result = run("--n-embd", "4", "--data", "small.txt")
    assert result.exit_code == 5, result.output
    assert result.output.count("error: ") == 1
    assert "no compiler makes WebAssembly: no C compiler was found: install clang and lld" in result.output
    assert not (folders / "playground.html").exists()


def test_lines_lead_through_functions_and_not_into_other_scopes() -> None:
    lines = Lines(
        "def twice(x):\n"
        "    return [one(part) for part in x]\n"
        "def one(x):\n"
        "    return x + 1\n"
        "def model(ops, weights, x):\n"
        "    with ops.scope('outer'):\n"
        "        x = twice(x)\n"
        "        for part in x:\n"
        "            with ops.scope('inner'):\n"
        "                y = one(x)\n"
        "        return weights[f'layer{x}.w'] + weights['v']\n"
    )
    assert [(call.variable, call.lines) for call in lines.calls("outer", 4)] == [("x", (2, 4, 7))]
    assert [(call.variable, call.lines) for call in lines.calls("inner", 4)] == [("y", (4, 10))]
    assert lines.calls("outer", 10) == []
    assert lines.naming("layer12.w") == lines.naming("v") == [11]
    assert lines.naming("layer.w") == []
    assert (lines.variable(7), lines.variable(8), lines.heads("inner")) == ("x", "", [9])
