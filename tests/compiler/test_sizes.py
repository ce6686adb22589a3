"""Sizes: numbers and constants become expressions, and programs functions of named sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from microgpt.compiler.ir.graph import Graph, Tensor
from microgpt.compiler.loops.layout import Layout
from microgpt.compiler.loops.loop_text import format_program
from microgpt.compiler.loops.name_arrays import name_arrays
from microgpt.compiler.loops.place import NotRegularError, address, place
from microgpt.compiler.loops.prove_loops import prove_loops
from microgpt.compiler.loops.stored_nodes import stored_nodes
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.compiler.pipeline import compile_graph, compile_jax, form_loops
from microgpt.compiler.sizes.fit import Constant, Fitter
from microgpt.compiler.sizes.generalise import Sample, SizedPrograms, generalise
from microgpt.compiler.sizes.polynomial import Polynomial
from microgpt.compiler.sizes.sized_layout import PlacedArrays
from microgpt.compiler.trace import trace

SIZES = ({"a": 3, "b": 7}, {"a": 4, "b": 5}, {"a": 5, "b": 11}, {"a": 7, "b": 6})


def fitted(function: Callable[[int, int], int]) -> int | Polynomial:
    return Fitter(SIZES).number(tuple(function(sizes["a"], sizes["b"]) for sizes in SIZES))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda a, b: 8, "8"),
        (lambda a, b: a, "a"),
        (lambda a, b: 1 - 4 * b, "-4*b+1"),
        (lambda a, b: a * b - 1, "a*b-1"),
        (lambda a, b: 2 * a * a - b, "-b+2*a*a"),
        (lambda a, b: a * (a + 1) // 2, "1/2*a+1/2*a*a"),
    ],
)
def test_the_simplest_polynomial(function: Callable[[int, int], int], text: str):
    found = fitted(function)
    assert str(found) == text
    if isinstance(found, Polynomial):
        assert found.value({"a": 100, "b": 31}) == function(100, 31)


def test_what_no_polynomial_gives():
    with pytest.raises(
        NotRegularError, match=r"no polynomial in the sizes is 8 at a=3, b=\d+, 8 at a=\d+, b=\d+, 16 at"
    ):
        fitted(lambda a, b: 16 if b > 10 else 8)


def test_what_the_samples_do_not_tell_apart():
    fitter = Fitter([{"a": size, "b": size, "c": other} for size, other in ((3, 5), (4, 9), (6, 7))])
    assert str(fitter.number((6, 10, 8))) == "c+1"
    with pytest.raises(NotRegularError, match=r"the samples do not tell 2\*a\+1 and 2\*b\+1 apart"):
        fitter.number((7, 9, 13))
    with pytest.raises(NotRegularError, match="the samples do not tell a and b apart"):
        fitter.constant(tuple((1 / size).hex() for size in (3, 4, 6)))


def test_a_polynomial_that_is_not_whole():
    half = Polynomial(((Fraction(1, 2), ("a",)),))
    assert half.value({"a": 6}) == 3
    with pytest.raises(NotRegularError, match=r"1/2\*a is not whole at {'a': 7}"):
        half.value({"a": 7})


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda a, b: 1 / b, "1/b"),
        (lambda a, b: -1 / a, "-1/a"),
        (lambda a, b: 1 / (a * b), "1/(a*b)"),
        (lambda a, b: a**0.5, "a**0.5"),
        (lambda a, b: b**-0.5, "b**-0.5"),
        (lambda a, b: float(b), "b"),
        (lambda a, b: 1 / (a - 1), "1/(a-1)"),
        (lambda a, b: -2.0 / b, "-2/b"),
        (lambda a, b: (a - 1) / b, "(a-1)/b"),
        (lambda a, b: 3 / (b + 1), "3/(b+1)"),
        (lambda a, b: a / 2, "0.5*a"),
        (lambda a, b: 1 / (a * (a - 1)), "1/(-a+a*a)"),
        (lambda a, b: 0.01 / b, "0.01/b"),
        (lambda a, b: 0.3 * a, "0.3*a"),
        (lambda a, b: 0.5 * (a + b) ** -0.5, "(4*a+4*b)**-0.5"),
    ],
)
def test_rules_of_constants(rule: Callable[[int, int], float], text: str):
    found = Fitter(SIZES).constant(tuple(rule(sizes["a"], sizes["b"]).hex() for sizes in SIZES))
    assert isinstance(found, Constant)
    assert str(found) == text
    assert found.value({"a": 17, "b": 29}) == rule(17, 29).hex()


def test_constants_without_a_rule():
    fitter = Fitter(SIZES)
    assert fitter.constant(((0.1).hex(),) * 4) == (0.1).hex()
    with pytest.raises(
        NotRegularError,
        match=r"no rule gives the constant 0\.1 at a=3, b=\d+, 0\.7 at .*, \.\.\.: constants may be p/q",
    ):
        fitter.constant(tuple(number.hex() for number in (0.1, 0.7, 0.2, 0.4)))


def test_rules_that_do_not_agree():
    """Nothing is guessed: a program whose constants are not known to the last bit is not instantiated."""
    constant = Constant(-1, Polynomial(((Fraction(1), ("a",)),)), ("{p}/{q}**0.5", "{p}*{q}**-0.5"))
    assert constant.value({"a": 4}) == (-0.5).hex()
    differing = next(size for size in range(2, 100) if 1 / size**0.5 != size**-0.5)
    with pytest.raises(NotRegularError, match=rf"do not tell .*\*\*0\.5 and .* of -1, {differing} apart"):
        constant.value({"a": differing})


def product(rows: int, columns: int) -> Graph:
    """The mean of a matrix times a vector, and the product with what it is the sum of."""

    def function(inputs, indices):
        w, x = inputs["w"], inputs["x"]
        y = [sum(w[i * columns + j] * x[j] for j in range(columns)) for i in range(rows)]
        mean = sum(y) / rows
        return {"y": [unit * mean for unit in y], "mean": [mean]}

    tensors = [Tensor("w", "w", 0, (rows, columns)), Tensor("x", "x", rows * columns, (columns,))]
    return compile_graph(lambda: trace(function, f"product{rows}", tensors))


def sample(rows: int, columns: int, graph: Graph) -> Sample:
    layout, stored = Layout(aligned=False), stored_nodes(graph)
    place(layout, "graph", {0: (graph, stored)})
    program = form_loops(graph, stored, layout, address(layout, "graph", graph, stored))
    return Sample(
        {"rows": rows, "columns": columns}, PlacedArrays.of(layout), {"product": name_arrays(program, layout)}
    )


@pytest.fixture(scope="module")
def sized() -> SizedPrograms:
    return generalise([sample(*sizes, product(*sizes)) for sizes in ((3, 5), (4, 7), (7, 4), (5, 11))])


def test_a_program_over_its_sizes(sized: SizedPrograms):
    lines = format_program(sized.programs["product"]).splitlines()
    assert "array w[rows][columns] argument double" in [line.partition(" ;")[0] for line in lines]
    assert any(line.startswith("    for") and line.endswith("< rows") for line in lines)
    text = "\n".join(lines)
    assert "fold add { k < columns: mul(w[i][k], x[k]) }" in text
    assert "fold add { k < rows: " in text
    assert "1/rows" in text


def test_jax_reads_and_assigns_whole_arrays(sized: SizedPrograms):
    lines = compile_jax(sized.programs["product"])
    assert [line for line in lines if not line.startswith("#")] == [
        'function = jnp.einsum("ik,k->i", w, x)',
        "mean = function.sum() / rows",
        "y = function * mean",
    ]


@pytest.mark.parametrize("sizes", [(6, 9), (40, 3), (2, 30), (8, 8)])
def test_it_is_instantiated_at_any_sizes(sizes: tuple[int, int], sized: SizedPrograms):
    named = dict(zip(("rows", "columns"), sizes, strict=True))
    layout = sized.layout.at(named)
    program = sized.at("product", named, layout, "here")
    assert program.name == "here"
    verify_loops(program, layout)
    graph = product(*sizes)
    starts = [layout.arguments[name][0] for name in ("w", "x")]
    rows, columns = sizes
    inputs = [*range(starts[0], starts[0] + rows * columns), *range(starts[1], starts[1] + columns)]
    prove_loops(program, graph, layout, inputs, {name: start for name, (start, _) in layout.outputs.items()})


def test_samples_that_differ_in_more_than_numbers():
    samples = [sample(*sizes, product(*sizes)) for sizes in ((3, 5), (4, 7), (7, 4))]
    other = sample(5, 11, product(5, 11))
    nests = other.programs["product"].nests
    shorter = replace(other, programs={"product": replace(other.programs["product"], nests=nests[:-1])})
    with pytest.raises(NotRegularError, match="differ in more than numbers"):
        generalise([*samples, shorter])
    with pytest.raises(NotRegularError, match="the samples have different arrays"):
        generalise([*samples, replace(other, arrays=PlacedArrays((), {}, {}))])


def test_rows_are_padded_unless_an_index_counts_through_them(sized: SizedPrograms):
    """The layouts of samples have no padding: then extents would be no polynomials."""
    rows = replace(sized.layout.placed[0][0], name="values", shape=(2, Polynomial(((Fraction(1), ("n",)),))))
    (found,) = (
        replace(sized.layout, placed=((replace(rows, space="value"), ()),), arguments={}, outputs={})
        .at({"n": 13})
        .placed
    )
    assert found[0].shape == (2, 16)
    merged = replace(
        sized.layout, placed=((replace(rows, space="value"), ()),), arguments={}, outputs={}, unpadded={"values"}
    )
    assert merged.at({"n": 13}).placed[0][0].shape == (2, 13)
    assert merged.at({"n": 13}).size == 32
