"""`verify --seconds`: a sample of what a large model computes is compared, and finds what is wrong."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from microgpt.compiler import functions
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import LoopProgram
from microgpt.compiler.sizes.generalise import SizedPrograms
from microgpt.model import gpt
from microgpt.model.config import GPTConfig
from microgpt.runtime.backends.backend import PythonBackend
from microgpt.runtime.forward import Forward
from microgpt.runtime.machine.child import Child
from microgpt.runtime.machine.toolchain import Toolchain
from microgpt.runtime.programs import shapes
from microgpt.runtime.value import Value
from microgpt.tools.checks.partial import Partial
from microgpt.tools.checks.sample_plan import operations, plan_parts, some_document
from microgpt.tools.cli import cli

CONFIG = GPTConfig(9, 2, 6, 2, 8)
MODEL = ["--data", "-", "--n-embd", "4", "--n-head", "2", "--block-size", "4", "--jobs", "1"]
DOCUMENTS = "abba\ncab\ndad\nbeda\n"


def verify(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["verify", *map(str, arguments)], input=DOCUMENTS)


def verify_small(*arguments: object) -> Result:
    return verify(*MODEL, "--backend", "python", "--steps", 1, "--seconds", 0.000001, *arguments)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 1.0])
def test_gradients_of_chosen_parameters(share: float):
    """As bits, wherever these are."""
    random = Random(share)
    parameters = gpt.initial_parameters(CONFIG, random)
    document = some_document(CONFIG, 8, random)
    values = list(map(Value, parameters))
    whole = gpt.loss(CONFIG, functions, gpt.weights_of(CONFIG, values), *document)
    whole.backward()
    for _ in range(4):
        chosen = random.sample(range(len(parameters)), max(int(share * len(parameters)), 1))
        scalars = list(map(Forward, parameters))
        for place in chosen:
            scalars[place] = Partial(parameters[place])
        loss = gpt.loss(CONFIG, functions, gpt.weights_of(CONFIG, scalars), *document)
        assert loss.data == whole.data
        if isinstance(loss, Partial):  # a position or a token may not occur
            loss.backward()
        grads = {place: scalar.grad for place, scalar in enumerate(scalars) if isinstance(scalar, Partial)}
        assert grads == {place: values[place].grad for place in chosen}


def test_every_operator_of_a_partial():
    def result(x: Any, y: Any) -> Any:
        quotients = (x - y) * (y - x) / x + 2.0 / x - (1.0 - x) / y
        return quotients - 3.0 * y + x**2 + (-x).exp() + y.log() + (y - 9.0).relu()

    a, b = Value(1.7), Value(2.3)
    value = result(a, b)
    value.backward()
    for chosen in ((0,), (1,), (0, 1)):
        scalars = [Partial(x) if place in chosen else Forward(x) for place, x in enumerate((1.7, 2.3))]
        found = result(*scalars)
        assert found.data == value.data
        found.backward()
        for place in chosen:
            assert scalars[place].grad == (a, b)[place].grad
    with pytest.raises(TypeError):
        Partial(1.0) + "1"


def test_the_estimate_of_operations():
    """Within a tenth."""
    for config, length in ((GPTConfig(27, 1, 32, 4, 8), 1), (GPTConfig(9, 2, 16, 2, 8), 8)):
        scalars = list(map(Partial, gpt.initial_parameters(config, Random(1))))
        document = some_document(config, length, Random(1))
        loss = gpt.loss(config, functions, gpt.weights_of(config, scalars), *document)
        count = sum(bool(scalar._operands) for scalar in loss._walk())
        assert abs(operations(config, length) / count - 1.0) < 0.1


def test_what_is_planned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("microgpt.tools.checks.sample_plan._speed", lambda: (1e-6, 4e-6))
    large = GPTConfig(26, 4, 128, 4, 256)
    parts = plan_parts(large, 120.0, Random(1))
    assert [part.length for part in parts] == [4, 10, 30]
    assert parts[0].what == "all gradients"
    assert list(parts[0].places(large)) == list(range(large.parameter_count))
    assert sum(part.seconds for part in parts) < 120.0
    names = {large.parameter_name(place).partition("[")[0] for place in parts[1].places(large)}
    assert names == {"lm_head", *(name for name, _, _ in large.matrices() if name.startswith("layer3."))}
    names = {large.parameter_name(place) for place in parts[2].places(large)}
    assert {"wte[25,0]", "wpe[29,127]", "lm_head[0,0]"} < names
    assert not any(name.startswith(("layer0", "layer1", "layer2", "layer3.attn")) for name in names)
    assert [part.length for part in plan_parts(CONFIG, 120.0, Random(1))] == [8], "all of a small model"
    monkeypatch.setenv("MICROGPT_MEMORY_LIMIT", "200M")
    parts = plan_parts(large, 60.0, Random(1))
    assert [part.what for part in parts] == ["gradients of lm_head, rows of layer3.mlp"]
    assert parts[0].length > 20, "a loss takes no memory"
    assert plan_parts(large, 0.1, Random(1))[0].length == 1


def test_a_document_whose_last_token_stands_nowhere_else():
    tokens, targets = some_document(CONFIG, 8, Random(3))
    assert len(tokens) == len(targets) == 8
    assert tokens.count(tokens[-1]) == 1


def test_a_sample_is_equal():
    result = verify_small()
    assert result.exit_code == 0, result.output
    assert "numbers, all equal to the eager autograd's, bit by bit" in result.stdout
    assert "not compared: " in result.stdout
    report = json.loads(verify_small("--json").stdout)
    assert report["difference"] is None
    assert report["compared"] == sum(row["compared"] for row in report["sampled"])
    assert "sampled" not in json.loads(verify(*MODEL, "--steps", 1, "--seconds", 1000, "--json").stdout)
    refused = verify("model.py:loss", "--seconds", 3)
    assert refused.exit_code == 2
    assert "--seconds is about the GPT" in refused.stderr


def changed_gradient(loss: float, gradient: list[float]) -> tuple[float, list[float]]:
    return loss, [2.0 * number for number in gradient]


@pytest.mark.parametrize(
    ("name", "change", "where"),
    [
        ("loss_and_gradient", lambda loss, gradient: (loss + 1e-12, gradient), "a document of 1 positions: loss"),
        ("loss_and_gradient", changed_gradient, "a document of 1 positions: gradient["),
        ("next_token", lambda *found: [found[0] * 1.0000000001, *found[1:]], "the next token at position 4: prob"),
    ],
)
def test_a_wrong_result(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[..., object], where: str):
    right = getattr(PythonBackend, name)
    monkeypatch.setattr(PythonBackend, name, lambda *given: change(*right(*given)))
    result = verify_small()
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith(where)
    assert [line.split()[0] for line in lines[1:]] == ["eager", "compiled"]


def test_a_wrong_update(monkeypatch: pytest.MonkeyPatch):
    right = PythonBackend.update

    def wrong(self, state, gradient, num_steps):
        right(self, state, gradient, num_steps)
        state.second_moment[3] *= 1.1

    monkeypatch.setattr(PythonBackend, "update", wrong)
    result = verify_small()
    assert result.exit_code == 1
    assert result.stdout.startswith("step 2: second_moment[3] of wte[0,3] differs")


def test_a_program_that_is_wrong_at_some_lengths(toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """It is not proved there, nor witnessed: the sample finds it."""
    monkeypatch.setenv("MICROGPT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(shapes, "_WITNESSED", 0)
    monkeypatch.setattr(Child, "answer", lambda self: None)  # another process would not know
    right = SizedPrograms.at

    def wrong(self: SizedPrograms, name: str, sizes: Mapping[str, int], layout: Layout, called: str) -> LoopProgram:
        program = right(self, name, sizes, layout, called)
        if name != "length" or sizes["length"] < 5 or layout.arguments["parameters"][1] < 3000:
            return program
        nests = list(program.nests)
        at = {nest.body.array.name: place for place, nest in enumerate(nests)}
        query, key = nests[at["query"]], nests[at["key"]]
        nests[at["query"]] = replace(query, body=replace(query.body, value=key.body.value))
        return replace(program, nests=tuple(nests))

    shape = ["--block-size", 9, "--steps", 1, "--samples", 0, "--backend", "c", "--seconds", 0.5]
    monkeypatch.setattr(SizedPrograms, "at", wrong)
    result = verify(*shape)
    assert result.exit_code == 1, result.output
    assert "positions: loss differs" in result.stdout
