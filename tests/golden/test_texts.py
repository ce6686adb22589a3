"""What every stage makes of two small inputs, as text. A change of the compiler shows in the diff of these files.

After a change that is meant: ``pytest tests/golden/test_texts.py --renew-golden``, then read the diff.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from microgpt.compiler.functions import constant_maximum, scope, select
from microgpt.compiler.ir.graph import Graph, IndexTensor, Tensor
from microgpt.compiler.ir.text import format_graph
from microgpt.compiler.pipeline import GRAPH_STAGES, compile_graph, compile_python, compile_python_map
from microgpt.compiler.trace import trace
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs import graphs

if TYPE_CHECKING:
    from conftest import Golden

TINY_GPT = GPTConfig(vocab_size=3, n_layer=1, n_embd=2, n_head=1, block_size=2)


def classify(inputs: Mapping[str, list[Any]], indices: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """A bit of everything: a softmax over three scores, a choice, a shared value, a constant that folds."""
    weights, (x,), (target,) = inputs["weights"], inputs["x"], indices["target"]
    with scope("unit", 0):
        hidden = (x * weights[0] + 0.5 * 2).relu()
    with scope("scores"):
        scores = [weight * hidden - weight / 2 for weight in weights]
    highest = constant_maximum(scores)
    powers = [(score - highest).exp() for score in scores]
    total = sum(powers)
    with scope("loss"):
        return {"loss": [-select([power / total for power in powers], target).log() + hidden**2 * 0.01]}


def classifier() -> Graph:
    inputs = [Tensor("weights", "weights", 0, (3,)), Tensor("x", "x", 3, ())]
    return trace(classify, "classify", inputs, [IndexTensor("target", 0, 1, 3)])


PROGRAMS: dict[str, tuple[Callable[[], Graph], str | None]] = {
    "function": (classifier, "weights"),
    "gpt_length1": (lambda: graphs.training_graph(TINY_GPT, 1), "parameters"),
    "gpt_length2": (lambda: graphs.training_graph(TINY_GPT, 2), "parameters"),
    "gpt_inference1": (lambda: graphs.inference_graph(TINY_GPT, 1), None),
}

# Dumps of every stage for the small ones; of the others, the programs.
DUMPED = ("function", "gpt_length1")


@pytest.mark.parametrize("name", PROGRAMS)
def test_stages(name: str, golden: Golden) -> None:
    make, gradient = PROGRAMS[name]
    stages: dict[str, Any] = {}
    graph = compile_graph(make, gradient, lambda stage: stages.update({stage.name: stage.product}), check=True)
    if name in DUMPED:
        assert list(stages) == ["trace", *(stage.__name__ for stage in GRAPH_STAGES)]
        for number, (stage, product) in enumerate(stages.items()):
            golden.check(f"{name}.{number}_{stage}.txt", format_graph(product))
    golden.check(f"{name}.py.txt", compile_python(graph, heading=["A golden file of the tests."]))


def test_optimizer(golden: Golden) -> None:
    graph = compile_graph(lambda: graphs.optimizer_graph(AdamConfig()), check=True)
    golden.check("adam.txt", format_graph(graph))
    golden.check("adam.py.txt", compile_python_map(graph, graphs.MAPPED, ["A golden file of the tests."]))


def test_no_stage_is_forgotten(golden: Golden) -> None:
    """A file of a stage that is no more would stay unnoticed."""
    known = {f"{name}.py.txt" for name in PROGRAMS} | {
        "adam.txt",
        "adam.py.txt",
        "gpt_length.sizes.txt",
        "gpt_jax.py.txt",
    }
    known |= {
        f"{name}.{number}_{stage}.txt"
        for name in DUMPED
        for number, stage in enumerate(["trace", *(stage.__name__ for stage in GRAPH_STAGES)])
    }
    found = {path.name for path in golden.folder.glob("*.txt")}
    if golden.renew:
        for name in found - known:
            (golden.folder / name).unlink()
    else:
        assert found == known
