"""Loops: what is found, that it is proved, and that text and verifier know it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from microgpt.compiler.errors import CompileError, ProofError, VerifyError
from microgpt.compiler.functions import scope
from microgpt.compiler.ir.graph import Graph, Tensor
from microgpt.compiler.ir.interpret import interpret
from microgpt.compiler.ir.ops import ADD, MUL
from microgpt.compiler.loops.compile_family import Family, compile_family
from microgpt.compiler.loops.compile_loops import compile_loops
from microgpt.compiler.loops.contract import find_runs, stored_nodes
from microgpt.compiler.loops.coverage import coverage
from microgpt.compiler.loops.loop_program import LoopProgram, Nest, points, turns
from microgpt.compiler.loops.loop_text import format_program, parse_program
from microgpt.compiler.loops.order_groups import strong_components
from microgpt.compiler.loops.place import Layout
from microgpt.compiler.loops.run_loops import NodeDomain, interpret_loops
from microgpt.compiler.loops.transpose import Transposer
from microgpt.compiler.loops.verify_loops import verify_loops
from microgpt.compiler.pipeline import compile_graph
from microgpt.compiler.trace import trace
from microgpt.model.config import AdamConfig, GPTConfig
from microgpt.runtime.programs import graphs
from microgpt.runtime.programs.c_source import model_source

CONFIG = GPTConfig(vocab_size=7, n_layer=1, n_embd=8, n_head=2, block_size=9)


def matrix_times_vector(rows: int, columns: int) -> Graph:
    def function(inputs, indices):
        w, x = inputs["w"], inputs["x"]
        return {"y": [sum(w[i * columns + j] * x[j] for j in range(columns)) for i in range(rows)]}

    tensors = [Tensor("w", "w", 0, (rows, columns)), Tensor("x", "x", rows * columns, (columns,))]
    return compile_graph(lambda: trace(function, "product", tensors))


def training_family(layout: Layout) -> Family:
    def build(length: int) -> Graph:
        return compile_graph(lambda: graphs.training_graph(CONFIG, length), "parameters")

    return compile_family(layout, "training", build, range(1, CONFIG.block_size + 1))


def test_points_of_a_triangle():
    nest = Nest(("mem", 1), None, (), (0, 10), ((1, 1), (4, 0, 1)), (1, 3))
    assert list(points(nest)) == [(0, 10), (4, 10), (5, 11), (8, 10), (9, 11), (10, 12)]


def test_turns_of_a_triangle():
    nest = Nest(("mem", 1), None, (), (0, 10), ((1, 1), (4, 0, 1)), (1, 3))
    assert list(turns(nest)) == [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]


def test_a_matrix_times_a_vector_is_one_nest():
    looped = compile_loops(matrix_times_vector(12, 5))
    nests = [nest for nest in looped.program.nests if nest.recipe != ("mem", 1)]
    assert len(nests) == 1
    assert nests[0].trips == (12,)
    assert nests[0].base[1] == 5  # terms of each sum
    looped.prove()
    assert coverage(looped.program) == (12 * 9, 12 * 9)


def test_runs_with_a_period_of_two():
    product = (MUL, ("mem", 0), ("mem", 1))
    terms = [(product, (place + 100 * (place % 2), place)) for place in range(8)]
    ((count, step, period),) = find_runs(terms)
    assert (count, step, len(period)) == (4, (2, 2, 2, 2), 2)


def test_strong_components_come_after_what_they_need():
    assert strong_components([{1}, {2}, {1}, set()]) == [[1, 2], [0], [3]]


def test_a_recurrence_runs_in_turns():
    def function(inputs, indices):
        state, weights = inputs["x"][:4], inputs["x"][4:]
        for step in range(6):
            with scope("step", step):
                state = [
                    (sum(weights[4 * i + j] * state[j] for j in range(4)) + inputs["x"][i]).relu() for i in range(4)
                ]
        return {"loss": [sum(state)]}

    graph = compile_graph(lambda: trace(function, "recurrence", [Tensor("x", "x", 0, (20,))]), "x")
    looped = compile_loops(graph)
    looped.prove()
    inside, total = coverage(looped.program)
    assert inside / total > 0.9
    random = Random(1)
    arguments = {"x": [random.gauss(0, 1) for _ in range(20)]}
    assert interpret_loops(looped.program, looped.layout, arguments) == interpret(graph, arguments)


def test_every_length_is_proved_and_long_ones_are_continued():
    layout = Layout()
    family = training_family(layout)
    assert family.continued == (6, 7, 8, 9)
    for length, program in family.programs.items():
        verify_loops(program, layout.size)
        family.prove(layout, length)
        inside, total = coverage(program)
        assert inside / total > (0.99 if length < 3 else 0.999)


def test_families_do_not_depend_on_the_order_of_sets():
    programs = [training_family(Layout()).programs[9] for _ in range(2)]
    assert programs[0] == programs[1]


def test_text_reads_back():
    program = training_family(Layout()).programs[5]
    assert parse_program(format_program(program)) == program
    with pytest.raises(CompileError, match="line 1 "):
        parse_program("nest 3 = (mul (mem 1)")


def test_the_proof_notices_other_loops():
    graph = matrix_times_vector(8, 4)
    looped = compile_loops(graph)
    number, nest = next((n, nest) for n, nest in enumerate(looped.program.nests) if nest.recipe != ("mem", 1))
    wrong = [
        replace(nest, trips=(7,)),
        replace(nest, base=(nest.base[0], 3, *nest.base[2:])),
        replace(nest, steps=tuple(tuple(-step for step in steps) for steps in nest.steps)),
    ]
    for other in wrong:
        nests = list(looped.program.nests)
        nests[number] = other
        with pytest.raises(ProofError):
            replace(looped, program=replace(looped.program, nests=tuple(nests))).prove()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trips": ()}, "trip counts"),
        ({"base": (10**9, 4, 0, 32)}, "not in memory"),
        ({"base": (0, 0, 0, 32)}, "0 terms"),
        ({"recipe": ("mem", 9)}, "steps"),
        ({"strides": ((0, 0, 4, 0),)}, "twice"),
    ],
)
def test_the_verifier_notices_broken_rules(change, message):
    looped = compile_loops(matrix_times_vector(3, 4))
    (nest,) = looped.program.nests
    broken = replace(looped.program, nests=(replace(nest, **change),))
    with pytest.raises(VerifyError, match=message):
        verify_loops(broken, looped.layout.size)


def test_no_point_reads_what_another_point_assigns() -> None:
    """In the order of its points, which nobody keeps, each of these nests would compute the graph."""
    size = 40
    chain = Nest((ADD, ("mem", 1), ("mem", 2)), None, (), (10, 9, 20), ((1, 1, 1),), (8,))
    fold = Nest(("fold", ADD, ((2, (("mem", 1),)),)), None, ((0, 1, 0),), (10, 0, 11), ((1, 0, 0),), (2,))
    row = Nest(("row", 1, 4, 2), None, (), (10, 9, 0), ((1, 1, 0),), (8,))
    pick = Nest(("pick", 1, 2), None, (), (10, 0, 0), ((1, 1, 0),), (2,))
    for nest, places in ((chain, ()), (fold, ()), (row, ()), (pick, (30, 10))):
        with pytest.raises(VerifyError, match=r"reads 1[01], which another of its points assigns"):
            verify_loops(LoopProgram("order", (nest,), places, ()), size)
        verify_loops(LoopProgram("order", (replace(nest, trips=(1,)),), places, ()), size)
    in_place = replace(chain, base=(10, 10, 20))
    adding = replace(chain, row_stride=1)
    verify_loops(LoopProgram("order", (in_place, adding), (), ()), size)


@pytest.mark.parametrize(("first", "copied"), [(8, True), (12, False)])
def test_only_folds_that_stay_in_their_rows_read_copies(first: int, copied: bool):
    """Sums of the first numbers of each row; from number 12 on, the longer ones go on into the next row."""
    layout = Layout()
    layout.arguments["w"] = layout.allot(17 * 16), 17 * 16
    layout.outputs["sums"] = layout.allot(8 * 16), 8 * 16
    target = layout.outputs["sums"][0]
    recipe = ("fold", ADD, ((2, (("mem", 1),)),))
    longer = 0 if copied else 1
    nest = Nest(recipe, None, ((0, 1, 0),), (target, 0, first), ((1, 16, 0), (16, 0, longer, 0)), (16, 8))
    program = LoopProgram("sums", (nest,), (), ())
    changed = Transposer(layout, (Tensor("w", "w", 0, (17, 16)),)).transpose(program)
    assert (changed != program) == copied
    random = Random(5)
    w = [random.gauss(0, 1) for _ in range(17 * 16)]
    assert interpret_loops(changed, layout, {"w": w}) == interpret_loops(program, layout, {"w": w})


def test_every_result_is_stored():
    graph = matrix_times_vector(3, 4)
    stored = stored_nodes(graph)
    assert all(stored[node] for node in graph.outputs[0].nodes)
    assert sum(stored) == 3


@pytest.mark.parametrize("name", ["adam", "length9", "position8"])
def test_what_became_of_the_programs_is_proved(name: str):
    """Copies of matrices, and the optimiser's lanes, come after the loops that belong to a graph."""
    source = model_source(CONFIG, AdamConfig())
    source.prove()
    program = source.programs[name]
    place = next(place for place, nest in enumerate(program.nests) if nest.recipe[0] == MUL or name == "adam")
    nest = program.nests[place]
    wrong = replace(nest, base=(*nest.base[:1], nest.base[1] + 1, *nest.base[2:]))
    nests = (*program.nests[:place], wrong, *program.nests[place + 1 :])
    with pytest.raises(ProofError, match="the loops"):
        replace(source, programs={**source.programs, name: replace(program, nests=nests)}).prove()


