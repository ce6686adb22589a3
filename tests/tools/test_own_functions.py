"""Everything that looks at programs, on functions of the user's: commands, messages, methods, notebooks."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import microgpt
from microgpt.compiler.errors import ProofError
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.tools.checks import function_check
from microgpt.tools.cli import cli
from microgpt.tools.drawing.draw import Wanted, draw
from microgpt.tools.subject.function import FunctionSubject
from microgpt.tools.subject.user_file import load_function

OWN = Path(__file__).parents[1] / "own"
PENDULUM = f"{OWN / 'pendulum.py'}:misfit"
COMPILED = f"{OWN / 'pendulum.py'}:compiled"
DOT = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture(scope="module")
def pendulum() -> Any:
    return load_function(PENDULUM, microgpt.compile, progress=False)


def run(*words: object) -> Result:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert "Traceback" not in result.output
    return result


def lines_of(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return str(result.stdout).splitlines()


@pytest.mark.parametrize("program", [PENDULUM, COMPILED])
def test_show(program: str) -> None:
    assert any(line.startswith("def run(") for line in lines_of(run("show", program)))
    assert "trace" in lines_of(run("show", program, "--stage", "list"))
    assert any(line.startswith("%0 = ") for line in lines_of(run("show", program, "--stage", "dce")))
    assert lines_of(run("show", program, "--stage", "loops"))


def test_show_what_becomes_of_a_line_of_the_users() -> None:
    chosen = lines_of(run("show", PENDULUM, "--line", "physics.py:7", "--stage", "trace"))
    assert any("physics.py:7 acceleration" in line for line in chosen)
    assert not any("pendulum.py" in line for line in chosen if " = " in line and line.startswith("%"))
    text = run("show", PENDULUM, "--line", "physics.py:7", "--interleave", "--stage", "dce", "--stage", "python").stdout
    assert text.startswith("physics.py:7 forward, ")
    assert "return -9.81 / length * sin(angle) - damping * speed" in text
    assert lines_of(run("show", PENDULUM, "--scope", "acceleration", "--stage", "dce"))


def test_show_in_c(compiles: bool) -> None:
    result = run("show", PENDULUM, "--backend", "c")
    assert result.exit_code == (0 if compiles else 5)
    assert not compiles or "void run(double *m, const int *ix)" in result.stdout


def test_passes_and_stats_say_which_functions_there_are() -> None:
    data = json.loads(run("passes", PENDULUM, "--json").stdout)
    assert data["program"] == {"kind": "function", "length": None, "name": "misfit"}
    assert data["passes"][-1]["after"] == sum(data["passes"][-1]["operations"].values())
    assert "@@ cse" in run("passes", PENDULUM, "--around", "acceleration").stdout
    stats = json.loads(run("stats", PENDULUM, "--no-machine", "--json").stdout)
    assert set(stats["operations"]["by_scope"]) == {"misfit", "simulate", "acceleration"}


def test_stats_on_this_machine(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgpt.tools.stats.measure.ROUNDS", 1)
    data = json.loads(run("stats", PENDULUM, "--json").stdout)
    assert data["roofline"]["seconds"] > 0


@DOT
@pytest.mark.parametrize("options", [(), ("--level", "op"), ("--scope", "acceleration", "--level", "op")])
def test_graph(options: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "drawing.svg"
    assert lines_of(run("graph", PENDULUM, *options, "-o", file)) == [str(file)]
    assert "acceleration" in file.read_text()


def test_a_recurrence_is_drawn_once(pendulum: Any) -> None:
    picture = draw(pendulum._subject, Wanted())
    assert {box.label for box in picture.boxes.values()} == {"speed", "acceleration", "angle", "errors", "misfit"}
    assert len(picture.boxes) < 12
    assert any("turns" in box.note for box in picture.boxes.values())
    assert set(picture.roles) == {"simulate", "acceleration", "misfit", "other"}
    operations = sum(box.operations for box in picture.boxes.values())
    assert operations == sum(len(pendulum.ir.operands(node)) > 0 for node in range(len(pendulum.ir)))
    loops = draw(pendulum._subject, Wanted("op"))
    assert len(loops.boxes) < 30


def test_too_many_scalars_are_refused_and_functions_named() -> None:
    result = run("graph", PENDULUM, "--level", "scalar", "-o", "x.dot")
    assert result.exit_code == 2
    assert "acceleration (" in result.output


def test_explore_twice_gives_the_same_page(tmp_path: Path) -> None:
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        assert lines_of(run("explore", PENDULUM, "-o", page)) == [str(page)]
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize("program", [PENDULUM, COMPILED])
def test_verify(program: str, compiles: bool) -> None:
    data = json.loads(run("verify", program, "--points", 3, "--json").stdout)
    assert data["difference"] is None
    assert [stage["name"] for stage in data["stages"]][-2 + (not compiles) :] == ["python", "c"][: 1 + compiles]
    assert all(stage["compared"] >= 3 for stage in data["stages"])
    assert data["compared"] == sum(stage["compared"] for stage in data["stages"])


def test_verify_notices_a_wrong_stage(monkeypatch: pytest.MonkeyPatch, pendulum: Any) -> None:
    right = function_check.interpret

    def wrong(graph: Any, *inputs: Any) -> dict[str, list[float]]:
        found = {name: list(numbers) for name, numbers in right(graph, *inputs).items()}
        if "gradient" in found:
            found["gradient"][1] += 1e-9
        return found

    monkeypatch.setattr(function_check, "interpret", wrong)
    result = run("verify", PENDULUM)
    assert result.exit_code == 1
    assert re.search(r"^the example: gradient\[1\] in damping differs in differentiate$", result.stdout, re.MULTILINE)
    with pytest.raises(ProofError, match="in damping differs"):
        pendulum.verify(1.0, 0.2)


def test_bench(compiles: bool) -> None:
    data = json.loads(run("bench", PENDULUM, "--seconds", 0.01, "--json").stdout)
    assert [each["name"] for each in data["runs"]] == ["eager", "call", "python", *["c"] * compiles]
    assert all(each["seconds"] > 0 for each in data["runs"])
    assert "is measured alone; leave out 7" in run("bench", PENDULUM, "7").output


@pytest.mark.parametrize("compiler", ["gcc", pytest.param("clang", marks=pytest.mark.slow)])
@pytest.mark.parametrize("program", [PENDULUM, COMPILED])
def test_exported_c_has_the_same_bits(compiler: str, program: str, tmp_path: Path) -> None:
    if not shutil.which(compiler) or not shutil.which("make"):
        pytest.skip(f"{compiler} or make is not installed")
    assert lines_of(run("export", program, tmp_path / "c", "--prefix", "mine")) == [str(tmp_path / "c")]
    subprocess.run(["make", "-s", f"CC={compiler}"], cwd=tmp_path / "c", check=True, capture_output=True)
    printed = subprocess.run([tmp_path / "c" / "example"], check=True, capture_output=True, text=True).stdout
    found: dict[str, list[float]] = {}
    for name, number in re.findall(r"^(\w+)\[\d+\] = (\S+)", printed, re.MULTILINE):
        found.setdefault(name, []).append(float.fromhex(number))
    subject = FunctionSubject(load_function(program, progress=False))
    inputs, indices = subject.ordinary_inputs()
    point = function_check.Point("", inputs, function_check._by_name(subject.function.ir, indices))
    assert found == function_check.eagerly(subject, point)[1]
    command = ["nm", "-g", "--defined-only", "mine.o"]
    symbols = subprocess.run(command, cwd=tmp_path / "c", check=True, capture_output=True, text=True)
    assert all(line.split()[-1].startswith("mine") for line in symbols.stdout.splitlines())


def write(folder: Path, text: str) -> Path:
    path = folder / "model.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "name", "code", "message"),
    [
        (None, "f", 3, "there is no file"),
        ("def f(x):\n    return x\n", "g", 3, "model.py has nothing called g; there are f"),
        ("f = 3\n", "f", 3, "model.py: f is no function, but of type int; it has no function"),
        ("def f(x):\n    return x\n", "f", 3, "model.py:1: f has no example to be compiled for; write beside"),
        ("def f(x):\n    return x\nf_example = 1.0\n", "f", 3, "f_example is a float; it must be a tuple"),
        ("def f(x:\n    return x\n", "f", 3, "model.py:1: '(' was never closed  [def f(x:]"),
        ("x = [][1]\n", "f", 3, "model.py:1: IndexError: list index out of range  [x = [][1]]"),
        ("import sys\nsys.exit(2)\n", "f", 3, "model.py:2: it ended the program  [sys.exit(2)]"),
        ("import nothing_of_that_name\n", "f", 3, "model.py:1: ModuleNotFoundError: No module named"),
        ("def f(x):\n    return 1.0 if x > 0 else x\nf_example = (1.0,)\n", "f", 4, "model.py:2: "),
        ("def f(x):\n    return x\nEXAMPLE = (1,)\n", "f", 3, "model.py: EXAMPLE: the example has no float"),
        ("def f(x):\n    return {}[3]\nEXAMPLE = (1.0,)\n", "f", 3, "model.py:2: KeyError: 3  [return {}[3]]"),
        ("def f(x):\n    return x\nEXAMPLE = (1.0, 2.0)\n", "f", 3, "model.py"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_at_its_line(
    text: str | None, name: str, code: int, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.py" if text is None else write(tmp_path, text)
    before = list(sys.path)
    result = run("passes", f"{path}:{name}")
    assert (result.exit_code, message in result.output) == (code, True), result.output
    assert sys.path == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "model"), "'model' is not FILE.py:NAME, as in model.py:loss"),
        (("show", "model.py"), "model.py names no function; write model.py:NAME"),
        (("graph", PENDULUM, "--length", "3"), "--length is about the GPT; leave it out"),
        (("stats", PENDULUM, "--n-embd", "4"), "--n-embd is about the GPT"),
        (("verify", PENDULUM, "--steps", "4"), "--steps is about the GPT"),
        (("verify", "--points", "4"), "--points is about your own function"),
        (("export", PENDULUM), "name the folder to write"),
        (("export", PENDULUM, "c", "--prefix", "3x"), "prefix '3x' is no name for a function in C"),
        (("export", PENDULUM, "c", "--prefix", "double"), "prefix 'double' is no name for a function in C"),
        (("export", PENDULUM, "c", "--prefix", "exp"), "prefix 'exp' is no name for a function in C"),
        (("show", PENDULUM, "--line", "7"), "this program comes from pendulum.py, physics.py"),
        (("show", PENDULUM, "--line", "other.py:7"), "not other.py"),
        (("passes", PENDULUM, "--around", "nix"), "or a scope or function such as"),
    ],
)
def test_what_is_wrong_with_the_words(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run(*words)
    assert result.exit_code in (2, 3)
    assert message in result.output


def test_nothing_is_imported_from_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, here = tmp_path / "models", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    (here / "beside.py").write_text("raise SystemExit('the current directory was imported')")
    (folder / "beside.py").write_text("SLOPE = 3.0\n")
    write(folder, "from beside import SLOPE\ndef f(x):\n    return SLOPE * x\nf_example = (1.0,)\n")
    monkeypatch.chdir(here)
    command = [sys.executable, "-m", "microgpt", "show", str(folder / "model.py:f"), "--stage", "trace"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "mul" in result.stdout


def test_a_file_may_be_called_like_a_module_and_what_it_prints_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("print('hello')\ndef f(x):\n    return x * x\nf_example = (1.0,)\n")
    result = run("passes", f"{tmp_path / 'random.py'}:f", "--json")
    assert json.loads(result.stdout)["program"]["name"] == "f"
    assert "hello" in result.stderr
    import random

    assert random.random() < 1.0


def test_methods_say_what_the_commands_say(pendulum: Any, tmp_path: Path) -> None:
    assert str(pendulum.show("trace")).splitlines() == lines_of(run("show", PENDULUM, "--stage", "trace"))
    assert str(pendulum.show()).rstrip("\n") == pendulum.source.rstrip("\n")
    assert "acceleration" in str(pendulum.show(line="physics.py:7", interleave=True, stage=["dce"]))
    assert pendulum.passes().data["program"]["name"] == "misfit"
    assert "Critical path" in str(pendulum.stats(machine=False))
    assert pendulum.verify(1.2, 0.3).data["difference"] is None
    assert pendulum.verify().data["points"] > 1
    assert len(pendulum.bench(1.2, 0.3, seconds=0.01).data["runs"]) > 2
    assert {file.name for file in pendulum.export(tmp_path / "c")} == {"misfit.c", "misfit.h", "main.c", "Makefile"}
    page = pendulum.explore(tmp_path / "page.html")
    assert "Value and gradient of misfit" in page.read_text()
    drawing = pendulum.graph(tmp_path / "drawing.dot", values=(1.0, 0.1))
    assert "∂" in drawing.picture.counts
    assert "digraph" in (tmp_path / "drawing.dot").read_text()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.show("nix"), "there is no stage 'nix'; the stages are trace"),
        (lambda f: f.show(line=9999), "comes from pendulum.py, physics.py, so write"),
        (lambda f: f.graph(level="line"), "level is one of model, op, scalar"),
        (lambda f: f.graph("drawing.bmp"), "should end in .svg"),
        (lambda f: f.export("c", prefix="3"), "prefix '3' is no name"),
        (lambda f: f.bench(seconds=0.0), "seconds must be a number above 0"),
        (lambda f: f.passes("%99999999"), "and no %99999999"),
    ],
)
def test_methods_refuse(call: Any, message: str, pendulum: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call(pendulum)


def double(x: Any) -> Any:
    return [x[0] * x[1], microgpt.exp(x[0])]


def product(x: Any, y: Any) -> Any:
    return x[0] ** 2 * x[1] + y


@pytest.mark.parametrize(
    "function",
    [
        lambda: microgpt.compile(double, [1.0, 2.0], gradient=False, target="python"),
        lambda: microgpt.compile(product, [1.0, 2.0], 3.0, wrt="x", target="python"),
        lambda: microgpt.compile(lambda x: (x * x, [x]), 2.0, has_aux=True, target="python"),
        lambda: microgpt.jacobian(double, [1.0, 2.0], target="python"),
        lambda: microgpt.hessian(product, [1.0, 2.0], 3.0, wrt=0, target="python"),
        lambda: microgpt.hvp(product, [1.0, 2.0], 3.0, wrt=0, target="python"),
    ],
    ids=["value", "wrt", "aux", "jacobian", "hessian", "hvp"],
)
def test_every_kind_of_derivative_can_be_seen(function: Any, tmp_path: Path) -> None:
    compiled = function()
    verdict = compiled.verify().data
    assert verdict["difference"] is None
    assert {"trace", "dce", "python"} <= {stage["name"] for stage in verdict["stages"]}
    assert compiled.passes().data["trace"]["operations"]
    assert compiled.bench(seconds=0.01).data["pairs"] >= 1
    assert compiled.graph(tmp_path / "x.dot").picture.boxes
    assert compiled.export(tmp_path / "c", prefix="mine")
    assert str(compiled.show("dce"))


@DOT
def test_notebooks(pendulum: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = pendulum._repr_html_()
    assert "<b>misfit(length, damping)</b>" in shown
    assert "<svg" in shown
    assert pendulum.graph()._repr_svg_().startswith("<svg")
    assert "<table>" in pendulum.stats(machine=False)._repr_html_()
    source = pendulum.show("python")._repr_html_()
    assert html.escape("# ") in source
    assert "<pre" in source
    monkeypatch.setenv("PATH", "")
    assert pendulum.graph()._repr_svg_() is None
    assert "<svg" not in pendulum._repr_html_()


def test_hostile_names_are_escaped_in_notebooks(tmp_path: Path) -> None:
    def f(x: Any) -> Any:
        return x * x

    f.__name__ = "<img src=x>"
    f.__code__ = f.__code__.replace(co_filename=str(tmp_path / "<script>alert(1).py"))
    shown = microgpt.compile(f, 1.0, target="python", progress=False)
    for text in (shown._repr_html_(), shown.show("trace")._repr_html_(), shown.passes()._repr_html_()):
        assert "<script>" not in text
        assert "<img" not in text
    assert "&lt;script&gt;" in shown.show("trace")._repr_html_()


@DOT
def test_a_value_draws_itself() -> None:
    from microgpt.runtime.value_drawing import operation_of, value_dot

    a, b = microgpt.Value(2.0), microgpt.Value(-3.0)
    result = (a * b + 10.0).tanh() + a**2 + b.exp() * 0.5 + a**b + a.log() + a.relu() + b**1
    result.backward()
    assert result._repr_svg_().startswith("<svg")
    found = [operation_of(value) for value in result._walk() if value._operands]
    assert sorted(found) == sorted(
        ["×", "+", "tanh", "^2", "+", "exp", "×", "+", "^", "+", "log", "+", "relu", "+", "^1", "+"]
    )
    text = value_dot(result._walk())
    assert 'label="data 2.0000 | grad' in text
    for _ in range(200):
        result = result + 1.0
    assert "too many for a drawing" in result._repr_svg_()


def test_a_model_displays_itself() -> None:
    model = microgpt.train(["anna", "eve"], steps=2, n_embd=4, n_head=2, block_size=4, backend="eager")
    assert "data:image/svg+xml;base64," in model._repr_html_()
    assert "after 2 steps" in model._repr_html_()
