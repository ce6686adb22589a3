"""Each pass on graphs small enough to be read."""

from __future__ import annotations

import math

import pytest
from small_graphs import body, check_all, traced, written

from microgpt.compiler.errors import CompileError
from microgpt.compiler.functions import constant_maximum, select
from microgpt.compiler.ir.graph import Graph
from microgpt.compiler.ir.interpret import evaluate_nodes
from microgpt.compiler.ir.ops import OPS
from microgpt.compiler.ir.rewrite import Rewritten
from microgpt.compiler.ir.verify import verify
from microgpt.compiler.passes.cse import cse
from microgpt.compiler.passes.dce import dce
from microgpt.compiler.passes.differentiate import differentiate
from microgpt.compiler.passes.simplify import simplify
from microgpt.compiler.passes.sink_through_selects import sink_through_selects
from microgpt.compiler.pipeline import GRAPH_STAGES, compile_graph


def names(graph: Graph) -> list[str]:
    return [OPS[op].name for op in graph.op]


def clean(rewritten: Rewritten) -> list[str]:
    return body(dce(rewritten.graph).graph)


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("add %0, %2", "%0 = input 0"),  # x + 0.0
        ("add %2, %0", "%0 = input 0"),
        ("add %0, %3", "%0 = input 0"),  # x + -0.0
        ("mul %0, %4", "%0 = input 0"),  # x * 1
        ("mul %4, %0", "%0 = input 0"),
        ("pow %0, %4", "%0 = input 0"),
        ("div %0, %4", "%0 = input 0"),
        ("pow %0, %2", "%0 = const 1.0"),  # x ** 0
        ("max %0, %0", "%0 = input 0"),
        ("add %4, %4", "%0 = const 2.0"),
        ("mul %5, %5", "%0 = const 1.0"),
        ("exp %2", "%0 = const 1.0"),
        ("log %2", "%0 = const -inf"),
        ("relu %5", "%0 = const 0.0"),
        ("step %4", "%0 = const 1.0"),
        ("max %4, %5", "%0 = const 1.0"),
        ("div %4, %2", "%0 = const inf"),
        ("where %7, %2", "%0 = const 0.0"),
        ("unless %7, %2", "%0 = const 0.0"),
        ("mul %8, %5", "%0 = input 0"),  # (x * -1) * -1
        ("mul %5, %8", "%0 = input 0"),
    ],
)
def test_simplify(operation: str, result: str) -> None:
    graph = _with_constants(operation)
    assert clean(simplify(graph)) == [result, "output out = %0"]


@pytest.mark.parametrize(
    "operation",
    ["mul %0, %2", "pow %0, %6", "pow %0, %5", "mul %0, %5", "add %0, %5", "div %4, %0", "add %0, %0", "max %0, %2",
     "where %7, %4", "relu %0", "mul %0, %6"],
)  # fmt: skip
def test_simplify_leaves_alone_what_would_change_bits(operation: str) -> None:
    # x * 0 is NaN for infinity; x ** 2 is not always x * x, nor x ** -1 always 1 / x.
    assert len(names(dce(simplify(_with_constants(operation)).graph).graph)) > 1


def _with_constants(operation: str) -> Graph:
    return written(
        "%0 = input 0", "%1 = index 0", "%2 = const 0.0", "%3 = const -0.0", "%4 = const 1.0", "%5 = const -1.0",
        "%6 = const 2.0", "%7 = equal %1, 1", "%8 = mul %0, %5", f"%9 = {operation}", "output out = %9",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("use", "kept"),
    [
        ("pow %2, %3", True),  # (x + 0) ** -1 is inf for -0.0, x ** -1 is not
        ("div %4, %2", True),
        ("pow %2, %5", False),  # an even exponent
        ("exp %2", False),
        ("relu %2", False),
    ],
)
def test_simplify_keeps_the_sign_of_a_zero_that_shows(use: str, kept: bool) -> None:
    graph = written(
        "%0 = input 0", "%1 = const 0.0", "%2 = add %0, %1", "%3 = const -1.0", "%4 = const 1.0", "%5 = const -2.0",
        f"%6 = {use}", "output out = %6",
    )  # fmt: skip
    assert ("add" in names(dce(simplify(graph).graph).graph)) is kept
    result = simplify(graph)
    before = evaluate_nodes(graph, {"x": [-0.0] * 6}, {"i": [0, 0]})[6]
    after = evaluate_nodes(result.graph, {"x": [-0.0] * 6}, {"i": [0, 0]})[result.ids[6]]
    assert before == after


