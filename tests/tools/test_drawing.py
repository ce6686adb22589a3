"""Pictures of random programs: every operation is in one box, arrows make no circle, and DOT can be written."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from differential.programs import random_program
from small_graphs import written

from microgpt.compiler.errors import CompileError
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.python.form_statements import form_statements
from microgpt.tools.drawing.dot import to_dot
from microgpt.tools.drawing.export import to_networkx
from microgpt.tools.drawing.model_level import model_picture
from microgpt.tools.drawing.op_level import op_picture
from microgpt.tools.drawing.picture import Picture
from microgpt.tools.drawing.scalar_level import neighbourhood, scalar_picture
from microgpt.tools.drawing.source import Links
from microgpt.tools.drawing.spelling import Spelled, spell
from microgpt.tools.drawing.vectors import vectors_of_graph

ALL = 100_000
LINKS = Links(None, Path("x.svg"))


def pictures(graph: Graph, argument: str) -> list[Picture]:
    nodes = [node for node in range(len(graph)) if graph.operands(node)]
    return [
        model_picture(graph, "all", ALL),
        op_picture(vectors_of_graph(graph, argument), "all", ALL),
        scalar_picture(form_statements(graph), nodes, "all"),
    ]


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_pictures_of_random_programs(first: int):
    for seed in range(first, first + 10):
        program = random_program(seed)
        try:
            graph = compile_graph(program.trace, program.argument)
        except CompileError:
            continue
        operations = sum(len(graph.operands(node)) > 0 for node in range(len(graph)))
        for picture in pictures(graph, program.argument):
            drawing = to_networkx(picture, LINKS)
            drawing.remove_edges_from([ends for ends, arrow in picture.arrows.items() if arrow.returns])
            assert nx.is_directed_acyclic_graph(drawing), (seed, picture.level)
            drawn = sum(box.operations for box in picture.boxes.values())
            # What several loops compare or look up anew belongs to none of them.
            assert drawn <= operations if picture.level == "op" else drawn == operations, (seed, picture.level)
            assert to_dot(picture, LINKS).source == to_dot(picture, LINKS).source


def test_a_neighbourhood_is_walked_up_and_down_but_not_through_leaves():
    graph = written(
        "%0 = input 0", "%1 = input 1", "%2 = mul %0, %1", "%3 = exp %2", "%4 = log %3", "%5 = mul %0, %0",
        "%6 = add %4, %5", "output loss = %6",
    )  # fmt: skip
    assert neighbourhood(graph, 3, 0, 9) == [3]
    assert neighbourhood(graph, 3, 1, 9) == [2, 3, 4]
    assert neighbourhood(graph, 3, 2, 9) == [2, 3, 4, 6]  # the inputs are reached, and %5 not by way of them
    assert neighbourhood(graph, 3, 9, 9) == [2, 3, 4, 5, 6]
    assert neighbourhood(graph, 0, 1, 9) == [0, 2, 5]


def test_spelling_of_conditions():
    from microgpt.compiler.ir.ops import AND, BRANCH, LESS, MUL, NOT, SAME, UNLESS, WHERE

    a, b, c = map(Spelled.atom, "abc")
    less, same = spell(LESS, [a, spell(MUL, [b, c])]), spell(SAME, [a, b])
    assert (less.text, spell(NOT, [same]).text, spell(NOT, [less]).text) == ("a < b·c", "a ≠ b", "¬(a < b·c)")
    assert spell(BRANCH, [spell(AND, [less, same]), a, b]).text == "where((a < b·c ∧ a = b), a, b)"
    assert (spell(WHERE, [less, c]).text, spell(UNLESS, [same, c]).text) == ("[a < b·c]·c", "[a ≠ b]·c")


def test_spelling_keeps_the_order_of_operations():
    from microgpt.compiler.ir.ops import ADD, DIV, EXP, MUL, POW

    a, b, c = map(Spelled.atom, "abc")
    minus_one, half = Spelled.atom("−1"), Spelled.atom("0.5")
    assert spell(MUL, [spell(ADD, [a, b]), c]).text == "(a + b)·c"
    assert spell(ADD, [a, spell(MUL, [b, minus_one])]).text == "a − b"
    assert spell(MUL, [minus_one, spell(ADD, [a, b])]).text == "−(a + b)"
    assert spell(DIV, [a, spell(MUL, [b, c])]).text == "a/(b·c)"
    assert spell(POW, [spell(ADD, [a, b]), half]).text == "√(a + b)"
    assert spell(MUL, [a, spell(POW, [b, minus_one])]).text == "a·(1/b)"
    assert spell(MUL, [a, spell(MUL, [b, c])]).text == "a·(b·c)"
    assert spell(MUL, [spell(MUL, [a, b]), c]).text == "a·b·c"
    assert spell(ADD, [a, spell(ADD, [b, c])]).text == "a + (b + c)"
    assert spell(EXP, [spell(ADD, [a, b])]).text == "exp(a + b)"
    assert spell(MUL, [spell(ADD, [a, b]), spell(ADD, [a, b])]).text == "(a + b)²"
