"""`verify`: says that all is equal, and when it is not, finds the first operation that differs."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir import interpret, ops
from microgpt.compiler.ir.builder import GraphBuilder
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.ops import POW
from microgpt.compiler.ir.rewrite import Rewritten, rewrite
from microgpt.runtime.backends.backend import PythonBackend
from microgpt.runtime.executable.program import Program
from microgpt.runtime.programs.library import Library
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.checks.bisect import first_unequal, same
from microgpt.tools.cli import cli

MODEL = ["--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1"]


def verify(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["verify", *MODEL, "--backend", "python", *map(str, arguments)])


def fault(result: Result) -> dict[str, str]:
    """What `verify` says of a difference."""
    assert result.exit_code == 1, result.output + result.stderr
    lines = result.stdout.splitlines()
    assert lines[3].startswith("the first operation that differs, at the stage ")
    numbers = [line.split()[-1] for line in (lines[1], lines[2], lines[5], lines[6])]
    assert numbers[0] != numbers[1]
    assert numbers[2] != numbers[3]
    return {"where": lines[0], "stage": lines[3].split()[-1].rstrip(":"), "operation": lines[4].strip()}


def break_programs(monkeypatch: pytest.MonkeyPatch, kind: str, change: Callable[[str], str]) -> None:
    """Changes the text of programs as they are handed out."""
    get = Library.get

    def get_broken(self: Library, recipe: Recipe) -> Program:
        program = get(self, recipe)
        if recipe.kind != kind:
            return program
        source = program.path.read_text()
        broken = change(source)
        assert broken != source
        namespace: dict[str, Callable[..., object]] = {}
        exec(compile(broken, program.path, "exec"), namespace)
        return Program(namespace["run"], program.path, program.report)

    monkeypatch.setattr(Library, "get", get_broken)


def test_same():
    nan = float("nan")
    assert same(0.0, -0.0)
    assert same(nan, nan)
    assert not same(nan, 1.0)
    assert not same(1.0, 1.0000000000000002)
    assert first_unequal([1.0, nan, 2.0], [1.0, nan, 3.0]) == 2
    assert first_unequal([1.0], [1.0]) is None
    assert first_unequal([1.0], [1.0, 2.0]) == 1


@pytest.mark.parametrize("arguments", [(), ("--n-layer", 2), ("--samples", 0), ("--seed", 7), ("--backend", "auto")])
def test_all_is_equal(arguments: tuple[object, ...]):
    result = verify("--steps", 2, *arguments)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"2 steps and \d samples: [\d,]+ numbers of the \w+ backend, all equal to .*\n", result.stdout)


def test_a_wrong_statement(monkeypatch: pytest.MonkeyPatch):
    def change(source: str) -> str:
        return re.sub(r"(p0_l0_key_1 = .*?) \+ ", r"\1 - ", source, count=1)

    break_programs(monkeypatch, "training", change)
    found = fault(verify("--steps", 2))
    assert found["where"].startswith("step 1, a document of 4 positions: ")
    assert found["stage"] == "emit_python"
    assert re.match(r"p0_l0_key_1: %\d+ = add .*gpt\.py:\d+ position0\.layer0\.key$", found["operation"])


def test_a_difference_as_json(monkeypatch: pytest.MonkeyPatch):
    equal = verify("--steps", 2, "--json")
    assert equal.exit_code == 0
    assert json.loads(equal.stdout)["difference"] is None
    break_programs(monkeypatch, "optimizer", lambda source: source.replace("0.85", "0.8500001"))
    result, lines = verify("--steps", 2, "--json"), verify("--steps", 2).stdout.splitlines()
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["difference"] == lines
    assert 0 < report["compared"] < json.loads(equal.stdout)["compared"]


def test_a_wrong_gradient(monkeypatch: pytest.MonkeyPatch):
    def change(source: str) -> str:
        return source.replace("    return loss, gradient", "    gradient[7] += 1e-9\n    return loss, gradient")

    break_programs(monkeypatch, "training", change)
    found = fault(verify("--steps", 2))
    assert found["where"].endswith(": gradient[7] of wte[1,3] differs")
    assert found["stage"] == "emit_python"
    assert found["operation"].endswith("which is gradient[7]")


def test_a_wrong_optimizer(monkeypatch: pytest.MonkeyPatch):
    break_programs(monkeypatch, "optimizer", lambda source: source.replace("0.85", "0.8500001"))
    found = fault(verify("--steps", 2))
    assert "first_moment[" in found["where"] or "parameters[" in found["where"]
    assert found["stage"] == "emit_python"
    assert "adam.py:" in found["operation"]


def test_a_wrong_sampler(monkeypatch: pytest.MonkeyPatch):
    def change(source: str) -> str:
        return re.sub(r"(p\d_sample_3 = .*?) \+ ", r"\1 - ", source, count=1)

    break_programs(monkeypatch, "inference", change)
    found = fault(verify("--steps", 1))
    assert found["where"].startswith("sample 1: ")
    assert re.match(r"p\d_sample_3: ", found["operation"])


def test_a_wrong_operation(monkeypatch: pytest.MonkeyPatch):
    """The interpreter says what the eager autograd does not."""
    rows = list(ops.OPS)
    rows[ops.EXP] = dataclasses.replace(rows[ops.EXP], evaluate=lambda x: 1.0 + x)
    monkeypatch.setattr(interpret, "OPS", tuple(rows))
    right = PythonBackend.loss_and_gradient
    monkeypatch.setattr(PythonBackend, "loss_and_gradient", lambda *given: (0.0, right(*given)[1]))
    found = fault(verify("--steps", 1))
    assert found["where"].endswith(": loss differs")
    assert found["stage"] == "trace"
    assert re.match(r"%\d+ = exp ", found["operation"])


def test_a_wrong_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def rule(build: GraphBuilder, op: int, operands: tuple[int, ...], attribute: int) -> int | None:
        wrong = op == POW and build.constant_of(operands[1]) == -0.5
        return build.pow(operands[0], -0.4999) if wrong else None

    def broken(graph: Graph) -> Rewritten:
        return rewrite(graph, rule, bytearray(b"\1") * len(graph))

    broken.__name__ = "simplify"
    monkeypatch.setattr("microgpt.compiler.pipeline.simplify", broken)
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path))
    # What compiles would notice it, too.
    monkeypatch.setattr("microgpt.runtime.programs.library._check", lambda recipe, run: None)
    found = fault(verify("--steps", 1))
    assert found["stage"] == "simplify"
    assert re.match(r"%\d+ = pow .*position0\.embed$", found["operation"])


def test_a_difference_that_does_not_come_back(monkeypatch: pytest.MonkeyPatch):
    right = PythonBackend.loss_and_gradient
    monkeypatch.setattr(PythonBackend, "loss_and_gradient", lambda *given: (0.5, right(*given)[1]))
    result = verify("--steps", 1)
    assert result.exit_code == 1
    assert "run again by itself, the program gives the right numbers" in result.stdout


def test_a_wrong_number_of_c(monkeypatch: pytest.MonkeyPatch):
    from microgpt.runtime.backends.c_backend import CBackend

    right = CBackend.loss_and_gradient

    def wrong(*given):
        loss, gradient = right(*given)
        return loss, [*gradient[:-1], gradient[-1] + 1.0]

    monkeypatch.setattr(CBackend, "loss_and_gradient", wrong)
    result = verify("--backend", "c", "--steps", 1)
    if "needs a C compiler" in result.stderr:
        pytest.skip("not checked: there is no C compiler here")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].endswith("of layer0.mlp_fc2[3,15] differs")
    assert lines[3] == "generated Python gives the right numbers: the fault is in the c backend"
    assert re.search(r"= \w+ .* gpt\.py:\d+ position\d\.", lines[5])
