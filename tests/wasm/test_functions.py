"""Functions of the user's in a browser, and on the command line."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from wasm.browsing import Page

import microgpt
from microgpt.runtime.machine import wasm
from microgpt.runtime.machine.toolchain import ToolchainError
from microgpt.tools.cli import cli

MODEL = '''
import microgpt
from microgpt import erf, exp, log, select, sin, softplus, tanh, where


def mixed(x):
    """Each function of libm, powers, and a choice."""
    a, b, c = x
    positive = exp(sin(a) * softplus(b) ** 1.5) + erf(b) / log(softplus(c) + 3.0)
    return positive + where(a > b, tanh(c), -c) + (a * a + 0.5) ** -0.5


mixed_example = ([0.5, 2.0, -1.0],)


def chosen(rows, which):
    return select(rows, which) * rows[0] + rows[1]


chosen_example = ([1.0, 2.0, 3.0], microgpt.index(3))
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("functions")
    (folder / "model.py").write_text(MODEL)
    return folder


def export(folder: Path, name: str, *options: str) -> Path:
    arguments = ["export", f"{folder / 'model.py'}:{name}", str(folder / "web"), "--target", "wasm", *options]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return folder / "web"


def bits(numbers: Sequence[float]) -> list[str]:
    return [str(struct.unpack("<Q", struct.pack("<d", number))[0]) for number in numbers]


def test_value_and_gradient_have_the_bits_of_portable_numerics(page: Page, folder: Path):
    page.load(export(folder, "mixed"), "mixed")
    space: dict[str, object] = {}
    exec(MODEL, space)
    compiled = microgpt.compile(space["mixed"], [0.5, 2.0, -1.0], numerics="portable")
    random = Random(1)
    for _ in range(200):
        point = [random.gauss(0.0, 3.0) for _ in range(3)]
        value, gradient = compiled(point)
        found = page.run("const r = program(given); return [bits([r.value]), bits(r.gradient)]", point)
        assert found == [bits([value]), bits(gradient)], point


def test_a_function_says_what_it_takes(page: Page, folder: Path):
    page.load(export(folder, "mixed", "--prefix", "other"), "other")
    about = page.run("return program.about")
    assert (about["kind"], about["name"], about["numerics"]) == ("function", "other", "portable")
    (argument,) = about["arguments"]
    assert argument["parts"] == [{"name": "x", "start": 0, "shape": [3]}]
    assert page.run("return program({ [given]: [1, 2, 3] }).value === program([1, 2, 3]).value", argument["name"])
    assert f'"{argument["name"]}" is 3 numbers' in page.error("program([1, 2])")
    assert f'"{argument["name"]}" is 3 numbers' in page.error("program({})")


def test_whole_numbers_are_a_second_argument(page: Page, folder: Path):
    page.load(export(folder, "chosen"), "chosen")
    assert page.run("return program([2, 3, 5], [2]).value") == 13.0
    assert page.run("return [...program([2, 3, 5], [2]).gradient]") == [5.0, 1.0, 2.0]
    assert "index is 1 numbers" in page.error("program([2, 3, 5])")
    for index in ([3], [-1], [0.5]):
        assert "is a whole number from 0 to 2" in page.error("program([2, 3, 5], given)", index)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--numerics", "exact"], "--numerics exact needs this machine's libm"),
        (["--plain"], "--inference, --plain and --dtype are about C"),
        (["--dtype", "float"], "--inference, --plain and --dtype are about C"),
        (["--prefix", "../up"], "--prefix '../up' is no name for a program"),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, options: list[str], message: str):
    arguments = ["export", f"{folder / 'model.py'}:mixed", str(folder / "refused"), "--target", "wasm", *options]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (folder / "refused").exists()


def test_a_machine_without_a_compiler_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = ["export", f"{folder / 'model.py'}:mixed", str(folder / "none"), "--target", "wasm"]
    monkeypatch.setattr(wasm, "candidates", lambda: iter([]))
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 5
    assert "install clang and lld, or the wheel ziglang" in " ".join(result.output.split())
    monkeypatch.setattr(wasm, "candidates", lambda: iter([("cc", "false"), ("clang", "/nowhere/clang")]))
    with pytest.raises(
        ToolchainError, match=r"cc: the C compiler failed[^\n]*\nclang: /nowhere/clang is not a program"
    ):
        wasm.wasm_module({"empty.c": ""})


def test_the_sizes_of_sections_have_as_many_bytes_as_they_need():
    assert wasm.custom_section("name", b"abc") == b"\0\x08\x04nameabc"
    assert wasm.custom_section("n", b"x" * 300)[:5] == bytes([0, 0xAE, 0x02, 1, ord("n")])


@pytest.mark.slow
def test_zig_makes_the_same_bits(page: Page, folder: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("ziglang")
    candidates = wasm.candidates
    page.load(export(folder, "mixed", "--prefix", "usual"), "usual")
    usual = page.run("const r = program([0.5, 2, -1]); return [bits([r.value]), bits(r.gradient)]")
    monkeypatch.setattr(wasm, "candidates", lambda: (each for each in candidates() if each[0] == "ziglang"))
    page.load(export(folder, "mixed", "--prefix", "zig"), "zig")
    assert page.run("const r = program([0.5, 2, -1]); return [bits([r.value]), bits(r.gradient)]") == usual
