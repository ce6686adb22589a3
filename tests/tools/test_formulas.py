"""Formulas of loop nests: what they say, worked out with Python, is what the nests compute."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_ir import LoopProgram, strides
from microgpt.compiler.loops.name_arrays import name_arrays
from microgpt.compiler.loops.place import Addressing, address, place
from microgpt.compiler.loops.stored_nodes import stored_nodes
from microgpt.compiler.pipeline import form_loops
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs.recipe import Recipe
from microgpt.tools.drawing.arrays import Array, Arrays
from microgpt.tools.drawing.formulas import Formula, formula_of
from microgpt.tools.passes import stages
from microgpt.tools.subject.model import ModelSubject

CONFIG = GPTConfig(27, 1, 8, 2, 4)
INDICES = {"tokens": [3, 8, 3, 2], "targets": [1, 3, 8, 8], "token": [5]}


class Case:
    """A graph as loops, with the value at every address."""

    def __init__(self, recipe: Recipe) -> None:
        self.graph: Graph = stages.stage_product(ModelSubject(recipe), "dce")
        stored = stored_nodes(self.graph)
        self.layout = layout = Layout()
        place(layout, "graph", {0: (self.graph, stored)})
        where: Addressing = address(layout, "graph", self.graph, stored)
        self.program: LoopProgram = name_arrays(
            form_loops(self.graph, stored, layout, where), layout, self.graph.indices
        )
        self.arrays = Arrays(self.graph, layout, where, recipe.gradient)
        sizes = {name: size for name, (_, size) in self.graph.arguments().items()}
        inputs = {name: [0.3 * math.sin(0.7 * n) + 0.04 for n in range(size)] for name, size in sizes.items()}
        indices = {index.name: INDICES[index.name][: index.count] for index in self.graph.indices}
        values = evaluate_nodes(self.graph, inputs, indices)
        self.memory = {where.nodes[node]: values[node] for node in range(len(self.graph)) if where.nodes[node] >= 0}
        for name in inputs:
            start = layout.arguments[name][0]
            self.memory.update(enumerate(inputs[name], start))

    def formulas(self) -> list[Formula]:
        return [formula_of(nest, self.arrays) for nest in self.program.nests]


def array_reader(array: Array, memory: dict[int, float]) -> Callable[..., float]:
    """Reads an array by the coordinates that formulas show, the last of which counts through what is left."""
    distances = strides(array.shape)

    def read(*subscripts: int) -> float:
        chosen = (*distances[: len(subscripts) - 1], 1) if subscripts else ()
        return memory[array.start + sum(s * n for s, n in zip(chosen, subscripts, strict=True))]

    return read


def in_python(text: str, ranges: dict[str, str]) -> str:
    """A formula's value as a Python expression."""
    while match := re.search(r"(Σ|max)_(\w)(↓?) ", text):
        depth, end = 0, match.end()
        while end < len(text):
            depth += (text[end] in "([") - (text[end] in ")]")
            if depth < 0 or (depth == 0 and text.startswith((" + ", " − "), end)):
                break
            end += 1
        word, name = {"Σ": "sum", "max": "max"}[match[1]], match[2]
        first, last = ranges[name].split("…")
        first, last = (last, first) if match[3] else (first, last)
        span = f"range({spaced(first)}, {spaced(last)} + 1)"
        text = f"{text[: match.start()]}{word}([{text[match.end() : end]} for {name} in {span}]){text[end:]}"
    condition = r"\[([\w.∂]+(?:\[[^\[\]]*\])?)( > 0|=|≠)([^\[\]]*)\]"
    words = {"=": "==", "≠": "!=", " > 0": "> 0"}
    text = re.sub(condition, lambda match: f"({match[1]} {words[match[2]]} {match[3]})", text)
    text = re.sub(r"√([\w.∂′]+(?:\[[^\[\]]*\])?|\([^()]*\))", r"(\1)**0.5", text)
    text = text.replace("·", "*").replace("−", "-").replace("²", "**2").replace("^", "**")
    return spaced(text)


