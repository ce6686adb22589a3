"""Models whose graphs are too large to be made: what `stats`, `passes` and `show` say of their loops."""

import json

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler.ir.ops import OPS_BY_NAME, READ
from microgpt.compiler.loops.loop_text import format_program
from microgpt.compiler.pipeline import compile_graph
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.runtime.programs.shapes import is_sized
from microgpt.tools.cli import cli
from microgpt.tools.stats.count_loops import count_loops
from microgpt.tools.stats.statistics import collect
from microgpt.tools.stats.work import Work, work_of
from microgpt.tools.subject.model import ModelSubject

CONFIG = GPTConfig(27, 1, 12, 3, 9)
MODEL = ["--n-embd", "12", "--n-head", "3", "--block-size", "9"]


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgpt.tools.subject.model.LARGE", 0)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, arguments), *MODEL])


@pytest.mark.parametrize(("kind", "number"), [("training", 1), ("training", 6), ("inference", 5)])
def test_operations_are_counted_in_loops(kind: str, number: int):
    """As in the graph, but for choices by an index."""
    assert is_sized(CONFIG)
    recipe = Recipe(kind, number, CONFIG)
    subject = ModelSubject(recipe)
    work = work_of(subject)
    assert work.graph is None
    graph = compile_graph(recipe.trace, recipe.gradient)
    found, expected = collect(work), collect(Work(graph, 1, work.loops, work.layout))
    computed = {name: count for name, count in expected.kinds.items() if OPS_BY_NAME[name] not in READ}
    assert found.kinds == {name: count for name, count in computed.items() if name not in ("equal", "select")}
    assert (found.flops, found.functions, found.calls) == (expected.flops, expected.functions, expected.calls)
    assert found.operations == sum(count.all for count in found.kinds.values())
    assert found.liveness is found.path is None
    assert count_loops(work.loops).calls["pow"] >= found.calls.get("pow", 0)
    assert found.scopes.keys() <= expected.scopes.keys()


def test_loops_alone_are_those_of_the_library():
    subject = ModelSubject(Recipe("training", 6, CONFIG))
    program, layout = subject.loops_alone()
    assert format_program(program) == format_program(subject.library().programs["length6"])
    assert layout.size <= subject.library().layout.size


def test_the_commands():
    result = run("stats", "--no-machine", "--length", 6)
    assert result.exit_code == 0, result.output
    assert "Its graph is not made" in result.stdout
    assert "Operations by scope of the loops" in result.stdout
    assert "Critical path" not in result.stdout
    report = json.loads(run("stats", "--no-machine", "--length", 6, "--json").stdout)
    assert report["live"] is report["critical_path"] is None
    passes = json.loads(run("passes", "--length", 6, "--json").stdout)
    assert passes["small"].startswith("GPTConfig(vocab_size=9, n_layer=1, n_embd=6")
    assert passes["python"] == []
    assert passes["c"][0]["name"] == "instantiate"
    assert passes["c"][0]["figures"]["operations"] == report["operations"]["all"]
    assert "the passes are shown on that" in run("passes", "--length", 6).stdout
    sizes = run("show", "--stage", "sizes").stdout
    assert sizes.startswith("program length\narray wte_grad[vocab_size][n_embd]")
    assert run("show", "--stage", "loops", "--length", 6).stdout.startswith("program gpt_loss_length6\n")
    assert run("show", "--stage", "list").stdout.splitlines()[-1] == "sizes"
    refused = run("show", "--stage", "sizes", "--line", "gpt.py:148")
    assert refused.exit_code == 2
    assert "--grep narrows it down" in refused.stderr


@pytest.mark.parametrize("arguments", [("show",), ("show", "--stage", "loops", "--op", "%3"), ("graph",), ("explore",)])
def test_what_needs_a_graph_says_what_does_not(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]):
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "1M")
    sizes = ["--n-embd", "48", "--length", "9", "--block-size", "9"]
    refused = CliRunner().invoke(cli, [*arguments, *sizes])
    assert refused.exit_code != 0, refused.output
    assert "million operations: about" in refused.stderr
    assert "`stats`, `passes` and `show` with --stage loops, c, assembly or sizes make no graph" in refused.stderr
