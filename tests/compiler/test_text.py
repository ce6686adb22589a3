"""The text form reads back as the same graph, and what is not of the form is an error that names the line."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_graphs import HEADER, traced, written

from microgpt.compiler.errors import CompileError, VerifyError
from microgpt.compiler.functions import scope, select
from microgpt.compiler.ir.graph import Graph, IndexTensor, Output, Scatter, Table, Tensor
from microgpt.compiler.ir.text import format_graph, format_node, parse
from microgpt.compiler.ir.verify import verify
from microgpt.compiler.pipeline import compile_graph
from microgpt.model.config import GPTConfig
from microgpt.runtime.programs import graphs


@given(st.floats())
def test_every_number_reads_back(number: float) -> None:
    graph = traced(lambda x: x[0] * number)
    again = parse(format_graph(graph))
    assert again == graph
    (constant,) = again.constants
    assert constant == number or (math.isnan(constant) and math.isnan(number))
    assert math.isnan(number) or math.copysign(1, constant) == math.copysign(1, number)


@pytest.mark.parametrize("name", ["class", "é", "层", "a-b", "1x", "_x"])
def test_any_scope_reads_back(name: str) -> None:
    def function(x: Any, i: Any) -> Any:
        with scope(name), scope("inner", 3):
            return select([x[0], x[1], x[4]], i[0]) * select(x[5:2:-1], i[1]) * x[2]

    graph = compile_graph(lambda: traced(function, i=(2, 3)), "x")
    assert parse(format_graph(graph)) == graph


def test_the_model_reads_back() -> None:
    config = GPTConfig(vocab_size=4, n_embd=4, n_head=2)
    for graph in (
        compile_graph(lambda: graphs.training_graph(config, 2), "parameters"),
        compile_graph(lambda: graphs.inference_graph(config, 0)),  # with an empty tensor
    ):
        assert parse(format_graph(graph)) == graph


def test_format_of_a_node() -> None:
    graph = traced(lambda x: x[3] * 0.5)
    assert format_node(graph, 3).split(";")[0].strip() == "%3 = input 3"
    assert "x[3]" in format_node(graph, 3)
    assert format_node(graph, 7).split(";")[0].strip() == "%7 = mul %3, %6"
    assert "test_text.py:" in format_node(graph, 7)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "%0 = sinus %1 ; 0 <- %0 ",
        "%0 = add %1 ; 0 <- %0 ",
        "%0 = add %x, %1 ; 0 <- %0 ",
        "%0 = const 0x1.zp+0 ; 0 <- %0 ",
        "%0 = gather %1, [1] ; 0 <- %0 ",
        "%0 = exp %1",
        "index i < 3",
        "input x y [2]",
        "origin 0 = a b",
        "scatter gradient[0 + 1 * i, i < 3] at %0 += %1",
    ],
)
def test_what_is_not_of_the_form_is_named(line: str) -> None:
    with pytest.raises(CompileError, match=r"\bline 5\b"):
        parse(HEADER + line + "\n")


BROKEN = [
    (("%0 = input 6",), "there is no input 6"),
    (("%0 = index 2",), "there is no index 2"),
    (("%0 = input 0", "%1 = exp %1"), "operand %1 does not stand before its user"),
    (("%0 = input 0", "%1 = add %0, %2"), "operand %2 does not stand before its user"),
    (("%0 = index 0", "%1 = exp %0"), "operand %0 is not of type real"),
    (("%0 = input 0", "%1 = equal %0, 1"), "operand %0 is not of type index"),
    (("%0 = input 0", "%1 = where %0, %0"), "operand %0 is not of type flag"),
    (("%0 = input 0", "%1 = pow %0, %0"), "the exponent is not a constant"),
    (("%0 = index 0", "%1 = gather %0, [0 + 1 * i, i < 2]"), "an index of up to 2 chooses among 2 values"),
    (("%0 = index 0", "%1 = gather %0, [4 + 1 * i, i < 3]"), "reaches beyond the inputs"),
    (("%0 = index 0", "%1 = gather %0, [1 + -1 * i, i < 3]"), "reaches beyond the inputs"),
    (("%0 = index 0", "%1 = input 0", "%2 = select %0, (%1, %1)"), "an index of up to 2 chooses among 2 values"),
    (("%0 = index 0", "%1 = input 0", "%2 = select %0, (%1, %1, %0)"), "operand %0 is not of type real"),
    (("%0 = input 0", "output out = %1"), "output out refers to %1"),
    (("%0 = index 0", "output out = %0"), "output out refers to %0"),
]


@pytest.mark.parametrize(("lines", "problem"), BROKEN)
def test_verify_names_what_is_wrong(lines: tuple[str, ...], problem: str) -> None:
    with pytest.raises(VerifyError, match=problem) as caught:
        written(*lines)
    assert str(caught.value).startswith("small: ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"inputs": (Tensor("x", "x", 1, (6,)),)}, "x does not begin where"),
        ({"inputs": (Tensor("x", "x", 0, (3,)), Tensor("y", "y", 2, (4,)))}, "y does not begin where"),
        (
            {"inputs": (Tensor("x", "x", 0, (3,)), Tensor("y", "y", 3, (1,)), Tensor("z", "x", 4, (2,)))},
            "z does not begin where",
        ),
        ({"indices": (IndexTensor("i", 1, 2, 3),)}, "i does not begin where"),
        ({"indices": (IndexTensor("x", 0, 2, 3),)}, "called alike"),
        ({"outputs": (Output("loss", (0,)), Output("loss", (0,)))}, "called alike"),
    ],
)
def test_verify_rejects_an_unsound_interface(change: dict[str, Any], problem: str) -> None:
    graph = written("%0 = input 0", "output loss = %0")
    with pytest.raises(VerifyError, match=problem):
        verify(replace(graph, **change))


@pytest.mark.parametrize(
    "scatter",
    [
        Scatter(9, 1, Table(0, 1, 3)),
        Scatter(0, 9, Table(0, 1, 3)),
        Scatter(0, 0, Table(0, 1, 3)),
        Scatter(1, 1, Table(0, 1, 3)),
        Scatter(0, 1, Table(-1, 1, 3)),
        Scatter(0, 1, Table(4, 1, 3)),
    ],
)
def test_verify_rejects_an_unsound_scatter(scatter: Scatter) -> None:
    graph = written("%0 = input 0", "%1 = index 0", "output gradient = 0, 0, 0, 0, 0, 0")

    def scattered(entry: Scatter) -> Graph:
        return replace(graph, outputs=(Output("gradient", graph.outputs[0].nodes, (entry,)),))

    sound = scattered(Scatter(0, 1, Table(0, 1, 3)))
    verify(sound)
    assert parse(format_graph(sound)) == sound
    with pytest.raises(VerifyError, match="unsound"):
        verify(scattered(scatter))