def spaced(text: str) -> str:
    return re.sub(r"(?<![\w.])(\d+)([a-df-z])\b", r"\1*\2", text)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("training", 4, CONFIG),
        pytest.param(Recipe("training", 4, GPTConfig(9, 1, 12, 2, 4)), marks=pytest.mark.slow),
        Recipe("training", 2, GPTConfig(9, 1, 8, 1, 4)),
        Recipe("inference", 2, CONFIG),
    ],
    ids=lambda recipe: f"{recipe.kind}{recipe.number}-{recipe.config.n_embd}",
)
def test_formulas_say_what_nests_compute(recipe: Recipe):
    case = Case(recipe)
    checked = 0
    for nest, formula in zip(case.program.nests, case.formulas(), strict=True):
        if formula.assigns == "+=" or " of " in formula.value:
            continue  # scatters are not in memory, and long sums are told in words
        home = case.arrays.scope(case.layout.address(nest.body.array, nest.body.index).start)
        names: dict[str, Any] = {"exp": math.exp, "log": math.log, "relu": lambda x: max(x, 0.0), "max": max}
        # By title, and whether it has subscripts: the result and the losses of the positions are both called `loss`.
        readers: dict[tuple[str, bool], Callable[..., float]] = {}
        for address_ in sorted(case.memory):
            array = case.arrays.at(address_)
            key = case.arrays.title(address_, home), bool(array.shape)
            readers.setdefault(key, array_reader(array, case.memory))
        for name, numbers in INDICES.items():
            readers[name, name != "token"] = lambda *at, numbers=numbers: numbers[at[0] if at else 0]
        parts = [part.split(" = ") for part in formula.ranges]
        loops = parts[: len(nest.loops)]
        expression = in_python(f"({formula.target}), ({formula.value})", dict(parts))
        for (title, subscripted), reader in sorted(readers.items(), key=lambda item: (-len(item[0][0]), item[0])):
            name = f"reader{len(names)}"
            pattern, text = (r"\[", f"{name}[") if subscripted else (r"(?![\w.\[(])", f"{name}[()]")
            expression, found = re.subn(rf"(?<![\w.∂]){re.escape(title)}{pattern}", text, expression)
            if found:
                names[name] = _Subscripted(reader)
        code = compile(expression, str(formula), "eval")
        for point in points_of(loops):
            found, told = eval(code, {**names, **point})
            # Formulas have six digits of a constant.
            assert math.isclose(found, told, rel_tol=1e-5, abs_tol=1e-9), (str(formula), expression, point)
            checked += 1
    assert checked > 200


class _Subscripted:
    def __init__(self, read: Callable[..., float]) -> None:
        self.read = read

    def __getitem__(self, at: Any) -> float:
        return self.read(*(at if isinstance(at, tuple) else (at,)))


def points_of(loops: list[list[str]]) -> list[dict[str, int]]:
    points: list[dict[str, int]] = [{}]
    for name, span in loops:
        first, last = span.split("…")
        further = []
        for point in points:
            ends = sorted((eval(spaced(first), dict(point)), eval(spaced(last), dict(point))))
            further += [{**point, name: number} for number in range(ends[0], ends[1] + 1)]
        points = further
    return points


def test_formulas_read_well():
    texts = [str(formula) for formula in Case(Recipe("training", 4, CONFIG)).formulas()]
    for expected in (
        "add[t,i] = wte[tokens[t],i] + wpe[t,i]",
        "mean_square[t] = (Σ_i add[t,i]²)·0.125",
        "query[t,i] = Σ_j attn_wq[i,j]·attn_norm[t,j]",
        "scores[t,h,s] = (Σ_i query[t,4h+i]·key[s,4h+i])·0.5",
        "mix[t,h,i] = Σ_s weights[t,h,s]·value[s,4h+i]",
        "loss = (Σ_t −log(loss[t]))·0.25",
        "∂value[t,4h+i] = Σ_s↓ weights[s,h,t]·∂mix[s,h,i]",
        "∂wte[tokens[t],i] += ∂wpe[t,i]",
    ):
        assert expected in texts, "\n".join(texts)


def test_formulas_of_adam():
    texts = [str(formula) for formula in Case(Recipe("optimizer", 0, AdamConfig())).formulas()]
    assert texts[0] == "first_moment′ = first_moment·0.85 + gradient·0.15"
    assert texts[1] == "second_moment′ = second_moment·0.99 + gradient²·0.01"


def test_formulas_tell_layers_apart():
    texts = [str(formula) for formula in Case(Recipe("training", 3, GPTConfig(9, 3, 4, 2, 4))).formulas()]
    assert any(text.startswith("logits[t,i] = Σ_j lm_head[i,j]·layer2.residual[t,") for text in texts)
    assert sum(text.startswith("query[t,i] = Σ_j attn_wq[i,j]·attn_norm[t,j]") for text in texts) == 3
    assert all(any(text.startswith(f"∂layer{layer}.attn_wq[i,j] = ") for text in texts) for layer in range(3))


def test_points_and_translation():
    assert points_of([["t", "1…2"], ["s", "0…t"]]) == [
        {"t": t, "s": s} for t, s in itertools.product((1, 2), range(3)) if s <= t
    ]
    assert in_python("Σ_j↓ a[4h+j] + b", {"j": "3…0"}) == "sum([a[4*h+j] for j in range(0, 3 + 1)]) + b"