def test_what_nothing_has_been_assigned_to_is_no_operand() -> None:
    """Such operands once had the keys of other operations: -1 beside %1 that of %n-1 beside %0."""
    graph = matrix_times_vector(2, 2)
    looped = compile_loops(graph)
    domain = NodeDomain(graph, looped.program, looped.layout, looped.where.inputs)
    for op in (ADD, MUL):
        for node in range(len(graph)):
            for missing in (domain.unset, domain.zero):
                with pytest.raises(ProofError):
                    domain.apply(op, [node, missing])
    domain.memory[0], domain.memory[1] = domain.unset, 1
    with pytest.raises(ProofError, match="multiply or add"):
        domain.add_products(ADD, None, 0, 0, 1, 0, 1)


@pytest.mark.parametrize(
    ("slot", "number", "message"), [(0, -1, "the number -1"), (0, 10**9, "beyond memory"), (1, 0, "0 terms")]
)
def test_the_proof_stays_in_memory(slot: int, number: int, message: str) -> None:
    """Python would count a negative address from the end, C would not."""
    looped = compile_loops(matrix_times_vector(3, 4))
    (nest,) = looped.program.nests
    base = (*nest.base[:slot], number, *nest.base[slot + 1 :])
    with pytest.raises(ProofError, match=message):
        replace(looped, program=replace(looped.program, nests=(replace(nest, base=base),))).prove()


def test_nothing_is_assigned_after_rows_have_been_added_to() -> None:
    source = model_source(CONFIG, AdamConfig())
    program = source.programs["length2"]
    adds = [nest for nest in program.nests if nest.adds]
    wrong = replace(program, nests=(*adds, *(nest for nest in program.nests if not nest.adds)))
    with pytest.raises(ProofError, match="assign after they have begun to add"):
        replace(source, programs={**source.programs, "length2": wrong}).prove()