def test_cse() -> None:
    graph = written(
        "%0 = input 0", "%1 = input 1", "%2 = add %0, %1", "%3 = add %1, %0", "%4 = mul %0, %1", "%5 = mul %1, %0",
        "%6 = div %0, %1", "%7 = div %1, %0", "%8 = max %0, %1", "%9 = max %1, %0", "%10 = exp %2", "%11 = exp %3",
        "%12 = const 0.0", "%13 = const -0.0", "%14 = const 0.0",
        "output out = %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14",
    )  # fmt: skip
    merged = cse(graph)
    # Sums and products commute; quotients and maxima do not, and zeros of both signs are not the same number.
    assert list(merged.ids) == [0, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10, 9]
    verify(merged.graph)


def test_merge_equal_selects_and_gathers() -> None:
    graph = traced(
        lambda x, i: (
            select([x[0], x[1], x[4]], i[0])
            + select([x[0], x[1], x[4]], i[0])
            + select([x[0], x[1], x[4]], i[1])
            + select(x[:3], i[0])
            + select(x[:3], i[0])
        ),
        i=(2, 3),
    )
    merged = cse(graph).graph
    assert names(graph).count("select") == 3
    assert names(merged).count("select") == 2
    assert names(graph).count("gather") == 2
    assert names(merged).count("gather") == 1


def test_dce() -> None:
    graph = written(
        "%0 = input 0", "%1 = const 2.0", "%2 = const 3.0", "%3 = mul %0, %1", "%4 = mul %0, %2", "output out = %4, 0",
    )  # fmt: skip
    result = dce(graph)
    assert list(result.ids) == [0, -1, 1, -1, 2]
    assert body(result.graph) == ["%0 = input 0", "%1 = const 3.0", "%2 = mul %0, %1", "output out = %2, 0"]
    assert result.graph.constants == (3.0,)
    again = dce(result.graph)
    assert again.graph == result.graph


def test_sink_through_selects_chooses_before_it_computes() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        return select([(value * x[5]).exp() for value in x[:3]], i[0])

    graph = dce(sink_through_selects(traced(function, i=(1, 3))).graph).graph
    assert [name for name in names(graph) if name not in ("input", "index")] == ["gather", "mul", "exp"]


@pytest.mark.parametrize(
    "values",
    [
        lambda x: [x[0] ** 2, x[1] ** 3, x[2] ** 2],  # an exponent is no operand to choose
        lambda x: [x[0].exp(), x[1].log(), x[2].exp()],
        lambda x: [x[0].exp()] * 2 + [x[1].exp()],
    ],
)
def test_sink_through_selects_leaves_unlike_values(values: object) -> None:
    graph = traced(lambda x, i: select(values(x), i[0]), i=(1, 3))  # type: ignore[operator]
    sunk = sink_through_selects(graph).graph
    verify(sunk)
    assert names(sunk).count("select") == 1


def test_sink_through_selects_looks_only_at_uses_with_a_gradient() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        values = [value.exp() for value in x[:3]]
        values[0] * 2  # no output needs this
        return select(values, i[0]) * constant_maximum(values)

    check_all(function, {"x": [0.3, 0.7, -0.2]}, i=[2])


def test_differentiate_adds_from_the_left_in_the_order_of_the_walk() -> None:
    graph = written(
        "%0 = input 0", "%1 = input 1", "%2 = mul %0, %1", "%3 = exp %0", "%4 = add %2, %3", "%5 = mul %4, %0",
        "output loss = %5",
    )  # fmt: skip
    joint = differentiate(graph, "x").graph
    verify(joint)
    # In reverse of the walk: of %5 its own use of %0, then %4, then %3 (visited last), then %2.
    assert body(joint)[6:] == [
        "%6 = const 1.0",
        "%7 = mul %0, %6",  # d%4
        "%8 = mul %4, %6",  # of %5
        "%9 = mul %3, %7",  # of %3
        "%10 = mul %1, %7",  # of %2
        "%11 = mul %0, %7",
        "%12 = add %8, %9",
        "%13 = add %12, %10",
        "output loss = %5",
        "output gradient = %13, %11, 0, 0, 0, 0",
    ]
    assert all(joint.is_backward(node) == (node >= 6) for node in range(len(joint)))


def test_differentiate_scatters_what_was_gathered() -> None:
    graph = traced(lambda x, i: select(x[:3], i[0]) * x[5], i=(1, 3))
    joint = differentiate(graph, "x").graph
    scatters = joint.output("gradient").scatters
    assert len(scatters) == 1
    assert (scatters[0].table.base, scatters[0].table.stride, scatters[0].table.count) == (0, 1, 3)


def test_scatters_add_in_the_order_of_the_walk() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        return sum(select(x, choice) * factor for choice, factor in zip(i, (1e16, 0.3, -1e16, 0.7, 1e-3), strict=True))

    for choices in ([1, 1, 1, 1, 1], [0, 2, 0, 0, 2]):
        check_all(function, {"x": [1.0, 2.0, 3.0]}, limits={"i": 3}, i=choices)


def test_differentiate_orders_a_table_among_direct_uses() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        return x[1] * 0.1 + select(x[:3], i[0]) * 1e16 + x[1] * -1e16 + select(x[:3], i[1]) * 0.3 + x[1] * 0.7

    for first in range(3):
        for second in range(3):
            check_all(function, {"x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}, limits={"i": 3}, i=[first, second])


def test_a_choice_of_what_became_inputs_is_a_gather() -> None:
    """Else the same number would be there twice, as a select and as a gather, and no pass would merge the two."""

    def function(x, i):
        return select([value * 1.0 for value in x[:3]], i[0]) * 3.0 + select(x[:3], i[0])

    graph = cse(simplify(traced(function, i=(1, 3))).graph).graph
    kept = names(dce(graph).graph)
    assert kept.count("gather") == 1
    assert "select" not in kept


def test_a_square_among_the_values_of_a_select() -> None:
    """One of the products has the shared factor on both sides."""

    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        products = [value * x[2] for value in x[:3]]
        return sum(product.exp() for product in products) - select(products, i[0])

    def softmax(x: list, i: list) -> object:  # type: ignore[type-arg]
        powers = [(value * x[2]).exp() for value in x[:3]]
        total = sum(powers)
        return -select([power / total for power in powers], i[0]).log()

    for choice in range(3):
        for one in (function, softmax):
            check_all(one, {"x": [0.3, -0.7, 0.9]}, limits={"i": 3}, i=[choice])


def test_logits_from_a_gathered_row() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        scores = [select(x[n : n + 3], i[1]) * x[5] for n in range(3)]
        powers = [score.exp() for score in scores]
        total = sum(powers)
        return -select([power / total for power in powers], i[0]).log()

    for choice in range(3):
        check_all(function, {"x": [0.3, -0.7, 0.9, 0.1, -1.1, 0.5]}, limits={"i": 3}, i=[choice, 2 - choice])


def test_only_one_result_has_a_gradient() -> None:
    graph = written("%0 = input 0", "output loss = %0, %0")
    with pytest.raises(CompileError, match="a gradient is taken of one number, but small returns 2"):
        differentiate(graph, "x")


def test_what_has_no_static_gradient_is_refused() -> None:
    def unlike(x: list, i: list) -> object:  # type: ignore[type-arg]
        values = [value.exp() for value in x[:3]]
        return select(values, i[0]) + values[0] * 2

    with pytest.raises(CompileError, match=r"test_passes\.py:\d+ "):
        compile_graph(lambda: traced(unlike, i=(1, 3)), "x")
    # Without a gradient there is nothing to refuse.
    verify(compile_graph(lambda: traced(unlike, i=(1, 3))))


@pytest.mark.parametrize("stage", [stage for stage in GRAPH_STAGES if stage is not differentiate])
def test_passes_are_idempotent(stage: object) -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        a = (x[0] + 0) * 1 * (x[1] + x[2])
        return a * (x[2] + x[1]) / 2 + select([value.exp() for value in x[:3]], i[0]) - (-a) * (2 * 0.5) ** 1

    graph = traced(function, i=(1, 3))
    once = stage(graph).graph  # type: ignore[operator]
    assert stage(once).graph == once  # type: ignore[operator]


def test_ids_lead_to_equal_values() -> None:
    def function(x: list, i: list) -> object:  # type: ignore[type-arg]
        return (x[0] * x[1] + 0).exp() * 1 + (x[1] * x[0]) ** 2 + select([value * 2 for value in x[:3]], i[0])

    graph = traced(function, i=(1, 3))
    arguments, indices = {"x": [0.5, -1.5, math.inf, 0.0, 1.0, 2.0]}, {"i": [1]}
    for stage in GRAPH_STAGES:
        result = differentiate(graph, "x") if stage is differentiate else stage(graph)
        assert len(result.ids) == len(graph)
        old, new = evaluate_nodes(graph, arguments, indices), evaluate_nodes(result.graph, arguments, indices)
        for node, other in enumerate(result.ids):
            assert other < 0 or old[node] == new[other] or math.isnan(old[node])
        graph = result.graph
